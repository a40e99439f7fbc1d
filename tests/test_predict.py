from dataclasses import replace

import numpy as np
import pytest
from dicom_builders import write_dicom
from PIL import Image

from mediscan.data.examples import read_example
from mediscan.diagnosis import Diagnosis, Refusal
from mediscan.errors import BundleError, Code, SourceError
from mediscan.model.calibration import Calibration
from mediscan.model.reference import Reference
from mediscan.predict import Diagnoser
from mediscan.study import Availability, ImageRef, NoteSection

LONG = "Fever and cough since monday, pain on the left side when breathing in; " * 12


def numbers(diagnosis):
    return np.array([[r.probability, r.lower, r.upper] for r in diagnosis.findings])


def codes(diagnosis):
    return [flag.code for flag in diagnosis.flags if flag.code is not Code.OUT_OF_DISTRIBUTION]


@pytest.fixture
def mixed(make_study):
    return [
        make_study("one", seed=1),
        make_study("several", images=3, note=LONG, seed=2),
        make_study("note-only", images=0, note="trauma of the chest"),
        make_study("image-only", images=2, note=None, seed=3),
        make_study("long", note=LONG, seed=4),
        make_study("note-only-long", images=0, note=LONG),
    ]


def test_batch_of_n_equals_n_singles(diagnoser, mixed):
    together = list(diagnoser.predict_many(mixed))

    assert [answer.study_id for answer in together] == [study.study_id for study in mixed]
    for study, answer in zip(mixed, together, strict=True):
        alone = diagnoser.predict(study)
        assert np.allclose(numbers(alone), numbers(answer), atol=1e-5)
        assert replace(alone, findings=(), seconds=0.0) == replace(answer, findings=(), seconds=0.0)
    examples = [read_example(study, diagnoser.bundle.config.data) for study in mixed]
    logits = diagnoser.infer(examples).logits[Availability.BOTH]
    for row, example in enumerate(examples):
        assert np.allclose(diagnoser.infer([example]).logits[Availability.BOTH][0], logits[row], atol=1e-5)


def test_an_absent_modality_gives_a_finite_and_flagged_result(diagnoser, mixed):
    answers = {answer.study_id: answer for answer in diagnoser.predict_many(mixed)}

    assert (answers["one"].modalities, codes(answers["one"])) == (Availability.BOTH, [])
    assert (answers["image-only"].modalities, codes(answers["image-only"])) == (Availability.IMAGE, [Code.EMPTY_NOTE])
    assert (answers["note-only"].modalities, codes(answers["note-only"])) == (Availability.NOTE, [Code.NO_IMAGE])
    for answer in answers.values():
        assert np.isfinite(numbers(answer)).all()
        assert all(0 <= r.lower <= r.probability <= r.upper <= 1 for r in answer.findings)


def test_the_order_of_a_studys_images_does_not_matter(diagnoser, make_study):
    study = make_study(images=3, seed=5)
    turned = replace(study, images=study.images[::-1])

    assert replace(diagnoser.predict(turned), seconds=0.0) == replace(diagnoser.predict(study), seconds=0.0)


def test_an_opened_again_bundle_reproduces_scores_bit_for_bit(diagnoser, workspace, mixed):
    before, after = (list(d.predict_many(mixed)) for d in (diagnoser, Diagnoser.load(workspace.bundle)))

    for one, other in zip(before, after, strict=True):
        assert replace(one, seconds=0.0) == replace(other, seconds=0.0)


@pytest.mark.parametrize("window", [{}, {"WindowCenter": 2048, "WindowWidth": 3000}])
def test_monochrome1_equals_inverted_monochrome2(diagnoser, make_study, tmp_path, window):
    stored = np.random.default_rng(0).integers(0, 4096, (48, 40), dtype=np.uint16)
    stored[:20, :20] //= 3
    files = {"BitsStored": 12, **window}
    paths = [
        write_dicom(tmp_path / "m1.dcm", stored, PhotometricInterpretation="MONOCHROME1", **files),
        write_dicom(tmp_path / "m2.dcm", (4095 - stored).astype(np.uint16), **files),
        write_dicom(tmp_path / "other.dcm", stored, **files),
    ]
    if window:
        # The window's linear function counts from its centre less a half, so its mirror image is one higher.
        paths[1] = write_dicom(
            tmp_path / "m2.dcm", (4095 - stored).astype(np.uint16), BitsStored=12, WindowCenter=2048, WindowWidth=3000
        )
    study = make_study()
    one, mirrored, other = (
        numbers(diagnoser.predict(replace(study, images=(ImageRef(path=str(path)),)))) for path in paths
    )

    assert np.allclose(one, mirrored, atol=1e-3)
    assert np.abs(one - other).max() > 5 * np.abs(one - mirrored).max()


