"""CT volumes and notes of the phantom: drawn, trained with the preset `3d-ct`, and measured on their test split."""

import json
import tempfile
from pathlib import Path

from benchmarks.command import run_command
from benchmarks.phantom import summarize
from mediscan.phantom import make_volume_cases, write_volumes

_STUDIES, _SEED = 800, 41


def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = write_volumes(make_volume_cases(_STUDIES, seed=_SEED), folder / "studies", workers=1)
        bundle, evaluation = str(folder / "bundle"), folder / "evaluation"
        seconds = run_command(["train", str(manifest), "--out", bundle, "--config", "3d-ct"])
        run_command(["evaluate", bundle, str(manifest), "--split", "test", "--out", str(evaluation)])
        metrics = json.loads((evaluation / "metrics.json").read_text(encoding="utf-8"))
    return {
        "command": "mediscan train --config 3d-ct; evaluate --split test, on CT volumes of the phantom",
        "seconds": round(seconds, 1),
        "studies": _STUDIES,
        **summarize(metrics),
    }
