"""Image encoders by name, and again from what a bundle keeps of them."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from mediscan.errors import ConfigError
from mediscan.model.image.attention import swin, vit
from mediscan.model.image.convolutional import densenet, efficientnet, resnet
from mediscan.model.image.encoder import ImageEncoder
from mediscan.model.image.hugging_face import LIBRARY, load_hugging_face_encoder, restore_hugging_face_encoder
from mediscan.model.image.intensity import Intensity
from mediscan.model.image.texture import texture

ENCODERS: Mapping[str, Callable[[], ImageEncoder]] = {
    # Made for two cores: 0.7 million weights, an 8 × 8 grid at 128 pixels.
    "resnet-small": partial(
        resnet, 2, layers=(1, 1, 1, 1), planes=(24, 48, 96, 192), stem_stride=2, downsample_bias=True
    ),
    "resnet18": partial(resnet, 2, layers=(2, 2, 2, 2)),
    "resnet34": partial(resnet, 2, layers=(3, 4, 6, 3)),
    "resnet50": partial(resnet, 2, layers=(3, 4, 6, 3), block="bottleneck"),
    "densenet121": partial(densenet, 2, blocks=(6, 12, 24, 16)),
    "densenet169": partial(densenet, 2, blocks=(6, 12, 32, 32)),
    "efficientnet-b0": partial(efficientnet, "b0", channels=320),
    "efficientnet-b1": partial(efficientnet, "b1", channels=320),
    "efficientnet-b2": partial(efficientnet, "b2", channels=352),
    "efficientnet-b3": partial(efficientnet, "b3", channels=384),
    "vit": partial(vit, (224, 224), patch=16),
    "swin": partial(swin, 2, patch=4, width=96, depths=(2, 2, 6, 2)),
    "texture": texture,
}
"""Name in the configuration → constructor, for planes."""

VOLUME_ENCODERS: Mapping[str, Callable[[], ImageEncoder]] = {
    # Made for two cores: a 4 × 8 × 8 grid of 32 slices of 64 × 64 voxels.
    "resnet-small-3d": partial(resnet, 3, layers=(1, 1, 2), planes=(16, 48, 96), stem_stride=2, kernel=5),
    "resnet10-3d": partial(resnet, 3, layers=(1, 1, 1, 1)),
    "resnet18-3d": partial(resnet, 3, layers=(2, 2, 2, 2)),
    "densenet121-3d": partial(densenet, 3, blocks=(6, 12, 24, 16)),
    "swin-3d": partial(swin, 3, patch=2, width=48, depths=(2, 2, 2, 2)),
    "vit-3d": partial(vit, (32, 64, 64), patch=8),
}
"""Name in the configuration → constructor, for volumes."""

_MONAI = "monai"


def build_image_encoder(name: str) -> ImageEncoder:
    """An encoder of planes: one of MONAI's, untrained, or one of Hugging Face with its weights.

    Args:
        name: Of `ENCODERS`, or a Hugging Face folder, or a name on its hub (`owner/name`, which asks the network).

    Raises:
        ConfigError: There is no encoder of that name, or it cannot be loaded.
    """
    if name not in ENCODERS and ("/" in name or Path(name).is_dir()):
        return load_hugging_face_encoder(name)
    return _build(name, ENCODERS, kind="image")


def build_volume_encoder(name: str) -> ImageEncoder:
    """An untrained encoder of volumes, a name of `VOLUME_ENCODERS`.

    Raises:
        ConfigError: There is no encoder of that name.
    """
    return _build(name, VOLUME_ENCODERS, kind="volume")


def _build(name: str, known: Mapping[str, Callable[[], ImageEncoder]], *, kind: str) -> ImageEncoder:
    if name not in known:
        raise ConfigError(f"there is no {kind} encoder {name!r}", remedy=f"Choose one of: {', '.join(known)}.")
    encoder = known[name]()
    encoder.origin = {"library": _MONAI, "name": name}
    return encoder


def restore_image_encoder(config: Mapping[str, Any]) -> ImageEncoder:
    """The encoder that gave this `ImageEncoder.config`, of planes or volumes; no weights, no network.

    Raises:
        ConfigError: It was made by an incompatible version.
    """
    if config.get("library") == LIBRARY:
        encoder = restore_hugging_face_encoder(config)
    else:
        encoder = _build(str(config.get("name")), {**ENCODERS, **VOLUME_ENCODERS}, kind="image")
    stored = config["intensity"]
    encoder.intensity = stored and Intensity(mean=tuple(stored["mean"]), deviation=tuple(stored["deviation"]))
    encoder.pretrained = config["pretrained"]
    return encoder
