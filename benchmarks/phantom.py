"""The demo from end to end: how long it takes, and how much better image and note together are than either alone."""

import json
import tempfile
from pathlib import Path

from benchmarks.command import run_command


def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "demo"
        seconds = run_command(["demo", "--no-dashboard", "--out", str(out)])
        metrics = json.loads((out / "evaluation" / "metrics.json").read_text(encoding="utf-8"))
        counts = json.loads((out / "scores" / "run.json").read_text(encoding="utf-8"))["counts"]
    return {
        "command": "mediscan demo --no-dashboard",
        "seconds": round(seconds, 1),
        "records": counts["records"],
        **summarize(metrics),
    }


def summarize(metrics: dict[str, object]) -> dict[str, object]:
    """The part of metrics.json that a table shows."""
    return {name: metrics[name] for name in ("split", "n_studies", "n_patients", "macro", "by_modality", "fusion_gain")}
