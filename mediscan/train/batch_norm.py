"""Batch normalisation over the planes of all processes.

Each process sees a share of a batch. Were its planes normalised by themselves, a training would depend on how many
processes it has. PyTorch's own `SyncBatchNorm` needs a GPU; this one runs wherever the processes can add up.
"""

from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.modules.batchnorm import _BatchNorm


def synchronise(network: nn.Module, group: dist.ProcessGroup) -> None:
    """Replace every batch normalisation by one over all processes; parameters, buffers and their names stay.

    Args:
        network: Changed in place.
        group: Of all processes, and used for nothing else: each layer speaks once all processes have reached it, while
            gradients travel when they are ready.
    """
    for name, child in network.named_children():
        if isinstance(child, _BatchNorm) and not isinstance(child, SynchronisedBatchNorm):
            setattr(network, name, SynchronisedBatchNorm.of(child, group))
        else:
            synchronise(child, group)


class SynchronisedBatchNorm(_BatchNorm):
    """Batch normalisation whose mean and variance are those of the planes of all processes.

    A process may have no plane at all; it takes part all the same. In evaluation it is the layer that it replaces.

    Source: Ioffe and Szegedy, "Batch normalization", 2015, algorithm 1.
    """

    group: dist.ProcessGroup

    @classmethod
    def of(cls, layer: _BatchNorm, group: dist.ProcessGroup) -> "SynchronisedBatchNorm":
        """The same layer, its tensors shared."""
        made = cls(layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
        made.group = group
        made.weight, made.bias = layer.weight, layer.bias
        made.running_mean, made.running_var = layer.running_mean, layer.running_var
        made.num_batches_tracked = layer.num_batches_tracked
        made.training = layer.training
        return made

    def forward(self, planes: Tensor) -> Tensor:
        """Normalise (N, C, …), where N may be 0."""
        if not self.training:
            return super().forward(planes)
        values = planes.to(torch.promote_types(planes.dtype, torch.float32))  # sums need more than half precision
        others = [dimension for dimension in range(values.ndim) if dimension != 1]
        shape = [1, -1, *([1] * (values.ndim - 2))]
        count = values.new_full((1,), values.numel() / values.shape[1])
        sums = self._total(torch.cat([values.sum(others), count]))  # (C + 1,)
        count = sums[-1:].detach()
        mean = sums[:-1] / count.clamp(min=1)  # (C,)
        centred = values - mean.view(shape)
        # In two passes: the mean of squares less the squared mean loses its digits where the mean is large.
        variance = self._total(centred.square().sum(others)) / count.clamp(min=1)  # (C,)
        self._remember(mean.detach(), variance.detach(), count)
        normal = centred * torch.rsqrt(variance + self.eps).view(shape)
        if self.affine:
            normal = normal * self.weight.view(shape) + self.bias.view(shape)
        normalised: Tensor = normal.to(planes.dtype)
        return normalised

    def _check_input_dim(self, planes: Tensor) -> None:
        """Any number of dimensions: the layer that is replaced has checked its own."""

    def _total(self, values: Tensor) -> Tensor:
        return cast("Tensor", _Total.apply(values, self.group))  # type: ignore[no-untyped-call]

    def _remember(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        if not self.track_running_stats or self.running_mean is None or self.running_var is None:
            return
        seen = count > 0  # where no process has a plane there is nothing to remember
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(seen[0])
        rate = seen * (self.momentum if self.momentum is not None else 1.0 / self._batches())
        self.running_mean.lerp_(mean, rate)
        self.running_var.lerp_(variance * (count / (count - 1).clamp(min=1)), rate)

    def _batches(self) -> Tensor:
        return cast("Tensor", self.num_batches_tracked).clamp(min=1)


class _Total(Function):
    """Sum over all processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(context: Any, values: Tensor, group: dist.ProcessGroup) -> Tensor:  # noqa: ANN401  (torch's own type)
        context.group = group
        total = values.clone()
        dist.all_reduce(total, group=group)
        return total

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total, group=context.group)
        return total, None
