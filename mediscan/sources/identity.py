"""Do note, record and image speak of the same patient and examination?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mediscan.errors import IdentityMismatchError
from mediscan.sources.anatomy import regions
from mediscan.sources.description import ImageDescription
from mediscan.sources.identifiers import rewritten_remedy
from mediscan.sources.note_facts import NoteFacts, note_facts
from mediscan.study import Sex, Study

_YEARS_APART = 2.0
"""Ages that differ by no more may be one: a birthday between note and image, rounding, months counted as years."""
_CAPPED_FROM = 89.0
"""Archives write all higher ages as one (HIPAA Safe Harbor, 45 CFR 164.514(b)(2)(i)(C))."""
_DAYS_APART = 1
_DAYS_PER_YEAR = 365.25


def check_identity(study: Study, images: Sequence[ImageDescription]) -> None:
    """Compare sex, age, body part, side and day of examination between a study's record, note and images.

    What one side does not state is not compared. Patient ids are compared among the images; `compare_patients` compares
    them with the record's.

    Raises:
        IdentityMismatchError: Two of them contradict each other. The message names the property, never the values.
    """
    note = note_facts(study.written_sections)
    problem = next(_contradictions(study, note, images), None)
    if problem:
        raise IdentityMismatchError(
            f"study {study.study_id!r}: {problem}",
            remedy="Find out whose note and whose image these are, and correct the record.",
        )


def _contradictions(study: Study, note: NoteFacts, images: Sequence[ImageDescription]) -> Iterator[str]:
    if len({one.patient.patient_id for one in images if one.patient.patient_id}) > 1:
        yield "its images name different patients"
    if _differ(study.sex, note.sex):
        yield "the record and the note state different sexes"
    if _ages_differ(study.age_years, note.age_years):
        yield "the record and the note state different ages"
    for image in images:
        sex, age = image.patient.sex, age_at_acquisition(image)
        if _differ(study.sex, sex):
            yield "the record and an image state different sexes"
        if _differ(note.sex, sex):
            yield "the note and an image state different sexes"
        if _ages_differ(study.age_years, age):
            yield "the record and an image state different ages"
        if _ages_differ(note.age_years, age):
            yield "the note and an image state different ages"
        acquired = image.meta.acquired_at
        if note.examined_on and acquired and abs((acquired.date() - note.examined_on).days) > _DAYS_APART:
            yield "the note and an image state different days of examination"
    yield from _places_differ(note, images)


def _places_differ(note: NoteFacts, images: Sequence[ImageDescription]) -> Iterator[str]:
    """What no image of the study bears out: its images may show more than the note speaks of, such as both breasts."""
    shown = [(regions((image.meta.body_part or "").replace("_", " ")), image.meta.laterality) for image in images]
    places = {region for found, _ in shown for region in found}
    if places and note.examined and not any(one.touches(other) for one in places for other in note.examined):
        yield "the note and an image state different body parts"
    for region in places:
        imaged = {side for found, side in shown if region in found}
        named = {letter for of, letter in note.sides if of is region}
        if region.is_paired and named and imaged <= {"L", "R"} and not named & imaged:
            yield "the note and an image state different sides"


def _differ(one: Sex | None, other: Sex | None) -> bool:
    # "Other" contradicts neither.
    return {one, other} == {Sex.FEMALE, Sex.MALE}


def _ages_differ(one: float | None, other: float | None) -> bool:
    if one is None or other is None or min(one, other) >= _CAPPED_FROM:
        return False
    return abs(one - other) > _YEARS_APART


def age_at_acquisition(image: ImageDescription) -> float | None:
    """The patient's age in years as an image's header states it, or as its dates give it."""
    if image.patient.age_years is not None:
        return image.patient.age_years
    born, acquired = image.patient.birth_date, image.meta.acquired_at
    return (acquired.date() - born).days / _DAYS_PER_YEAR if born and acquired else None


@dataclass(frozen=True, kw_only=True)
class PatientComparison:
    """How a source's patient ids compare with those in the images' headers.

    Args:
        pseudonyms: Whether no id is the same but each stands for one of the other kind: the source renamed its
            patients.
        mismatched: Ids of the studies whose images name another patient than the record does.
    """

    pseudonyms: bool
    mismatched: frozenset[str]


def check_patient(study: Study, images: Sequence[ImageDescription], *, mismatched: frozenset[str]) -> None:
    """Refuse a study that `compare_patients` found to be of two patients.

    Raises:
        IdentityMismatchError: It is among the mismatched.
    """
    if study.study_id in mismatched:
        raise IdentityMismatchError(
            f"study {study.study_id!r}: the record and an image name different patients",
            remedy="Correct the patient or the image; a table that renames patients must rename all of them."
            + rewritten_remedy(study.patient_id, [one.patient.patient_id for one in images]),
        )


def compare_patients(studies: Sequence[Study], images: Mapping[str, Sequence[ImageDescription]]) -> PatientComparison:
    """Compare the patient ids of all studies of a source with those of their images.

    A table may name its patients in its own way. It does where no id agrees and the ids match one to one; ids that are
    neither equal nor so matched are mismatches.

    Args:
        studies: All studies of the source.
        images: Descriptions by study id.
    """
    pairs = [
        (study, one.patient.patient_id)
        for study in studies
        for one in images.get(study.study_id, ())
        if one.patient.patient_id is not None
    ]
    differing = [(study, found) for study, found in pairs if found != study.patient_id]
    if len(differing) == len(pairs) and len(pairs) > 1:
        one_to_one = {(study.patient_id, found) for study, found in pairs}
        if len(one_to_one) == len({own for own, _ in one_to_one}) == len({found for _, found in one_to_one}) > 1:
            return PatientComparison(pseudonyms=True, mismatched=frozenset())
    return PatientComparison(pseudonyms=False, mismatched=frozenset(study.study_id for study, _ in differing))
