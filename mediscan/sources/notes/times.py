"""Dates and times as notes write them. What can be read in two ways is not read at all."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class DateOrder(Enum):
    """How a source writes dates in digits."""

    UNKNOWN = "unknown"
    MONTH_FIRST = "month_first"
    DAY_FIRST = "day_first"


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A date, with its time where one is written, at characters `[start, end)` of a text.

    `at` is local wall time, or has an offset from UTC where one is written; a date alone is its midnight.
    """

    at: datetime
    start: int
    end: int


MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
"""The names of the months in lower case, January first."""

MONTH_NUMBERS = {
    **{written: number for number, name in enumerate(MONTHS, start=1) for written in (name, name[:3])},
    "sept": 9,
}
"""The numbers of the months, January being 1, by every way in which notes write them, in lower case."""

_NAMED = "|".join(sorted(MONTH_NUMBERS, key=len, reverse=True))
_MOMENT = re.compile(
    rf"""(?<![\w./-])(?:
        (?P<year>(?:19|20)\d\d)(?P<mark>[-/.])(?P<month>\d{{1,2}})(?P=mark)(?P<day>\d{{1,2}})
        |(?P<first>\d{{1,2}})(?P<sign>[-/.])(?P<second>\d{{1,2}})(?P=sign)(?P<end_year>(?:19|20)\d\d)
        |(?P<named>{_NAMED})\.?[ ](?P<named_day>\d{{1,2}})(?:st|nd|rd|th)?,?[ ](?P<named_year>(?:19|20)\d\d)
        |(?P<led_day>\d{{1,2}})(?:st|nd|rd|th)?[ -](?P<led>{_NAMED})\.?,?[ -](?P<led_year>(?:19|20)\d\d)
    )(?![\d/-])
    (?:(?:T|,?[ ]{{1,3}}(?:at[ ]|@[ ]?)?|[ ]-[ ])
        (?P<hour>\d{{1,2}})(?::(?P<minute>\d\d)(?::(?P<second_of>\d\d)(?:\.\d{{1,6}})?)?|(?P<packed>\d\d)(?=[ ]?h))
        (?:[ ]?(?P<half>[ap])\.?m\b\.?)?
        (?P<zone>Z\b|[+-]\d\d:\d\d)?)?""",
    re.IGNORECASE | re.VERBOSE,
)
_WRITTEN = re.compile(
    r"""^[ \t*#_]{0,8}(?:date[ ]of[ ]report|report[ ]date|note[ ]date
    |(?:date[ ])?(?:dictated|transcribed|reported|signed|verified|approved|finali[sz]ed|authored)
    |electronically[ ](?:signed|verified)|(?:dictation|transcription)[ ]date|signed[ ]electronically)\b""",
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)
_STUDIED = re.compile(
    r"""^[ \t*#_]{0,8}(?:(?:exam(?:ination)?|study|imaging|procedure|acquisition)[ ]date|date[ ]of[ ](?:exam(?:ination)?
    |study|procedure|imaging|service))\b""",
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)


def moments(text: str, *, order: DateOrder = DateOrder.UNKNOWN) -> Iterator[Moment]:
    """The dates and times in a text, in their order.

    A date in digits that ends in its year (03/04/2019) is read where `order` is declared, or where only one of its
    numbers can be a month. Years of two digits and times without a date are passed over.
    """
    for found in _MOMENT.finditer(text):
        at = _moment(found, order)
        if at:
            yield Moment(at=at, start=found.start(), end=found.end())


def written_at(text: str, *, order: DateOrder = DateOrder.UNKNOWN) -> datetime | None:
    """When a report or note says it was written: the last of the times on its dictated, reported and signed lines.

    None where no such line has a time that can be read, or where some have an offset from UTC and others have none.
    """
    return latest([at for at in (_beside(line, text, order) for line in _WRITTEN.finditer(text)) if at])


def studied_at(text: str, *, order: DateOrder = DateOrder.UNKNOWN) -> datetime | None:
    """When a report says that its images were acquired; None where it does not, or names two times."""
    stated = {at for at in (_beside(line, text, order) for line in _STUDIED.finditer(text)) if at}
    return stated.pop() if len(stated) == 1 else None


def latest(times: list[datetime]) -> datetime | None:
    """The last of some times; None where they cannot be compared, since only some have an offset from UTC."""
    if len({at.tzinfo is None for at in times}) > 1:
        return None
    return max(times, default=None)


def _beside(label: re.Match[str], text: str, order: DateOrder) -> datetime | None:
    line = text[label.end() : label.end() + 200].splitlines()
    return next((moment.at for moment in moments(line[0] if line else "", order=order)), None)


def _moment(found: re.Match[str], order: DateOrder) -> datetime | None:
    day = _date(found, order)
    if day is None:
        return None
    year, month, date = day
    hour = int(found["hour"] or 0)
    half = (found["half"] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    try:
        minute, second = int(found["minute"] or found["packed"] or 0), int(found["second_of"] or 0)
        at = datetime(year, month, date, hour, minute, second)  # noqa: DTZ001 - notes tell wall time
        return datetime.fromisoformat(at.isoformat() + found["zone"].upper()) if found["zone"] else at
    except ValueError:
        return None


def _date(found: re.Match[str], order: DateOrder) -> tuple[int, int, int] | None:
    if found["year"]:
        return int(found["year"]), int(found["month"]), int(found["day"])
    if found["named"]:
        return int(found["named_year"]), MONTH_NUMBERS[found["named"].lower()], int(found["named_day"])
    if found["led"]:
        return int(found["led_year"]), MONTH_NUMBERS[found["led"].lower()], int(found["led_day"])
    first, second, year = int(found["first"]), int(found["second"]), int(found["end_year"])
    if order is DateOrder.UNKNOWN and (first > 12) != (second > 12):
        order = DateOrder.DAY_FIRST if first > 12 else DateOrder.MONTH_FIRST
    if order is DateOrder.UNKNOWN:
        return (year, first, second) if first == second else None
    return (year, first, second) if order is DateOrder.MONTH_FIRST else (year, second, first)
