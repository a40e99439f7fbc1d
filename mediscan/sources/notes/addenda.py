"""Lines that head an addendum, with who wrote it and when."""

import re
from datetime import datetime

from mediscan.sources.notes.times import DateOrder, moments

_BEFORE = r"(?:[ \t#*=~<\[|>•▪●►◦·»–—-]|_{1,2}(?!_)){0,12}"
_ADDENDUM_LINE = re.compile(
    rf"""{_BEFORE}(?:(?:start|begin(?:ning)?)[ ]of[ ]|(?:late|report|radiology)[ ])?
    (?:addendum(?!s)\b|supplement(?:ary|al)[ ]report\b|amendment\b)
    (?:[ ]to[ ](?:the[ ])?(?:(?:original|final|previous|radiology)[ ]){{0,2}}report\b)?
    [ ]?(?:\#?\d{{1,2}}|report|[IVX]{{1,3}}\b)?(?:[ ](?:begins?|starts?|follows)\b)?
    (?P<end>[ \t*_=~>\]|-]{{0,40}}(?:[:\uff1a]|$)|[ ]{{2,8}}|[ ]?\t[ \t]{{0,8}}|[ ][-–—][ ](?!\d)
        |(?=,?[ ](?:by|dated|dictated|reported|added|issued|on|signed|entered|created|from|made|\(|\d|-)))""",
    re.IGNORECASE | re.VERBOSE,
)
_HEADER_END = re.compile(r":(?=\s|$)")
_CLOCK_OR_DATE = re.compile(r"\d{1,2}[:/.-]\d{2}|\b(?:19|20)\d\d\b")


def addendum_in(line: str) -> tuple[str, int] | None:
    """The words that head an addendum in a line, and where its text begins; None where the line heads none.

    "ADDENDUM by Dr. N. on 3/4/2019 10:22: …" ends its header with its last colon, or with the line.
    """
    found = _ADDENDUM_LINE.match(line)
    if not found:
        return None
    body = found.end()
    if not found["end"]:
        header = _HEADER_END.search(line, body, body + 200)
        if header:
            body = header.end()
        elif _CLOCK_OR_DATE.search(line, body, body + 200) and len(line) < 200:
            body = len(line)
    return found[0].strip(" \t*_=~<>[]|:-"), body


def addendum_time(text: str, start: int, body: int, *, order: DateOrder) -> datetime | None:
    """When an addendum was written: the time in its heading `[start, body)`, or the first words of its text."""
    stated = next(moments(text[start:body], order=order), None)
    if stated is None:
        # A date further on in the text is one that the addendum speaks of.
        first = text[body : body + 80].lstrip()
        stated = next((moment for moment in moments(first, order=order) if moment.start == 0), None)
    return stated.at if stated else None
