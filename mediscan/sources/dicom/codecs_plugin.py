"""Decoders by imagecodecs, in the form that pydicom's decoding expects of a plugin.

libjpeg-turbo, which is behind `jpeg8_decode`, decodes JPEG of 8, 12 and 16 bits, lossy and lossless, and raises where
the data are corrupt; other decoders of lossless JPEG end the process there.

Source: https://pydicom.github.io/pydicom/stable/guides/decoding/decoder_plugins.html
"""

import importlib.util
import struct

import numpy as np
from pydicom import uid
from pydicom.pixels.decoders.base import DecodeRunner

DECODER_DEPENDENCIES = dict.fromkeys(
    (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLossless, uid.JPEGLosslessSV1, uid.RLELossless),
    ("imagecodecs",),
)
_RLE_HEADER_BYTES = 64
_MAX_SEGMENTS = 15


def is_available(syntax: str) -> bool:
    """Whether this plugin decodes a transfer syntax here."""
    return syntax in DECODER_DEPENDENCIES and importlib.util.find_spec("imagecodecs") is not None


def decode_frame(source: bytes, runner: DecodeRunner) -> bytes:
    """The samples of one frame, by pixel for JPEG and by plane for RLE; pydicom reads their layout from the runner."""
    return _decode_rle(source, runner) if runner.transfer_syntax == uid.RLELossless else _decode_jpeg(source, runner)


def _decode_jpeg(source: bytes, runner: DecodeRunner) -> bytes:
    import imagecodecs  # noqa: PLC0415 - optional, and 0.1 s

    # Naming one colour space twice keeps the components as they are; the header says what they mean.
    space = "YCBCR" if runner.samples_per_pixel == 3 else None
    samples = imagecodecs.jpeg8_decode(source, colorspace=space, outcolorspace=space)
    runner.set_option("bits_allocated", 8 * samples.itemsize)
    runner.set_option("planar_configuration", 0)
    return bytes(samples.tobytes())


def _decode_rle(source: bytes, runner: DecodeRunner) -> bytes:
    """Run lengths into planes: no segment may give another number of bytes than its plane has.

    Source: DICOM PS3.5 annex G; segments are the bytes of a sample from the most significant on, colour by colour.
    """
    import imagecodecs  # noqa: PLC0415 - as above

    pixels = runner.rows * runner.columns
    one_bit = runner.bits_allocated == 1
    size = (pixels + 7) // 8 if one_bit else pixels
    planes = runner.samples_per_pixel * max(runner.bits_allocated // 8, 1)
    count, *offsets = struct.unpack("<16L", source[:_RLE_HEADER_BYTES])
    if count != planes or count > _MAX_SEGMENTS:
        raise ValueError(f"{count} segments where {planes} are needed")
    bounds = [*offsets[:count], len(source)]
    frame = np.empty((runner.samples_per_pixel, planes // runner.samples_per_pixel, size), dtype=np.uint8)
    for plane in range(planes):
        segment = source[bounds[plane] : bounds[plane + 1]]
        decoded = imagecodecs.packbits_decode(segment, out=bytearray(size + 1))  # odd planes may be padded
        if len(decoded) < size:
            raise ValueError(f"segment {plane} ends after {len(decoded)} of {size} bytes")
        sample, byte = divmod(plane, frame.shape[1])
        frame[sample, frame.shape[1] - 1 - byte] = np.frombuffer(decoded, dtype=np.uint8)[:size]
    runner.set_option("planar_configuration", 1)
    if one_bit:
        return np.unpackbits(frame, bitorder="little", count=pixels).tobytes()
    return np.ascontiguousarray(
        frame.transpose(0, 2, 1)
    ).tobytes()  # (samples, bytes, pixels) → (samples, pixels, bytes)
