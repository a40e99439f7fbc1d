from datetime import date, datetime

import pytest

from mediscan.errors import Code, IdentityMismatchError
from mediscan.sources.description import ImageDescription, PatientFacts
from mediscan.sources.identity import check_identity, compare_patients
from mediscan.study import ImageMeta, NoteSection, Sex, Study

ACQUIRED = datetime(2019, 3, 4, 10)  # noqa: DTZ001 - headers state the wall time of the place


def study(text="", *, section="history", study_id="S1", patient_id="P1", **facts):
    note = (NoteSection(name=section, text=text),) if text else ()
    return Study(study_id=study_id, patient_id=patient_id, note=note, **facts)


def image(*, laterality=None, body_part=None, **patient):
    meta = ImageMeta(acquired_at=ACQUIRED, laterality=laterality, body_part=body_part)
    return ImageDescription(meta=meta, patient=PatientFacts(**patient))


@pytest.mark.parametrize(
    ("told", "shown", "problem"),
    [
        (study(sex=Sex.MALE), image(sex=Sex.FEMALE), "record and an image state different sexes"),
        (study("65-year-old woman."), image(sex=Sex.MALE), "note and an image state different sexes"),
        (study("65-year-old woman.", sex=Sex.MALE), image(), "record and the note state different sexes"),
        (study(age_years=62), image(age_years=59), "record and an image state different ages"),
        (study("65-year-old woman."), image(age_years=40), "note and an image state different ages"),
        (study("65-year-old woman."), image(birth_date=date(1990, 1, 1)), "note and an image state different ages"),
        (study("65-year-old woman.", age_years=30), image(), "record and the note state different ages"),
        (
            study("Radiographs of the left knee.", section="technique"),
            image(laterality="R", body_part="KNEE"),
            "note and an image state different sides",
        ),
        (
            study("Radiographs of the left knee.", section="technique"),
            image(body_part="CHEST"),
            "note and an image state different body parts",
        ),
        (
            study("Exam date: March 9, 2019."),
            image(),
            "note and an image state different days of examination",
        ),
    ],
)
def test_a_contradiction_is_refused_by_the_name_of_what_differs(told, shown, problem):
    with pytest.raises(IdentityMismatchError, match=rf"^study 'S1': the {problem}\. Find out") as caught:
        check_identity(told, [image(), shown])
    assert caught.value.code is Code.IDENTITY_MISMATCH
    assert not set("0123456789") & set(str(caught.value).replace("S1", ""))


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (study("65-year-old woman.", sex=Sex.FEMALE, age_years=65), image(sex=Sex.FEMALE, age_years=64)),
        (study("65-year-old woman."), image(birth_date=date(1953, 9, 1))),
        (study(sex=Sex.OTHER), image(sex=Sex.MALE)),
        (study(age_years=97), image(age_years=89)),
        (study("CT chest.", section="technique"), image(body_part="ABDOMEN")),
        (study("CT of the chest.", section="technique"), image(body_part="UNKNOWN")),
        (study("Pain in both knees."), image(laterality="R", body_part="KNEE")),
        (study("Effusion on the left."), image(laterality="R", body_part="CHEST")),
        (study("Left hand burnt."), image(laterality="R", body_part="KNEE")),
        (study("Exam date: March 5, 2019."), image()),
        (study(), image()),
    ],
)
def test_what_agrees_or_is_not_stated_on_both_sides_passes(told, shown):
    check_identity(told, [shown])


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (study("Lump in the left breast."), [image(laterality=side, body_part="BREAST") for side in "LR"]),
        (study("CT of the chest.", section="technique"), [image(body_part=part) for part in ("HEAD", "CHEST")]),
        (study("Pain in the left knee."), [image(laterality=side, body_part="KNEE") for side in ("R", None)]),
    ],
)
def test_a_study_may_show_more_than_its_note_speaks_of(told, shown):
    check_identity(told, shown)


def test_images_that_are_all_of_the_other_side_are_a_mismatch():
    shown = [image(laterality="R", body_part="BREAST")] * 2
    with pytest.raises(IdentityMismatchError, match="different sides"):
        check_identity(study("Lump in the left breast."), shown)


def test_images_of_two_patients_are_no_study():
    with pytest.raises(IdentityMismatchError, match="its images name different patients"):
        check_identity(study(), [image(patient_id="P1"), image(patient_id="P2")])


def compared(*pairs):
    studies = [study(study_id=f"S{n}", patient_id=own) for n, (own, _) in enumerate(pairs)]
    images = {f"S{n}": [image(patient_id=found)] for n, (_, found) in enumerate(pairs)}
    return compare_patients(studies, images)


def test_equal_patient_ids_and_images_without_one_agree():
    assert compared(("P1", "P1"), ("P2", None)).mismatched == frozenset()


def test_one_differing_patient_id_among_equal_ones_is_a_mismatch():
    assert compared(("P1", "P1"), ("P2", "P3"), ("P4", "P4")).mismatched == {"S1"}


def test_a_lone_differing_patient_id_is_a_mismatch():
    assert compared(("P1", "P2")).mismatched == {"S0"}


def test_ids_that_match_one_to_one_and_are_never_equal_are_pseudonyms():
    result = compared(("P1", "A"), ("P2", "B"), ("P2", "B"))
    assert result.pseudonyms
    assert result.mismatched == frozenset()


@pytest.mark.parametrize("pairs", [[("P1", "A"), ("P2", "A")], [("P1", "A"), ("P1", "B")]])
def test_ids_that_do_not_match_one_to_one_are_mismatches(pairs):
    result = compared(*pairs)
    assert not result.pseudonyms
    assert result.mismatched == {"S0", "S1"}
