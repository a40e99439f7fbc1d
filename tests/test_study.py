import dataclasses
import pickle

import numpy as np
import pytest

from mediscan.diagnosis import Decision, Diagnosis, FindingResult, Heatmap, Refusal
from mediscan.errors import Code, PixelDataError
from mediscan.study import Availability, ImageRef, NoteSection, Study

IMAGE = (ImageRef(path="/images/a.dcm"),)
NOTE = (NoteSection(name="history", text="fever"),)


def result(finding: str, probability: float, *, threshold: float = 0.5) -> FindingResult:
    return FindingResult(
        finding=finding,
        probability=probability,
        lower=probability - 0.01,
        upper=probability + 0.01,
        threshold=threshold,
        decision=Decision.UNCERTAIN,
    )


def diagnosis(*results: FindingResult) -> Diagnosis:
    return Diagnosis(
        study_id="S1",
        patient_id="P1",
        findings=results,
        modalities=Availability.BOTH,
        out_of_distribution=False,
        flags=(),
        bundle_id="b",
        input_sha256="0" * 64,
    )


@pytest.mark.parametrize("image", [False, True])
@pytest.mark.parametrize("note", [False, True])
def test_an_availability_gives_back_the_facts_it_was_made_of(image, note):
    availability = Availability.of(image=image, note=note)
    assert (availability.image, availability.note) == (image, note)


def test_there_are_as_many_availabilities_as_pairs_of_facts():
    made = {Availability.of(image=image, note=note) for image in (False, True) for note in (False, True)}
    assert made == set(Availability)


@pytest.mark.parametrize(
    ("images", "note", "wanted"),
    [
        (IMAGE, NOTE, Availability.BOTH),
        (IMAGE, (), Availability.IMAGE),
        ((), NOTE, Availability.NOTE),
        ((), (), Availability.NONE),
    ],
)
def test_a_study_has_the_modalities_of_its_parts(images, note, wanted):
    assert Study(study_id="S1", patient_id="P1", images=images, note=note).availability is wanted


def test_a_note_of_blanks_is_no_note():
    blank = NoteSection(name="exam", text=" \n\t")
    study = Study(study_id="S1", patient_id="P1", images=IMAGE, note=(blank,))
    assert study.availability is Availability.IMAGE
    assert dataclasses.replace(study, note=(blank, *NOTE)).written_sections == NOTE


def test_a_study_comes_through_pickle_unchanged():
    study = Study(study_id="S1", patient_id="P1", images=IMAGE, note=NOTE, values={"temperature_c": 38.5})
    assert pickle.loads(pickle.dumps(study)) == study  # noqa: S301  (our own bytes)


def test_a_study_cannot_be_changed_in_place():
    study = Study(study_id="S1", patient_id="P1")
    with pytest.raises(dataclasses.FrozenInstanceError, match="age_years"):
        study.age_years = 40.0


def test_a_finding_is_looked_up_by_name():
    answered = diagnosis(result("edema", 0.2), result("pneumonia", 0.7))
    assert answered["pneumonia"].probability == 0.7


def test_looking_up_a_finding_that_was_not_answered_fails():
    with pytest.raises(KeyError, match="effusion"):
        diagnosis(result("edema", 0.2))["effusion"]


def test_the_most_notable_finding_is_measured_against_its_own_threshold():
    # 0.3 is far above a threshold of 0.05; 0.6 is only just above one of 0.55.
    answered = diagnosis(result("edema", 0.6, threshold=0.55), result("contusion", 0.3, threshold=0.05))
    assert answered.most_notable.finding == "contusion"


def test_where_nothing_is_above_its_threshold_the_least_below_is_most_notable():
    answered = diagnosis(result("edema", 0.1, threshold=0.9), result("contusion", 0.05, threshold=0.1))
    assert answered.most_notable.finding == "contusion"


def test_a_refusal_keeps_what_the_error_said():
    error = PixelDataError("image a.dcm is cut off", remedy="Send it again.")
    refusal = Refusal.of("S1", error, seconds=0.5)
    assert refusal == Refusal(
        study_id="S1", code=Code.PIXEL_DATA, message="image a.dcm is cut off. Send it again.", seconds=0.5
    )


def test_the_peak_of_a_heatmap_is_its_row_and_column():
    values = np.zeros((5, 9), dtype=np.float32)
    values[3, 7] = 0.8
    assert Heatmap(image=0, plane=0, values=values).peak == (3, 7)
