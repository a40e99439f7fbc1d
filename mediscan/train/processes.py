"""The processes of one training: started by `torchrun`, placed and joined by accelerate.

Every process runs the same program, draws the same batches from the same seed, and computes its own share of each.
Alone, all of this does nothing.
"""

import gc
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, InitProcessGroupKwargs
from torch import Tensor, nn

_Item = TypeVar("_Item")
_Value = TypeVar("_Value")

_PATIENCE = timedelta(hours=12)
"""How long one process waits for the others: reading a large data set, or calibrating, is the work of one."""


class Processes:
    """This process among those that train together.

    Attributes:
        device: Where it computes: its CUDA device where there is one, otherwise the processor.
    """

    def __init__(self) -> None:
        self._accelerator = Accelerator(
            cpu=not torch.cuda.is_available(),
            kwargs_handlers=[
                InitProcessGroupKwargs(timeout=_PATIENCE),
                # A share may lack a modality, and then what reads it has no gradient.
                DistributedDataParallelKwargs(find_unused_parameters=True),
            ],
        )
        self.device: torch.device = self._accelerator.device

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self._accelerator.num_processes)

    @property
    def rank(self) -> int:
        """Which of them this is, from 0."""
        return int(self._accelerator.process_index)

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes and reports."""
        return bool(self._accelerator.is_main_process)

    def group(self) -> dist.ProcessGroup | None:
        """A new line between all processes, whose messages never mix with those of gradients; None for one process."""
        return cast("dist.ProcessGroup", dist.new_group(timeout=_PATIENCE)) if self.count > 1 else None

    def replicated(self, module: nn.Module) -> nn.Module:
        """The module with its gradients averaged over all processes after each backward pass (DDP)."""
        if self.count == 1:
            return module
        return cast("nn.Module", self._accelerator.prepare_model(module))

    def without_averaging(self, module: nn.Module) -> AbstractContextManager[None]:
        """A context in which a replicated module's gradients stay in this process, to be averaged later."""
        return cast("AbstractContextManager[None]", self._accelerator.no_sync(module))

    def wait(self) -> None:
        """Until all processes are here."""
        self._accelerator.wait_for_everyone()

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """Rank 0 runs the block before the others do, so that they find in the cache what it has read."""
        with self._accelerator.main_process_first():
            yield

    def total(self, value: Tensor) -> Tensor:
        """The sum over all processes of a tensor that has no gradient."""
        return cast("Tensor", self._accelerator.reduce(value.detach(), reduction="sum"))

    def share(self, items: list[_Item]) -> list[_Item]:
        """The items that this process works on: one in `count`, starting with its own rank."""
        return items[self.rank :: self.count]

    def from_first(self, value: _Value) -> _Value:
        """What rank 0 has, in every process; they wait for it."""
        if self.count == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, device=self.device)
        return box[0]

    def from_all(self, value: _Value) -> list[_Value]:
        """What every process has, by rank, in every process."""
        if self.count == 1:
            return [value]
        gathered: list[_Value | None] = [None] * self.count
        dist.all_gather_object(gathered, value)
        return cast("list[_Value]", gathered)


def is_first() -> bool:
    """Whether this process is the one that writes and reports, by what `torchrun` told it."""
    return int(os.environ.get("RANK", "0")) == 0


def leave() -> None:
    """End the line to the other processes, once all of them are here: the last thing that a program does with it."""
    if dist.is_initialized():
        gc.collect()  # sharded modules are cycles that hold on to the line, and would tear it off at exit
        dist.barrier()
        dist.destroy_process_group()
