"""What a compressed frame says of itself, before anything decodes it."""

import itertools
import struct
from dataclasses import dataclass

_START_OF_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # JPEG and JPEG-LS (0xF7)
_START_OF_CODESTREAM = b"\xff\x4f\xff\x51"  # JPEG 2000
_JP2_BOXES = 1 << 16  # some writers leave them before the codestream
END_OF_IMAGE = b"\xff\xd9"
"""The end of a JPEG, JPEG-LS and JPEG 2000 codestream."""


@dataclass(frozen=True, kw_only=True)
class FrameSize:
    """What a codestream will decode to. `precision` is in bits a sample."""

    rows: int
    columns: int
    components: int
    precision: int


def frame_size(frame: bytes) -> FrameSize | None:
    """The size that a JPEG, JPEG-LS or JPEG 2000 codestream states; None where it states none.

    Source: ITU-T T.81 B.2.2, T.87 C.2.2, T.800 A.5.1.
    """
    start = frame.find(_START_OF_CODESTREAM, 0, _JP2_BOXES)
    return _jpeg_2000_size(frame[start : start + 64]) if start >= 0 else _jpeg_size(frame)


def _jpeg_2000_size(codestream: bytes) -> FrameSize | None:
    if len(codestream) < 43:
        return None
    right, bottom, left, top = (int.from_bytes(codestream[at : at + 4], "big") for at in (8, 12, 16, 20))
    return FrameSize(
        rows=bottom - top,
        columns=right - left,
        components=int.from_bytes(codestream[40:42], "big"),
        precision=(codestream[42] & 0x7F) + 1,
    )


def _jpeg_size(frame: bytes) -> FrameSize | None:
    position = 2
    while frame[:2] == b"\xff\xd8" and position + 10 <= len(frame) and frame[position] == 0xFF:
        marker = frame[position + 1]
        if marker in _START_OF_FRAME:
            precision, rows, columns, components = (
                frame[position + 4],
                int.from_bytes(frame[position + 5 : position + 7], "big"),
                int.from_bytes(frame[position + 7 : position + 9], "big"),
                frame[position + 9],
            )
            return FrameSize(rows=rows, columns=columns, components=components, precision=precision)
        # A marker may be preceded by fill bytes; every other one carries its length.
        position += 1 if marker == 0xFF else 2 + int.from_bytes(frame[position + 2 : position + 4], "big")
    return None


def run_length_bytes(frame: bytes, *, limit: int) -> int:
    """How many bytes an RLE frame will decode to, counted no further than just past `limit`.

    Source: DICOM PS3.5 annex G.
    """
    count, *offsets = struct.unpack("<16L", frame[:64])
    bounds, total = [*offsets[:count], len(frame)], 0
    for start, end in itertools.pairwise(bounds):
        position = start
        while position < end and total <= limit:
            control = frame[position]
            total += control + 1 if control < 128 else 257 - control if control > 128 else 0
            position += control + 2 if control < 128 else 2 if control > 128 else 1
    return total
