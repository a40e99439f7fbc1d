"""What a fused model is worth when notes or images are missing, beside models that only ever read one of them."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

import mediscan
from benchmarks.command import run_command
from mediscan.compare.paired import standings
from mediscan.config import Modalities
from mediscan.data.labels import label_matrix
from mediscan.diagnosis import Diagnosis
from mediscan.manifest import Manifest
from mediscan.phantom import PhantomOptions, make_cases, write_studies
from mediscan.predict import Diagnoser
from mediscan.study import Split, Study

_STUDIES, _EPOCHS, _SEED, _DRAWS = 2400, 8, 7, 1000


def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = PhantomOptions(missing_image_rate=0, missing_note_rate=0)
        path = write_studies(make_cases(_STUDIES, seed=_SEED, options=options), folder / "studies", workers=1)
        models = {kind: _trained(path, folder / kind.value, kind) for kind in Modalities}
        manifest = Manifest.read(path)
        studies = manifest.studies(Split.TEST)
        labels = label_matrix(studies, manifest.findings)
        half = np.random.default_rng(_SEED).random(len(studies)) < 0.5
        found = {}
        for case, change in _CASES.items():
            given = [change(study, missing=bool(missing)) for study, missing in zip(studies, half, strict=True)]
            scores = {kind.value: _scores(model, given) for kind, model in models.items()}
            stands = standings(
                labels, scores, patients=[study.patient_id for study in studies], reference="all", draws=_DRAWS
            )
            found[case] = {
                kind: {
                    "auroc": round(standing.auroc, 4),
                    "auroc_ci": _rounded(standing.interval),
                    "minus_fused": standing.difference and round(standing.difference, 4),
                    "minus_fused_ci": _rounded(standing.difference_interval),
                }
                for kind, standing in stands.items()
            }
    return {
        "command": "mediscan train --set data.modalities=all|image|note, on the phantom; macro AUROC on its test split",
        "epochs": _EPOCHS,
        "n_studies": len(studies),
        "cases": found,
    }


def _trained(manifest: Path, bundle: Path, kind: Modalities) -> Diagnoser:
    settings = ["--set", f"data.modalities={kind}", "--set", f"train.epochs={_EPOCHS}"]
    run_command(["train", str(manifest), "--out", str(bundle), *settings])
    return mediscan.load(bundle)


def _scores(model: Diagnoser, studies: Sequence[Study]) -> np.ndarray:
    """(N, F); a study that a model cannot read gets what the model says on average, as nothing is known of it."""
    names = model.findings.names
    rows = [
        [outcome[name].probability for name in names] if isinstance(outcome, Diagnosis) else [np.nan] * len(names)
        for outcome in model.predict_many(studies)
    ]
    scores = np.asarray(rows, dtype=np.float64)
    means = np.nan_to_num(np.nanmean(scores, axis=0)) if np.isfinite(scores).any() else np.zeros(len(names))
    return np.where(np.isnan(scores), means, scores)


def _rounded(interval: tuple[float, float] | None) -> list[float] | None:
    return [round(end, 4) for end in interval] if interval else None


def _whole(study: Study, *, missing: bool) -> Study:  # noqa: ARG001 - one of several changes
    return study


def _without_note(study: Study, *, missing: bool) -> Study:
    return replace(study, note=()) if missing else study


def _without_images(study: Study, *, missing: bool) -> Study:
    return replace(study, images=()) if missing else study


def _without_any_note(study: Study, *, missing: bool) -> Study:  # noqa: ARG001 - as above
    return _without_note(study, missing=True)


def _without_any_image(study: Study, *, missing: bool) -> Study:  # noqa: ARG001 - as above
    return _without_images(study, missing=True)


_CASES: Mapping[str, Callable[..., Study]] = {
    "nothing missing": _whole,
    "all notes missing": _without_any_note,
    "all images missing": _without_any_image,
    "half of the notes missing": _without_note,
    "half of the images missing": _without_images,
}
