"""Headers in memory without anything nested, scanned in one pass: most radiographs have such.

What is found is what `pydicom.filereader.read_dataset` finds, at a fifth of the time; all else is left to pydicom.
"""

import struct
from collections.abc import Callable
from functools import cache, lru_cache

import pydicom
from pydicom.charset import convert_encodings, default_encoding
from pydicom.dataelem import RawDataElement, empty_value_for_VR
from pydicom.tag import BaseTag
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, VR
from pydicom.values import convert_string

from mediscan.sources.dicom.walk import MAX_CHARACTER_SETS_BYTES

_VRS = {vr.value.encode("ascii"): vr.value for vr in VR if len(vr.value) == 2}
_START = struct.Struct("<HH2sH")  # tag, value representation, length
_LENGTH = struct.Struct("<L")
UNDEFINED_LENGTH = 0xFFFFFFFF
"""The length of an element that ends with a delimiter."""
_CHARACTER_SETS = 0x00080005
_ENCAPSULATED = b"\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff"  # (7FE0,0010) OB of undefined length
_ITEM, _END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_MAX_BYTES = 1 << 19  # what is longer is counted first, see `parsing`


def scan(content: bytes, start: int, *, stops_at: Callable[[int], bool]) -> tuple[pydicom.Dataset, int] | None:
    """The data set in explicit VR little endian that begins at `start`, and where it ends.

    Args:
        content: A whole file.
        start: Where the data set's first element begins.
        stops_at: Whether the element of a tag is not part of it any more; the end of the file is the end, too.

    Returns:
        The data set with its elements raw, and the position after its last; None where it is left to pydicom: it is
        long, nests elements in items of undefined length, or is not written as it says.

    Source: DICOM PS3.5 7.1.2.
    """
    elements: dict[BaseTag, RawDataElement] = {}
    position, end = start, len(content)
    encoding: str | list[str] = default_encoding
    try:
        while position < end:
            tag, vr, value_at, length = _head(content, position)
            if stops_at(tag):
                break
            position = value_at + length
            if length == UNDEFINED_LENGTH or position > end or position - start > _MAX_BYTES:
                return None
            value = content[value_at:position] if length else _empty(vr)
            if tag == _CHARACTER_SETS:
                encoding = list(_encodings(value or b""))
            base_tag = _tag(tag)
            elements[base_tag] = RawDataElement(base_tag, vr, length, value, value_at, False, True)  # noqa: FBT003 - explicit, little endian
    except (KeyError, struct.error):  # no value representation, or the end of the file
        return None
    found = pydicom.Dataset(elements)
    found.set_original_encoding(False, True, encoding)  # noqa: FBT003 - as above
    return found, position


def _head(content: bytes, position: int) -> tuple[int, str, int, int]:
    """Tag, value representation, position and length of the value of an element."""
    group, number, letters, length = _START.unpack_from(content, position)
    vr = _VRS[letters]
    value_at = position + _START.size
    if vr in EXPLICIT_VR_LENGTH_32:
        (length,) = _LENGTH.unpack_from(content, value_at)
        value_at += _LENGTH.size
    return group << 16 | number, vr, value_at, length


def encapsulated_value(content: bytes, offset: int) -> bytes | None:
    """The items of the encapsulated pixel data that begin at `offset`; None where they are left to pydicom.

    Source: DICOM PS3.5 A.4.
    """
    if content[offset : offset + len(_ENCAPSULATED)] != _ENCAPSULATED:
        return None
    position = start = offset + len(_ENCAPSULATED)
    while (tag := content[position : position + len(_ITEM)]) == _ITEM:
        value_at = position + len(_ITEM) + _LENGTH.size
        if value_at > len(content):
            return None
        position = value_at + _LENGTH.unpack_from(content, position + len(_ITEM))[0]
    return content[start:position] if tag == _END else None


@lru_cache(maxsize=4096)
def _tag(tag: int) -> BaseTag:
    return BaseTag(tag)


@cache
def _empty(vr: str) -> bytes | None:
    # Of type object in pydicom's annotations: raw empty values are bytes or None.
    empty = empty_value_for_VR(vr, raw=True)
    return empty if isinstance(empty, bytes) else None


@lru_cache(maxsize=64)
def _encodings(value: bytes) -> tuple[str, ...]:
    if len(value) > MAX_CHARACTER_SETS_BYTES:
        raise KeyError("more character sets than there are")
    return tuple(convert_encodings(convert_string(value, True)))  # noqa: FBT003 - little endian
