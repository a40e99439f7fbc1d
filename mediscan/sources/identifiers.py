"""Ids as spreadsheets change them: without leading zeros, with a decimal point, in other capitals."""

import re
from collections.abc import Collection

_LOST = re.compile(r"[\W_]+")
_AS_NUMBER = re.compile(r"(\d+)\.0+")
REWRITTEN = "capitals, signs, leading zeros or a trailing '.0'"
"""What `loose` passes over, for messages."""


def loose(identifier: str) -> str:
    """An id without what is lost or added where it passes through a spreadsheet or is typed again.

    Two ids with one loose form may be the same; they are never taken for it, only named in a remedy.
    """
    as_text = _AS_NUMBER.sub(r"\1", identifier.strip()) if _AS_NUMBER.fullmatch(identifier.strip()) else identifier
    return _LOST.sub("", as_text).casefold().lstrip("0")


def rewritten_remedy(identifier: str, others: Collection[str | None]) -> str:
    """What more to do where two ids differ as spreadsheets make them differ; "" where they differ otherwise."""
    if any(other is not None and loose(other) == loose(identifier) for other in others):
        return f" They differ in {REWRITTEN} alone: read and write the column as text."
    return ""
