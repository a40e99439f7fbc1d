"""What tests of sources look at: the one study or refusal that was read, and a note by its sections."""

from mediscan.diagnosis import Refusal
from mediscan.sources.studies import SourceStudies
from mediscan.study import Study

CANARIES = ("ADLERFLYCHT", "QUIRINA", "hemoptysis-canary")
"""A patient's names and a word of the note, which no log, error or warning may repeat."""


def only_study(read: SourceStudies) -> Study:
    (study,) = read.studies
    assert isinstance(study, Study), study
    return study


def only_refusal(read: SourceStudies) -> Refusal:
    (refusal,) = [entry for entry in read.studies if isinstance(entry, Refusal)]
    return refusal


def sections(study: Study) -> dict[str, str]:
    return {section.name: section.text for section in study.note}
