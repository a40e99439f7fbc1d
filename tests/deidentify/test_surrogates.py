from datetime import timedelta

import pytest

from mediscan.deidentify.surrogates import Surrogates
from mediscan.errors import ConfigError


def test_a_surrogate_depends_on_value_kind_and_secret() -> None:
    one, other = Surrogates(b"0123456789abcdef"), Surrogates(b"fedcba9876543210")
    codes = {one.code("patient", "P1"), one.code("patient", "P2"), one.code("study", "P1"), other.code("patient", "P1")}
    assert len(codes) == 4
    assert one.code("patient", "P1") == one.patient("P1")


def test_a_uid_is_valid_for_any_value() -> None:
    for value in ("1.2.3", "../..", "", "\udc80"):
        uid = Surrogates(b"0123456789abcdef").uid(value)
        assert uid.startswith("2.25.")
        assert uid.replace(".", "").isdecimal()
        assert len(uid) <= 64


def test_dates_move_back_by_whole_weeks_and_times_by_less_than_an_hour_more() -> None:
    surrogates = Surrogates(b"0123456789abcdef")
    spans = {surrogates.span(f"P{number}") for number in range(200)}
    assert len(spans) == 200
    for number in range(200):
        days, span = surrogates.days(f"P{number}"), surrogates.span(f"P{number}")
        assert days % 7 == 0
        assert -3640 <= days <= -7
        assert timedelta(hours=-1) < span - timedelta(days=days) < timedelta(0)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ConfigError, match="could be guessed"):
        Surrogates(b"short")
