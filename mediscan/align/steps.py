"""What a batch of pairs costs: the losses of one step of pretraining."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from mediscan.align.batches import PairBatch
from mediscan.align.losses import clip_loss, siglip_loss, statement_loss, two_views_loss
from mediscan.align.masked_words import MaskedWords
from mediscan.align.network import AlignmentNetwork
from mediscan.align.pairs import Pairs
from mediscan.align.statements import Statements, split_statements
from mediscan.config import ContrastiveLoss, RunConfig


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
            statements = self._statements(batch)
            notes = network.embed_notes(statements)
        losses = {"global": global_loss(network, images, notes.whole, duplicates=batch.duplicates, kind=weights.loss)}
        if weights.local_weight:
            losses["local"] = weights.local_weight * statement_loss(
                images, notes.statements, statements.note, scale=network.statement_scale
            )
        if batch.again is not None:
            with self.autocast():
                again = network.embed_images(batch.again, batch.image_mask)
            losses["image"] = weights.image_weight * two_views_loss(images, again)
        if self.masked_words is not None:
            windows = [window for row in batch.rows for window in self.pairs.notes[row].windows]
            with self.autocast():
                guessed = self.masked_words(network.text_encoder, windows, generator=self.draws)
            losses["masked_words"] = weights.masked_words_weight * guessed
        return losses

    def _statements(self, batch: PairBatch) -> Statements:
        """What the batch shows of its notes."""
        notes = [self.pairs.notes[row] for row in batch.rows]
        features = (
            [self.pairs.features[row] for row in batch.rows]
            if self.pairs.features
            else self.network.text_encoder.encode(notes, pad_id=self.pad_id)
        )
        shown = [
            [
                words[kept]
                for words, kept in zip(split_statements(note, tokens), split_statements(note, masks), strict=True)
            ]
            for note, tokens, masks in zip(notes, features, batch.shown, strict=True)
        ]
        return Statements.stack(shown, width=self.network.text_encoder.width)


def global_loss(
    network: AlignmentNetwork, images: Tensor, notes: Tensor, *, duplicates: Tensor, kind: ContrastiveLoss
) -> Tensor:
    """The configured loss between whole images and whole notes."""
    similarities = images @ notes.T  # (B, B)
    if kind is ContrastiveLoss.CLIP:
        return clip_loss(similarities, duplicates, scale=network.scale)
    return siglip_loss(similarities, duplicates, scale=network.scale, bias=network.bias)
