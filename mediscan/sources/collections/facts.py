"""Columns about patients and images, from a collection's spelling to mediscan's."""

from collections.abc import Mapping

import pandas as pd

from mediscan.cells import OLDEST_YEARS
from mediscan.study import Sex, Split

_VIEWS = {
    **dict.fromkeys(("L", "LATERAL"), "LL"),
    **dict.fromkeys(("AP SUPINE", "AP ERECT", "AP SEMI ERECT", "AP_HORIZONTAL"), "AP"),
}
_SEXES = {"M": Sex.MALE, "F": Sex.FEMALE, "O": Sex.OTHER}
_PER_YEAR = {"Y": 1.0, "M": 12.0, "W": 365.25 / 7, "D": 365.25}


def views(written: pd.Series) -> pd.Series:
    """Views in DICOM's words (PA, AP, LL; PS3.3 C.8.7.1.1.1); others stay, in capitals.

    Collections say lateral without a side, which in chest radiography is left lateral (LL) unless told otherwise.
    """
    upper = written.str.upper()
    return upper.map(_VIEWS).fillna(upper)


def sexes(written: pd.Series) -> pd.Series:
    """`Sex` by the first letter of M, F, O, male and female; anything else is unknown."""
    return written.str.slice(0, 1).str.upper().map(_SEXES)


def ages(written: pd.Series) -> pd.Series:
    """Ages in years, from numbers or DICOM's age strings (`058Y`, `011M`; PS3.5 6.2).

    What is no age between 0 and 130 years is unknown: some collections hold ages of 400 years.
    """
    parts = written.str.extract(r"^\s*(\d+(?:\.\d+)?)\s*([YMWD]?)\+?\s*$")
    per_year = parts[1].map(_PER_YEAR).astype("float64").fillna(1.0)
    years = pd.to_numeric(parts[0], errors="coerce").astype("float64") / per_year
    return years.where(years.between(0.0, OLDEST_YEARS))


def unread(written: pd.Series, read: pd.Series, *, what: str) -> tuple[str, ...]:
    """A notice of values that stand in the collection and could not be read; none where all could."""
    count = int((written.notna() & read.isna()).sum())
    return (f"{what} that could not be read and are unknown: {count}.",) if count else ()


def moments(dates: pd.Series, times: pd.Series) -> pd.Series:
    """Times from DICOM dates (`21800506`) and times (`213014.531`) that may have lost their leading zeros.

    A date without a time is no moment, and is unknown.
    """
    clock = times.str.replace(r"\..*$", "", regex=True).str.zfill(6)
    return pd.to_datetime(dates + clock, format="%Y%m%d%H%M%S", errors="coerce")


def splits(written: pd.Series, names: Mapping[str, Split]) -> pd.Series:
    """`Split` by a collection's own names; a study without one belongs to none."""
    return written.map(names)
