"""Train a bundle: the whole way from a manifest to a calibrated, measured model, block by block."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from mediscan.config import Augmentation, Precision, RunConfig, TrainConfig
from mediscan.data.augment import Variation
from mediscan.data.batch import StudyBatch, stack_images, stack_tokens
from mediscan.data.examples import ExampleReader
from mediscan.diagnosis import Refusal
from mediscan.errors import ManifestError
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
from mediscan.train.calibrate import fit_calibration
from mediscan.train.checkpoint import Checkpoints, TrainingState
from mediscan.train.losses import DiagnosisLoss
from mediscan.train.studies import StudySet, cache_text_features, read_studies
from mediscan.version import __version__

_BATCHES_SORTED_TOGETHER = 6


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

    with ExampleReader(config.data, workers=settings.workers) as reader:
        training, validation = read(Split.TRAIN, reader), read(Split.VAL, reader)
    _require_cases(findings, training, "train")
    _require_cases(findings, validation, "val")
    autocast = _autocast(settings.precision)
    if frozen_text:
        with autocast():
            cache_text_features(
                network, training, pad_id=tokenizer.pad_id, progress=progress, stage="encode train notes"
            )
        # What calibrates and measures must be what a bundle computes: full precision.
        cache_text_features(network, validation, pad_id=tokenizer.pad_id, progress=progress, stage="encode val notes")

    # --- what is optimised, and how
    loss_of = DiagnosisLoss(
        findings, training.labels, weighting=settings.class_weighting, smoothing=settings.label_smoothing
    )
    optimizer = _build_optimizer(network, settings)
    steps = math.ceil(len(training.examples) / settings.batch_size)
    rate_at = _schedule(settings, steps=steps * settings.epochs)
    checkpoints = Checkpoints(out.with_name(f"{out.name}.checkpoint"))
    state = TrainingState(identity={"configuration": config.model_dump(mode="json"), "manifest": manifest.sha256})
    if resume:
        state = checkpoints.resume(state, network=network, optimizer=optimizer)

    # --- the loop
    while state.epoch < settings.epochs and state.epoch - state.best_epoch < settings.patience:
        # Every random draw of an epoch follows from the seed and its number, so that a resumed run repeats them.
        torch.manual_seed(settings.seed * 100_003 + state.epoch)
        network.train()
        total = 0.0
        for step, (batch, labels) in enumerate(_batches(training, network, tokenizer, config, epoch=state.epoch)):
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
    metrics, _ = measure_inference(
        inferred,
        validation.examples,
        labels=validation.labels,
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


def _batches(
    studies: StudySet, network: DiagnosisNetwork, tokenizer: NoteTokenizer, config: RunConfig, *, epoch: int
) -> Iterator[tuple[StudyBatch, Tensor]]:
    """Shuffled training batches of one epoch: images varied, tokens hidden, modalities dropped."""
    settings = config.train
    rng = np.random.default_rng((settings.seed, epoch))
    for rows in _shuffled(studies, rng, batch_size=settings.batch_size):
        images, image_mask = stack_images([studies.examples[row].stack for row in rows], size=config.data.image_size)
        if settings.augmentation is not Augmentation.NONE:
            variation = Variation.draw(settings.augmentation, int(image_mask.sum()), rng=rng)
            images[image_mask] = variation.apply(images[image_mask])
        features = (
            [studies.features[row] for row in rows]
            if studies.features
            else network.text_encoder.encode([studies.notes[row] for row in rows], pad_id=tokenizer.pad_id)
        )
        text, text_mask = stack_tokens(features, width=network.text_encoder.width)
        hidden = torch.from_numpy(rng.random(text_mask.shape) < settings.token_dropout)
        batch = StudyBatch(images=images, image_mask=image_mask, text=text, text_mask=text_mask & ~hidden)
        lot = torch.from_numpy(rng.random(len(rows)))
        rate = settings.modality_dropout
        # A thin slice loses both: it teaches the answer without evidence, the baseline of every explanation.
        batch = batch.drop(note=lot < rate * 1.1, image=(lot >= rate) & (lot < rate * 2))
        yield batch, torch.from_numpy(studies.labels[rows])


def _shuffled(studies: StudySet, rng: np.random.Generator, *, batch_size: int) -> Iterator[list[int]]:
    """Rows of each batch of an epoch.

    Within each stretch of a few batches, studies with notes of similar length go together: padding costs as much as
    text. Stretches and the order of batches stay random.
    """
    order = rng.permutation(len(studies.examples)).tolist()
    stretch = batch_size * _BATCHES_SORTED_TOGETHER
    batches = []
    for start in range(0, len(order), stretch):
        rows = sorted(order[start : start + stretch], key=lambda row: len(studies.notes[row]))
        batches += [rows[at : at + batch_size] for at in range(0, len(rows), batch_size)]
    for index in rng.permutation(len(batches)).tolist():
        if len(batches[index]) > 1:  # batch normalisation needs two
            yield batches[index]


def _where(labels: Tensor, mask: Tensor) -> Tensor:
    """Labels of the studies that have a modality; for the others nothing is known, so nothing is learned."""
    return labels.masked_fill(~mask.any(dim=1, keepdim=True), torch.nan)


def _build_optimizer(network: DiagnosisNetwork, settings: TrainConfig) -> torch.optim.AdamW:
    """AdamW; no decay on norms, biases and lone vectors, and a gentler rate for a pretrained text encoder."""
    groups = []
    for text in (False, True):
        for decayed in (False, True):
            parameters = [
                parameter
                for name, parameter in network.named_parameters()
                if parameter.requires_grad
                and name.startswith("text_encoder.") is text
                and (parameter.ndim > 1) is decayed
            ]
            rate = settings.text_learning_rate if text else settings.learning_rate
            decay = settings.weight_decay if decayed else 0.0
            groups.append({"params": parameters, "lr": rate, "base_lr": rate, "weight_decay": decay})
    return torch.optim.AdamW([group for group in groups if group["params"]])


def _schedule(settings: TrainConfig, *, steps: int) -> Callable[[int], float]:
    """Linear warm-up, then a cosine down to a hundredth; a function of the step alone, so that nothing needs saving."""
    warm = max(1, round(settings.warmup * steps))

    def factor(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))

    return factor


def _autocast(precision: Precision) -> Callable[[], AbstractContextManager[Any]]:
    if precision is Precision.FP32 or (precision is Precision.AUTO and not bf16_supported()):
        return nullcontext

    @contextmanager
    def bf16() -> Iterator[None]:
        # Plain matrix products: on processors the fused attention kernel takes a third longer in bf16, backwards.
        with torch.autocast("cpu", dtype=torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            yield

    return bf16


def bf16_supported() -> bool:
    """Whether this processor computes in bfloat16 itself; elsewhere it is emulated, slowly."""
    flags = Path("/proc/cpuinfo")
    return flags.is_file() and any(flag in flags.read_text(encoding="utf-8") for flag in ("avx512_bf16", "amx_bf16"))


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
