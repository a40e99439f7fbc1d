"""The moving average of the weights, which often generalises better than the weights themselves."""

import torch
from torch import Tensor, nn


def learned(network: nn.Module) -> dict[str, Tensor]:
    """Weights that training changes, and buffers, as they are; a frozen encoder's weights are had from their source."""
    frozen = {name for name, parameter in network.named_parameters() if not parameter.requires_grad}
    return {name: value.detach() for name, value in network.state_dict().items() if name not in frozen}


class Average:
    """An exponential moving average of what a network has learned.

    Args:
        network: Its weights at present are where the average begins.
        decay: Share of the average that stays at each step.

    Source: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992; the short memory at the
    start is that of TensorFlow's `ExponentialMovingAverage(num_updates=…)`.
    """

    def __init__(self, network: nn.Module, *, decay: float) -> None:
        self._decay = decay
        self._live = learned(network)
        self.weights = {name: value.clone() for name, value in self._live.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take the weights after step `step` in; early steps soon forget the start, which is random."""
        decay = min(self._decay, (1 + step) / (10 + step))
        for name, value in self._live.items():
            if value.is_floating_point():
                self.weights[name].lerp_(value, 1 - decay)
            else:
                self.weights[name].copy_(value)
