"""Dates in free text: found, and moved by whole days with the way they are written kept."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from mediscan.deidentify.identifiers import IdentifierKind, Span
from mediscan.deidentify.searching import has_digit, one_of
from mediscan.sources.notes.times import MONTH_NUMBERS, MONTHS, DateOrder

_MONTH = rf"(?P<name>{one_of(*MONTH_NUMBERS)})\b\.?"
_YEAR = r"(?P<y>(?:19|20)\d\d)"
_DAY = r"(?P<d>\d{1,2})"
_FREE = r"(?<![\w.])(?<!\d[/-])"
_NO_MEASURE = (
    r"(?!\d)(?!\s?(?:mg|mcg|ml|mm|cm|g|kg|units?|weeks?|days?|months?|years?|hours?|hrs?|times|%|/\d|[x×]\s?\d)\b)"
)

# "3/4" alone is a date after such words, and never before such others: 2/6 murmur, 1/2 NS, 2/3 of the lung.
_CUES = one_of(
    r"on from since dated? until till through thru by before after seen to and between starting last prior admitted",
    r"discharged cxr ct mri cta us xr echo ekg films? study studies radiographs? exam scan labs? f/u follow-up d/c",
    r"ending due",
)
_YEAR_CUES = one_of("in since from until during circa year early late mid around before after")
_NOT_AFTER = (
    r"of\b|murmur|pain|systolic|diastolic|strength|ns\b|in\s+(?:all|severity)|lung|tablet|tab|cup|dose"
    r"|on\s+(?:the\s+)?(?:pain|scale)"
)
_SCALES = re.compile(
    r"\b(?:pain|score|scale|strength|murmur|rated?|rates|reflex\w*|power|gcs|severity)\W+(?:\w+\W+){0,3}$",
    re.IGNORECASE,
)

_FORMS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<![\w.])(?<!\d[/-]){_YEAR}(?P<sep>[-/.])(?P<m>\d{{1,2}})(?P=sep){_DAY}(?!\d)",
        rf"{_FREE}(?P<a>\d{{1,2}})\s?(?P<sep>[-/.])\s?(?P<b>\d{{1,2}})\s?(?P=sep)\s?(?P<y>(?:19|20)\d\d|\d\d)(?!\d|[./-]\d|\s?(?:mm|cm))",
        r"(?<![\w.])(?P<y>(?:19|20)\d\d)(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])(?=(?:[0-2]\d[0-5]\d(?:[0-5]\d(?:\.\d{1,6})?)?)?(?![\w/-]))",
        rf"\b{_MONTH}[\s-]{{1,3}}{_DAY}(?:st|nd|rd|th)?(?:\s{{0,2}}[,-]?\s{{0,2}}{_YEAR}|[,-]?\s{{0,2}}'?(?P<yy>(?<=['-])\d\d))?{_NO_MEASURE}",
        rf"{_FREE}{_DAY}(?:st|nd|rd|th)?[\s-]{{0,3}}(?:day\s)?(?:of\s)?{_MONTH}(?:[\s,-]{{0,3}}{_YEAR}|[-\s]'?(?P<yy>(?<=['-])\d\d))?(?!\d)",
        rf"\b{_MONTH}(?:,|\sof)?[\s/-]{{1,3}}(?:{_YEAR}|'(?P<yy>\d\d))(?!\d)",
        rf"{_FREE}(?P<m>0?[1-9]|1[0-2])[/-]{_YEAR}(?![\d/-])",
        rf"\b{_CUES}[\s:(]{{1,3}}(?P<a>\d{{1,2}})(?P<sep>/)(?P<b>\d{{1,2}})(?![\d/%]|[.-]\d)(?!\s(?:{_NOT_AFTER}))",
        rf"{_FREE}(?P<a>\d{{1,2}})(?P<sep>/)(?P<b>\d{{1,2}})(?=\s?[-–]\s?\d{{1,2}}/\d{{1,2}}/\d\d)",
        rf"\b{_YEAR_CUES}[\s:-]{{1,2}}{_YEAR}(?![\d.:/-]|\s?(?:ml|mg|cc|hours|hrs|h|units|grams|g)\b)",
    )
)


@dataclass(frozen=True)
class WrittenDate:
    """A date as it stands in a text.

    Args:
        match: Its parts, by group: `y`, `yy`, `m` or `name`, `d`; or `a` and `b`, day and month in either order.
        month_group: Which group is the month of a numeric date.
        day: The date that is meant; parts that are not written are filled in.
    """

    match: re.Match[str]
    month_group: str
    day: date

    @cached_property
    def span(self) -> Span:
        """From the first written part to the last."""
        spans = [self.match.span(group) for group, text in self.match.groupdict().items() if text and group != "sep"]
        return Span(min(start for start, _ in spans), max(end for _, end in spans), IdentifierKind.DATE)

    def moved(self, days: int) -> str:
        """The date `days` later (earlier where negative), written alike."""
        moved = self.day + timedelta(days=days)
        span, parts = self.span, []
        written = {group: text for group, text in self.match.groupdict().items() if text and group != "sep"}
        at = span.start
        for group in sorted(written, key=self.match.start):
            parts += [self.match.string[at : self.match.start(group)], self._part(group, written[group], moved)]
            at = self.match.end(group)
        return re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", _ordinal_ending(moved.day), "".join(parts))

    def _part(self, group: str, text: str, moved: date) -> str:
        if group in {"y", "yy"}:
            return f"{moved.year:04d}"[-len(text) :]
        if group == "name":
            return _like(text, MONTHS[moved.month - 1])
        number = moved.month if group == self.month_group else moved.day
        return f"{number:02d}" if len(text) == 2 and (text[0] == "0" or number < 10) else str(number)


def find_dates(text: str, order: DateOrder) -> list[WrittenDate]:
    """All dates of a text; where two readings overlap, that of the fuller form.

    Args:
        text: A note.
        order: How 03/04/2019 is meant. The month comes first where nobody says, since a date that is not read would
            stay.
    """
    found: list[WrittenDate] = []
    if not has_digit(text):
        return found
    year = _latest_named_year(text)
    for form in _FORMS:
        for match in form.finditer(text):
            written = _read(match, order, year)
            if written is not None:
                found.append(written)
    found.sort(key=lambda written: (written.span.start, -written.span.end))
    kept = []
    end = -1
    for written in found:
        if written.span.start >= end:
            kept.append(written)
            end = written.span.end
    return kept


def _latest_named_year(text: str) -> int:
    """The year that a date without one is taken to be in: the last that the note names with a day."""
    years = [int(match["y"]) for form in _FORMS[:1] for match in form.finditer(text)]
    years += [int(match["y"]) for match in _FORMS[1].finditer(text) if len(match["y"]) == 4]
    return years[-1] if years else 2001


def _read(match: re.Match[str], order: DateOrder, year: int) -> WrittenDate | None:
    parts = match.groupdict()
    if parts.get("y") or parts.get("yy"):
        digits = parts.get("y") or parts["yy"]
        year = int(digits) if len(digits) == 4 else _century(int(digits))
    elif parts.get("name"):
        if parts["name"][0].islower() and parts["name"].casefold() in {"may", "march", "mar", "dec", "sep", "jan"}:
            return None
    elif parts.get("a") and _is_score(match):
        return None
    for month_group, month, day in _readings(parts, order):
        try:
            return WrittenDate(match, month_group, date(year, month, day))
        except ValueError:
            continue
    return None


def _readings(parts: dict[str, str | None], order: DateOrder) -> Iterator[tuple[str, int, int]]:
    """Month group, month and day, the likelier reading first."""
    if parts.get("a"):
        a, b = int(parts["a"] or 0), int(parts["b"] or 0)
        readings = [("a", a, b), ("b", b, a)]
        yield from reversed(readings) if order is DateOrder.DAY_FIRST else readings
    elif name := parts.get("name"):
        yield "name", MONTH_NUMBERS[name.lower()], _day_of(parts)
    elif parts.get("m"):
        yield "m", int(parts["m"] or 0), _day_of(parts)
    else:
        yield "m", 7, 1  # a year alone: its middle


def _day_of(parts: dict[str, str | None]) -> int:
    return int(parts.get("d") or 15)  # a month without a day: its middle


def _is_score(match: re.Match[str]) -> bool:
    """Whether a/b without a year is a fraction or a score."""
    a, b = int(match["a"]), int(match["b"])
    cue = match.group()[:3].casefold()
    return (a < b <= 4 and cue.startswith(("by", "to", "and"))) or bool(
        _SCALES.search(match.string, max(0, match.start() - 40), match.start())
    )


def _century(year: int) -> int:
    return year + (1900 if year > date.today().year % 100 else 2000)  # noqa: DTZ011 - a two-digit year has no zone


def _ordinal_ending(day: int) -> str:
    return "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _like(model: str, month: str) -> str:
    """The month as long and as cased as the model: MAR, Mar, March."""
    full = len(model) > 4 or model.casefold() in {"june", "july"}
    short = month if full else month[:3]
    return short.upper() if model.isupper() else short.capitalize() if model[0].isupper() else short
