import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from mediscan.errors import Code, ManifestError
from mediscan.evaluate.run import calibrated_patterns, evaluate
from mediscan.findings import FindingSet
from mediscan.manifest import Manifest
from mediscan.model.inference import ALL_PATTERNS, Inference
from mediscan.study import Availability, ImageRef, Split

STUDIES = 30


@pytest.fixture(scope="module")
def evaluated(workspace, diagnoser, tmp_path_factory):
    """Test studies, one of which cannot be read, and what came of them."""
    folder = tmp_path_factory.mktemp("evaluated")
    studies = workspace.manifest.studies(Split.TEST)[:STUDIES]
    studies[0] = replace(studies[0], images=(ImageRef(path=str(folder / "gone.dcm")),))
    manifest = Manifest.of(studies, findings=workspace.manifest.findings, root=folder).write(folder / "m.parquet")
    result = evaluate(diagnoser, manifest, folder / "evaluation", split=Split.TEST, draws=30)
    return studies, result, folder / "evaluation"


def test_metrics_json_has_the_keys_of_the_contract(evaluated, diagnoser):
    studies, result, out = evaluated
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))

    assert metrics == result.metrics
    assert {"split", "n_studies", "n_patients", "findings", "macro", "by_modality", "fusion_gain", "leakage"} <= set(
        metrics
    )
    assert metrics["split"] == "test"
    assert metrics["n_studies"] == STUDIES - 1
    assert metrics["n_patients"] == len({study.patient_id for study in studies[1:]})
    assert list(metrics["findings"]) == list(diagnoser.findings)
    for name, values in metrics["findings"].items():
        assert {"auroc", "auroc_ci", "auprc", "ece", "brier", "threshold", "sensitivity", "specificity"} <= set(values)
        labels = [study.labels[name] for study in studies[1:] if name in study.labels]
        assert (values["n_positive"], values["n_negative"]) == (labels.count(1), labels.count(0))
    assert set(metrics["by_modality"]) == {"image", "note", "fused"}
    assert {"auroc", "ci", "p"} <= set(metrics["fusion_gain"])


def test_a_study_that_cannot_be_read_is_named_and_the_rest_is_measured(evaluated):
    studies, result, _ = evaluated

    assert [(refusal.study_id, refusal.code) for refusal in result.refused] == [
        (studies[0].study_id, Code.FILE_NOT_FOUND)
    ]


def test_the_predictions_written_are_what_the_model_predicts(evaluated, diagnoser):
    studies, _, out = evaluated
    rows = pq.read_table(out / "predictions.parquet").to_pylist()

    assert list(dict.fromkeys(row["study_id"] for row in rows)) == [study.study_id for study in studies[1:]]
    alone = diagnoser.predict(studies[5])
    for row in rows:
        if row["study_id"] == studies[5].study_id:
            assert row["probability"] == pytest.approx(alone[row["finding"]].probability, abs=1e-5)
            assert row["decision"] == alone[row["finding"]].decision


def test_the_report_names_the_split_and_the_bundle(evaluated, diagnoser):
    report = (evaluated[2] / "report.html").read_text(encoding="utf-8")

    assert f"mediscan {diagnoser.bundle_id} on split test" in report


def test_a_split_without_any_readable_study_is_refused(workspace, diagnoser, tmp_path):
    study = replace(workspace.manifest.studies(Split.VAL)[0], images=(ImageRef(path=str(tmp_path / "gone.dcm")),))
    manifest = Manifest.of([study], findings=workspace.manifest.findings, root=tmp_path).write(tmp_path / "m.parquet")

    with pytest.raises(ManifestError, match=r"split 'val' has no study that can be read \(1 refused\)"):
        evaluate(diagnoser, manifest, tmp_path / "evaluation", split=Split.VAL)
    assert not (tmp_path / "evaluation").exists()


def test_each_study_is_calibrated_by_the_modalities_it_was_answered_from(diagnoser):
    calibration = diagnoser.bundle.calibration
    available = [Availability.BOTH, Availability.IMAGE, Availability.NOTE]
    rng = np.random.default_rng(0)
    logits = {pattern: rng.normal(size=(3, len(diagnoser.findings))).astype(np.float32) for pattern in ALL_PATTERNS}
    inferred = Inference(logits=logits, summaries={}, truncated=np.zeros(3, dtype=bool))
    calibrated = calibrated_patterns(inferred, available, calibration)

    for row, pattern in enumerate(available):
        expected = calibration.apply(logits[Availability.BOTH][row : row + 1], pattern).value
        assert np.allclose(calibrated[Availability.BOTH][row], expected[0])
    for single in (Availability.IMAGE, Availability.NOTE):
        expected = calibration.apply(logits[single][:1], single).value
        assert np.allclose(calibrated[single][0], expected[0])
        # The modalities are compared on the studies that have both.
        assert np.isnan(calibrated[single][1:]).all()


def test_a_manifest_without_the_bundles_findings_is_refused(workspace, diagnoser, tmp_path):
    studies = [replace(study, labels={}) for study in workspace.manifest.studies(Split.TEST)]
    manifest = Manifest.of(studies, findings=FindingSet(()), root=tmp_path).write(tmp_path / "m.parquet")

    with pytest.raises(ManifestError, match="no study of split 'test' has a known label"):
        evaluate(diagnoser, manifest, tmp_path / "out", split=Split.TEST, draws=20)
