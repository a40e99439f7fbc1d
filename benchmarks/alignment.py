"""Alignment on the phantom with reports: retrieval, findings by prompts, and what pretraining is worth to a training.

- Retrieval is among 100 test studies, by what a report says of its image.
- The prompts speak of image patterns, so their truth is what was drawn (`truth.parquet`), not the phantom's findings,
  which need the note too.
- Fine-tuning learns the phantom's findings from a tenth of the training patients; validation and test are whole, and
  reports are not read. The difference is paired, by patient.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.command import CommandError, run_command
from mediscan.evaluate.bootstrap import auroc_draws, macro_mean, patient_weights, percentile_interval, two_sided_p
from mediscan.manifest import Manifest
from mediscan.phantom.cases import make_cases
from mediscan.phantom.options import PhantomOptions
from mediscan.phantom.rules import FINDINGS, Pattern
from mediscan.phantom.write import write_studies
from mediscan.study import Split

_COUNTS = (1500, 200, 300)
_SEED = 11
_SHARE = 0.1
_DRAWS = 2000
_DONE = (0, 4)
"""Exit codes; 4: studies without an image are refused."""
_SETTINGS = ('pretrain.note_sections=["findings","impression"]', "pretrain.epochs=16")

_PROMPTS = {
    Pattern.FOCAL_OPACITY: (
        ["Airspace opacity in the right {zone} zone.", "Left {zone} zone consolidation."],
        ["No focal consolidation.", "No consolidation."],
    ),
    Pattern.BILATERAL_HAZE: (
        ["Moderate bilateral perihilar haze.", "Diffuse haze on both sides."],
        ["No perihilar haze.", "No diffuse haze."],
    ),
    Pattern.EFFUSION: (
        ["Left pleural effusion.", "Right pleural effusion."],
        ["No effusion.", "Costophrenic angles clear."],
    ),
    Pattern.NODULE: (
        ["Solitary nodule in the left {zone} zone.", "Right {zone} zone: well-defined nodule."],
        ["No mass or nodule seen.", "No nodule."],
    ),
    Pattern.ENLARGED_HEART: (
        ["Enlarged heart, cardiothoracic ratio 0.58.", "Cardiomegaly."],
        ["Heart of normal size, cardiothoracic ratio 0.44."],
    ),
}


def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = PhantomOptions(size=160, split_counts=_COUNTS, with_reports=True)
        manifest = write_studies(make_cases(sum(_COUNTS), seed=_SEED, options=options), folder, workers=2)
        aligned = folder / "aligned"
        settings = [part for setting in _SETTINGS for part in ("--set", setting)]
        seconds = run_command(["pretrain", str(manifest), "--out", str(aligned), *settings], accept=_DONE)
        return {
            "command": f"mediscan pretrain {' '.join(settings)}; retrieve; zero-shot; train; evaluate",
            "pretraining_seconds": round(seconds, 1),
            "studies": sum(_COUNTS),
            "retrieval": _retrieval(aligned, manifest),
            "zero_shot": _zero_shot(aligned, manifest, folder),
            "tenth_of_labels": _tenth(aligned, manifest, folder),
        }


def _retrieval(aligned: Path, manifest: Path) -> dict[str, object]:
    measured = json.loads(_output(["retrieve", str(aligned), str(manifest), "--json"]))
    return {way: measured[way] for way in ("image_to_note", "note_to_image")}


def _output(arguments: list[str]) -> str:
    done = subprocess.run([sys.executable, "-m", "mediscan", *arguments], check=False, capture_output=True, text=True)
    if done.returncode not in _DONE:
        raise CommandError(f"mediscan {' '.join(arguments)} ended with exit code {done.returncode}")
    return done.stdout


def _zero_shot(aligned: Path, manifest: Path, folder: Path) -> dict[str, object]:
    """AUROC of each drawn pattern by its prompts, images alone."""
    table = pq.read_table(manifest).drop_columns(list(FINDINGS))
    drawn = [json.loads(text) for text in pq.read_table(folder / "truth.parquet")["patterns"].to_pylist()]
    for pattern in _PROMPTS:
        table = table.append_column(str(pattern), pa.array([int(pattern in patterns) for patterns in drawn]))
    pq.write_table(table, folder / "patterns.parquet")
    prompts = folder / "prompts.toml"
    prompts.write_text("\n".join(_table(pattern) for pattern in _PROMPTS), encoding="utf-8")
    arguments = ["--prompts", str(prompts), "--out", str(folder / "zero"), "--json"]
    run_command(["zero-shot", str(aligned), str(folder / "patterns.parquet"), *arguments], accept=_DONE)
    metrics = json.loads((folder / "zero" / "metrics.json").read_text(encoding="utf-8"))
    return {"macro": metrics["macro"], **metrics["findings"]}


def _table(pattern: Pattern) -> str:
    zones = ("upper", "middle", "lower")
    positive, negative = _PROMPTS[pattern]
    said = list(dict.fromkeys(text.format(zone=zone) for text in positive for zone in zones))
    return f"[{pattern}]\npositive = {json.dumps(said)}\nnegative = {json.dumps(negative)}\n"


def _tenth(aligned: Path, manifest: Path, folder: Path) -> dict[str, object]:
    """Macro AUROC on split test after training on a tenth of the training patients, with and without pretraining."""
    studies = Manifest.read(manifest).studies()
    patients = sorted({study.patient_id for study in studies if study.split is Split.TRAIN})
    chosen = set(np.random.default_rng(_SEED).choice(patients, size=round(_SHARE * len(patients)), replace=False))
    kept = [study for study in studies if study.split is not Split.TRAIN or study.patient_id in chosen]
    tenth = folder / "tenth.parquet"
    Manifest.of(kept, findings=FINDINGS, root=folder).write(tenth)
    scores = {}
    for name, initial in {"from_scratch": "", "pretrained": str(aligned)}.items():
        bundle, out = str(folder / name), folder / f"{name}-evaluation"
        run_command(["train", str(tenth), "--out", bundle, "--set", f"model.initial={initial!r}"])
        run_command(["evaluate", bundle, str(tenth), "--out", str(out)])
        table = pd.read_parquet(out / "predictions.parquet")
        scores[name] = table.pivot_table(index="study_id", columns="finding", values="probability")[list(FINDINGS)]
    test = {study.study_id: study for study in kept if study.split is Split.TEST}
    rows = [test[study_id] for study_id in scores["pretrained"].index]
    labels = np.array([[study.labels[finding] for finding in FINDINGS] for study in rows], dtype=np.float32)
    weights = patient_weights([study.patient_id for study in rows], draws=_DRAWS)
    once = np.ones((1, len(rows)))
    drawn = {name: macro_mean(auroc_draws(labels, values.to_numpy(), weights)) for name, values in scores.items()}
    point = {
        name: float(macro_mean(auroc_draws(labels, values.to_numpy(), once))[0]) for name, values in scores.items()
    }
    differences = drawn["pretrained"] - drawn["from_scratch"]
    return {
        "train_studies": sum(study.split is Split.TRAIN for study in kept),
        **{f"{name}_auroc": round(value, 4) for name, value in point.items()},
        "difference": round(point["pretrained"] - point["from_scratch"], 4),
        "difference_ci": percentile_interval(differences),
        "p": two_sided_p(differences),
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
