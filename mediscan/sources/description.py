"""What is known of an image before its pixels are decoded."""

from dataclasses import dataclass
from datetime import date

from mediscan.diagnosis import Flag
from mediscan.study import ImageMeta, Sex


@dataclass(frozen=True, kw_only=True)
class PatientFacts:
    """What a file says of its patient; every value may be unknown.

    Only for comparing and joining: none of it goes into a message, a log or a manifest but `patient_id`.
    """

    patient_id: str | None = None
    sex: Sex | None = None
    birth_date: date | None = None
    age_years: float | None = None


@dataclass(frozen=True, kw_only=True)
class ImageDescription:
    """An image as its header tells it.

    Args:
        meta: Goes into the manifest.
        patient: Whom the image is said to show.
        flags: What a reader should know of an image that is used all the same.
    """

    meta: ImageMeta
    patient: PatientFacts = PatientFacts()
    flags: tuple[Flag, ...] = ()
