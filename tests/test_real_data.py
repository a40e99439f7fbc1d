import json
import math
import sys

import pyarrow.parquet as pq
import pytest

from mediscan.cli import main

pytestmark = [pytest.mark.real_data, pytest.mark.slow]

COVID19 = (
    *("--id", "study_id", "--patient", "patient_id", "--image", "image", "--note", "history=note"),
    *("--value", "age_years=age", "--value", "sex=sex", "--finding", "covid19=covid19", "--split-column", "split"),
)
ETIOLOGY = (
    *("--id", "case_id", "--patient", "case_id", "--image", "image", "--note", "history=history"),
    *("--note", "exam=exam", "--value", "age_years=age", "--value", "sex=sex"),
    *("--classes", "etiology=etiology", "--split-column", "split"),
)


@pytest.fixture
def run(monkeypatch):
    """Run a command in this process; its exit code must be one of those accepted."""

    def command(*arguments, accept=(0,)):
        monkeypatch.setattr(sys, "argv", ["mediscan", *map(str, arguments)])
        with pytest.raises(SystemExit, match=r"^[0-9]+$") as left:
            main()
        assert left.value.code in accept

    return command


@pytest.mark.parametrize(
    ("table", "columns", "findings"),
    [("covid-cxr/studies.csv", COVID19, 1), ("medpix/images.csv", ETIOLOGY, 6)],
    ids=["covid19", "etiology"],
)
def test_real_studies_go_all_the_way(shared_data, tiny_text_encoder, tmp_path, run, table, columns, findings):
    manifest, bundle = tmp_path / "m.parquet", tmp_path / "bundle"
    settings = {
        "data.image_size": 64,
        "data.max_note_tokens": 128,
        "data.max_images": 2,
        "model.width": 32,
        "model.heads": 2,
        "model.text_encoder": tiny_text_encoder,
        "model.text_window": 128,
        "train.epochs": 1,
        "train.workers": 0,
        "evaluate.bootstrap_draws": 20,
    }
    # Exit code 4: some rows of the table are refused, with a reason in the ledger.
    run("ingest", shared_data / table, "--out", manifest, *columns, accept=(0, 4))
    run("train", manifest, "--out", bundle, *(part for k, v in settings.items() for part in ("--set", f"{k}={v}")))
    evaluation, scores = tmp_path / "evaluation", tmp_path / "scores"
    run("evaluate", bundle, manifest, "--split", "val", "--out", evaluation, "--draws", 20, "--workers", 0)
    run("score", bundle, manifest, "--out", scores, "--workers", 0)

    metrics = json.loads((evaluation / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["split"] == "val"
    assert len(metrics["findings"]) == findings
    assert set(metrics["by_modality"]) == {"image", "note", "fused"}
    for values in metrics["findings"].values():
        assert values["n_positive"] > 0
        assert 0 <= values["auroc"] <= 1
        assert 0 <= values["ece"] <= 1
    assert 0 <= metrics["macro"]["auroc"] <= 1

    predictions = pq.read_table(scores / "predictions.parquet").to_pylist()
    ledger = pq.read_table(scores / "ledger.parquet").to_pylist()
    assert len(ledger) == pq.read_metadata(manifest).num_rows
    assert len(predictions) == findings * sum(row["status"] == "scored" for row in ledger)
    assert all(math.isfinite(row["probability"]) for row in predictions)
    assert all(row["lower"] <= row["probability"] <= row["upper"] for row in predictions)