def test_a_constant_image_is_refused_with_its_code(diagnoser, make_study, tmp_path):
    Image.fromarray(np.full((40, 40), 77, dtype=np.uint8)).save(tmp_path / "blank.png")
    blank = replace(make_study("blank"), images=(ImageRef(path=str(tmp_path / "blank.png")),))

    with pytest.raises(SourceError, match=r"is constant: every pixel is 77. Send the image itself") as refused:
        diagnoser.predict(blank)
    assert refused.value.code is Code.CONSTANT_IMAGE
    first, second, third = diagnoser.predict_many([make_study("before"), blank, make_study("after")])
    assert isinstance(second, Refusal)
    assert (second.study_id, second.code) == ("blank", Code.CONSTANT_IMAGE)
    assert isinstance(first, Diagnosis)
    assert (first.study_id, third.study_id) == ("before", "after")


def test_a_study_with_nothing_that_the_model_reads_is_refused(diagnoser, make_study):
    study = replace(make_study(images=0), note=(NoteSection(name="impression", text="pneumonia"),))

    with pytest.raises(SourceError, match="neither an image nor text in the note sections") as refused:
        diagnoser.predict(study)
    assert refused.value.code is Code.NO_INPUT


def test_sections_that_are_not_allowed_change_nothing(diagnoser, make_study):
    study = make_study()
    told = replace(study, note=(*study.note, NoteSection(name="impression", text="pneumonia, as the culture shows")))

    assert replace(diagnoser.predict(told), seconds=0.0) == replace(diagnoser.predict(study), seconds=0.0)


def test_what_is_not_calibrated_is_refused_with_its_code(diagnoser, make_study):
    calibration = diagnoser.bundle.calibration
    partly = Calibration(
        findings=calibration.findings,
        thresholds=calibration.thresholds,
        parameters={Availability.BOTH: calibration.parameters[Availability.BOTH]},
        studies={Availability.BOTH: 1},
    )
    limited = Diagnoser(replace(diagnoser.bundle, calibration=partly))
    note_only = make_study("note-only", images=0)

    with pytest.raises(BundleError, match="not calibrated for studies with note only") as refused:
        limited.predict(note_only)
    assert refused.value.code is Code.UNCALIBRATED
    refusal, answer = limited.predict_many([note_only, make_study("both")])
    assert isinstance(refusal, Refusal)
    assert refusal.code is Code.UNCALIBRATED
    assert isinstance(answer, Diagnosis)


def test_a_note_that_is_too_long_is_flagged_truncated(diagnoser, make_study):
    most = diagnoser.bundle.config.data.max_note_tokens
    long, short = diagnoser.predict_many(
        [make_study("long", images=0, note="cough " * (most + 5)), make_study("short", images=0)]
    )

    assert codes(long) == [Code.NO_IMAGE, Code.NOTE_TRUNCATED]
    assert f"has more than {most} tokens" in long.flags[-1].message
    assert Code.NOTE_TRUNCATED not in codes(short)


def test_more_images_than_the_model_reads_are_thinned_and_flagged(diagnoser, make_study):
    most = diagnoser.bundle.config.data.max_images
    answer = diagnoser.predict(make_study(images=most + 2))

    assert codes(answer) == [Code.IMAGES_LEFT_OUT]
    assert f"has {most + 2} image planes, of which {most} were used" in answer.flags[0].message


def test_a_strange_modality_is_flagged_only_where_it_is_there(diagnoser, make_study):
    bounds = {name: replace(ball, bound=-1.0) for name, ball in diagnoser.bundle.reference.ellipsoids.items()}
    wary = Diagnoser(replace(diagnoser.bundle, reference=Reference(bounds)))
    answer = wary.predict(make_study(images=0))
    strange = [flag.message for flag in answer.flags if flag.code is Code.OUT_OF_DISTRIBUTION]

    assert answer.out_of_distribution
    assert len(strange) == 1
    assert strange[0].startswith("the note of study 'S1' is unlike")


def test_the_hash_of_the_input_follows_image_and_note(diagnoser, make_study):
    def sha256(study):
        return read_example(study, diagnoser.bundle.config.data).input_sha256

    study = make_study(images=2)
    assert sha256(study) == sha256(make_study("other", images=2))
    assert len({sha256(study), sha256(make_study(note="another")), sha256(make_study(images=1))}) == 3


def test_no_studies_give_no_diagnoses(diagnoser):
    assert list(diagnoser.predict_many([])) == []
