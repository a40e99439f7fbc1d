"""Findings by prompts, without any label: is the study nearer to what is said where a finding is there, or is not?

The scores are differences of cosines. They order studies; they are no probabilities, and are not shown as such.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mediscan.align.embeddings import Vectors, embed_images, embed_notes, embed_texts
from mediscan.align.folder import Aligned
from mediscan.align.prompts import Prompts
from mediscan.align.statements import tokenize_statements
from mediscan.data.examples import Example, ExampleReader
from mediscan.data.labels import label_matrix
from mediscan.diagnosis import Refusal
from mediscan.errors import Code, ManifestError
from mediscan.evaluate.bootstrap import auroc_draws, macro_mean, patient_weights, percentile_interval
from mediscan.findings import FindingSet
from mediscan.progress import Progress, silent
from mediscan.results import write_table
from mediscan.study import Availability, Study

SIMILARITIES = pa.schema(
    [
        ("study_id", pa.string()),
        ("patient_id", pa.string()),
        ("finding", pa.string()),
        ("similarity", pa.float64()),
        ("modalities", pa.string()),
        ("alignment_id", pa.string()),
        ("input_sha256", pa.string()),
    ]
)


class Compared(StrEnum):
    """What of a study is compared with the prompts; with both, the two scores are added."""

    IMAGE = "image"
    NOTE = "note"
    BOTH = "image+note"


@dataclass(frozen=True, kw_only=True)
class ZeroShotResult:
    """What came of it.

    Attributes:
        scores: (N, F) float64 in [-4, 4], higher for present.
        metrics: The content of metrics.json; None where no study has a label of a finding.
        refused: Studies that could not be read, or lack what is compared.
    """

    examples: Sequence[Example]
    findings: FindingSet
    scores: NDArray[np.float64]
    metrics: dict[str, Any] | None
    refused: tuple[Refusal, ...]


def zero_shot(
    aligned: Aligned,
    studies: Sequence[Study],
    prompts: Mapping[str, Prompts],
    out: Path,
    *,
    compared: Compared = Compared.IMAGE,
    split: str = "all",
    workers: int = 0,
    progress: Progress = silent,
) -> ZeroShotResult:
    """Write similarities.parquet and, where labels are known, metrics.json.

    Of the notes only `data.note_sections` are read, as a diagnosis would: a report names the answer.

    Args:
        aligned: The encoders.
        studies: The studies.
        prompts: Finding → prompts.
        out: The folder for the results.
        compared: What is compared with the prompts.
        split: Its name, for the record.
        workers: Processes that decode images.
        progress: Told of every study.

    Raises:
        ManifestError: Not one study can be compared.
    """
    examples, refused = _read(aligned, studies, compared=compared, workers=workers, progress=progress)
    if not examples:
        raise ManifestError(
            f"no study can be compared by {compared} ({len(refused)} refused)",
            remedy="Choose another --split or --compare, or see the ledger of `mediscan ingest`.",
        )
    findings = FindingSet(tuple(prompts))
    scores = np.zeros((len(examples), len(findings)))
    if compared is not Compared.NOTE:
        images = embed_images(aligned.network, examples, size=aligned.config.data.image_size)
        scores += _scores(aligned, images, [(entry.positive, entry.negative) for entry in prompts.values()])
    if compared is not Compared.IMAGE:
        texts = [tokenize_statements(example.note, aligned.tokenizer) for example in examples]
        notes = embed_notes(aligned.network, texts, pad_id=aligned.tokenizer.pad_id)
        scores += _scores(aligned, notes, [_of_notes(entry) for entry in prompts.values()])
    metrics = _measure(examples, findings, scores, draws=aligned.config.evaluate.bootstrap_draws)
    out.mkdir(parents=True, exist_ok=True)
    write_table(
        _rows(aligned, examples, findings, scores, compared=compared), SIMILARITIES, out / "similarities.parquet"
    )
    if metrics is not None:
        metrics = {"alignment_id": aligned.alignment_id, "split": split, "compared": str(compared), **metrics}
        (out / "metrics.json").write_text(json.dumps(metrics, indent=1, allow_nan=False), encoding="utf-8")
    return ZeroShotResult(examples=examples, findings=findings, scores=scores, metrics=metrics, refused=tuple(refused))


def _read(
    aligned: Aligned, studies: Sequence[Study], *, compared: Compared, workers: int, progress: Progress
) -> tuple[list[Example], list[Refusal]]:
    needed = Availability(compared)
    examples: list[Example] = []
    refused: list[Refusal] = []
    with ExampleReader(aligned.config.data, workers=workers) as reader:
        for done, entry in enumerate(reader.read(studies), start=1):
            if isinstance(entry, Refusal):
                refused.append(entry)
            elif (needed.image and not entry.planes) or (needed.note and not entry.note):
                refused.append(_lacking(entry, needed))
            else:
                examples.append(entry)
            progress("read", done, len(studies))
    return examples, refused


def _lacking(example: Example, needed: Availability) -> Refusal:
    return Refusal(
        study_id=example.study.study_id,
        code=Code.NO_INPUT,
        message=f"study {example.study.study_id!r} has {example.availability}, but {needed} is compared. "
        "Choose another --compare for it.",
        seconds=example.seconds,
    )


def _of_notes(prompts: Prompts) -> tuple[Sequence[str], Sequence[str]]:
    return prompts.note_positive or prompts.positive, prompts.note_negative or prompts.negative


def _scores(
    aligned: Aligned, vectors: Vectors, prompts: Sequence[tuple[Sequence[str], Sequence[str]]]
) -> NDArray[np.float64]:
    """(N, F): nearer to the positive prompts, or to the negative ones."""
    directions = [_direction(aligned, positive) - _direction(aligned, negative) for positive, negative in prompts]
    difference: NDArray[np.float64] = vectors.astype(np.float64) @ np.stack(directions, axis=1)
    return difference


def _direction(aligned: Aligned, texts: Sequence[str]) -> NDArray[np.float64]:
    """(E,) the mean of several texts' unit vectors, as a unit vector."""
    mean = embed_texts(aligned.network, texts, tokenizer=aligned.tokenizer).mean(axis=0, dtype=np.float64)
    unit: NDArray[np.float64] = mean / max(float(np.linalg.norm(mean)), 1e-12)
    return unit


