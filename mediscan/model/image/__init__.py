"""Image encoders: MONAI's networks by name, Hugging Face's by name or folder; each gives a grid of tokens."""

from mediscan.model.image.build import (
    ENCODERS,
    VOLUME_ENCODERS,
    build_image_encoder,
    build_volume_encoder,
    restore_image_encoder,
)
from mediscan.model.image.encoder import ImageEncoder, ImageFeatures
from mediscan.model.image.intensity import Intensity
from mediscan.model.image.positions import grid_positions

__all__ = [
    "ENCODERS",
    "VOLUME_ENCODERS",
    "ImageEncoder",
    "ImageFeatures",
    "Intensity",
    "build_image_encoder",
    "build_volume_encoder",
    "grid_positions",
    "restore_image_encoder",
]
