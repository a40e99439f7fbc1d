"""Grey JPEG of 8 bits, as most radiographs on the web are stored: decoded without what other kinds need prepared.

pydicom's own way to the same samples takes twice the time, for its options, checks and conversions of colour.
"""

import io
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

IMAGECODECS, PILLOW = "imagecodecs", "pillow"


def decode_grey(frames: Iterable[bytes], *, shape: tuple[int, int, int], decoder: str) -> NDArray[np.uint8]:
    """The samples of frames whose codestreams state to be grey, of 8 bits and of the size asked for.

    Args:
        frames: One codestream a plane.
        shape: (S, H, W).
        decoder: `IMAGECODECS` or `PILLOW`; behind both is libjpeg-turbo, and they give the same samples.

    Raises:
        ValueError: A codestream decodes to something else. Damage raises anything: callers are inside `refusing`.
    """
    samples = np.empty(shape, dtype=np.uint8)
    for plane, frame in zip(samples, frames, strict=True):
        (_by_imagecodecs if decoder == IMAGECODECS else _by_pillow)(frame, plane)
    return samples


def _by_imagecodecs(frame: bytes, plane: NDArray[np.uint8]) -> None:
    import imagecodecs  # noqa: PLC0415 - optional, and 0.1 s

    imagecodecs.jpeg8_decode(frame, out=plane)


def _by_pillow(frame: bytes, plane: NDArray[np.uint8]) -> None:
    decoded = np.asarray(Image.open(io.BytesIO(frame), formats=("JPEG", "JPEG2000")))  # as pydicom calls it
    if decoded.dtype != plane.dtype or decoded.shape != plane.shape:
        raise ValueError("the codestream decodes to something else than it states")
    plane[...] = decoded
