"""Single values of a data set, whatever is wrong with them."""

import math
import re
from collections.abc import Sequence
from typing import Any

import pydicom
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from mediscan.sources.boundary import quiet

_MAX_TEXT_BYTES = 1 << 20
_MAX_NUMBERS_BYTES = 1 << 16
_SHORT_BYTES = 2  # of one US value
_DECIMAL = rb" *[+-]?\d{1,12}(\.\d{0,12})? *"
_DECIMALS = re.compile(rb"%b(\\%b){0,15}" % (_DECIMAL, _DECIMAL))
_PLAIN_VRS = frozenset(("AS", "CS", "DA", "DT", "TM", "UI"))  # whatever the character set (PS3.5 6.1.2.2)


def text(dataset: pydicom.Dataset, keyword: str) -> str | None:
    """An element's (first) value as stripped text; None where it is absent, empty or unreadable.

    For descriptive elements only: a value that pixels depend on must not be read this way.
    """
    try:
        element = dataset.get_item(tag_for_keyword(keyword) or keyword)
        if element is None:
            return None
        if isinstance(element, RawDataElement) and element.VR in _PLAIN_VRS:
            # What pydicom gives, at a tenth of the time and with nothing to silence.
            first = (element.value or b"").partition(b"\\")[0]
            return (first.decode("latin-1").strip("\0 \t\r\n") or None) if len(first) <= _MAX_TEXT_BYTES else None
        with quiet():
            value = _bounded(dataset, keyword, limit=_MAX_TEXT_BYTES)
            if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
                value = value[0] if len(value) else None
            return (str(value).strip("\0 \t\r\n") or None) if value is not None else None
    except Exception:  # noqa: BLE001 - conversion of a broken raw value raises anything; unknown is the answer
        return None


def texts(dataset: pydicom.Dataset, keyword: str) -> tuple[str, ...]:
    """All values of an element as stripped texts; empty where it is absent, empty or unreadable. As `text`."""
    with quiet():
        try:
            value = _bounded(dataset, keyword, limit=_MAX_NUMBERS_BYTES) or ()
            return tuple(str(part).strip("\0 \t\r\n") for part in ((value,) if isinstance(value, str) else value))
        except Exception:  # noqa: BLE001 - as in `text`
            return ()


def numbers(dataset: pydicom.Dataset, keyword: str) -> tuple[float, ...]:
    """An element's values as numbers; empty where it is absent, empty or unreadable. As `text`, descriptive only."""
    element = dataset.get_item(tag_for_keyword(keyword) or keyword)
    if element is None:
        return ()
    if isinstance(element, RawDataElement) and element.VR == "DS" and _DECIMALS.fullmatch(element.value or b""):
        # What pydicom gives, at a tenth of the time.
        return tuple(float(part) for part in (element.value or b"").split(b"\\"))
    with quiet():
        try:
            value = _bounded(dataset, keyword, limit=_MAX_NUMBERS_BYTES)
            if value is None or isinstance(value, (str, bytes)):
                return ()
            found = tuple(float(part) for part in (value if isinstance(value, Sequence) else (value,)))
        except Exception:  # noqa: BLE001 - as in `text`
            return ()
    return found if all(math.isfinite(number) for number in found) else ()


def whole(dataset: pydicom.Dataset, keyword: str) -> int | None:
    """An element that pixels depend on as a whole number; None where it is absent, empty or 0 values long.

    Raises:
        ValueError, TypeError, and whatever pydicom raises: It is no number; callers are inside `refusing`.
    """
    element = dataset.get_item(tag_for_keyword(keyword) or keyword)
    if isinstance(element, RawDataElement) and element.VR == "US" and len(element.value or b"") == _SHORT_BYTES:
        # What pydicom gives, at a tenth of the time.
        return int.from_bytes(element.value or b"", "little" if element.is_little_endian else "big")
    value = dataset.get(keyword)
    return None if value is None or value == "" else int(value)


def _bounded(dataset: pydicom.Dataset, keyword: str, *, limit: int) -> Any:  # noqa: ANN401 - an element's value is of any type
    """An element's value; None where it is longer than any descriptive one, for converting it would take minutes."""
    tag = Tag(tag_for_keyword(keyword) or keyword)
    element = dataset.get_item(tag)
    if not isinstance(element, RawDataElement):
        return None if element is None else element.value
    return None if len(element.value or b"") > limit else dataset[tag].value


def frame_macro(dataset: pydicom.Dataset, macro: str, frame: int = 0) -> pydicom.Dataset:
    """Where a frame's attributes of one functional group stand: its own item, the shared one, or the data set.

    Source: DICOM PS3.3 C.7.6.16.
    """
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or ()
    shared = dataset.get("SharedFunctionalGroupsSequence") or ()
    for groups in (per_frame[frame : frame + 1], shared[:1]):
        for group in groups:
            items = group.get(macro)
            if items:
                return items[0]
    return dataset
