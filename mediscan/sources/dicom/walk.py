"""Counting what a data set holds without converting it: pydicom takes seconds for what this finds in a fraction."""

import struct

_ITEM = 0xFFFE  # the group of items and delimiters
_LONG_VRS = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
_UNDEFINED = 0xFFFFFFFF
_LEAST_BYTES = 8  # of an element, and of an item


def count_elements(content: bytes, *, implicit: bool, little: bool, limit: int) -> int:
    """Elements, items and delimiters at all levels of an encoded data set, counted no further than just past `limit`.

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
    tag, short, long = (struct.Struct(order + layout) for layout in ("HH", "H", "L"))
    item = tag.pack(_ITEM, 0xE000)
    position, end, count = 0, len(content), 0
    while position < end and count <= limit:
        group, _ = tag.unpack_from(content, position)
        count += 1
        if group == _ITEM:
            position += _LEAST_BYTES  # what is inside is counted as what follows
            continue
        vr = b"" if implicit else content[position + 4 : position + 6]
        if not implicit and not (vr.isalpha() and vr.isupper()):
            raise ValueError("an element without a value representation")
        if implicit or vr in _LONG_VRS:
            value = position + (8 if implicit else 12)
            (length,) = long.unpack_from(content, value - 4)
        else:
            value = position + 8
            (length,) = short.unpack_from(content, value - 2)
        nested = content[value : value + 4] == item
        if vr == b"SQ" or length == _UNDEFINED or (implicit and nested):
            position = value
            continue
        if vr == b"UN" and nested:
            count += length // _LEAST_BYTES  # at most: pydicom guesses how it is written
        position = value + length
    if count <= limit and position != end:
        raise ValueError("an element that is longer than its data set")
    return count
