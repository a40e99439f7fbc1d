"""Counting what a data set holds without converting it: pydicom takes seconds for what this finds in a fraction."""

import struct

MAX_CHARACTER_SETS_BYTES = 1 << 10
"""No list of character sets is longer; pydicom takes minutes for one of megabytes."""
_ITEM = 0xFFFE  # the group of items and delimiters
_SEQUENCE_END = 0xE0DD
_CHARACTER_SETS = (0x0008, 0x0005)
_LONG_VRS = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
_UNDEFINED = 0xFFFFFFFF
_ITEM_WEIGHT = 6
_LEAST_BYTES = 8  # of an element, and of an item


def count_elements(content: bytes, *, implicit: bool, little: bool, limit: int) -> int:
    """Elements at all levels of an encoded data set, counted no further than just past `limit`.

    Items and delimiters count six times, as items take pydicom about six times as long.

    Args:
        content: The data set, without anything that follows it.
        implicit: Whether it is written without value representations.
        little: Whether it is little endian.
        limit: Where to stop.

    Raises:
        ValueError, struct.error: The data set is not written as the standard says, and cannot be counted.

    Source: DICOM PS3.5 7.1 (data elements), 7.5 (nesting).
    """
    order = "<" if little else ">"
    tag = struct.Struct(order + "HH")
    item = tag.pack(_ITEM, 0xE000)
    position, end, count = 0, len(content), 0
    # How deep inside an element of unknown representation and undefined length, whose content has implicit ones.
    unknown = 0
    while position < end and count <= limit:
        group, element = tag.unpack_from(content, position)
        count += 1
        if group == _ITEM:
            count += _ITEM_WEIGHT - 1
            position += _LEAST_BYTES  # what is inside is counted as what follows
            if element == _SEQUENCE_END and unknown:
                unknown -= 1
                implicit = unknown > 0
            continue
        vr, value, length = _start(content, position, implicit=implicit, order=order)
        if (group, element) == _CHARACTER_SETS and length > MAX_CHARACTER_SETS_BYTES:
            raise ValueError("more character sets than there are")
        nested = content[value : value + 4] == item
        if vr == b"UN" and length == _UNDEFINED:
            unknown = 0 if _is_vr(content[value + 12 : value + 14]) else 1
            implicit = unknown > 0
        elif unknown and length == _UNDEFINED:
            unknown += 1
        elif vr == b"UN" and nested and group % 2 == 0:
            count += length // _LEAST_BYTES  # at most: pydicom guesses how it is written
        enters = vr == b"SQ" or length == _UNDEFINED or (not vr and nested)
        position = value if enters else value + length
    if count <= limit and position != end:
        raise ValueError("an element that is longer than its data set")
    return count


def _start(content: bytes, position: int, *, implicit: bool, order: str) -> tuple[bytes, int, int]:
    """An element's value representation (empty where it is implicit), where its value stands, and its length."""
    vr = b"" if implicit else content[position + 4 : position + 6]
    if not implicit and not _is_vr(vr):
        raise ValueError("an element without a value representation")
    if implicit or vr in _LONG_VRS:
        value = position + (8 if implicit else 12)
        return vr, value, struct.unpack_from(order + "L", content, value - 4)[0]
    return vr, position + 8, struct.unpack_from(order + "H", content, position + 6)[0]


def _is_vr(letters: bytes) -> bool:
    return letters.isalpha() and letters.isupper()
