"""Measure a model on the labelled studies of a split, with image, note and both."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mediscan.data.examples import Example, ExampleReader
from mediscan.data.labels import label_matrix
from mediscan.diagnosis import Refusal
from mediscan.errors import ManifestError
from mediscan.evaluate.metrics import EvaluationData, finding_named_in_note, measure
from mediscan.evaluate.report import write_report
from mediscan.manifest import Manifest
from mediscan.model.calibration import Calibration, availability_rows
from mediscan.model.inference import ALL_PATTERNS, FUSED, Inference
from mediscan.predict import Diagnoser
from mediscan.progress import Progress, silent
from mediscan.results import PREDICTIONS, prediction_rows, write_table
from mediscan.study import Availability, Split


def measure_inference(
    inferred: Inference,
    examples: Sequence[Example],
    *,
    labels: NDArray[np.float32],
    calibration: Calibration,
    split: str,
    draws: int,
) -> tuple[dict[str, Any], EvaluationData]:
    """Metrics of studies that the network has answered with every pattern.

    Args:
        inferred: Logits with image, with note, and with all that each study has.
        examples: The N studies.
        labels: (N, F), NaN where unknown.
        calibration: Turns logits into probabilities.
        split: Its name, for the record.
        draws: Bootstrap draws.

    Returns:
        The content of metrics.json, and the data behind it.
    """
    available = [example.availability for example in examples]
    data = EvaluationData(
        findings=calibration.findings,
        study_ids=[example.study.study_id for example in examples],
        patients=[example.study.patient_id for example in examples],
        labels=labels,
        probabilities=calibrated_patterns(inferred, available, calibration),
        available=available,
        thresholds=calibration.thresholds,
    )
    leakage = {
        "finding_named_in_note": finding_named_in_note(
            calibration.findings, [example.note.text for example in examples if example.note]
        )
    }
    return measure(data, split=split, draws=draws, leakage=leakage), data


def calibrated_patterns(
    inferred: Inference, available: Sequence[Availability], calibration: Calibration
) -> dict[Availability, NDArray[np.float64]]:
    """Per pattern (N, F) calibrated probabilities.

    Each study is calibrated by the modalities it was answered from. Rows whose pattern the study lacks are NaN.
    """
    shape = inferred.logits[FUSED].shape
    calibrated = {FUSED: np.full(shape, np.nan)}
    for pattern, rows in availability_rows(available).items():
        calibrated[FUSED][rows] = calibration.apply(inferred.logits[FUSED][rows], pattern).value
    for single in (Availability.IMAGE, Availability.NOTE):
        rows = np.flatnonzero([study is Availability.BOTH for study in available])
        if single in calibration.parameters:
            calibrated[single] = np.full(shape, np.nan)
            calibrated[single][rows] = calibration.apply(inferred.logits[single][rows], single).value
    return calibrated


@dataclass(frozen=True, kw_only=True)
class EvaluateResult:
    """What an evaluation found, and the studies it could not read."""

    metrics: dict[str, Any]
    refused: tuple[Refusal, ...]


def evaluate(
    diagnoser: Diagnoser,
    manifest: Manifest,
    out: Path,
    *,
    split: Split,
    draws: int = 1000,
    workers: int = 0,
    progress: Progress = silent,
) -> EvaluateResult:
    """Write metrics.json, predictions.parquet and report.html of a split.

    Args:
        diagnoser: The model.
        manifest: The studies; a wrong row anywhere stops the evaluation.
        out: The folder for the results.
        split: Which part to measure on.
        draws: Patient-level bootstrap draws behind every interval.
        workers: Processes that decode images.
        progress: Told of every study.

    Raises:
        ManifestError: A row is wrong, or the split has no study that can be read.
    """
    studies = manifest.studies(split)
    bundle = diagnoser.bundle
    entries: list[Example | Refusal] = []
    with ExampleReader(bundle.config.data, workers=workers) as reader:
        for entry in reader.read(studies):
            entries.append(diagnoser.refuse_uncalibrated(entry))
            progress(f"read {split}", len(entries), len(studies))
    examples = [entry for entry in entries if isinstance(entry, Example)]
    if not examples:
        raise ManifestError(
            f"split {str(split)!r} has no study that can be read ({len(entries)} refused)",
            remedy="Choose another --split, or see the ledger of `mediscan ingest`.",
        )
    labels = label_matrix([example.study for example in examples], diagnoser.findings)
    if np.isnan(labels).all():
        raise ManifestError(
            f"no study of split {str(split)!r} has a known label of {', '.join(diagnoser.findings)}",
            remedy=f"Name its columns as the bundle does. It has: {', '.join(manifest.findings) or 'none'}.",
        )
    progress("measure", 0, 1)
    inferred = diagnoser.infer(examples, patterns=ALL_PATTERNS)
    metrics, data = measure_inference(
        inferred,
        examples,
        labels=labels,
        calibration=bundle.calibration,
        split=split,
        draws=draws,
    )
    out.mkdir(parents=True, exist_ok=True)
    (out / "metrics.json").write_text(json.dumps(metrics, indent=1, allow_nan=False), encoding="utf-8")
    lines = [
        line for diagnosis in diagnoser.diagnose(examples, inference=inferred) for line in prediction_rows(diagnosis)
    ]
    write_table(lines, PREDICTIONS, out / "predictions.parquet")
    write_report(
        out / "report.html",
        metrics=metrics,
        data=data,
        title=f"mediscan {bundle.bundle_id} on split {split}",
        bundle_card={**diagnoser.card, "bootstrap draws": str(draws)},
    )
    progress("measure", 1, 1)
    return EvaluateResult(metrics=metrics, refused=tuple(entry for entry in entries if isinstance(entry, Refusal)))
