"""Dates and times as HL7 v2 writes them."""

import re
from datetime import datetime, timedelta, timezone

from mediscan.sources.messages.moments import TimeSpan

_TIME = re.compile(
    r"(?P<year>\d{4})(?:(?P<month>\d\d)(?:(?P<day>\d\d)"
    r"(?:(?P<hour>\d\d)(?:(?P<minute>\d\d)(?:(?P<second>\d\d)(?:\.\d{1,4})?)?)?)?)?)?"
    r"(?P<sign>[+-])?(?(sign)(?P<offset_hours>\d\d)(?P<offset_minutes>\d\d))",
    re.ASCII,
)


def time_span(written: str) -> TimeSpan | None:
    """YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ] as the time that it leaves open; None where it is no time.

    Source: HL7 v2.8.2, 2A.3.22 (DTM).
    """
    found = _TIME.fullmatch(written)
    if found is None:
        return None
    year, month, day, hour, minute, second = (
        int(found[name]) if found[name] else None for name in ("year", "month", "day", "hour", "minute", "second")
    )
    try:
        zone = None
        if found["sign"]:
            ahead = timedelta(hours=int(found["offset_hours"]), minutes=int(found["offset_minutes"]))
            zone = timezone(ahead if found["sign"] == "+" else -ahead)
        if year is None or month is None or day is None or hour is None:
            return TimeSpan.of(year or 0, month, day)
        first = datetime(year, month, day, hour, minute or 0, second or 0, tzinfo=zone)
    except ValueError:
        return None
    open_for = (
        timedelta(hours=1) if minute is None else timedelta(minutes=1) if second is None else timedelta(seconds=1)
    )
    return TimeSpan(first=first, last=first + open_for - timedelta(microseconds=1))
