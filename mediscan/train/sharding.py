"""Weights, gradients and optimiser state split over the processes (FSDP), for networks that one device cannot hold."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.export import register_dataclass

from mediscan.model.image import ImageFeatures


def shard(module: nn.Module, *, units: Iterable[nn.Module], processes: int, device: torch.device) -> None:
    """Split a module's parameters in place, each over all processes; whoever holds a parameter must ask for it again.

    Args:
        module: What is called in each step.
        units: Parts of it whose weights are brought together only while they compute. Every process must call each of
            them equally often; what is in no unit is together from the beginning of a step to its end.
        processes: How many there are.
        device: Of this process.
    """
    _announce_features()
    for parameter in module.parameters():  # weights that lie with their channels last cannot be split
        parameter.data = parameter.data.contiguous()
    mesh = init_device_mesh(device.type, (processes,))
    for unit in units:
        fully_shard(unit, mesh=mesh)
    # What has no element, such as tokens of no values, cannot be split, and has nothing to learn.
    empty = {parameter for parameter in module.parameters() if not parameter.numel()}
    for parameter in empty:
        parameter.requires_grad = False
    fully_shard(module, mesh=mesh, ignored_params=empty)


def whole(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors put together from their shards, in the processor's memory; every process must ask at once."""
    return {
        name: (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).detach().cpu().contiguous()
        for name, tensor in tensors.items()
    }


def like(tensor: Tensor, given: Tensor) -> Tensor:
    """A whole tensor where the given one is, and split as that one is."""
    if not isinstance(given, DTensor):
        return tensor.to(given.device)
    # Each process has read the same file, and takes its part from that.
    return distribute_tensor(
        tensor.to(given.device), device_mesh=given.device_mesh, placements=given.placements, src_data_rank=None
    )


_announced: set[type] = set()


def _announce_features() -> None:
    """Sharded modules watch the tensors in their outputs, and must be told that this class holds one."""
    if ImageFeatures not in _announced:
        register_dataclass(ImageFeatures)
        _announced.add(ImageFeatures)
