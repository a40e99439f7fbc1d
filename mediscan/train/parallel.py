"""How several processes train one network."""

from enum import StrEnum


class Parallel(StrEnum):
    """What each process holds.

    `ddp`: the whole network, whose gradients are averaged. `fsdp`: a part of every weight, gradient and optimiser
    state; weights are brought together only while they compute, so that a network may be larger than a device.
    """

    DDP = "ddp"
    FSDP = "fsdp"
