import json

import numpy as np
import pytest
from PIL import Image

from mediscan.errors import ConfigError
from mediscan.explain.write import overlay, write_evidence


@pytest.fixture
def study(make_study, make_png):
    note = "Fever and cough since monday. No trauma; pain on the left side."
    return make_study("S1", images=2, note=note)


@pytest.fixture
def written(diagnoser, study, tmp_path):
    """The evidence, and the folder it was written to."""
    diagnosis = diagnoser.predict(study)
    finding = diagnosis.most_notable.finding
    evidence = diagnoser.explain(study, finding)
    path = write_evidence(evidence, study, diagnosis, tmp_path / "explained")
    return evidence, diagnosis, json.loads(path.read_text(encoding="utf-8")), path.parent


def test_evidence_json_says_what_the_evidence_says(written, study):
    evidence, diagnosis, content, _ = written
    result = diagnosis[evidence.finding]

    assert content["study_id"] == "S1"
    assert content["finding"] == evidence.finding
    assert content["bundle_id"] == diagnosis.bundle_id
    assert (content["probability"], content["lower"], content["upper"]) == (
        result.probability,
        result.lower,
        result.upper,
    )
    assert content["shares"] == dict(evidence.shares)
    assert sum(content["shares"].values()) == pytest.approx(content["logit"] - content["baseline_logit"], abs=1e-4)
    text = study.note[0].text
    assert [span["text"] for span in content["spans"]] == [
        "Fever and cough since monday.",
        "No trauma;",
        "pain on the left side.",
    ]
    assert all(text[span["start"] : span["end"]] == span["text"] for span in content["spans"])


def test_each_image_gets_a_heatmap_and_an_overlay_of_its_own_size(written, study):
    evidence, _, content, folder = written

    assert len(content["heatmaps"]) == 2
    assert {entry["image"] for entry in content["heatmaps"]} == {"S1-0.png", "S1-1.png"}
    named = {f"{heatmap.image}-{heatmap.plane}": heatmap for heatmap in evidence.heatmaps}
    for entry in content["heatmaps"]:
        heatmap = named[entry["heatmap"].removeprefix("heatmap-").removesuffix(".png")]
        with Image.open(folder / entry["heatmap"]) as image, Image.open(folder / entry["overlay"]) as over:
            assert image.size == over.size == (32, 40)
            assert over.mode == "RGB"
            assert np.allclose(np.asarray(image) / 65535, heatmap.values, atol=1e-4)
        assert (entry["peak"]["row"], entry["peak"]["column"]) == heatmap.peak


def test_the_evidences_logit_is_the_one_the_diagnosis_was_made_from(written, diagnoser, study):
    evidence, diagnosis, _, _ = written
    index = diagnoser.findings.index(evidence.finding)
    slope, offset = diagnoser.bundle.calibration.parameters[diagnosis.modalities][evidence.finding][0]

    probability = 1 / (1 + np.exp(-(slope * evidence.logit + offset)))
    assert diagnosis.findings[index].probability == pytest.approx(probability, abs=1e-5)


def test_a_study_without_images_is_explained_by_its_note_alone(diagnoser, make_study, tmp_path):
    study = make_study(images=0)
    diagnosis = diagnoser.predict(study)
    finding = diagnoser.findings.names[0]
    path = write_evidence(diagnoser.explain(study, finding), study, diagnosis, tmp_path / "explained")
    content = json.loads(path.read_text(encoding="utf-8"))

    assert content["heatmaps"] == []
    assert list(content["shares"]) == ["note"]
    assert [file.name for file in path.parent.iterdir()] == ["evidence.json"]


def test_a_finding_that_the_model_does_not_know_is_refused_with_the_list(diagnoser, study):
    with pytest.raises(ConfigError, match=r"there is no finding 'gout'. Choose one of: cardiomegaly"):
        diagnoser.explain(study, "gout")


def test_an_overlay_leaves_cold_pixels_as_they_are_and_colours_hot_ones():
    grey = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    heat = np.zeros((3, 4), dtype=np.float32)
    heat[1, 1] = 1.0
    drawn = overlay(grey, heat, opacity=0.5)

    assert drawn.shape == (3, 4, 3)
    assert drawn.dtype == np.uint8
    cold = heat == 0
    assert np.array_equal(drawn[cold], np.repeat(np.rint(grey[cold] * 255)[:, None], 3, axis=1))
    assert len(set(drawn[1, 1].tolist())) > 1
