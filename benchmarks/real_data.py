"""Real studies from `../shared/data`: ingest, train on split train, evaluate on split val, by the documented commands.

The validation split also chooses the epoch and calibrates, so these figures flatter the model; they show that the whole
path works on real input, and how long it takes.
"""

import json
import tempfile
from pathlib import Path

from benchmarks.command import run_command
from benchmarks.phantom import summarize

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

COVID19 = (
    *("--id", "study_id", "--patient", "patient_id", "--image", "image", "--note", "history=note"),
    *("--value", "age_years=age", "--value", "sex=sex", "--finding", "covid19=covid19", "--split-column", "split"),
)
ETIOLOGY = (
    *("--id", "case_id", "--patient", "case_id", "--image", "image", "--note", "history=history"),
    *("--note", "exam=exam", "--value", "age_years=age", "--value", "sex=sex"),
    *("--classes", "etiology=etiology", "--split-column", "split"),
)


def run_covid19() -> dict[str, object]:
    return _run(DATA / "covid-cxr" / "studies.csv", COVID19)


def run_etiology() -> dict[str, object]:
    return _run(DATA / "medpix" / "images.csv", ETIOLOGY)


def _run(table: Path, columns: tuple[str, ...]) -> dict[str, object]:
    if not table.is_file():
        return {}
    with tempfile.TemporaryDirectory() as folder:
        manifest, bundle, evaluation = (str(Path(folder) / name) for name in ("m.parquet", "bundle", "evaluation"))
        # Exit code 4: some rows of the table are refused, with a reason in the ledger.
        seconds = {
            "ingest": run_command(["ingest", str(table), "--out", manifest, *columns], accept=(0, 4)),
            "train": run_command(["train", manifest, "--out", bundle]),
            "evaluate": run_command(["evaluate", bundle, manifest, "--split", "val", "--out", evaluation]),
        }
        metrics = json.loads((Path(evaluation) / "metrics.json").read_text(encoding="utf-8"))
    return {
        "command": f"mediscan ingest {table.parent.name}/{table.name}; train; evaluate --split val",
        "seconds": round(sum(seconds.values()), 1),
        "steps": {name: round(value, 1) for name, value in seconds.items()},
        **summarize(metrics),
    }
