"""The end of a training: a network that has answered for all studies becomes a calibrated, measured bundle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mediscan.config import RunConfig
from mediscan.diagnosis import Refusal
from mediscan.evaluate.run import measure_inference
from mediscan.model.answering import Network
from mediscan.model.bundle import save_bundle
from mediscan.model.inference import Inference
from mediscan.model.reference import Reference
from mediscan.model.text import NoteTokenizer
from mediscan.study import Split
from mediscan.train.calibrate import fit_calibration
from mediscan.train.studies import StudySet
from mediscan.version import __version__


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """What came of a training.

    Attributes:
        refused: Studies that could not be read and were not trained on.
        history: One entry per epoch: its loss, and the score on validation.
    """

    bundle: Path
    bundle_id: str
    metrics: dict[str, Any]
    refused: tuple[Refusal, ...]
    history: tuple[dict[str, float], ...]


@dataclass(frozen=True, kw_only=True)
class Answered:
    """Studies, and what the network says of them."""

    studies: StudySet
    inferred: Inference

    @property
    def present_summaries(self) -> dict[str, NDArray[np.float32]]:
        """Per modality those of the studies that have it."""
        has = {
            "image": [example.availability.image for example in self.studies.examples],
            "note": [example.availability.note for example in self.studies.examples],
        }
        return {
            modality: self.inferred.summaries[modality][np.asarray(rows, dtype=bool)] for modality, rows in has.items()
        }


def write_bundle(
    network: Network,
    out: Path,
    *,
    config: RunConfig,
    tokenizer: NoteTokenizer,
    training: Answered,
    validation: Answered,
    provenance: Mapping[str, Any],
    history: Sequence[dict[str, float]],
) -> TrainResult:
    """Calibrate and measure a network on validation, and write it down."""
    studies, inferred = validation.studies, validation.inferred
    calibration = fit_calibration(
        network.findings,
        logits=inferred.logits,
        labels=studies.labels,
        available=[example.availability for example in studies.examples],
        patients=studies.patients,
        seed=config.train.seed,
    )
    calibrated = [row for row, example in enumerate(studies.examples) if example.availability in calibration.studies]
    metrics, _ = measure_inference(
        inferred.take(calibrated),
        [studies.examples[row] for row in calibrated],
        labels=studies.labels[calibrated],
        calibration=calibration,
        split=Split.VAL,
        draws=config.evaluate.bootstrap_draws,
    )
    refused = (*training.studies.refused, *studies.refused)
    bundle_id = save_bundle(
        out,
        config=config,
        network=network,
        tokenizer=tokenizer,
        calibration=calibration,
        reference=Reference.fit(training.present_summaries, validation.present_summaries),
        metrics=metrics,
        provenance={
            "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "mediscan_version": __version__,
            "torch_version": torch.__version__,
            **provenance,
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "trained_parameters": sum(
                parameter.numel() for parameter in network.parameters() if parameter.requires_grad
            ),
            "train_studies": len(training.studies.examples),
            "train_patients": len(set(training.studies.patients)),
            "val_studies": len(studies.examples),
            "val_patients": len(set(studies.patients)),
            "uncalibrated_val_studies": len(studies.examples) - len(calibrated),
            "refused_studies": len(refused),
        },
    )
    return TrainResult(bundle=out, bundle_id=bundle_id, metrics=metrics, refused=refused, history=tuple(history))
