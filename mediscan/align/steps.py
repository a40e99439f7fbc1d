"""What a batch of pairs costs: the losses of one step of pretraining."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from mediscan.align.batches import PairBatch
from mediscan.align.losses import clip_loss, local_loss, siglip_loss, two_views_loss
from mediscan.align.masked_words import MaskedWords
from mediscan.align.network import AlignmentNetwork, Embedded
from mediscan.align.pairs import Pairs
from mediscan.config import ContrastiveLoss, RunConfig
from mediscan.data.batch import stack_tokens

_LOCAL_WORDS = 16
"""Words of a note that a step compares with regions: a random part, since every pair of studies is compared."""


class Losses:
    """The weighted losses of a batch, by name.

    Args:
        network: What is trained.
        pairs: What batches are made of.
        pad_id: Of the tokenizer.
        config: The run.
        masked_words: Guesses hidden words, where that is wanted.
        autocast: The arithmetic of the encoders; similarities are always compared in full precision.
    """

    def __init__(
        self,
        network: AlignmentNetwork,
        pairs: Pairs,
        *,
        pad_id: int,
        config: RunConfig,
        masked_words: MaskedWords | None,
        autocast: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self.network = network
        self.pairs = pairs
        self.pad_id = pad_id
        self.config = config.pretrain
        self.masked_words = masked_words
        self.autocast = autocast
        self.draws = torch.Generator().manual_seed(config.train.seed)

    def __call__(self, batch: PairBatch) -> dict[str, Tensor]:
        """The losses, each a scalar times its weight."""
        network, weights = self.network, self.config
        with self.autocast():
            images = network.embed_images(batch.images, batch.image_mask)
            notes = self._embed_notes(batch)
        losses = {"global": global_loss(network, images, notes, duplicates=batch.duplicates, kind=weights.loss)}
        if weights.local_weight:
            words, word_mask = self._some_words(notes)
            losses["local"] = weights.local_weight * local_loss(
                words, word_mask, images.parts, images.mask, duplicates=batch.duplicates
            )
        if batch.again is not None:
            with self.autocast():
                again = network.embed_images(batch.again, batch.image_mask)
            losses["image"] = weights.image_weight * two_views_loss(images.whole, again.whole)
        if self.masked_words is not None:
            windows = [window for row in batch.rows for window in self.pairs.notes[row].windows]
            with self.autocast():
                guessed = self.masked_words(network.text_encoder, windows, generator=self.draws)
            losses["masked_words"] = weights.masked_words_weight * guessed
        return losses

    def _embed_notes(self, batch: PairBatch) -> Embedded:
        features = (
            [self.pairs.features[row] for row in batch.rows]
            if self.pairs.features
            else self.network.text_encoder.encode([self.pairs.notes[row] for row in batch.rows], pad_id=self.pad_id)
        )
        kept = [tokens[~hidden] for tokens, hidden in zip(features, batch.hidden, strict=True)]
        return self.network.embed_notes(*stack_tokens(kept, width=self.network.text_encoder.width))

    def _some_words(self, notes: Embedded) -> tuple[Tensor, Tensor]:
        """(B, at most _LOCAL_WORDS, E) of each note's words, drawn at random, and their mask."""
        lot = torch.rand(notes.mask.shape, generator=self.draws).masked_fill(~notes.mask, -1.0)
        chosen = lot.topk(min(_LOCAL_WORDS, lot.shape[1]), dim=1).indices  # (B, W)
        rows = torch.arange(len(lot))[:, None]
        return notes.parts[rows, chosen], notes.mask[rows, chosen]


def global_loss(
    network: AlignmentNetwork, images: Embedded, notes: Embedded, *, duplicates: Tensor, kind: ContrastiveLoss
) -> Tensor:
    """The configured loss between whole images and whole notes."""
    similarities = images.whole @ notes.whole.T  # (B, B)
    if kind is ContrastiveLoss.CLIP:
        return clip_loss(similarities, duplicates, scale=network.scale)
    return siglip_loss(similarities, duplicates, scale=network.scale, bias=network.bias)
