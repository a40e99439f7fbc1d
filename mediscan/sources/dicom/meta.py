"""What a header says of its image and its patient."""

import re
from datetime import datetime

import pydicom

from mediscan.cells import OLDEST_YEARS
from mediscan.errors import SourceError
from mediscan.sources.boundary import refusing
from mediscan.sources.description import PatientFacts
from mediscan.sources.dicom.elements import frame_macro, numbers, text
from mediscan.sources.dicom.header import HEADER_REMEDY, Header
from mediscan.study import ImageMeta, Sex

_VIEW_CODES = {  # DICOM PS3.16 CID 4010 and 4014, SNOMED CT → the defined terms of View Position (0018,5101)
    "399348003": "AP",
    "272479007": "PA",
    "399173006": "LL",
    "399198007": "RL",
    "399162004": "CC",
    "399368009": "MLO",
    "399260004": "ML",
    "399352003": "LM",
}
_AGE = re.compile(r"(?P<count>\d{1,3})(?P<unit>[DWMY])")
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,6}))?)?)?)?(?:[+-]\d{4})?$")
_PER_YEAR = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}
_DATE_AND_TIME = (
    ("AcquisitionDate", "AcquisitionTime"),
    ("SeriesDate", "SeriesTime"),
    ("StudyDate", "StudyTime"),
    ("ContentDate", "ContentTime"),
)


def image_meta(header: Header) -> ImageMeta:
    """What a header says of its image; `sha256` is left to the caller.

    `acquired_at` is the local wall time of the place of acquisition, without time zone.
    """
    dataset = header.dataset
    with refusing(header.path, "has a damaged DICOM header", kind=SourceError, remedy=HEADER_REMEDY):
        anatomy = frame_macro(dataset, "FrameAnatomySequence")
        return ImageMeta(
            modality=_term(dataset, "Modality"),
            body_part=_term(dataset, "BodyPartExamined"),
            view=_term(dataset, "ViewPosition") or _coded_view(dataset),
            laterality=_term(dataset, "ImageLaterality")
            or _term(dataset, "Laterality")
            or _term(anatomy, "FrameLaterality"),
            spacing_mm=_spacing_mm(dataset, frames=header.frames),
            acquired_at=_acquired_at(dataset),
        )


def patient_facts(header: Header) -> PatientFacts:
    """Whom a header says its image shows.

    Source: DICOM PS3.3 C.7.1.1 (patient), C.7.2.2 (age).
    """
    dataset = header.dataset
    sex = _term(dataset, "PatientSex")
    born = parse_moment((text(dataset, "PatientBirthDate") or "").replace(".", "").replace("-", ""))
    age = _AGE.fullmatch(_term(dataset, "PatientAge") or "")
    age_years = int(age["count"]) / _PER_YEAR[age["unit"]] if age else None
    return PatientFacts(
        patient_id=text(dataset, "PatientID"),
        sex=Sex(sex) if sex in set(Sex) else None,
        birth_date=born.date() if born else None,
        # Older than anybody is no age, and a manifest does not take it.
        age_years=age_years if age_years is not None and age_years <= OLDEST_YEARS else None,
    )


def _term(dataset: pydicom.Dataset, keyword: str) -> str | None:
    value = text(dataset, keyword)
    return value.upper() if value else None


def _coded_view(dataset: pydicom.Dataset) -> str | None:
    for item in dataset.get("ViewCodeSequence") or ():
        code, meaning = text(item, "CodeValue"), text(item, "CodeMeaning")
        return _VIEW_CODES.get(code or "") or (meaning.upper() if meaning else None)
    return None


def _spacing_mm(dataset: pydicom.Dataset, *, frames: int) -> tuple[float, ...] | None:
    measures = frame_macro(dataset, "PixelMeasuresSequence")
    for source, keyword in ((measures, "PixelSpacing"), (dataset, "ImagerPixelSpacing")):
        plane = numbers(source, keyword)
        if len(plane) == 2 and min(plane) > 0:
            break
    else:
        return None
    if frames > 1:
        for keyword in ("SpacingBetweenSlices", "SliceThickness"):
            between = numbers(measures, keyword)
            if between and between[0] > 0:
                return (*plane, between[0])
    return plane


def _acquired_at(dataset: pydicom.Dataset) -> datetime | None:
    moment = parse_moment(text(dataset, "AcquisitionDateTime") or "")
    if moment:
        return moment
    for date, time in _DATE_AND_TIME:
        day = (text(dataset, date) or "").replace(".", "").replace("-", "")  # ACR-NEMA wrote 1997.04.24
        clock = (text(dataset, time) or "").replace(":", "")
        moment = parse_moment(day + clock) or parse_moment(day)
        if moment:
            return moment
    return None


def parse_moment(stamp: str) -> datetime | None:
    """A DICOM date and time (DT), of any precision from the day on, as local wall time; None if it is none.

    Source: DICOM PS3.5 6.2.
    """
    found = _MOMENT.match(stamp)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    try:
        # DICOM dates are local wall time; a leap second counts as the last of its minute.
        return datetime(year, month, day, hour, minute, min(second, 59), int((found[7] or "").ljust(6, "0")))  # noqa: DTZ001
    except ValueError:
        return None
