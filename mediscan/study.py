"""The study: one encounter to diagnose, as everything downstream sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Sex(StrEnum):
    """Patient's sex as recorded (DICOM PS3.3 C.7.1.1, attribute 0010,0040)."""

    FEMALE = "F"
    MALE = "M"
    OTHER = "O"


class Split(StrEnum):
    """The part a study plays in an experiment; a patient belongs to one only."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


class Availability(StrEnum):
    """Which modalities a study has, or a prediction was made from."""

    IMAGE = "image"
    NOTE = "note"
    BOTH = "image+note"
    NONE = "none"

    @classmethod
    def of(cls, *, image: bool, note: bool) -> "Availability":
        """The pattern for a pair of facts."""
        return {(True, True): cls.BOTH, (True, False): cls.IMAGE, (False, True): cls.NOTE}.get((image, note), cls.NONE)

    @property
    def image(self) -> bool:
        """Whether an image is there."""
        return self in (Availability.IMAGE, Availability.BOTH)

    @property
    def note(self) -> bool:
        """Whether a note is there."""
        return self in (Availability.NOTE, Availability.BOTH)


@dataclass(frozen=True, kw_only=True)
class ImageMeta:
    """What is known of an image without its pixels; every value may be unknown.

    `spacing_mm` is the distance between row centres, then column centres, then (for volumes) slices.
    """

    modality: str | None = None
    body_part: str | None = None
    view: str | None = None
    laterality: str | None = None
    spacing_mm: tuple[float, ...] | None = None
    acquired_at: datetime | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class ImageRef:
    """Where an image lies.

    `path` is a file, or a folder that holds a DICOM series; absolute once a manifest is read.
    """

    path: str
    meta: ImageMeta = ImageMeta()


@dataclass(frozen=True, kw_only=True)
class NoteSection:
    """One section of a note. `at` is when it was written, where known."""

    name: str
    text: str
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Study:
    """One encounter to diagnose.

    `labels` maps a finding to 1 (present) or 0 (absent); a finding that is missing is unknown, never absent.
    """

    study_id: str
    patient_id: str
    images: tuple[ImageRef, ...] = ()
    note: tuple[NoteSection, ...] = ()
    split: Split | None = None
    age_years: float | None = None
    sex: Sex | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, int] = field(default_factory=dict)

    @property
    def written_sections(self) -> tuple[NoteSection, ...]:
        """The sections that hold any text."""
        return tuple(section for section in self.note if section.text.strip())

    @property
    def availability(self) -> Availability:
        """Which modalities the study claims to have; whether its files can be read is another question."""
        return Availability.of(image=bool(self.images), note=bool(self.written_sections))
