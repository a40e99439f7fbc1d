"""Train a bundle: the whole way from a manifest to a calibrated, measured model, block by block."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mediscan.config import RunConfig
from mediscan.data.cache import Verify, open_cache
from mediscan.data.examples import ExampleReader
from mediscan.diagnosis import Refusal
from mediscan.errors import ConfigError, ManifestError
from mediscan.evaluate.metrics import macro_auroc
from mediscan.evaluate.run import measure_inference
from mediscan.findings import FindingSet, natural_order
from mediscan.manifest import Manifest
from mediscan.model.bundle import require_empty, save_bundle
from mediscan.model.inference import ALL_PATTERNS, FUSED, Inference, infer
from mediscan.model.network import DiagnosisNetwork
from mediscan.model.reference import Reference
from mediscan.model.text import NoteTokenizer, build_text_encoder, load_tokenizer
from mediscan.progress import Progress, silent
from mediscan.study import Availability, Split
from mediscan.train.batches import training_batches
from mediscan.train.calibrate import fit_calibration
from mediscan.train.checkpoint import Checkpoints, TrainingState
from mediscan.train.losses import DiagnosisLoss
from mediscan.train.optimize import autocast_for, build_optimizer, schedule
from mediscan.train.studies import StudySet, cache_text_features, read_studies
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


def train(  # noqa: PLR0915  (the whole way, to be read from top to bottom)
    manifest: Manifest,
    config: RunConfig,
    out: Path,
    *,
    resume: bool = False,
    progress: Progress = silent,
) -> TrainResult:
    """Train on split `train`; choose the epoch, calibrate and measure on split `val`; write a bundle.

    Args:
        manifest: The studies.
        config: The run.
        out: The bundle's folder; checkpoints lie in `<out>.checkpoint` until it is written.
        resume: Go on from the last checkpoint, if there is one.
        progress: Told of every stage.

    Raises:
        ManifestError: A row is wrong, or a finding has too few known cases.
        ConfigError: A value does not fit the data, or the checkpoint belongs to another run.
        BundleError: `out` is not empty.
    """
    require_empty(out)
    settings = config.train
    findings = FindingSet(tuple(config.data.findings) or natural_order(manifest.findings.names))
    if settings.threads:
        torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)

    # --- the network, and what cuts notes for it
    tokenizer = load_tokenizer(
        config.model.text_encoder, window=config.model.text_window, most=config.data.max_note_tokens
    )
    network = DiagnosisNetwork(config.model, findings=findings, text_encoder=build_text_encoder(config.model))
    frozen_text = config.model.trainable_text_layers == 0

    # --- the studies, decoded once
    def read(split: Split, reader: ExampleReader) -> StudySet:
        return read_studies(
            manifest.studies(split),
            findings=findings,
            reader=reader,
            tokenizer=tokenizer,
            progress=progress,
            stage=f"read {split}",
        )

    # The manifest names each image by its hash, so what the cache has of that hash is what was asked for.
    cache = open_cache(settings.cache_gib, verify=Verify.NEVER)
    with ExampleReader(config.data, workers=settings.workers, cache=cache) as reader:
        training, validation = read(Split.TRAIN, reader), read(Split.VAL, reader)
    _require_cases(findings, training, "train")
    _require_cases(findings, validation, "val")
    autocast = autocast_for(settings.precision)
    if frozen_text:
        with autocast():
            cache_text_features(
                network, training, pad_id=tokenizer.pad_id, progress=progress, stage="encode train notes"
            )
        # What calibrates and measures must be what a bundle computes: full precision.
        cache_text_features(
            network,
            validation,
            pad_id=tokenizer.pad_id,
            progress=progress,
            stage="encode val notes",
            dtype=torch.float32,
        )

    # --- what is optimised, and how
    loss_of = DiagnosisLoss(
        findings, training.labels, weighting=settings.class_weighting, smoothing=settings.label_smoothing
    )
    optimizer = build_optimizer(network, settings)
    steps = math.ceil(len(training.examples) / settings.batch_size)
    rate_at = schedule(settings, steps=steps * settings.epochs)
    checkpoints = Checkpoints(out.resolve().with_name(f"{out.resolve().name}.checkpoint"))
    state = TrainingState(identity={"configuration": config.model_dump(mode="json"), "manifest": manifest.sha256})
    if resume:
        state = checkpoints.resume(state, network=network, optimizer=optimizer)

    # --- the loop
    while state.epoch < settings.epochs and state.epoch - state.best_epoch < settings.patience:
        # Every random draw of an epoch follows from the seed and its number, so that a resumed run repeats them.
        torch.manual_seed(settings.seed * 100_003 + state.epoch)
        network.train()
        total = 0.0
        for step, (batch, labels) in enumerate(
            training_batches(training, network, tokenizer, config, epoch=state.epoch)
        ):
            factor = rate_at(state.epoch * steps + step)
            for group in optimizer.param_groups:
                group["lr"] = group["base_lr"] * factor
            with autocast():
                output = network(batch)
            loss = loss_of(output.logits, labels) + settings.single_modality_weight * (
                loss_of(output.image_logits, _where(labels, batch.image_mask))
                + loss_of(output.text_logits, _where(labels, batch.text_mask))
            )
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            total += float(loss.detach()) * len(batch)
            progress("train", state.epoch * steps + step + 1, settings.epochs * steps)

        network.eval()
        with autocast():
            score = _score(network, validation, tokenizer=tokenizer, config=config)
        state.epoch += 1
        state.history.append({"loss": total / len(training.examples), "val_auroc": score})
        improved = score > state.best_score
        if improved:
            state.best_score, state.best_epoch = score, state.epoch
        checkpoints.save(state, network=network, optimizer=optimizer, best=improved)
        progress(
            "train",
            state.epoch * steps,
            settings.epochs * steps,
            detail=f"epoch {state.epoch} loss {total / len(training.examples):.3f} val AUROC {score:.3f} "
            f"(best {state.best_score:.3f} at {state.best_epoch})",
        )

    if not state.best_epoch:
        raise ConfigError(
            f"training diverged: after {state.epoch} epochs no validation score is a number",
            remedy="Lower train.learning_rate, and start again without --resume.",
        )

    # --- the best epoch, calibrated and measured on validation
    checkpoints.load_best(state, network)
    network.eval()
    inferred = _infer(network, validation, tokenizer=tokenizer, config=config, patterns=ALL_PATTERNS)
    calibration = fit_calibration(
        findings,
        logits=inferred.logits,
        labels=validation.labels,
        available=[example.availability for example in validation.examples],
        patients=validation.patients,
        seed=settings.seed,
    )
    trained_on = _infer(network, training, tokenizer=tokenizer, config=config)
    reference = Reference.fit(_present_summaries(training, trained_on), _present_summaries(validation, inferred))
    calibrated = [row for row, example in enumerate(validation.examples) if example.availability in calibration.studies]
    metrics, _ = measure_inference(
        inferred.take(calibrated),
        [validation.examples[row] for row in calibrated],
        labels=validation.labels[calibrated],
        calibration=calibration,
        split=Split.VAL,
        draws=config.evaluate.bootstrap_draws,
    )

    # --- the bundle
    bundle_id = save_bundle(
        out,
        config=config,
        network=network,
        tokenizer=tokenizer,
        calibration=calibration,
        reference=reference,
        metrics=metrics,
        provenance={
            "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "mediscan_version": __version__,
            "torch_version": torch.__version__,
            "manifest_sha256": manifest.sha256,
            "train_studies": len(training.examples),
            "train_patients": len(set(training.patients)),
            "val_studies": len(validation.examples),
            "val_patients": len(set(validation.patients)),
            "uncalibrated_val_studies": len(validation.examples) - len(calibrated),
            "refused_studies": len(training.refused) + len(validation.refused),
            "best_epoch": state.best_epoch,
        },
    )
    checkpoints.remove()
    return TrainResult(
        bundle=out,
        bundle_id=bundle_id,
        metrics=metrics,
        refused=(*training.refused, *validation.refused),
        history=tuple(state.history),
    )


def _where(labels: Tensor, mask: Tensor) -> Tensor:
    """Labels of the studies that have a modality; for the others nothing is known, so nothing is learned."""
    return labels.masked_fill(~mask.any(dim=1, keepdim=True), torch.nan)


def _infer(
    network: DiagnosisNetwork,
    studies: StudySet,
    *,
    tokenizer: NoteTokenizer,
    config: RunConfig,
    patterns: Sequence[Availability] = (FUSED,),
) -> Inference:
    return infer(
        network,
        studies.examples,
        tokenizer=tokenizer,
        size=config.data.image_size,
        patterns=patterns,
        features=studies.features,
    )


def _score(network: DiagnosisNetwork, studies: StudySet, *, tokenizer: NoteTokenizer, config: RunConfig) -> float:
    inferred = _infer(network, studies, tokenizer=tokenizer, config=config)
    return macro_auroc(studies.labels, inferred.logits[FUSED])


def _present_summaries(studies: StudySet, inferred: Inference) -> dict[str, np.ndarray]:
    has = {
        "image": [example.availability.image for example in studies.examples],
        "note": [example.availability.note for example in studies.examples],
    }
    return {modality: inferred.summaries[modality][np.asarray(rows, dtype=bool)] for modality, rows in has.items()}


def _require_cases(findings: FindingSet, studies: StudySet, split: str) -> None:
    if not studies.examples:
        raise ManifestError(
            f"split {split!r} has no readable study ({len(studies.refused)} refused)",
            remedy="Look at the ledger of `mediscan ingest` for the reasons.",
        )
    positive, negative = (studies.labels == 1).sum(axis=0), (studies.labels == 0).sum(axis=0)
    for name, present, absent in zip(findings.names, positive.tolist(), negative.tolist(), strict=True):
        if not present or not absent:
            raise ManifestError(
                f"finding {name!r} has {present} present and {absent} absent cases in split {split!r}",
                remedy="Both are needed to learn and to calibrate; choose others with --set data.findings=[...].",
            )
