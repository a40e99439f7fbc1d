"""Training batches of pairs: shuffled, images varied, single words of notes left out."""

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


@dataclass(frozen=True, kw_only=True)
class PairBatch:
    """B pairs.

    Attributes:
        rows: Their positions among all pairs.
        images: (B, I, 1, S, S) float32.
        again: The same planes, varied otherwise; empty where image self-supervision is off.
        image_mask: (B, I) bool.
        shown: Per note (T,) bool, False where a token is left out.
        duplicates: (B, B) bool, True where two notes say the same.
    """

    rows: list[int]
    images: Tensor
    again: Tensor | None
    image_mask: Tensor
    shown: list[Tensor]
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


def _show(note: TokenizedNote, rng: np.random.Generator, *, dropout: float) -> Tensor:
    """(T,) bool; the start token of each statement stays, so that none is ever empty."""
    shown = rng.random(len(note)) >= dropout
    lengths = [len(window) for window in note.windows]
    shown[np.cumsum([0, *lengths[:-1]])] = True
    return torch.from_numpy(shown)
