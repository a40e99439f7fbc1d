"""Stored DICOM samples, decoded by one pinned decoder for each transfer syntax and checked against the header."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.encaps import generate_frames
from pydicom.pixels import get_decoder
from pydicom.pixels.decoders.base import Decoder

from mediscan.errors import PixelDataError, UnsupportedImageError
from mediscan.sources.boundary import MAX_RATIO, refusing, require_ratio, too_large
from mediscan.sources.dicom import codecs_plugin, gdcm_child, grey_jpeg
from mediscan.sources.dicom.codestream import END_OF_IMAGE, frame_size, run_length_bytes
from mediscan.sources.dicom.header import Header
from mediscan.sources.dicom.layout import Layout
from mediscan.sources.dicom.objects import registered_name
from mediscan.sources.dicom.parsing import PixelElement, inflate, read_pixel_element

_OURS = "imagecodecs"
_GDCM = "gdcm"  # in a process of its own, which it may end: see `gdcm_child`
_NATIVE_DECODER = "native"
# The first that is installed decodes, and no other is tried after it: a second decoder may accept what the first
# rightly refused, and two lossy decoders differ by a grey level. Decoders that are not named here are never used.
_JPEG = ("pillow", _GDCM)
_JPEG_12_BIT = (_OURS,)
_JPEG_GREY = (_OURS, "pillow", _GDCM)
_JPEG_LOSSLESS = (_OURS, _GDCM)
_JPEG_2000 = ("pylibjpeg", "pillow", _GDCM)
_JPEG_LS = ("pyjpegls", _GDCM)
DECODERS: dict[str, tuple[str, ...]] = {
    uid.JPEGBaseline8Bit: _JPEG,
    uid.JPEGExtended12Bit: _JPEG,
    uid.JPEGLossless: _JPEG_LOSSLESS,
    uid.JPEGLosslessSV1: _JPEG_LOSSLESS,
    uid.JPEGLSLossless: _JPEG_LS,
    uid.JPEGLSNearLossless: _JPEG_LS,
    uid.JPEG2000Lossless: _JPEG_2000,
    uid.JPEG2000: _JPEG_2000,
    uid.HTJ2KLossless: ("pylibjpeg",),
    uid.HTJ2KLosslessRPCL: ("pylibjpeg",),
    uid.HTJ2K: ("pylibjpeg",),
    uid.RLELossless: (_OURS, "pydicom"),  # pylibjpeg-rle panics on corrupt data, past every `except Exception`
}
_LOSSY_JPEG = (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit)
_DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"  # Deflated Image Frame Compression, not yet in pydicom's dictionary
_NATIVE = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
)
_UNPACKED = (uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian)
_MAX_RATIO_RUN_LENGTHS = 32  # 64 is the most that they can reach
_KEEPS_ALL_BITS = (*_NATIVE, _DEFLATED_FRAMES, uid.RLELossless, uid.JPEGLossless, uid.JPEGLosslessSV1)
_RGB_RESULTS = ("RGB", "YBR_ICT", "YBR_RCT")  # the two of JPEG 2000 are undone by its decoder
_GREY = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
_SECONDS_APART = 120.0
_FRAGMENT = b"\xfe\xff\x00\xe0"
_FRAGMENT_BYTES = 8  # of one without content
_MAX_FRAGMENTS = 500_000  # a microsecond each, several times, whatever they hold
_UNDEFINED_LENGTH = 0xFFFFFFFF
_EXPORT_AGAIN = "Transfer or export the file again; it is incomplete or altered."
_CORRECT_HEADER = "Correct NumberOfFrames, Rows, Columns and BitsAllocated, or export the file again."


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What a file stores.

    Args:
        samples: (S, H, W) for grey and palette images, (S, H, W, 3) RGB for colour; integer or float, as stored.
        photometric: Their colour space now.
        decoder: What decoded them: a name of `DECODERS`, "zlib" or "native".
    """

    samples: NDArray[Any]
    photometric: str
    decoder: str


