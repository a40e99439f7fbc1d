"""Train a bundle: the whole way from a manifest to a calibrated, measured model, block by block."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

import torch

from mediscan.config import Method, RunConfig, Tracker
from mediscan.data.cache import Verify, open_cache
from mediscan.data.examples import ExampleReader
from mediscan.data.values import value_matrix
from mediscan.errors import ManifestError
from mediscan.evaluate.metrics import macro_auroc
from mediscan.findings import FindingSet, natural_order
from mediscan.manifest import Manifest
from mediscan.model.bundle import require_empty
from mediscan.model.inference import ALL_PATTERNS, FUSED
from mediscan.model.network import DiagnosisNetwork
from mediscan.model.text import NoteTokenizer, load_tokenizer
from mediscan.progress import Progress, silent
from mediscan.study import Split
from mediscan.train.arithmetic import arithmetic
from mediscan.train.batches import Batches
from mediscan.train.checkpoint import Checkpoints, TrainingState
from mediscan.train.closed_form import train_closed_form
from mediscan.train.finish import Answered, TrainResult, write_bundle
from mediscan.train.fit import Fit
from mediscan.train.losses import DiagnosisLoss
from mediscan.train.optimize import autocast_for
from mediscan.train.parallel import Parallel
from mediscan.train.processes import Processes
from mediscan.train.start import start_network
from mediscan.train.studies import StudySet, cache_text_features, read_studies
from mediscan.train.tracking import tracking
from mediscan.train.validate import infer_together


def train(
    manifest: Manifest,
    config: RunConfig,
    out: Path,
    *,
    resume: bool = False,
    parallel: Parallel = Parallel.DDP,
    progress: Progress = silent,
) -> TrainResult:
    """Train on split `train`; choose the epoch, calibrate and measure on split `val`; write a bundle.

    Under `torchrun` all processes call this with the same arguments, and all are given the result.

    Args:
        manifest: The studies.
        config: The run.
        out: The bundle's folder; checkpoints lie in `<out>.checkpoint` until it is written.
        resume: Go on from the last checkpoint, if there is one.
        parallel: What each process holds, where there are several.
        progress: Told of every stage.

    Raises:
        ManifestError: A row is wrong, or a finding has too few known cases.
        ConfigError: A value does not fit the data, or the checkpoint belongs to another run.
        BundleError: `out` is not empty.
    """
    started = time.perf_counter()
    require_empty(out)
    out = out.resolve()
    processes = Processes()
    progress = progress if processes.is_first else silent
    with arithmetic(config.train):
        # --- the network, and what cuts notes for it
        findings = FindingSet(tuple(config.data.findings) or natural_order(manifest.findings.names))
        tokenizer = load_tokenizer(
            config.model.text_encoder, window=config.model.text_window, most=config.data.max_note_tokens
        )
        if config.train.method is Method.KERNEL:  # without steps to share among processes
            solved = None
            if processes.is_first:
                studies = _read(manifest, config, findings=findings, tokenizer=tokenizer, progress=progress)
                solved = train_closed_form(
                    *studies,
                    out,
                    config=config,
                    findings=findings,
                    tokenizer=tokenizer,
                    provenance={
                        "manifest_sha256": manifest.sha256,
                        "threads": torch.get_num_threads(),
                        "train_seconds": round(time.perf_counter() - started, 1),
                    },
                    progress=progress,
                )
            return cast("TrainResult", processes.from_first(solved))
        network = start_network(config, findings=findings, progress=progress)
        network.to(processes.device)

        # --- the studies, decoded once
        with processes.first_alone():
            training, validation = _read(manifest, config, findings=findings, tokenizer=tokenizer, progress=progress)
        of_training = value_matrix([example.study for example in training.examples], config.data.values)
        network.values.fit(torch.from_numpy(of_training))
        if not any(parameter.requires_grad for parameter in network.text_encoder.parameters()):
            autocast = autocast_for(config.train.precision, device=processes.device.type)
            _encode_notes(network, training, validation, pad_id=tokenizer.pad_id, autocast=autocast, progress=progress)

        # --- the fit
        fit = Fit(
            network,
            batches=Batches(training, tokenizer=tokenizer, config=config, text_width=network.text_encoder.width),
            loss=DiagnosisLoss(
                findings,
                training.labels,
                weighting=config.train.class_weighting,
                smoothing=config.train.label_smoothing,
            ),
            settings=config.train,
            processes=processes,
            parallel=parallel,
        )

        def score(network: DiagnosisNetwork) -> float:
            inferred = infer_together(network, validation, tokenizer=tokenizer, config=config, processes=processes)
            return macro_auroc(validation.labels, inferred.logits[FUSED])

        checkpoints = Checkpoints(out.with_name(f"{out.name}.checkpoint"))
        state = TrainingState(identity=_identity(manifest, config, processes))
        if resume:
            state = fit.resume(checkpoints, state)
        tracker = config.train.tracker if processes.is_first else Tracker.NONE
        done = state.epoch * fit.steps + state.step
        with tracking(tracker, out.with_name(f"{out.name}.{tracker}"), from_step=done) as record:
            fit.run(state, checkpoints=checkpoints, validate=score, record=record, progress=progress)

        # --- the best epoch, answering for all studies
        best = fit.finish(state, checkpoints)
        inferred = infer_together(
            best, validation, tokenizer=tokenizer, config=config, processes=processes, patterns=ALL_PATTERNS
        )
        trained_on = infer_together(best, training, tokenizer=tokenizer, config=config, processes=processes)

        # --- calibrated and measured on validation, and written: the work of one
        result = None
        if processes.is_first:
            result = write_bundle(
                best,
                out,
                config=config,
                tokenizer=tokenizer,
                training=Answered(studies=training, inferred=trained_on),
                validation=Answered(studies=validation, inferred=inferred),
                provenance={
                    "manifest_sha256": manifest.sha256,
                    "best_epoch": state.best_epoch,
                    "processes": processes.count,
                    "threads": torch.get_num_threads(),
                    "train_seconds": round(time.perf_counter() - started, 1),  # since the last resume
                },
                history=state.history,
            )
            checkpoints.remove()
        return cast("TrainResult", processes.from_first(result))


def _identity(manifest: Manifest, config: RunConfig, processes: Processes) -> dict[str, Any]:
    """What must be the same to go on from a checkpoint."""
    identity: dict[str, Any] = {"configuration": config.model_dump(mode="json"), "manifest": manifest.sha256}
    if config.train.deterministic:
        # Sums are rounded as they are split up.
        identity |= {"number of threads": torch.get_num_threads(), "number of processes": processes.count}
    return identity


def _read(
    manifest: Manifest, config: RunConfig, *, findings: FindingSet, tokenizer: NoteTokenizer, progress: Progress
) -> tuple[StudySet, StudySet]:
    """The training and the validation studies."""
    # The manifest names each image by its hash, so what the cache has of that hash is what was asked for.
    cache = open_cache(config.train.cache_gib, verify=Verify.NEVER)
    with ExampleReader(config.data, workers=config.train.workers, cache=cache) as reader:
        training, validation = (
            read_studies(
                manifest.studies(split),
                findings=findings,
                reader=reader,
                tokenizer=tokenizer,
                progress=progress,
                stage=f"read {split}",
            )
            for split in (Split.TRAIN, Split.VAL)
        )
    _require_cases(findings, training, "train")
    _require_cases(findings, validation, "val")
    return training, validation


def _encode_notes(
    network: DiagnosisNetwork,
    training: StudySet,
    validation: StudySet,
    *,
    pad_id: int,
    autocast: Callable[[], AbstractContextManager[Any]],
    progress: Progress,
) -> None:
    """Encode all notes once, where nothing changes the encoder."""
    with autocast():
        cache_text_features(network, training, pad_id=pad_id, progress=progress, stage="encode train notes")
    # What calibrates and measures must be what a bundle computes: full precision.
    cache_text_features(
        network, validation, pad_id=pad_id, progress=progress, stage="encode val notes", dtype=torch.float32
    )


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
