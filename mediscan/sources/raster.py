"""PNG, JPEG and TIFF images: grey levels as stored, never stretched."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, TiffImagePlugin

from mediscan.errors import PixelDataError, UnsupportedImageError
from mediscan.sources.boundary import refusing, require_decoded_size, require_file_size, require_ratio, too_large
from mediscan.sources.description import ImageDescription
from mediscan.sources.pixels import Pixels, Window, luminance
from mediscan.study import ImageMeta

_FORMATS = ("PNG", "JPEG", "TIFF")  # the only parsers that a file from outside may reach
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*")
_EIGHT_BIT_GREY = ("1", "L", "LA", "La")
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
_REMEDY = "Save or transfer the image again."
_WHITE_IS_ZERO = 0


def is_raster(start: bytes) -> bool:
    """Whether a file that starts with these bytes is PNG, JPEG or TIFF."""
    return start.startswith(_SIGNATURES)


def read_raster(path: Path) -> Pixels:
    """A PNG, JPEG or single TIFF image, upright as its EXIF data say, colours as their luminance.

    Transparency is not looked at, and colours of 16 bits are read with 8.

    Values are (1, H, W), 0 to 255 or 0 to 65535 as stored, and shown over that whole range: grey is value / 255 or
    value / 65535. TIFF images of 32-bit numbers have no such range, and so no window of their own. A resolution in
    dots per inch tells nothing of the patient, hence no spacing.

    Raises:
        PixelDataError: The image is truncated or corrupt.
        UnsupportedImageError: The file holds several images.
        SourceError: The file cannot be read or is too large.
    """
    with _opened(path) as image, refusing(path, "cannot be decoded", remedy=_REMEDY):
        # Pillow shows 8-bit white-is-zero images as they are to be seen, but leaves longer ones as stored.
        inverted = (
            isinstance(image, TiffImagePlugin.TiffImageFile)
            and image.mode[0] in "IF"
            and image.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO
        )
        values, maximum = _grey_levels(ImageOps.exif_transpose(image))
        return Pixels(
            values=values[np.newaxis],  # (1, H, W)
            voi=None if maximum is None else Window.full_range(maximum),
            inverted=inverted,
        )


def describe_raster(path: Path) -> ImageDescription:
    """Nothing is known of a raster image but that it can be opened. Raises as `read_raster`, without decoding."""
    with _opened(path):
        return ImageDescription(meta=ImageMeta())


def _opened(path: Path) -> Image.Image:
    with refusing(path, "is not a readable PNG, JPEG or TIFF image", remedy=_REMEDY):
        require_file_size(path)
        try:
            image = Image.open(path, formats=_FORMATS)
        except Image.DecompressionBombError:
            raise too_large(path, "has more pixels than an image may have") from None
        # Pillow maps an uncompressed TIFF into memory by its size after turning, which scrambles one that lies on its
        # side (EXIF orientation 5 to 8); without a file name it reads.
        image.filename = ""
        try:
            _require_one(path, image)
        except BaseException:
            image.close()
            raise
        return image


def _require_one(path: Path, image: Image.Image) -> None:
    samples = image.width * image.height * len(image.getbands())
    require_decoded_size(path, samples=samples)
    require_ratio(path, unpacked=samples)  # at one byte each: nobody packs the others further
    if getattr(image, "n_frames", 1) > 1:
        raise UnsupportedImageError(f"{path} holds several images", remedy="Save each as a file of its own.")


def _grey_levels(image: Image.Image) -> tuple[NDArray[np.float32], int | None]:
    """(H, W) float32, and the value of white where the format has one."""
    if image.mode in _EIGHT_BIT_GREY:
        return np.asarray(image.convert("L"), dtype=np.float32), 255
    if image.mode in _SIXTEEN_BIT:
        return np.asarray(image).astype(np.float32), 65535
    if image.mode in ("I", "F"):
        levels = np.asarray(image, dtype=np.float32)
        return levels, 65535 if image.format == "PNG" else None
    if image.mode in ("RGB", "RGBA", "RGBX", "P", "PA", "CMYK", "YCbCr"):
        return luminance(np.asarray(image.convert("RGB"))), 255
    raise PixelDataError(f"an image has the unknown mode {image.mode!r}", remedy="Save it as 8-bit or 16-bit PNG.")
