"""DICOM files parsed within bounds: only up to the pixel data, and never more work than an honest header takes."""

import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from mediscan.errors import PixelDataError
from mediscan.sources.boundary import too_large
from mediscan.sources.dicom.flat import UNDEFINED_LENGTH, encapsulated_value, scan
from mediscan.sources.dicom.walk import MAX_CHARACTER_SETS_BYTES, count_elements

PIXEL_KEYWORDS = {0x7FE00010: "PixelData", 0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData"}
_FILE_META_GROUP = 2
# All others, and those that are not known, are written in explicit VR little endian.
_OTHER_ENCODINGS = (None, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
PREAMBLE_BYTES = 128
PREFIX = b"DICM"
MAX_HEADER_BYTES = 64 << 20
"""No header may be longer: the functional groups of 10,000 frames take about 20 MiB."""
_MAX_READS = 300_000  # each element takes one or two, each item of a sequence three; about two seconds in all
_MAX_ELEMENTS = 600_000  # at all levels: most sequences are converted only when they are asked for
_LARGE_HEADER_BYTES = 1 << 19
_CHARACTER_SETS = (b"\x08\x00\x05\x00", b"\x00\x08\x00\x05")  # the tag in either byte order
_TAG_AND_LENGTH = 8
_CHUNK = 1 << 20
_TRAILER_BYTES = 1 << 20  # data set trailing padding and signatures may follow the pixels


class BoundedFile:
    """A binary file that refuses to give more than a header may hold, and never allocates for what it has not.

    Raises:
        SourceError: FILE_TOO_LARGE, after `MAX_HEADER_BYTES` or 300,000 reads.
    """

    def __init__(self, file: BinaryIO, *, path: Path) -> None:
        self._file, self._path = file, path
        self._reads = self._bytes = 0
        self._tag = b""
        self._end = file.seek(0, io.SEEK_END)
        self.seek, self.tell = file.seek, file.tell
        self.seek(0)

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, or all that is left."""
        left = max(self._end - self.tell(), 0)
        size = left if size < 0 else min(size, left)
        self._reads += 1
        self._bytes += size
        if self._reads > _MAX_READS or self._bytes > MAX_HEADER_BYTES:
            raise too_large(self._path, "has a larger header than any image")
        if size > MAX_CHARACTER_SETS_BYTES and self._tag in _CHARACTER_SETS:
            raise too_large(self._path, "names more character sets than there are")  # pydicom looks each up, at once
        content = self._file.read(size)
        if size == _TAG_AND_LENGTH:
            self._tag = content[:4]
        return content


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """A file up to its pixel data.

    Args:
        dataset: Its elements; values are converted when they are asked for. The file meta information is complete.
        preamble: The 128 bytes before the prefix; empty where the file has neither.
        start: Where the data set starts in the file.
        pixel_offset: Where the pixel data element starts, in the file or, if it is deflated, in the inflated data set;
            None where there is none.
        content: What is in the file, where that was read at once.
    """

    dataset: pydicom.Dataset
    preamble: bytes
    start: int
    pixel_offset: int | None
    content: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class PixelElement:
    """Pixel data as they stand in the file. `declared` is the length that the file states for them."""

    keyword: str
    vr: str
    value: bytes
    declared: int


def opened(path: Path, content: bytes | None) -> BinaryIO:
    """A file to read from, in memory where its content is known."""
    return path.open("rb") if content is None else io.BytesIO(content)


def parse(path: Path, file: BinaryIO, *, content: bytes | None = None) -> Parsed:
    """The header of an open DICOM file, with or without a preamble; `content` is all that is in it, where known.

    Raises:
        SourceError: The header is larger than the bounds. Damage raises anything: callers are inside `refusing`.
    """
    bounded = BoundedFile(file, path=path)
    first = bounded.read(PREAMBLE_BYTES + len(PREFIX))
    preamble = first[:PREAMBLE_BYTES] if first[PREAMBLE_BYTES:] == PREFIX else b""
    if content is not None and preamble:
        flat = _parse_flat(content, start=len(first))
        if flat is not None:
            return flat
    bounded.seek(len(first) if preamble else 0)
    meta = FileMetaDataset(read_dataset(bounded, False, True, stop_when=_is_past_file_meta))  # noqa: FBT003 - explicit VR, little endian: PS3.10 7.1
    start = bounded.tell()
    inflated = b""
    if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        inflated = inflate(file.read(), limit=MAX_HEADER_BYTES)
        bounded = BoundedFile(io.BytesIO(inflated), path=path)
    elif "TransferSyntaxUID" not in meta:
        meta.TransferSyntaxUID = _guessed_syntax(bounded)
    implicit, little = _encoding(meta.TransferSyntaxUID)
    dataset = read_dataset(bounded, implicit, little, stop_when=_is_pixel_data)
    dataset.file_meta = meta
    offset = bounded.tell()
    has_pixels = len(bounded.read(4)) == 4  # pydicom does not tell a stop from an end
    if offset > _LARGE_HEADER_BYTES:
        encoded = inflated[:offset] if inflated else _between(file, start, offset)
        if count_elements(encoded, implicit=implicit, little=little, limit=_MAX_ELEMENTS) > _MAX_ELEMENTS:
            raise too_large(path, "holds more items of sequences than any image")
    if not has_pixels and len(inflated) == MAX_HEADER_BYTES:
        raise too_large(path, "inflates to a larger header than any image")
    return Parsed(
        dataset=dataset,
        preamble=preamble,
        start=start,
        pixel_offset=offset if has_pixels else None,
        content=content,
    )


def _parse_flat(content: bytes, *, start: int) -> Parsed | None:
    """The header of a file whose elements are all flat; None where it is left to pydicom."""
    found = scan(content, start, stops_at=lambda tag: tag >> 16 != _FILE_META_GROUP)
    if found is None or found[0].get("TransferSyntaxUID") in _OTHER_ENCODINGS:
        return None
    meta, start = FileMetaDataset(found[0]), found[1]
    found = scan(content, start, stops_at=PIXEL_KEYWORDS.__contains__)
    if found is None:
        return None
    dataset, end = found
    dataset.file_meta = meta
    return Parsed(
        dataset=dataset,
        preamble=content[:PREAMBLE_BYTES],
        start=start,
        pixel_offset=end if end < len(content) else None,
        content=content,
    )


def read_pixel_element(path: Path, parsed: Parsed, *, expected: int) -> PixelElement:
    """The pixel data of a file.

    Args:
        path: The file.
        parsed: Its header, which has a `pixel_offset`.
        expected: Bytes of the pixels when native; a deflated file may not inflate to much more.

    Raises:
        PixelDataError: The file inflates to more than its header states.
        OSError: The file cannot be read.
    """
    offset = parsed.pixel_offset or 0
    if parsed.content is not None and parsed.dataset.original_encoding == (False, True):
        value = encapsulated_value(parsed.content, offset)
        if value is not None:
            return PixelElement(keyword="PixelData", vr="OB", value=value, declared=UNDEFINED_LENGTH)
    with opened(path, parsed.content) as file:
        content: BinaryIO = file
        if parsed.dataset.file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian:
            file.seek(parsed.start)
            limit = offset + expected + _TRAILER_BYTES
            content = io.BytesIO(inflate(file.read(), limit=limit))
            if content.getbuffer().nbytes == limit:
                raise PixelDataError(
                    f"{path} inflates to more than its header states",
                    remedy="Correct NumberOfFrames, Rows, Columns and BitsAllocated, or export the file again.",
                )
        content.seek(offset)
        found = read_dataset(content, *parsed.dataset.original_encoding, stop_when=_is_past_pixel_data)
    tag, element = next((tag, found.get_item(tag)) for tag in PIXEL_KEYWORDS if tag in found)
    # pydicom returns what is left of the file where an element claims more.
    declared = getattr(element, "length", len(element.value))
    return PixelElement(keyword=PIXEL_KEYWORDS[tag], vr=str(element.VR), value=element.value, declared=declared)


def inflate(packed: bytes, *, limit: int) -> bytes:
    """The first `limit` bytes that a raw deflate stream gives; what follows the stream is ignored.

    Raises:
        zlib.error: The stream is corrupt.
    """
    inflater, parts, total = zlib.decompressobj(-zlib.MAX_WBITS), [], 0
    view = memoryview(packed)
    for start in range(0, len(view), _CHUNK):
        pending: bytes | memoryview = view[start : start + _CHUNK]
        while not inflater.eof and total < limit:
            part = inflater.decompress(pending, min(_CHUNK, limit - total))
            pending = inflater.unconsumed_tail
            if not part and not pending:  # it may still hold output once all input is consumed
                break
            parts.append(part)
            total += len(part)
    return b"".join(parts)


def _between(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)


def _is_past_file_meta(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return bool(tag >> 16 != _FILE_META_GROUP)


def _is_pixel_data(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag in PIXEL_KEYWORDS


def _is_past_pixel_data(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag not in PIXEL_KEYWORDS


def _encoding(syntax: UID) -> tuple[bool, bool]:
    """Whether a transfer syntax has implicit VRs, and whether it is little endian (PS3.5 annex A)."""
    return syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian


def _guessed_syntax(file: BoundedFile) -> UID:
    """The native transfer syntax that the first element of a file without meta information is written in."""
    start = file.tell()
    first = file.read(6)
    file.seek(start)
    if not first[4:6].isalpha() or not first[4:6].isupper():
        return ImplicitVRLittleEndian
    # Group 0008, the first of any data set, reads as 0800 in the wrong order.
    return ExplicitVRBigEndian if first[:1] == b"\0" else ExplicitVRLittleEndian
