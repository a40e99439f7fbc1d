"""Does the side of the pain agree with the side of the lesion? Neither image nor note knows, and no sum of both does.

Cross-attention and late fusion, and the other kinds beside them, are trained on the same studies and measured on the
same test split.
"""

import json
import tempfile
from pathlib import Path

from benchmarks.command import run_command
from mediscan.config import FusionKind
from mediscan.phantom import LATERALITY_FINDING, SideLabels, make_laterality_cases, write_studies

_STUDIES, _SEED = 2000, 31
_SETTINGS = ("train.epochs=12", "train.patience=12")


def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = write_studies(
            make_laterality_cases(_STUDIES, seed=_SEED, sides=SideLabels.GIVEN), folder / "studies", workers=1
        )
        found = {
            kind.value: _measured(manifest, folder, kind) for kind in (FusionKind.CROSS_ATTENTION, FusionKind.LATE)
        }
    return {
        "command": "mediscan train --set model.fusion=KIND; evaluate, on the phantom's laterality task",
        "studies": _STUDIES,
        "settings": list(_SETTINGS),
        "fusion": found,
    }


def _measured(manifest: Path, folder: Path, kind: FusionKind) -> dict[str, object]:
    bundle, evaluation = folder / kind.value, folder / f"{kind.value}-evaluation"
    settings = [argument for setting in (*_SETTINGS, f"model.fusion={kind}") for argument in ("--set", setting)]
    seconds = run_command(["train", str(manifest), "--out", str(bundle), *settings])
    run_command(["evaluate", str(bundle), str(manifest), "--split", "test", "--out", str(evaluation)])
    metrics = json.loads((evaluation / "metrics.json").read_text(encoding="utf-8"))
    return {
        "auroc": metrics["findings"][LATERALITY_FINDING]["auroc"],
        "auroc_ci": metrics["findings"][LATERALITY_FINDING]["auroc_ci"],
        "sides": {name: of["auroc"] for name, of in metrics["findings"].items() if name != LATERALITY_FINDING},
        "n_studies": metrics["n_studies"],
        "train_seconds": round(seconds, 1),
    }
