"""Vision encoders of the Hugging Face library, by name or folder, with their own preprocessing values.

No code that comes with a model is ever run, and only safetensors are read.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from logging import ERROR
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel
from transformers.image_processing_base import ImageProcessingMixin
from transformers.utils import logging

from mediscan.errors import ConfigError
from mediscan.model.image.encoder import GridBody, ImageEncoder
from mediscan.model.image.hugging_face_traits import UNFIT, Traits, examine, hidden_states
from mediscan.model.image.intensity import Intensity

LIBRARY = "hugging-face"

_REMEDY = (
    "Give a folder with config.json and model.safetensors of a vision model that reads whole images, such as DINOv2, "
    "SigLIP, CLIP, ViT or Swin, or its name on the hub."
)


class _HuggingFaceGrid(GridBody):
    """Patch tokens in the order of the grid; class and register tokens, which come first, are left out."""

    def __init__(self, network: nn.Module, traits: Traits) -> None:
        super().__init__(network)
        self.traits = traits

    def forward(self, images: Tensor) -> Tensor:
        colours = images.expand(-1, self.traits.input_channels, -1, -1)  # (N, 1 or colours, S, S) -> (N, colours, S, S)
        hidden = hidden_states(self.network, colours)
        if hidden.ndim == 4:
            return hidden  # convolutional networks keep the grid
        cells = [side // self.traits.stride for side in images.shape[2:]]
        patches = hidden[:, -cells[0] * cells[1] :]  # (N, 1 + registers + P, C) -> (N, P, C)
        return patches.transpose(1, 2).reshape(len(images), -1, *cells)  # (N, P, C) -> (N, C, h, w)


def load_hugging_face_encoder(source: str) -> ImageEncoder:
    """A pretrained encoder, of a dual model its vision tower.

    Args:
        source: A folder, or a name on the hub.

    Raises:
        ConfigError: It cannot be loaded, has no safetensors, needs code of its own, or is no vision model.
    """
    network, traits = load_vision_network(source)
    encoder = _encoder(network, traits)
    encoder.intensity = _intensity(source, channels=traits.input_channels)
    encoder.pretrained = True
    return encoder


def restore_hugging_face_encoder(config: Mapping[str, Any]) -> ImageEncoder:
    """The same encoder without weights, from its `config`.

    Raises:
        ConfigError: This version of the library cannot build it.
    """
    stored = dict(config["network"])
    try:
        network_config = AutoConfig.for_model(stored.pop("model_type"), **stored)
        return _encoder(cast("Any", AutoModel).from_config(network_config).float(), examine(network_config))
    except UNFIT as error:
        raise _not_loaded("of the bundle", error) from error


def load_vision_network(source: str) -> tuple[nn.Module, Traits]:
    """The vision network of a folder or a name on the hub, in float32 and evaluation mode, and what it is like.

    Raises:
        ConfigError: As `load_hugging_face_encoder`.
    """
    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        config = getattr(config, "vision_config", config)  # a dual model's
        traits = examine(config)
        with _quiet():  # a dual model's text tower is left out on purpose
            network, found = cast("Any", AutoModel).from_pretrained(
                source,
                config=config,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
            )
    except (OSError, *UNFIT) as error:
        raise _not_loaded(source, error) from error
    # What features never come from may be missing; any other weight would be random in silence.
    lacking = sorted(traits.used & set(found["missing_keys"]))
    if lacking:
        raise ConfigError(
            f"{source!r} lacks {len(lacking)} weights of its image encoder, {lacking[0]} among them", remedy=_REMEDY
        )
    return network, traits


def _encoder(network: nn.Module, traits: Traits) -> ImageEncoder:
    # Parts that only serve a pooled vector never learn here; so marked, they do not hold up distributed training.
    for name, parameter in network.named_parameters():
        parameter.requires_grad = name in traits.used
    config = cast("Any", network).config.to_dict()
    for private in ("_name_or_path", "auto_map"):  # where it lay on this machine, and code that is never run
        config.pop(private, None)
    return ImageEncoder(
        _HuggingFaceGrid(network, traits),
        channels=traits.channels,
        multiple=traits.stride,
        fixed=traits.fixed,
        origin={"library": LIBRARY, "network": config},
    )


def _intensity(source: str, *, channels: int) -> Intensity | None:
    """The values of its preprocessor_config.json; None where there is no such file.

    The library's own image processors are not asked: many need torchvision, and they read 8-bit images, not planes.
    """
    try:
        values, _ = ImageProcessingMixin.get_image_processor_dict(source)
    except OSError:
        return None
    # The mean is that of 8-bit values after rescaling, which is nearly always to [0, 1].
    top = 255 * values.get("rescale_factor", 1 / 255) if values.get("do_rescale", True) else 255.0
    normalises = values.get("do_normalize", True)
    mean = values.get("image_mean") if normalises else None
    deviation = values.get("image_std") if normalises else None
    try:
        return Intensity(
            mean=_per_channel(mean or 0.0, channels, scale=top),
            deviation=_per_channel(deviation or 1.0, channels, scale=top),
        )
    except (TypeError, ValueError):
        raise ConfigError(
            f"the preprocessor_config.json of {source!r} has no image_mean and image_std of {channels} numbers",
            remedy="Mend that file: one number per channel.",
        ) from None


def _per_channel(values: float | list[float], channels: int, *, scale: float) -> tuple[float, ...]:
    listed = [float(value) for value in values] if isinstance(values, list) else [float(values)] * channels
    if len(listed) != channels:
        raise ValueError
    return tuple(value / scale for value in listed)


@contextmanager
def _quiet() -> Iterator[None]:
    level = logging.get_verbosity()
    logging.set_verbosity(ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(level)


def _not_loaded(source: str, error: Exception) -> ConfigError:
    return ConfigError(f"the image encoder {source!r} cannot be loaded: {type(error).__name__}", remedy=_REMEDY)
