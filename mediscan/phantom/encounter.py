"""What every synthetic study has, whatever kind of image it comes with."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mediscan.phantom.note_parts import Note
from mediscan.phantom.rules import Context
from mediscan.study import Sex, Split


@dataclass(frozen=True, kw_only=True)
class Encounter(ABC):
    """A synthetic study before anything is drawn or written.

    Args:
        study_id: Its name, which says nothing of its content.
        patient_id: The patient's.
        split: The part it plays; all studies of a patient play the same.
        age_years: The patient's age at this study.
        sex: The patient's sex.
        acquired_at: When the images are taken.
        contexts: What the note states.
        note: The note, written whether or not the study keeps it.
        labels: Finding → 1 or 0; one that is unknown is left out.
        has_image: Whether the study keeps its images.
        has_note: Whether the study keeps its note.
        uid_root: What its DICOM identifiers are made from.
    """

    study_id: str
    patient_id: str
    split: Split
    age_years: int
    sex: Sex
    acquired_at: datetime
    contexts: frozenset[Context]
    note: Note
    labels: Mapping[str, int]
    has_image: bool = True
    has_note: bool = True
    uid_root: str = ""

    @property
    @abstractmethod
    def patterns(self) -> AbstractSet[StrEnum]:
        """What is drawn."""

    @property
    @abstractmethod
    def truth(self) -> dict[str, int]:
        """Finding → 1 or 0, for every finding: what the construction says, also where the label is unknown."""

    @property
    def report_sections(self) -> Mapping[str, str]:
        """What a radiologist wrote of the images afterwards: section → text; empty for no report."""
        return {}
