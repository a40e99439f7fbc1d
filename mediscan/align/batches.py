"""Training batches of pairs: shuffled, images varied, clauses of notes left out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mediscan.align.pairs import Pairs, same_notes
from mediscan.config import Augmentation, RunConfig
from mediscan.data.augment import Variation
from mediscan.data.batch import stack_images

_THINNED = 0.5
"""Share of the notes that are shown with a part of their clauses only: what a prompt or a short note looks like."""


@dataclass(frozen=True, kw_only=True)
class PairBatch:
    """B pairs.

    Attributes:
        rows: Their positions among all pairs.
        images: (B, I, 1, S, S) float32.
        again: The same planes, varied otherwise; empty where image self-supervision is off.
        image_mask: (B, I) bool.
        hidden: Per note (T,) bool, True where a token is left out.
        duplicates: (B, B) bool, True where two notes say the same.
    """

    rows: list[int]
    images: Tensor
    again: Tensor | None
    image_mask: Tensor
    hidden: list[Tensor]
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
            hidden=[_hide(pairs.clauses[row], rng, rate=config.train.token_dropout) for row in rows],
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


def _hide(clause: NDArray[np.int64], rng: np.random.Generator, *, rate: float) -> Tensor:
    """Which tokens of a note are left out: single ones, and in some notes whole clauses; never all."""
    hidden = rng.random(len(clause)) < rate
    if rng.random() < _THINNED:
        hidden |= ~np.isin(clause, _some(clause, rng))
    hidden[0] = False  # the start token stays, so that no note is ever empty
    return torch.from_numpy(hidden)


def _some(clause: NDArray[np.int64], rng: np.random.Generator) -> Sequence[int]:
    """A random share of the clauses, at least one, and what belongs to none."""
    all_clauses = np.unique(clause[clause >= 0])
    if not len(all_clauses):
        return [-1]
    count = int(rng.integers(1, len(all_clauses) + 1))
    return [-1, *rng.choice(all_clauses, size=count, replace=False).tolist()]
