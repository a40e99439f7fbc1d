from datetime import timedelta

import pytest
from pydicom import Dataset

from mediscan.deidentify.moments import age_years, shift_date, shift_moment, shift_pairs, shift_time

SPAN = timedelta(days=-14, seconds=-600)


@pytest.mark.parametrize(
    ("written", "moved"),
    [
        ("20200302", "20200217"),
        ("2020.03.02", "20200217"),
        ("2020-03-02", "20200217"),
        ("20210101", "20201218"),
        ("20200230", None),
        ("00010105", None),
        ("Marlowe", None),
        ("20200101-20200202", None),
    ],
)
def test_a_date_moves_and_is_written_as_today(written: str, moved: str | None) -> None:
    assert shift_date(written, SPAN) == moved


@pytest.mark.parametrize(
    ("written", "moved"),
    [
        ("101500", "100500"),
        ("101500.123456", "100500.123456"),
        ("10:15:00", "100500"),
        ("1015", "1005"),
        ("10", "09"),
        ("000500", "235500"),
        ("250000", None),
        ("noon", None),
    ],
)
def test_a_time_moves_around_the_clock_in_its_own_precision(written: str, moved: str | None) -> None:
    assert shift_time(written, SPAN) == moved


@pytest.mark.parametrize(
    ("written", "moved"),
    [
        ("20200302000500.25+0100", "20200216235500.25"),
        ("20200302", "20200216"),
        ("202003", "202002"),
        ("202001", "201912"),
        ("2020", "2020"),
        ("20203", None),
    ],
)
def test_a_moment_moves_in_its_own_precision(written: str, moved: str | None) -> None:
    assert shift_moment(written, SPAN) == moved


def test_a_date_and_its_time_cross_midnight_together() -> None:
    dataset = Dataset()
    dataset.StudyDate, dataset.StudyTime = "20200302", "000500"
    dataset.SeriesDate, dataset.SeriesTime = "20200302", "235500.5"
    dataset.AcquisitionDate = "20200302"
    moved = {f"{tag:08X}": text for tag, text in shift_pairs(dataset, SPAN)}
    assert moved == {"00080020": "20200216", "00080030": "235500", "00080021": "20200217", "00080031": "234500.5"}


def test_years_count_when_they_are_completed() -> None:
    assert age_years("19800615", "20200614") == 39
    assert age_years("19800615", "20200615") == 40
    assert age_years("20200615", "20200614") is None
    assert age_years("", "20200614") is None
