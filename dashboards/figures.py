"""Pictures from arrays: pure, so that what a reader sees can be tested without a browser."""

import base64
import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mediscan.sources.pixels import Pixels, Window

MAX_SIDE: Final = 1600
"""Longest side, in pixels, of a picture that is sent to the browser."""

# Dark violet over orange to pale yellow: its lightness only rises, so it reads without colour vision as well.
_HEAT: Final = np.array(
    [[68, 20, 110], [150, 40, 105], [221, 81, 58], [250, 150, 20], [252, 235, 150]], dtype=np.float32
)
_CT_PRESETS: Final = {
    "Lung": Window(center=-600.0, width=1500.0),
    "Bone": Window(center=480.0, width=2500.0),
    "Soft tissue": Window(center=40.0, width=400.0),
}
FILE_DEFAULT: Final = "File default"


def presets(pixels: Pixels) -> dict[str, Window]:
    """The windows offered for an image, by name; the first is how the file itself wants to be shown."""
    default = pixels.default_window()
    if (pixels.meta.modality or "").upper() == "CT":
        return {FILE_DEFAULT: default, **_CT_PRESETS}
    sample = pixels.values[:, ::4, ::4]  # (S, H, W) → (S, H/4, W/4): enough to know where most values lie
    low, high = (float(value) for value in np.percentile(sample[np.isfinite(sample)], (10, 90)))  # padding is -inf
    narrow = Window(
        center=(low + high) / 2, width=max((high - low) * 0.8, default.width * 0.1), function=default.function
    )
    return {FILE_DEFAULT: default, "High contrast": narrow}


def window_limits(pixels: Pixels) -> tuple[float, float]:
    """Lowest and highest value that a window's centre may take: those of the image and of every preset."""
    low, high = pixels.range
    centers = [window.center for window in presets(pixels).values()]
    return min(low, *centers), max(high, *centers)


def heat_colours(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colours in [0, 255], shape (..., 3), for heat in [0, 1]."""
    steps = np.linspace(0.0, 1.0, len(_HEAT))
    return np.stack([np.interp(values, steps, _HEAT[:, channel]) for channel in range(3)], axis=-1).astype(np.float32)


def overlay(
    grey: NDArray[np.float32], heat: NDArray[np.float32] | None = None, *, opacity: float = 0.5
) -> NDArray[np.uint8]:
    """An image with a heatmap over it: (H, W, 3) uint8.

    Where there is no heat the image stays as it is; at full heat the colour covers `opacity` of it.

    Args:
        grey: (H, W) float32 in [0, 1].
        heat: (H, W) float32 in [0, 1], or None for the image alone.
        opacity: In [0, 1].
    """
    colour = np.repeat(grey[..., None] * 255.0, 3, axis=-1)  # (H, W) → (H, W, 3)
    if heat is not None:
        cover = (opacity * np.clip(heat, 0.0, 1.0))[..., None]  # (H, W) → (H, W, 1)
        colour = colour * (1.0 - cover) + heat_colours(heat) * cover
    return np.clip(np.rint(colour), 0, 255).astype(np.uint8)


def png(picture: NDArray[np.uint8], *, spacing_mm: tuple[float, ...] | None = None) -> bytes:
    """A picture as PNG, no side longer than `MAX_SIDE`, its proportions those of the body.

    Args:
        picture: (H, W, 3) uint8.
        spacing_mm: Distance between row centres, then column centres.
    """
    height, width = picture.shape[:2]
    tall = spacing_mm[0] / spacing_mm[1] if spacing_mm and len(spacing_mm) > 1 and min(spacing_mm[:2]) > 0 else 1.0
    shrink = min(1.0, MAX_SIDE / max(height * tall, width))
    size = max(1, round(width * shrink)), max(1, round(height * tall * shrink))
    image = Image.fromarray(picture)
    if size != image.size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def icon() -> Image.Image:
    """The browser tab's picture; a named icon or an emoji would be fetched from another host."""
    picture = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    pen.rounded_rectangle((2, 2, 61, 61), radius=14, fill="#1a2028")
    pen.ellipse((16, 16, 47, 47), outline="#35b597", width=5)
    pen.ellipse((34, 22, 43, 31), fill="#fa9614")
    return picture


def data_url(content: bytes) -> str:
    """PNG bytes as an address that only the page itself can read; a served file would need no session."""
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")
