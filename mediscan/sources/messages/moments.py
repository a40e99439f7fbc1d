"""Times of messages: as coarse as a year or as fine as a microsecond, with or without an offset from UTC."""

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self

_DAYS_PER_YEAR = 365.25
_OLDEST_YEARS = 130.0


@dataclass(frozen=True, kw_only=True)
class TimeSpan:
    """The time in which something happened, as finely as it is known.

    So that nothing from after an examination is taken for older than it, what was written counts from `last` and an
    examination from `first`: with nothing but the same date on both, the text is the younger.
    """

    first: datetime
    last: datetime

    @classmethod
    def at(cls, moment: datetime) -> Self:
        """A span of no length."""
        return cls(first=moment, last=moment)

    @classmethod
    def of(cls, year: int, month: int | None = None, day: int | None = None) -> Self:
        """A day, a month or a year, in local time.

        Raises:
            ValueError: There is no such day.
        """
        until_month = month or 12
        until_day = day or calendar.monthrange(year, until_month)[1]
        return cls(
            first=datetime.combine(date(year, month or 1, day or 1), time.min),
            last=datetime.combine(date(year, until_month, until_day), time.max),
        )

    @property
    def middle(self) -> datetime:
        """The centre of the span."""
        return self.first + (self.last - self.first) / 2


def not_after(one: datetime, other: datetime) -> bool:
    """Whether `one` is `other` or earlier; where only one has an offset from UTC, both are read as local time."""
    return _seconds_between(one, other) >= 0


def apart(one: datetime, other: datetime) -> timedelta:
    """How much later `other` is than `one`; where only one has an offset from UTC, both are read as local time."""
    return timedelta(seconds=_seconds_between(one, other))


def sortable(moment: datetime | None) -> datetime:
    """A time to sort by: one without an offset as if it were UTC, and no time before all others."""
    if moment is None:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def latest(moments: list[datetime]) -> datetime | None:
    """The last of some times, which may differ in whether they have an offset from UTC."""
    found: datetime | None = None
    for moment in moments:
        if found is None or not not_after(moment, found):
            found = moment
    return found


def age_years(born: TimeSpan, at: datetime) -> float | None:
    """The age at a time; None where it is below 0 or above 130.

    A birth date of which only the year or month is told counts from its middle.
    """
    years = _seconds_between(born.middle, at) / 86400 / _DAYS_PER_YEAR
    return round(years, 2) if 0 <= years <= _OLDEST_YEARS else None


def _seconds_between(one: datetime, other: datetime) -> float:
    if (one.tzinfo is None) != (other.tzinfo is None):
        one, other = one.replace(tzinfo=None), other.replace(tzinfo=None)
    return (other - one).total_seconds()
