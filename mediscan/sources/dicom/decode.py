"""Stored DICOM samples, decoded by one pinned decoder for each transfer syntax and checked against the header."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import uid
from pydicom.encaps import generate_frames
from pydicom.pixels import get_decoder

from mediscan.errors import PixelDataError, UnsupportedImageError
from mediscan.sources.boundary import refusing
from mediscan.sources.dicom import gdcm_child
from mediscan.sources.dicom.header import PIXEL_KEYWORDS, Header

# The first that is installed decodes, and no other is tried after it: a second decoder may accept what the first
# rightly refused, and two lossy decoders differ by a grey level. Decoders that are not named here are never used.
_JPEG = ("pillow", "gdcm")
_JPEG_2000 = ("pylibjpeg", "pillow", "gdcm")
_JPEG_LS = ("pyjpegls", "gdcm")
_DECODERS: dict[str, tuple[str, ...]] = {
    uid.JPEGBaseline8Bit: _JPEG,
    uid.JPEGExtended12Bit: _JPEG,
    uid.JPEGLossless: ("gdcm",),
    uid.JPEGLosslessSV1: ("gdcm",),
    uid.JPEGLSLossless: _JPEG_LS,
    uid.JPEGLSNearLossless: _JPEG_LS,
    uid.JPEG2000Lossless: _JPEG_2000,
    uid.JPEG2000: _JPEG_2000,
    uid.HTJ2KLossless: ("pylibjpeg",),
    uid.HTJ2KLosslessRPCL: ("pylibjpeg",),
    uid.HTJ2K: ("pylibjpeg",),
    uid.RLELossless: ("pydicom",),  # pylibjpeg-rle panics on corrupt data, past every `except Exception`
}
_NATIVE = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
)
_RGB_RESULTS = ("RGB", "YBR_ICT", "YBR_RCT")  # the two of JPEG 2000 are undone by its decoder
_GREY = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
_SECONDS_APART = 120.0
_UNDEFINED_LENGTH = 0xFFFFFFFF
_START_OF_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_END_OF_IMAGE = b"\xff\xd9"  # JPEG, JPEG-LS and JPEG 2000 share it
_EXPORT_AGAIN = "Transfer or export the file again; it is incomplete or altered."


def decode(header: Header) -> NDArray[Any]:
    """Stored samples of a whole file.

    Returns:
        (S, H, W) for grey and palette images, (S, H, W, 3) RGB for colour; integer or float, as stored.

    Raises:
        PixelDataError: The pixel data are truncated, corrupt, or do not fit the header.
        UnsupportedImageError: No decoder for the transfer syntax or the colour space.
    """
    with refusing(header.path, "holds pixel data that cannot be decoded", remedy=_EXPORT_AGAIN):
        dataset = pydicom.dcmread(header.path)
        syntax = header.syntax
        plugin = _plugin(header)
        if syntax in _NATIVE:
            _require_native_length(header, dataset)
        elif syntax != uid.RLELossless:
            _require_matching_codestreams(header, dataset)
        else:
            _encoded_frames(header, dataset)
        _require_aligned_bits(header)
        if plugin == "gdcm":
            decoded, space = _decode_apart(header)
        else:
            decoded, result = get_decoder(syntax).as_array(dataset, decoding_plugin=plugin)
            space = str(result["photometric_interpretation"])
        samples = () if header.samples_per_pixel == 1 else (header.samples_per_pixel,)
        stored: NDArray[Any] = decoded.reshape(*header.shape, *samples)  # (S, H, W) or (S, H, W, 3)
        if space not in (_GREY if not samples else _RGB_RESULTS):
            raise UnsupportedImageError(
                f"{header.path} has the colour space {space!r} with {header.samples_per_pixel} samples per pixel",
                remedy="Export it as MONOCHROME1, MONOCHROME2, PALETTE COLOR, RGB or YBR_FULL.",
            )
        return stored


def _decode_apart(header: Header) -> tuple[NDArray[Any], str]:
    """Samples and colour space from GDCM in a process of its own (about 0.4 s), which it may end."""
    done = subprocess.run(  # noqa: S603 - the program is this package's own, and the path an argument of it
        [sys.executable, "-P", gdcm_child.__file__, str(header.path.resolve())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # tracebacks there quote raw values
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=_SECONDS_APART,
        check=True,
    )
    line, _, samples = done.stdout.partition(b"\n")
    description = json.loads(line)
    decoded = np.frombuffer(samples, dtype=description["dtype"]).reshape(description["shape"])
    return decoded, str(description["photometric_interpretation"])


def _plugin(header: Header) -> str:
    """The decoder to use; empty for native data."""
    if header.syntax in _NATIVE:
        return ""
    wanted = _DECODERS.get(header.syntax, ())
    installed = get_decoder(header.syntax).available_plugins if wanted else ()
    usable = [plugin for plugin in wanted if plugin in installed]
    twelve_bit = header.syntax == uid.JPEGExtended12Bit and int(header.dataset.BitsStored) > 8
    if not usable or twelve_bit:
        raise UnsupportedImageError(
            f"{header.path} is compressed as {header.syntax.name}{' with 12 bits' if twelve_bit else ''}, for which"
            " there is no decoder",
            remedy="Decompress it first (dcmdjpeg, gdcmconv)."
            if twelve_bit or not wanted
            else "Install the decoders: pip install 'mediscan[codecs]'.",
        )
    return usable[0]


def _require_native_length(header: Header, dataset: pydicom.Dataset) -> None:
    """Native pixel data must be all there, and of the number of frames that the header states."""
    element = next(dataset.get_item(keyword) for keyword in PIXEL_KEYWORDS if keyword in dataset)
    actual = len(element.value)
    # pydicom returns what is left of the file where an element claims more.
    declared = getattr(element, "length", actual)
    planes, rows, columns = header.shape
    bits = rows * columns * header.samples_per_pixel * int(dataset.BitsAllocated)
    if dataset.get("PhotometricInterpretation") == "YBR_FULL_422":
        bits = bits * 2 // 3
    expected = math.ceil(bits * planes / 8)
    if actual < expected or declared not in (actual, _UNDEFINED_LENGTH):
        raise PixelDataError(
            f"{header.path} is truncated: {actual} bytes of pixel data where {max(expected, declared)} are announced",
            remedy=_EXPORT_AGAIN,
        )
    if (actual - expected) * 8 >= bits:
        raise PixelDataError(
            f"{header.path} holds {actual} bytes of pixel data, but {expected} for its {planes} frame(s)",
            remedy="Correct NumberOfFrames, Rows, Columns and BitsAllocated, or export the file again.",
        )


def _encoded_frames(header: Header, dataset: pydicom.Dataset) -> Iterator[bytes]:
    frames = list(generate_frames(dataset.PixelData, number_of_frames=header.frames))
    if len(frames) != header.frames:
        raise PixelDataError(
            f"{header.path} holds {len(frames)} encoded frame(s) where its header states {header.frames}",
            remedy="Correct NumberOfFrames, or export the file again.",
        )
    return iter(frames)


def _require_matching_codestreams(header: Header, dataset: pydicom.Dataset) -> None:
    """Each frame must end, and be as large as the header says: decoders trust the codestream and allocate by it."""
    for number, frame in enumerate(_encoded_frames(header, dataset), start=1):
        size = _coded_size(frame)
        if size != header.shape[1:]:
            raise PixelDataError(
                f"{header.path} encodes frame {number} as {size} where its header states {header.shape[1:]}",
                remedy=_EXPORT_AGAIN,
            )
        if _END_OF_IMAGE not in frame[-64:]:
            raise PixelDataError(f"{header.path} is truncated: frame {number} has no end", remedy=_EXPORT_AGAIN)


def _coded_size(frame: bytes) -> tuple[int, int] | None:
    """(rows, columns) that a JPEG, JPEG-LS or JPEG 2000 codestream states; None where it states none."""
    codestream = frame.find(b"\xff\x4f\xff\x51", 0, 1 << 16)  # some writers leave the JP2 boxes around it
    if codestream >= 0:
        right, bottom, left, top = (
            int.from_bytes(frame[codestream + at : codestream + at + 4], "big") for at in (8, 12, 16, 20)
        )
        return bottom - top, right - left
    position = 2
    while frame[:2] == b"\xff\xd8" and position + 9 <= len(frame) and frame[position] == 0xFF:
        marker = frame[position + 1]
        if marker in _START_OF_FRAME:
            return int.from_bytes(frame[position + 5 : position + 7], "big"), int.from_bytes(
                frame[position + 7 : position + 9], "big"
            )
        # A marker may be preceded by fill bytes; every other one carries its length.
        position += 1 if marker == 0xFF else 2 + int.from_bytes(frame[position + 2 : position + 4], "big")
    return None


def _require_aligned_bits(header: Header) -> None:
    """Values must lie in the lowest bits, as the standard demands since 2014 and pydicom takes for granted."""
    stored, high = header.dataset.get("BitsStored"), header.dataset.get("HighBit")
    if stored is not None and high is not None and int(high) != int(stored) - 1:
        raise UnsupportedImageError(
            f"{header.path} stores its {stored} bits up to bit {high} instead of {int(stored) - 1}",
            remedy="Convert it with a tool that realigns the samples (dcmconv, gdcmconv).",
        )