def decode(header: Header) -> Stored:
    """Stored samples of a whole file.

    Raises:
        PixelDataError: The pixel data are truncated, corrupt, or do not fit the header.
        UnsupportedImageError: No decoder for the transfer syntax, the colour space or the layout of bits.
    """
    with refusing(header.path, "holds pixel data that cannot be decoded", remedy=_EXPORT_AGAIN):
        layout = Layout.of(header)
        layout.require_aligned(header.path, realigned=header.syntax in _KEEPS_ALL_BITS)
        if header.syntax not in _UNPACKED:
            most = _MAX_RATIO_RUN_LENGTHS if header.syntax == uid.RLELossless else MAX_RATIO
            require_ratio(header.path, unpacked=layout.native_bytes, most=most)
        element = read_pixel_element(header.path, header.parsed, expected=layout.native_bytes)
        samples, space, decoder = _decoded(header, element, layout)
        shape = (*header.shape, 3) if layout.samples_per_pixel == 3 else header.shape
        samples = layout.shifted_down(samples.reshape(shape))  # (S, H, W) or (S, H, W, 3)
        if space == "YBR_PARTIAL_422":
            samples, space = _from_partial_range(samples), "RGB"
        if space not in (_GREY if samples.ndim == 3 else _RGB_RESULTS):
            raise UnsupportedImageError(
                f"{header.path} has a colour space that does not fit {layout.samples_per_pixel} sample(s) a pixel",
                remedy="Export it as MONOCHROME1, MONOCHROME2, PALETTE COLOR, RGB or YBR_FULL.",
            )
        return Stored(samples=samples, photometric=space, decoder=decoder)


def _decoded(header: Header, element: PixelElement, layout: Layout) -> tuple[NDArray[Any], str, str]:
    """Samples in any shape, their colour space, and the decoder."""
    syntax = header.syntax
    if syntax in _NATIVE:
        _require_native_length(header, element, layout)
        options = layout.options(element)
        partial = layout.photometric == "YBR_PARTIAL_422"
        if partial:  # laid out as its full-range sister, which pydicom knows
            options |= {"photometric_interpretation": "YBR_FULL_422", "as_rgb": False}
        samples, result = get_decoder(syntax).as_array(element.value, **options)
        return samples, "YBR_PARTIAL_422" if partial else str(result["photometric_interpretation"]), _NATIVE_DECODER
    if syntax == _DEFLATED_FRAMES:
        content, bits = _inflated_frames(header, element, layout)
        options = layout.options(element) | {"bits_allocated": bits, "bits_stored": min(layout.bits_stored, bits)}
        samples, result = get_decoder(uid.ExplicitVRLittleEndian).as_array(content, **options)
        return samples, str(result["photometric_interpretation"]), "zlib"
    frames = _encoded_frames(header, element)
    plugin = _plugin(header, layout, precision=_checked_precision(header, frames))
    if plugin == _GDCM:
        layout.require_aligned(header.path, realigned=False)
        return (*_decode_apart(header), plugin)
    if syntax == uid.RLELossless and plugin != _OURS:
        _require_run_lengths(header, frames, layout)
    if syntax in _LOSSY_JPEG and layout.is_grey_of_bytes and plugin in (grey_jpeg.IMAGECODECS, grey_jpeg.PILLOW):
        samples = grey_jpeg.decode_grey(frames, shape=header.shape, decoder=plugin)
        return samples, layout.photometric, plugin
    decoder = _our_decoder(syntax) if plugin == _OURS else get_decoder(syntax)
    samples, result = decoder.as_array(element.value, decoding_plugin=plugin, **layout.options(element))
    return samples, str(result["photometric_interpretation"]), plugin


@cache
def _our_decoder(syntax: uid.UID) -> Decoder:
    # One of our own, so that pydicom decodes elsewhere in the process as it always does.
    decoder = Decoder(syntax)
    decoder.add_plugin(_OURS, (codecs_plugin.__name__, codecs_plugin.decode_frame.__name__))
    return decoder


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


def _plugin(header: Header, layout: Layout, *, precision: int) -> str:
    """The decoder to use for compressed data of so many bits a sample."""
    wanted = DECODERS.get(header.syntax, ())
    if header.syntax in _LOSSY_JPEG and precision > 8:
        wanted = _JPEG_12_BIT
    elif header.syntax in _LOSSY_JPEG and layout.is_grey_of_bytes:
        wanted = _JPEG_GREY
    for plugin in wanted:
        decoder = _our_decoder(header.syntax) if plugin == _OURS else get_decoder(header.syntax)
        if plugin in decoder.available_plugins:
            return plugin
    name = registered_name(header.syntax) or "something unknown"
    raise UnsupportedImageError(
        f"{header.path} is compressed as {name} ({precision} bits), for which there is no decoder",
        remedy="Install the decoders: pip install 'mediscan[codecs]'."
        if wanted
        else "Convert it to a native transfer syntax first (dcmdjpeg, gdcmconv).",
    )


def _require_native_length(header: Header, element: PixelElement, layout: Layout) -> None:
    """Native pixel data must be all there, and of the number of frames that the header states."""
    actual, expected = len(element.value), layout.native_bytes
    if actual < expected or element.declared not in (actual, _UNDEFINED_LENGTH):
        raise PixelDataError(
            f"{header.path} is truncated: {actual} bytes of pixel data where"
            f" {max(expected, element.declared)} are announced",
            remedy=_EXPORT_AGAIN,
        )
    if (actual - expected) * 8 >= layout.frame_bits:
        raise PixelDataError(
            f"{header.path} holds {actual} bytes of pixel data, but {expected} for its {layout.frames} frame(s)",
            remedy=_CORRECT_HEADER,
        )


