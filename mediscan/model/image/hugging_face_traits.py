"""What a Hugging Face vision network is like, found by running it once without weights, memory or arithmetic."""

import inspect
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import AutoModel, PretrainedConfig

UNFIT = (AttributeError, ImportError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError)
"""What the library raises when a configuration or a network is not one that can be read here."""


@dataclass(frozen=True, kw_only=True)
class Traits:
    """A network's traits.

    Attributes:
        input_channels: Colours that it reads.
        channels: Width of its tokens.
        stride: Side of a token's patch, in pixels.
        fixed: The only side of an image that it reads; None where positions are interpolated to any.
        used: Names of the parameters that its tokens come from.
    """

    input_channels: int
    channels: int
    stride: int
    fixed: int | None
    used: frozenset[str]


def hidden_states(network: nn.Module, images: Tensor) -> Tensor:
    """The network's last features: (N, L, C) tokens, or (N, C, h, w)."""
    asks = "interpolate_pos_encoding" in inspect.signature(type(network).forward).parameters
    options = {"interpolate_pos_encoding": True} if asks else {}
    features: Tensor = network(pixel_values=images, **options).last_hidden_state
    return features


def examine(config: PretrainedConfig) -> Traits:
    """The traits of the network that this configuration describes.

    Raises:
        AttributeError, RuntimeError, TypeError, ValueError, …: One of `UNFIT`; it is no vision network that reads whole
            images.
    """
    settings = cast("Any", config)
    patch = _side(getattr(settings, "patch_size", 4))
    stride = patch * 2 ** (len(getattr(settings, "depths", [0])) - 1)  # networks of several stages halve between them
    side = _side(getattr(settings, "image_size", None) or 8 * stride)
    # Gradients are needed even where the caller has switched them off.
    with torch.inference_mode(mode=False), torch.enable_grad(), torch.device("meta"):
        network = cast("Any", AutoModel).from_config(config, trust_remote_code=False).float()
        images = torch.empty(1, settings.num_channels, side, side)
        hidden = hidden_states(network, images)
        named = dict(network.named_parameters())
        # The library's annotation does not know that an unused parameter has no gradient.
        gradients: tuple[Tensor | None, ...] = torch.autograd.grad(
            hidden.sum(), list(named.values()), allow_unused=True
        )
    if hidden.ndim == 3 and hidden.shape[1] < (side // stride) ** 2:
        raise ValueError("fewer tokens than patches")
    return Traits(
        input_channels=settings.num_channels,
        channels=hidden.shape[2] if hidden.ndim == 3 else hidden.shape[1],
        stride=stride,
        fixed=None if _reads(network, images, side=side + stride) else side,
        used=frozenset(name for name, gradient in zip(named, gradients, strict=True) if gradient is not None),
    )


def _reads(network: nn.Module, images: Tensor, *, side: int) -> bool:
    try:
        hidden_states(network, images.new_empty(*images.shape[:2], side, side))
    except (RuntimeError, ValueError):
        return False
    return True


def _side(size: int | list[int] | tuple[int, ...]) -> int:
    return size if isinstance(size, int) else size[0]
