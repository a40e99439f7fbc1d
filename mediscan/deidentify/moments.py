"""DICOM dates and times, moved by a span, in their own precision and in the notation of today."""

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta

from pydicom import Dataset
from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.tag import BaseTag

# ACR-NEMA wrote 1997.04.24 and 10:22:05; exports from tables write 1997-04-24.
_DATE = re.compile(r"(?P<year>\d{4})(?P<dot>[.-]?)(?P<month>\d\d)(?P=dot)(?P<day>\d\d)", re.ASCII)
_TIME = re.compile(
    r"(?P<hour>[01]\d|2[0-3])(?:(?P<colon>:?)(?P<minute>[0-5]\d)"
    r"(?:(?P=colon)(?P<second>[0-5]\d|60)(?P<fraction>\.\d{1,6})?)?)?",
    re.ASCII,
)
_MOMENT = re.compile(
    r"(?P<digits>\d{4}|\d{6}|\d{8}|\d{10}|\d{12}|\d{14})(?P<fraction>\.\d{1,6})?(?:[+-]\d{4})?", re.ASCII
)
_MIDDLE_OF_YEAR = "0701000000"
_MIDDLE_OF_MONTH = "15000000"


def shift_date(text: str, span: timedelta) -> str | None:
    """A DA value moved by the span's whole days (of a backward span, those of the day itself); None if it is none.

    Source: DICOM PS3.5 6.2.
    """
    day = date_of(text)
    return None if day is None else _moved(lambda: _write_date(day + timedelta(days=_whole_days(span))))


def shift_time(text: str, span: timedelta) -> str | None:
    """A TM value moved by the part of the span below a day, around the clock; None if it is none.

    The precision stays, and the fraction of a second as it is.
    """
    return _moved(lambda: _shift_clock(text, span - timedelta(days=_whole_days(span))))


def shift_moment(text: str, span: timedelta) -> str | None:
    """A DT value moved by the span, in its own precision and without its time zone; None if it is none.

    A value without a day counts from the middle of its month or year.
    """
    written = _MOMENT.fullmatch(text.strip())
    if written is None:
        return None
    digits = written["digits"]
    fill = {4: _MIDDLE_OF_YEAR, 6: _MIDDLE_OF_MONTH}.get(len(digits), "000000")
    whole = (digits + fill)[:14].ljust(14, "0")

    def move() -> str:
        moment = datetime.strptime(whole, "%Y%m%d%H%M%S") + span  # noqa: DTZ007 - DICOM moments are local wall time
        return f"{moment.year:04d}{moment:%m%d%H%M%S}"[: len(digits)] + (written["fraction"] or "")

    return _moved(move)


def shift_pairs(dataset: Dataset, span: timedelta) -> Iterator[tuple[BaseTag, str]]:
    """What becomes of the dates (DA) and times (TM) of a data set that belong together, such as Study Date and Time.

    Only together do they tell whether a time moves across midnight. Items of sequences are not looked into, and what
    is no single valid date and time is left out.
    """
    for tag in list(dataset.keys()):
        keyword = keyword_for_tag(tag)
        partner = tag_for_keyword(keyword.replace("Date", "Time")) if "Date" in keyword else None
        if partner is None or partner == tag or partner not in dataset:
            continue
        day = date_of(str(dataset[tag].value or ""))
        time = _TIME.fullmatch(str(dataset[partner].value or "").strip())
        if day is None or time is None:
            continue
        try:
            moved = datetime(day.year, day.month, day.day, *_clock(time)) + span  # noqa: DTZ001 - local wall time
        except OverflowError:
            continue
        yield tag, _write_date(moved.date())
        yield BaseTag(partner), _write_time(moved, time)


def age_years(born: str, at: str) -> int | None:
    """Completed years between two DA values; None where one is none, or the later comes first."""
    first, last = date_of(born), date_of(at)
    if first is None or last is None or last < first:
        return None
    return last.year - first.year - ((last.month, last.day) < (first.month, first.day))


def date_of(text: str) -> date | None:
    """A DA value as a date, in today's notation (20190304) or an older one (2019.03.04); None if it is none.

    Source: DICOM PS3.5 6.2.
    """
    match = _DATE.fullmatch(text.strip())
    try:
        return date(int(match["year"]), int(match["month"]), int(match["day"])) if match else None
    except ValueError:
        return None


def _whole_days(span: timedelta) -> int:
    # Towards zero: a date alone moves as far as one with a time at midday or later.
    return -((-span).days) if span < timedelta(0) else span.days


def _write_date(day: date) -> str:
    return f"{day.year:04d}{day.month:02d}{day.day:02d}"


def _clock(time: re.Match[str]) -> tuple[int, int, int]:
    # A leap second counts as the one before.
    return int(time["hour"]), int(time["minute"] or 0), min(int(time["second"] or 0), 59)


def _write_time(moment: datetime, like: re.Match[str]) -> str:
    digits = 2 * (1 + (like["minute"] is not None) + (like["second"] is not None))
    return f"{moment:%H%M%S}"[:digits] + (like["fraction"] or "")


def _shift_clock(text: str, span: timedelta) -> str | None:
    time = _TIME.fullmatch(text.strip())
    if time is None:
        return None
    return _write_time(datetime(2000, 1, 2, *_clock(time)) + span, time)  # noqa: DTZ001 - any day will do


def _moved(move: Callable[[], str | None]) -> str | None:
    try:
        return move()
    except (OverflowError, ValueError):  # before year 1, or no day of the calendar
        return None
