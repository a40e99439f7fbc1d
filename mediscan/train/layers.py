"""The layers of an encoder, from its input to its output: which rest, which learn more slowly, which compute twice."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from mediscan.model.layers import layers_of
from mediscan.model.network import DiagnosisNetwork


def pretrained_encoders(network: DiagnosisNetwork) -> list[nn.Module]:
    """The encoders that begin with learned weights: the text encoder always, an image encoder where it says so."""
    return [network.text_encoder, *(e for e in image_encoders(network) if getattr(e, "pretrained", False))]


def image_encoders(network: DiagnosisNetwork) -> list[nn.Module]:
    """The encoders of planes and, where there is one, of volumes."""
    return [encoder for encoder in (network.image_encoder, network.volume_encoder) if encoder is not None]


def layers_above(encoder: nn.Module) -> dict[str, int]:
    """For each parameter of an encoder, by its name there, how many layers lie between it and the output."""
    layers = layers_of(encoder)
    place = {id(parameter): index for index, layer in enumerate(layers) for parameter in layer.parameters()}
    above = {}
    at = 0  # what stands outside any layer belongs to the one before it
    for name, parameter in encoder.named_parameters():
        at = place.get(id(parameter), at)
        above[name] = len(layers) - 1 - at
    return above


@contextmanager
def resting(encoders: list[nn.Module]) -> Iterator[None]:
    """Encoders that neither learn nor drop out nor move their statistics: they answer as in evaluation, for free."""
    modes = [encoder.training for encoder in encoders]
    with ExitStack() as stack:
        for encoder in encoders:
            encoder.eval()
            stack.enter_context(_forward_of(encoder, torch.no_grad()(encoder.forward)))
        yield
    for encoder, mode in zip(encoders, modes, strict=True):
        encoder.train(mode)


@contextmanager
def recomputing(encoders: list[nn.Module]) -> Iterator[None]:
    """Layers keep only their input for the backward pass, and compute the rest again: less memory, a third more time.

    Source: Chen et al., "Training deep nets with sublinear memory cost", 2016.
    """
    with ExitStack() as stack:
        for encoder in encoders:
            for layer in layers_of(encoder):
                stack.enter_context(_forward_of(layer, partial(_checkpointed, layer, layer.forward)))
        yield


def _checkpointed(layer: nn.Module, forward: Callable[..., Any], *inputs: Any, **options: Any) -> object:  # noqa: ANN401  (any layer's)
    if not torch.is_grad_enabled():
        return forward(*inputs, **options)
    contexts = partial(_first_and_again, layer)
    return checkpoint(forward, *inputs, use_reentrant=False, context_fn=contexts, **options)


def _first_and_again(layer: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _statistics_left_alone(layer)


@contextmanager
def _statistics_left_alone(layer: nn.Module) -> Iterator[None]:
    # The second pass must not move running statistics a second time; momentum 0 leaves every bit of them.
    norms = [
        (module, module.momentum, module.num_batches_tracked, module.num_batches_tracked.clone())
        for module in layer.modules()
        if isinstance(module, _BatchNorm) and module.num_batches_tracked is not None
    ]
    for norm, *_ in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum, count, counted in norms:
            norm.momentum = momentum
            count.copy_(counted)


@contextmanager
def _forward_of(module: nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    """Another forward for one module, found before that of its class."""
    module.forward = forward
    try:
        yield
    finally:
        del module.forward
