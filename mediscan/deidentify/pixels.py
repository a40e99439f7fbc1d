"""Pixel data that may be handed on: regions blacked out, and nothing hidden beside the samples."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from numpy.typing import NDArray
from pydicom import Dataset, uid
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.utils import get_expected_length

from mediscan.deidentify.regions import Rectangle
from mediscan.errors import Code, PixelDataError, UnsupportedImageError
from mediscan.sources.dicom.decode import decode
from mediscan.sources.dicom.header import Header

_NATIVE = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
)
_FRAMED = (
    uid.JPEGBaseline8Bit,
    uid.JPEGExtended12Bit,
    uid.JPEGLossless,
    uid.JPEGLosslessSV1,
    uid.JPEGLSLossless,
    uid.JPEGLSNearLossless,
    uid.JPEG2000Lossless,
    uid.JPEG2000,
    uid.HTJ2KLossless,
    uid.HTJ2KLosslessRPCL,
    uid.HTJ2K,
    uid.RLELossless,
)
_START_OF_CODESTREAM = b"\xff\x4f\xff\x51"
_COMMENTS = {0xFE, *range(0xE1, 0xF0)} - {0xE8, 0xEE}  # APP8 and APP14 say how colours are stored
_START_OF_SCAN = 0xDA
_AFTER_SCAN = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")  # any marker but a restart
_ENDS = (0xD9, 0x93)  # JPEG end of image; JPEG 2000 start of data
_END_OF_IMAGE = b"\xff\xd9"  # JPEG, JPEG-LS and JPEG 2000 share it
_CODESTREAM_COMMENT = 0x64


def strip_hidden(dataset: Dataset, *, frames: int) -> bool:
    """Take out what pixel data carry beside samples: comments of JPEG files, and bytes after the last frame.

    Returns:
        Whether there was any.

    Raises:
        UnsupportedImageError: NOT_DEIDENTIFIED: the encoding is one whose hidden places are not known (video, for one),
            or overlay planes lie in the unused bits of the samples.
    """
    if any(0x6000 <= tag.group <= 0x60FF and tag.element == 0x0102 and dataset[tag].value for tag in dataset.keys()):  # noqa: SIM118 - a Dataset iterates over elements
        raise refusal("overlay planes lie in unused bits of its samples", remedy="Write the overlays apart first.")
    if "PixelData" not in dataset:
        return False
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax in _NATIVE:
        return _trim(dataset)
    if syntax not in _FRAMED:
        raise refusal("its pixel data are encoded in a way that may hide text", remedy="Decompress it first.")
    if syntax == uid.RLELossless:
        return False
    before = list(generate_frames(dataset.PixelData, number_of_frames=frames))
    after = [without_comments(frame) for frame in before]
    if after == before:
        return False
    dataset.PixelData = encapsulate(after)
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in dataset:
            del dataset[keyword]
    return True


def _trim(dataset: Dataset) -> bool:
    expected = get_expected_length(dataset)
    expected += expected % 2
    longer = bool(len(dataset.PixelData) > expected)
    if longer:
        dataset.PixelData = dataset.PixelData[:expected]
    return longer


def without_comments(frame: bytes) -> bytes:
    """A JPEG, JPEG-LS or JPEG 2000 frame with zeros in its comments, its application data, and behind its end.

    Boxes around a JPEG 2000 codestream (JP2) are cut off.

    Source: ITU-T T.81 B.2.4.5 and B.2.4.6, T.800 A.9.2.
    """
    start = frame.find(_START_OF_CODESTREAM, 0, 1 << 16)
    if start > 0:
        frame = frame[start:]
    cleaned = bytearray(frame)
    for at, length in _segments(frame, comments={_CODESTREAM_COMMENT} if start >= 0 else _COMMENTS):
        cleaned[at : at + length] = bytes(length)
    end = frame.rfind(_END_OF_IMAGE) + len(_END_OF_IMAGE)
    if end >= len(_END_OF_IMAGE):
        cleaned[end:] = bytes(len(frame) - end)
    return bytes(cleaned)


def _segments(frame: bytes, *, comments: set[int]) -> Iterator[tuple[int, int]]:
    """Start and length of the content of comment segments."""
    position = 2
    while position + 4 <= len(frame) and frame[position] == 0xFF:
        marker = frame[position + 1]
        if marker in _ENDS:
            return
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        length = int.from_bytes(frame[position + 2 : position + 4], "big")
        if marker in comments:
            yield position + 4, max(min(length, len(frame) - position - 2) - 2, 0)
        position += 2 + length
        if marker == _START_OF_SCAN:
            # Within a scan no byte FF is followed by one of these, so the next is the marker that ends it.
            following = _AFTER_SCAN.search(frame, position)
            position = following.start() if following else len(frame)


def black_out(header: Header, dataset: Dataset, rectangles: Sequence[Rectangle]) -> None:
    """Put samples without the rectangles in place of a data set's pixel data, uncompressed.

    Grey images get their own darkest value there (their brightest, where that is shown dark), colour images 0.

    Args:
        header: The file's header.
        dataset: The whole file; changed in place.
        rectangles: What to black out in every frame.

    Raises:
        SourceError: The pixels cannot be decoded, or (NOT_DEIDENTIFIED) a rectangle lies outside.
    """
    stored = decode(header).samples.copy()  # (S, H, W) or (S, H, W, 3)
    value = _black(header, stored)
    for rectangle in rectangles:
        region = stored[:, *rectangle.slices]
        if region.size == 0:
            raise refusal("a region to black out lies outside the image", remedy="Correct the region's rule.")
        stored[:, *rectangle.slices] = value
    if stored.dtype.kind not in "iu":
        raise refusal("its samples are not whole numbers, and cannot be blacked out", remedy="Leave it out.")
    _store(dataset, stored, syntax=header.syntax)


def _black(header: Header, stored: NDArray[Any]) -> int:
    if stored.ndim == 4:
        return 0
    darkest = stored.max() if header.dataset.PhotometricInterpretation == "MONOCHROME1" else stored.min()
    padding = header.dataset.get("PixelPaddingValue")
    return int(darkest if padding is None else padding)


def _store(dataset: Dataset, stored: NDArray[Any], *, syntax: uid.UID) -> None:
    # Big endian stays, because lookup tables of the header are in the same order.
    kept = uid.ExplicitVRBigEndian if syntax == uid.ExplicitVRBigEndian else uid.ExplicitVRLittleEndian
    samples = stored.astype(stored.dtype.newbyteorder("<" if kept.is_little_endian else ">")).tobytes()
    wide = stored.dtype.itemsize > 1
    dataset.add_new("PixelData", "OW" if wide else "OB", samples + b"\0" * (len(samples) % 2))
    dataset.BitsAllocated = stored.dtype.itemsize * 8
    if stored.ndim == 4:
        dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    dataset.file_meta.TransferSyntaxUID = kept


def require_black(header: Header, rectangles: Sequence[Rectangle]) -> None:
    """Check a file that was written: every region has one value in all frames.

    Raises:
        PixelDataError: It has not.
    """
    stored = decode(header).samples
    for rectangle in rectangles:
        region = stored[:, *rectangle.slices]
        if region.min() != region.max():
            raise PixelDataError("a region is not black after writing", remedy="Report it.", code=Code.NOT_DEIDENTIFIED)


def refusal(why: str, *, remedy: str) -> UnsupportedImageError:
    """The error for an object that cannot be made safe."""
    return UnsupportedImageError(why, remedy=remedy, code=Code.NOT_DEIDENTIFIED)