def _encoded_frames(header: Header, element: PixelElement) -> list[bytes]:
    """The frames, as many as the header states."""
    may_be_too_many = len(element.value) > _MAX_FRAGMENTS * _FRAGMENT_BYTES
    if may_be_too_many and element.value.count(_FRAGMENT) > _MAX_FRAGMENTS:
        raise too_large(header.path, "breaks its frames into more fragments than any image")
    # One more than stated shows that there are too many; how many more does not matter.
    found = list(islice(generate_frames(element.value, number_of_frames=header.frames), header.frames + 1))
    if len(found) != header.frames:
        raise PixelDataError(
            f"{header.path} holds {'more' if len(found) > header.frames else len(found)} encoded frame(s)"
            f" where its header states {header.frames}",
            remedy="Correct NumberOfFrames, or export the file again.",
        )
    return found


def _checked_precision(header: Header, frames: Sequence[bytes]) -> int:
    """Bits a sample of the compressed frames.

    Each frame must end, and be as large as the header says: decoders trust the codestream and allocate by it.
    """
    precision = 0
    checked = frames if header.syntax in DECODERS and header.syntax != uid.RLELossless else ()
    for number, frame in enumerate(checked, start=1):
        size = frame_size(frame)
        coded = (size.rows, size.columns, size.components) if size else None
        stated = (*header.shape[1:], header.samples_per_pixel)
        if size is None or coded != stated:
            raise PixelDataError(
                f"{header.path} encodes frame {number} as {coded} where its header states {stated}"
                " (rows, columns, colours)",
                remedy=_EXPORT_AGAIN,
            )
        if END_OF_IMAGE not in frame[-64:]:
            raise PixelDataError(f"{header.path} is truncated: frame {number} has no end", remedy=_EXPORT_AGAIN)
        precision = max(precision, size.precision)
    return precision or int(header.dataset.get("BitsStored") or 0)


def _require_run_lengths(header: Header, frames: Sequence[bytes], layout: Layout) -> None:
    """No RLE frame may decode to more than its size: pydicom's decoder would, and ours does not."""
    limit = math.ceil(layout.frame_bits / 8) + layout.samples_per_pixel * layout.bits_allocated  # odd planes are padded
    for number, frame in enumerate(frames, start=1):
        if run_length_bytes(frame, limit=limit) > limit:
            raise PixelDataError(
                f"{header.path} has run lengths beyond the size of frame {number}", remedy=_EXPORT_AGAIN
            )


def _inflated_frames(header: Header, element: PixelElement, layout: Layout) -> tuple[bytes, int]:
    """Native frames out of deflated ones, and the bits allocated to a sample in them.

    Source: DICOM PS3.5 annex A.4.13; a frame of single bits fills whole bytes, which native frames do not.
    """
    size, frames = math.ceil(layout.frame_bits / 8), []
    for number, frame in enumerate(_encoded_frames(header, element), start=1):
        content = inflate(frame, limit=size + 2)
        if not size <= len(content) <= size + size % 2:
            raise PixelDataError(
                f"{header.path} inflates frame {number} to other than the {size} bytes of its header",
                remedy=_EXPORT_AGAIN,
            )
        frames.append(content[:size] if layout.bits_allocated > 1 else _unpacked(content, layout))
    return b"".join(frames), max(layout.bits_allocated, 8)


def _unpacked(packed: bytes, layout: Layout) -> bytes:
    return np.unpackbits(np.frombuffer(packed, dtype=np.uint8), bitorder="little", count=layout.frame_bits).tobytes()


def _from_partial_range(ybr: NDArray[Any]) -> NDArray[np.uint8]:
    """(S, H, W, 3) RGB from YBR_PARTIAL, in which black is 16 and white 235.

    Source: DICOM PS3.3 C.7.6.3.1.2 (2004), ITU-R BT.601.
    """
    luma, blue, red = (ybr[..., index].astype(np.float32) for index in range(3))
    luma, blue, red = (luma - 16) * (255 / 219), (blue - 128) * (255 / 224), (red - 128) * (255 / 224)
    channels: Sequence[NDArray[np.float32]] = (
        luma + 1.402 * red,
        luma - 0.344136 * blue - 0.714136 * red,
        luma + 1.772 * blue,
    )
    rgb: NDArray[np.uint8] = np.clip(np.rint(np.stack(channels, axis=-1)), 0, 255).astype(np.uint8)
    return rgb
