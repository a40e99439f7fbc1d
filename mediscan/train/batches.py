"""Training batches: shuffled, images varied, tokens hidden, modalities dropped."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from mediscan.config import Augmentation, RunConfig
from mediscan.data.augment import Variation
from mediscan.data.batch import StudyBatch, stack_images, stack_tokens
from mediscan.model.network import DiagnosisNetwork
from mediscan.model.text import NoteTokenizer
from mediscan.train.studies import StudySet

_BATCHES_SORTED_TOGETHER = 6


def training_batches(
    studies: StudySet, network: DiagnosisNetwork, tokenizer: NoteTokenizer, config: RunConfig, *, epoch: int
) -> Iterator[tuple[StudyBatch, Tensor]]:
    """The batches of one epoch, with their (B, F) labels; seed and epoch decide every draw."""
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