def _measure(
    examples: Sequence[Example], findings: FindingSet, scores: NDArray[np.float64], *, draws: int
) -> dict[str, Any] | None:
    labels = label_matrix([example.study for example in examples], findings)
    if np.isnan(labels).all():
        return None
    patients = [example.study.patient_id for example in examples]
    areas = auroc_draws(labels, scores, np.ones((1, len(labels))))[0]  # (F,)
    drawn = auroc_draws(labels, scores, patient_weights(patients, draws=draws))  # (B, F)
    return {
        "score": "similarity",
        "n_studies": len(examples),
        "n_patients": len(set(patients)),
        "findings": {
            name: {
                "n_positive": int((labels[:, index] == 1).sum()),
                "n_negative": int((labels[:, index] == 0).sum()),
                **_area(areas[index], drawn[:, index]),
            }
            for index, name in enumerate(findings.names)
        },
        "macro": _area(macro_mean(areas), macro_mean(drawn)),
    }


def _area(value: np.float64 | NDArray[np.float64], drawn: NDArray[np.float64]) -> dict[str, Any]:
    return {"auroc": None if np.isnan(value) else float(value), "auroc_ci": percentile_interval(drawn)}


def _rows(
    aligned: Aligned,
    examples: Sequence[Example],
    findings: FindingSet,
    scores: NDArray[np.float64],
    *,
    compared: Compared,
) -> list[dict[str, object]]:
    return [
        {
            "study_id": example.study.study_id,
            "patient_id": example.study.patient_id,
            "finding": finding,
            "similarity": float(scores[row, index]),
            "modalities": str(compared),
            "alignment_id": aligned.alignment_id,
            "input_sha256": example.input_sha256,
        }
        for row, example in enumerate(examples)
        for index, finding in enumerate(findings.names)
    ]
