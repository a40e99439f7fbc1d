import pytest

from mediscan.sources.notes.times import DateOrder, moments, studied_at, written_at


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2019-03-04", "2019-03-04T00:00:00"),
        ("2019-03-04T10:22:33", "2019-03-04T10:22:33"),
        ("2019-03-04T10:22:33Z", "2019-03-04T10:22:33+00:00"),
        ("2019-03-04 10:22+02:00", "2019-03-04T10:22:00+02:00"),
        ("2019/03/04", "2019-03-04T00:00:00"),
        ("March 4, 2019", "2019-03-04T00:00:00"),
        ("Mar. 4th 2019 at 3:05 PM", "2019-03-04T15:05:00"),
        ("4 March 2019, 12:10 a.m.", "2019-03-04T00:10:00"),
        ("04-MAR-2019 0922h", "2019-03-04T09:22:00"),
        ("03/14/2019 10:22", "2019-03-14T10:22:00"),
        ("14.03.2019 10:22", "2019-03-14T10:22:00"),
        ("03/03/2019", "2019-03-03T00:00:00"),
    ],
)
def test_times_that_can_be_read_in_one_way_are_read(written: str, at: str) -> None:
    assert [moment.at.isoformat() for moment in moments(f"On {written}, seen.")] == [at]


@pytest.mark.parametrize(
    "written",
    [
        *("03/04/2019", "3/14/19", "10:22", "31/31/2019", "2019-02-30", "13:70 2019", "___", "1/2/3/2019"),
        *("03/14/2019-5", "May 2019"),
    ],
)
def test_times_that_can_be_read_in_two_ways_or_none_are_not_read(written: str) -> None:
    assert list(moments(f"On {written} seen.")) == []


def test_the_declared_order_decides() -> None:
    months = [
        next(moments("03/04/2019", order=order)).at.month for order in (DateOrder.MONTH_FIRST, DateOrder.DAY_FIRST)
    ]
    assert months == [3, 4]
    assert list(moments("14/03/2019", order=DateOrder.MONTH_FIRST)) == []


def test_a_report_was_written_when_it_was_last_signed() -> None:
    text = "DATE OF STUDY: March 4, 2019\nDictated: 2019-03-05 10:22\nElectronically signed by: N. on 2019-03-06 11:00"
    assert str(written_at(text)) == "2019-03-06 11:00:00"
    assert str(studied_at(text)) == "2019-03-04 00:00:00"


def test_the_date_of_the_study_is_not_when_the_report_was_written() -> None:
    assert written_at("Exam date: 2019-03-04\nFINDINGS: stable since 2018-01-01.") is None


def test_two_dates_of_study_are_none() -> None:
    assert studied_at("Exam date: 2019-03-04\nStudy date: 2019-03-05") is None
