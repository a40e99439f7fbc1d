"""Of what kind a note is, told by its headings, and how far its sections may reach because of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from mediscan.sources.notes.headings import NOTE, Heading, Scope, is_abbreviation, is_subheading, names_a_diagnosis
from mediscan.sources.notes.mark import Mark, Stand
from mediscan.sources.notes.prose import first_image_sentence, first_mention_of_earlier_images, names_a_sign

_OF_REPORTS = frozenset({"technique", "comparison", "findings", "impression", "preliminary_read"})
_OF_CLINICAL_NOTES = frozenset(
    {"hospital_course", "medications", "labs", "instructions", "vitals", "plan", "assessment"}
)
_EMPTY_LINE = re.compile(r"\n[ \t\r]*\n|\r[ \t]*\r|\n[ \t]*_{4,}[ \t\r]*\n")

_VITAL_SIGN = re.compile(
    r"\b(?:temp(?:erature)?|bp|hr|rr|pulse|heart rate|resp(?:iratory rate)?|sats?|spo2|news2?|gcs|ra|weight)\b",
    re.IGNORECASE,
)
_FIRST_WORDS = 400  # characters of a text that are searched for vital signs, or for a sign of an image

_NAMES_STUDY = re.compile(
    r"[^\n]{0,60}\b(?:views?|radiographs?|x-?rays?|xr|cr|dx|cxr|ct|hrct|mri?|ultrasound|portable)\b", re.IGNORECASE
)
_ORGAN = re.compile(
    r"(?<=\s)(?P<phrase>[A-Z][a-z]{2,20}(?:[ /](?:and[ ])?[a-z]{2,15}){0,2}|[A-Z]{3,20}(?:[ /][A-Z]{2,15}){0,3}):"
)


class Kind(Enum):
    """What a note's headings tell that it is."""

    REPORT = "report"
    CLINICAL = "clinical"
    UNTOLD = "untold"


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a note is written.

    Args:
        kind: What it is.
        runs_on: Whether its sections follow each other on one line.
    """

    kind: Kind
    runs_on: bool

    def name_of(self, heading: Heading, mark: Mark | None, text: str) -> str:
        """The section that a heading opens.

        Who plans in a report on images recommends, and "PE" there is an embolism and no physical examination. A
        diagnosis in a clinical note ("Final diagnosis", "Admitting diagnosis") is neither the impression of a reader
        nor the question to one, and may rest on images; "Observations" there are vital signs where the text has some.
        """
        if self.kind is Kind.REPORT and heading.name == "plan":
            return "recommendation"
        if self.kind is Kind.REPORT and mark and heading.name == "exam" and is_abbreviation(mark.phrase):
            return NOTE
        if self.kind is Kind.CLINICAL and mark:
            return _name_in_clinical_note(heading.name, mark.phrase, text)
        return heading.name

    def end_of(self, heading: Heading, text: str) -> int | None:
        """Where, in the text of a section, that of an image may begin; None where it is the section's throughout.

        The history and the physical examination of a clinical note may have several paragraphs, and sentences that
        could as well be those of a report.
        """
        if heading.scope is not Scope.PARAGRAPH and (self.kind is Kind.CLINICAL or not heading.is_safe):
            return None
        ends = [first_image_sentence(text)]
        if self.kind is not Kind.CLINICAL and heading.name == "exam":
            ends.append(_first_organ(text, told=self.kind is Kind.REPORT))
        if self.kind is Kind.REPORT and heading.is_safe:
            empty = _EMPTY_LINE.search(text)
            ends += [empty.start() if empty else None, first_mention_of_earlier_images(text)]
        if self.kind is Kind.UNTOLD and heading.is_safe:
            # A later paragraph that names a sign is rather the first of findings without a heading.
            ends += [
                empty.start()
                for empty in _EMPTY_LINE.finditer(text)
                if names_a_sign(text[empty.end() :][:_FIRST_WORDS])
            ]
        return min((end for end in ends if end is not None), default=None)


def _name_in_clinical_note(name: str, phrase: str, text: str) -> str:
    if name in {"impression", "indication"} and names_a_diagnosis(phrase):
        return "diagnosis"
    if name == "impression" and "assessment" in phrase.lower():
        return "assessment"
    if name == "findings" and "observation" in phrase.lower() and _tells_vital_signs(text):
        return "vitals"
    return name


def _tells_vital_signs(text: str) -> bool:
    told = {found[0].lower() for found in _VITAL_SIGN.finditer(text, 0, _FIRST_WORDS)}
    return len(told) > 1 and first_image_sentence(text) is None


def _first_organ(text: str, *, told: bool) -> int | None:
    # "Lungs: …" below the name of an examination begins its findings; in a physical examination it is part of it.
    if not told and not _NAMES_STUDY.match(text):
        return None
    organs = (found.start() for found in _ORGAN.finditer(text) if is_subheading(found["phrase"], of="exam"))
    return next(organs, None)


def manner_of(opened: Sequence[tuple[Heading, Mark | None]]) -> Manner:
    """How a note is written that has these headings, each with where it stands."""
    names = {heading.name for heading, _ in opened}
    clinical = len(names & _OF_CLINICAL_NOTES) + any(
        heading.name == "exam" and heading.scope is Scope.OPEN for heading, _ in opened
    )
    report = len(names & _OF_REPORTS)
    runs_on = any(mark is not None and mark.heading and mark.stand is not Stand.LINE for _, mark in opened)
    if clinical > report:
        return Manner(kind=Kind.CLINICAL, runs_on=runs_on)
    return Manner(kind=Kind.REPORT if report else Kind.UNTOLD, runs_on=runs_on)
