"""Training batches of pairs: shuffled, images varied, words and statements of notes left out."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mediscan.align.pairs import Pairs, same_notes
from mediscan.config import Augmentation, RunConfig
from mediscan.data.augment import Variation
from mediscan.data.batch import stack_images
from mediscan.model.text import TokenizedNote

_THINNED = 0.0
"""Share of the notes that are shown with a part of their statements only, as short notes are."""


@dataclass(frozen=True, kw_only=True)
class PairBatch:
    """B pairs.

    Attributes:
        rows: Their positions among all pairs.
        images: (B, I, 1, S, S) float32.
        again: The same planes, varied otherwise; empty where image self-supervision is off.
        image_mask: (B, I) bool.
        shown: Per note and statement (L,) bool, False where a token is left out; all False: the statement is.
        duplicates: (B, B) bool, True where two notes say the same.
    """

    rows: list[int]
    images: Tensor
    again: Tensor | None
    image_mask: Tensor
    shown: list[list[Tensor]]
    duplicates: Tensor


def batch_count(pairs: Pairs, config: RunConfig) -> int:
    """How many batches an epoch has."""
    size = _size(pairs, config)
    return len(pairs) // size + (len(pairs) % size >= _least(size))


def pair_batches(pairs: Pairs, config: RunConfig, *, epoch: int) -> Iterator[PairBatch]:
    """The batches of one epoch; seed and epoch decide every draw. A rest of fewer than half a batch is left out."""
    rng = np.random.default_rng((config.train.seed, epoch))
    size = _size(pairs, config)
    order = rng.permutation(len(pairs)).tolist()
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        if len(rows) < _least(size):
            continue
        images, mask = stack_images([pairs.examples[row].stack for row in rows], size=config.data.image_size)
        texts = [pairs.examples[row].note.text for row in rows]
        yield PairBatch(
            rows=rows,
            images=_varied(images, mask, config.train.augmentation, rng),
            again=_varied(images, mask, config.train.augmentation, rng) if config.pretrain.image_weight else None,
            image_mask=mask,
            shown=[_show(pairs.notes[row], rng, dropout=config.train.token_dropout) for row in rows],
            duplicates=same_notes(texts),
        )


def _size(pairs: Pairs, config: RunConfig) -> int:
    return min(config.pretrain.batch_size, len(pairs))


def _least(size: int) -> int:
    # Few notes to choose from say little, and batch normalisation needs two images.
    return max(2, (size + 1) // 2)


def _varied(images: Tensor, mask: Tensor, kind: Augmentation, rng: np.random.Generator) -> Tensor:
    if kind is Augmentation.NONE:
        return images
    varied = images.clone()
    varied[mask] = Variation.draw(kind, int(mask.sum()), rng=rng).apply(images[mask])
    return varied


def _show(note: TokenizedNote, rng: np.random.Generator, *, dropout: float) -> list[Tensor]:
    """Which tokens of each statement are shown: single ones are left out, and in some notes whole statements."""
    count = len(note.windows)
    told = set(range(count))
    if rng.random() < _THINNED:
        told = set(rng.choice(count, size=int(rng.integers(1, count + 1)), replace=False).tolist())
    shown = []
    for number, window in enumerate(note.windows):
        words = rng.random(len(window)) >= dropout
        words[0] = True  # the start token stays, so that no statement is ever empty
        shown.append(torch.from_numpy(words & (number in told)))
    return shown
