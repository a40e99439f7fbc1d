"""Pretrain: the whole way from a manifest to aligned encoders, block by block; no label is read."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mediscan.align.batches import batch_count, pair_batches
from mediscan.align.embeddings import Embeddings, embed_images, embed_notes
from mediscan.align.folder import save_aligned
from mediscan.align.losses import clip_loss
from mediscan.align.masked_words import MaskedWords
from mediscan.align.network import AlignmentNetwork
from mediscan.align.pairs import Pairs, cache_features, read_pairs, reading, same_notes
from mediscan.align.retrieval import CANDIDATES, measure_retrieval, recall
from mediscan.align.steps import Losses
from mediscan.config import RunConfig
from mediscan.data.cache import Verify, open_cache
from mediscan.data.examples import ExampleReader
from mediscan.diagnosis import Refusal
from mediscan.errors import ConfigError, ManifestError
from mediscan.manifest import Manifest
from mediscan.model.bundle import require_empty
from mediscan.model.text import NoteTokenizer, build_text_encoder, load_tokenizer
from mediscan.progress import Progress, silent
from mediscan.study import Split
from mediscan.train.optimize import autocast_for, schedule
from mediscan.version import __version__


@dataclass(frozen=True, kw_only=True)
class PretrainResult:
    """What came of it.

    Attributes:
        refused: Studies that could not be read.
        history: One entry per epoch: losses, and retrieval on validation.
    """

    folder: Path
    alignment_id: str
    metrics: dict[str, Any]
    refused: tuple[Refusal, ...]
    history: tuple[dict[str, float], ...]


def pretrain(  # noqa: PLR0915  (the whole way, to be read from top to bottom)
    manifest: Manifest, config: RunConfig, out: Path, *, progress: Progress = silent
) -> PretrainResult:
    """Align image and note encoders on split `train`; choose the epoch and measure on split `val`; write a folder.

    Args:
        manifest: The studies; those that lack an image or a note take no part.
        config: The run.
        out: The folder to write.
        progress: Told of every stage.

    Raises:
        ManifestError: A row is wrong, or a split has too few studies with both sides.
        ConfigError: A value does not fit the data, or training diverged.
        BundleError: `out` is not empty.
    """
    require_empty(out)
    settings = config.train
    if settings.threads:
        torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)

    # --- the network
    tokenizer = load_tokenizer(
        config.model.text_encoder, window=config.model.text_window, most=config.data.max_note_tokens
    )
    network = AlignmentNetwork(config.model, text_encoder=build_text_encoder(config.model), loss=config.pretrain.loss)
    masked_words = MaskedWords(network.text_encoder, tokenizer) if config.pretrain.masked_words_weight else None

    # --- the studies, decoded once
    cache = open_cache(settings.cache_gib, verify=Verify.NEVER)
    with ExampleReader(reading(config), workers=settings.workers, cache=cache) as reader:
        training, validation = (
            read_pairs(
                manifest.studies(split), reader=reader, tokenizer=tokenizer, progress=progress, stage=f"read {split}"
            )
            for split in (Split.TRAIN, Split.VAL)
        )
    for name, pairs in (("train", training), ("val", validation)):
        _require_pairs(pairs, name)
    autocast = autocast_for(settings.precision)
    if not config.model.trainable_text_layers:
        with autocast():
            for name, pairs in (("train", training), ("val", validation)):
                cache_features(
                    pairs,
                    network.text_encoder,
                    pad_id=tokenizer.pad_id,
                    progress=progress,
                    stage=f"encode {name} notes",
                )

    # --- the loop
    optimizer = _optimizer(network, masked_words, config)
    losses_of = Losses(
        network, training, pad_id=tokenizer.pad_id, config=config, masked_words=masked_words, autocast=autocast
    )
    epochs = config.pretrain.epochs
    steps = batch_count(training, config)
    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule(settings, steps=steps * epochs))
    history: list[dict[str, float]] = []
    best: dict[str, Tensor] = {}
    best_score = -math.inf
    for epoch in range(epochs):
        torch.manual_seed(settings.seed * 100_003 + epoch)
        network.train()
        losses: list[dict[str, float]] = []
        for step, batch in enumerate(pair_batches(training, config, epoch=epoch)):
            terms = losses_of(batch)
            loss = torch.stack(list(terms.values())).sum()
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], 1.0)
            optimizer.step()
            rates.step()
            losses.append({name: float(value.detach()) for name, value in terms.items()})
            progress("pretrain", epoch * steps + step + 1, epochs * steps)
        network.eval()
        with autocast():
            found, val_loss = _validate(network, validation, tokenizer=tokenizer, config=config)
        history.append(
            {name: float(np.mean([entry[name] for entry in losses])) for name in losses[0]}
            | {"val_loss": val_loss, "val_recall@1": found}
        )
        # Recall is coarse, so the loss decides between equals.
        score = found - 1e-3 * val_loss
        if score > best_score:
            best_score = score
            best = {name: value.detach().clone() for name, value in network.state_dict().items()}
        detail = f"epoch {epoch + 1} val loss {val_loss:.3f} recall@1 {found:.3f}"
        progress("pretrain", (epoch + 1) * steps, epochs * steps, detail=detail)
    if not best:
        raise ConfigError(
            f"pretraining diverged: after {epochs} epochs no validation loss is a number",
            remedy="Lower pretrain.learning_rate, and start again.",
        )

    # --- the best epoch, measured on validation in full precision
    network.load_state_dict(best)
    network.eval()
    embeddings = _embed(network, validation, tokenizer=tokenizer, config=config)
    metrics: dict[str, Any] = {
        "split": "val",
        "retrieval": measure_retrieval(
            embeddings.image @ embeddings.note.T,
            same_notes(validation.texts).numpy(),
            patients=validation.patients,
            draws=config.evaluate.bootstrap_draws,
        ),
        "history": history,
    }
    alignment_id = save_aligned(
        out,
        config=config,
        network=network,
        tokenizer=tokenizer,
        metrics=metrics,
        provenance={
            "pretrained_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "mediscan_version": __version__,
            "torch_version": torch.__version__,
            "manifest_sha256": manifest.sha256,
            "train_studies": len(training),
            "val_studies": len(validation),
            "one_sided_studies": training.one_sided + validation.one_sided,
            "refused_studies": len(training.refused) + len(validation.refused),
        },
    )
    return PretrainResult(
        folder=out,
        alignment_id=alignment_id,
        metrics=metrics,
        refused=(*training.refused, *validation.refused),
        history=tuple(history),
    )


def _embed(network: AlignmentNetwork, pairs: Pairs, *, tokenizer: NoteTokenizer, config: RunConfig) -> Embeddings:
    return Embeddings(
        image=embed_images(network, pairs.examples, size=config.data.image_size),
        note=embed_notes(network, pairs.notes, pad_id=tokenizer.pad_id, features=pairs.features),
    )


def _validate(
    network: AlignmentNetwork, pairs: Pairs, *, tokenizer: NoteTokenizer, config: RunConfig
) -> tuple[float, float]:
    """Mean recall@1 of both ways, and the CLIP loss over all pairs at once."""
    embeddings = _embed(network, pairs, tokenizer=tokenizer, config=config)
    similarities = embeddings.image @ embeddings.note.T  # (M, M)
    if not np.isfinite(similarities).all():
        return math.nan, math.nan
    same = same_notes(pairs.texts)
    among = min(CANDIDATES, len(pairs))
    found = np.mean([recall(way, same.numpy(), at=1, candidates=among) for way in (similarities, similarities.T)])
    loss = clip_loss(torch.from_numpy(similarities), same, scale=network.scale.detach())
    return float(found), float(loss)


def _optimizer(network: AlignmentNetwork, masked_words: MaskedWords | None, config: RunConfig) -> torch.optim.AdamW:
    """AdamW; no decay on norms, biases and lone vectors, and a gentler rate for a pretrained text encoder."""
    named = network.learned() + ([] if masked_words is None else list(masked_words.named_parameters()))
    groups = []
    for text in (False, True):
        for decayed in (False, True):
            parameters = [
                p for name, p in named if name.startswith("encoders.text_encoder.") is text and (p.ndim > 1) is decayed
            ]
            rate = config.train.text_learning_rate if text else config.pretrain.learning_rate
            decay = config.train.weight_decay if decayed else 0.0
            groups.append({"params": parameters, "lr": rate, "weight_decay": decay})
    return torch.optim.AdamW([group for group in groups if group["params"]])


def _require_pairs(pairs: Pairs, split: str) -> None:
    if len(pairs) < 2:
        raise ManifestError(
            f"split {split!r} has {len(pairs)} studies with an image and a note "
            f"({pairs.one_sided} lack one, {len(pairs.refused)} refused)",
            remedy="Alignment needs studies with both; see pretrain.note_sections for what is read of a note.",
        )
