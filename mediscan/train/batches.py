"""Training batches: shuffled, images varied, tokens hidden, modalities dropped.

Every draw follows from the seed, the epoch and the study it is for. So it is the same on any number of processes, and
after a resume; and each process prepares only those studies of a batch that it computes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mediscan.config import Augmentation, RunConfig
from mediscan.data.augment import Variation
from mediscan.data.batch import StudyBatch
from mediscan.model.inference import prepare
from mediscan.model.text import NoteTokenizer, TokenizedNote
from mediscan.train.losses import DiagnosisLoss
from mediscan.train.studies import StudySet

_BATCHES_SORTED_TOGETHER = 6


@dataclass(frozen=True, kw_only=True)
class Targets:
    """Labels of B studies, each (B, F) float32 and NaN where unknown.

    Where a study lacks a modality, nothing is known of what that modality alone should say.
    """

    fused: Tensor
    image: Tensor
    note: Tensor

    def to(self, device: torch.device) -> Self:
        """The same on another device."""
        return replace(self, fused=self.fused.to(device), image=self.image.to(device), note=self.note.to(device))


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one process computes at once: its share of a batch, or of one of the parts a batch is accumulated from.

    Attributes:
        batch: The studies. Where the text encoder is trained, `text` is zero and waits for the features of `notes`.
        notes: Their notes, where they still have to be encoded.
        targets: Their labels.
    """

    batch: StudyBatch
    notes: tuple[TokenizedNote, ...]
    targets: Targets

    def to(self, device: torch.device) -> Self:
        """The same on another device."""
        return replace(self, batch=self.batch.to(device), targets=self.targets.to(device))


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Known labels of a whole batch: what each loss is an average over, whoever computes its terms."""

    fused: int
    image: int
    note: int


@dataclass(frozen=True, kw_only=True)
class _Draw:
    """What chance does to one study: which modalities it keeps, which (T,) tokens are hidden, how images are varied."""

    image: bool
    note: bool
    hidden: NDArray[np.bool_]
    vary: Callable[[Tensor], Tensor]
    vary_volumes: Callable[[Tensor], Tensor]


class Batches:
    """The training batches of a run.

    Args:
        studies: What they are made of.
        tokenizer: The network's.
        config: Batch size, augmentation, dropouts, seed.
        text_width: Width of the text encoder.
    """

    def __init__(self, studies: StudySet, *, tokenizer: NoteTokenizer, config: RunConfig, text_width: int) -> None:
        self.studies = studies
        self.pad_id = tokenizer.pad_id
        self._config = config
        self._text_width = text_width

    @property
    def steps(self) -> int:
        """Batches of an epoch. One of a single study is left out, since batch normalisation needs two."""
        whole, rest = divmod(len(self.studies.examples), self._config.train.batch_size)
        return whole + (rest > 1)

    def rows(self, epoch: int) -> list[list[int]]:
        """The studies of each batch of an epoch.

        Within each stretch of a few batches, studies with notes of similar length go together: padding costs as much
        as text. Stretches and the order of batches stay random.
        """
        settings, notes = self._config.train, self.studies.notes
        rng = np.random.default_rng((settings.seed, epoch))
        order = rng.permutation(len(notes)).tolist()
        stretch = settings.batch_size * _BATCHES_SORTED_TOGETHER
        batches = []
        for start in range(0, len(order), stretch):
            rows = sorted(order[start : start + stretch], key=lambda row: len(notes[row]))
            batches += [rows[at : at + settings.batch_size] for at in range(0, len(rows), settings.batch_size)]
        return [batches[index] for index in rng.permutation(len(batches)).tolist() if len(batches[index]) > 1]

    def draw(self, rows: Sequence[int], *, epoch: int) -> "DrawnBatch":
        """One batch of an epoch, drawn but not prepared."""
        return DrawnBatch(self, rows, [self._draw(row, epoch) for row in rows])

    def _draw(self, row: int, epoch: int) -> _Draw:
        settings, example = self._config.train, self.studies.examples[row]
        # The last number keeps these draws apart from those of the order, which have none.
        rng = np.random.default_rng((settings.seed, epoch, row, 1))
        lot, rate = rng.random(), settings.modality_dropout
        hidden = rng.random(len(self.studies.notes[row])) < settings.token_dropout
        planes, volumes = (
            Variation.draw(settings.augmentation, len(images), rng=rng) for images in (example.planes, example.volumes)
        )
        return _Draw(
            # A thin slice loses both: it teaches the answer without evidence, the baseline of every explanation.
            image=example.availability.image and not rate <= lot < rate * 2,
            note=example.availability.note and not lot < rate * 1.1 and not hidden.all(),
            hidden=hidden,
            vary=_unchanged if settings.augmentation is Augmentation.NONE else planes.apply,
            vary_volumes=_unchanged if settings.augmentation is Augmentation.NONE else volumes.apply,
        )

    def prepare(self, rows: Sequence[int], draws: Sequence[_Draw], targets: Targets) -> Part:
        """Tensors of some studies of a batch, as they were drawn."""
        examples, notes = [self.studies.examples[row] for row in rows], [self.studies.notes[row] for row in rows]
        features = (
            [self.studies.features[row] for row in rows]
            if self.studies.features
            else [torch.zeros(len(note), self._text_width) for note in notes]
        )
        batch = prepare(examples, features=features, width=self._text_width, config=self._config.data)
        images, volumes, text_mask = batch.images.clone(), batch.volumes.clone(), batch.text_mask.clone()
        for place, draw in enumerate(draws):
            there = batch.image_mask[place]
            images[place, there] = draw.vary(images[place, there])
            there = batch.volume_mask[place]
            # The slices of a volume are moved together, as channels of a plane are: (V, 1, Z, Y, Y) -> (V, Z, Y, Y).
            volumes[place, there] = draw.vary_volumes(volumes[place, there, 0])[:, None]
            text_mask[place, : len(draw.hidden)] &= torch.from_numpy(~draw.hidden)
        return Part(
            batch=replace(batch, images=images, volumes=volumes, text_mask=text_mask).drop(
                image=torch.tensor([not draw.image for draw in draws]),
                note=torch.tensor([not draw.note for draw in draws]),
            ),
            notes=() if self.studies.features else tuple(notes),
            targets=targets,
        )


class DrawnBatch:
    """A whole batch of which every process knows everything but the pixels."""

    def __init__(self, batches: Batches, rows: Sequence[int], draws: Sequence[_Draw]) -> None:
        self._batches = batches
        self._rows = rows
        self._draws = draws
        labels = torch.from_numpy(batches.studies.labels[list(rows)])  # (B, F)
        self._targets = Targets(
            fused=labels,
            image=_where(labels, [draw.image for draw in draws]),
            note=_where(labels, [draw.note for draw in draws]),
        )

    def __len__(self) -> int:
        return len(self._rows)

    def counts(self, loss: DiagnosisLoss) -> Counts:
        """Over how many known labels each loss is an average."""
        targets = self._targets
        return Counts(fused=loss.count(targets.fused), image=loss.count(targets.image), note=loss.count(targets.note))

    def part(self, index: int, *, of: int) -> Part:
        """One of several parts that images are dealt out to evenly.

        A batch of fewer studies than parts leaves some with a study of which nothing is there and nothing is known.
        """
        examples = [self._batches.studies.examples[row] for row in self._rows]
        images = [
            draw.image * len(example.planes + example.volumes)
            for example, draw in zip(examples, self._draws, strict=True)
        ]
        order = sorted(range(len(images)), key=lambda place: -images[place])
        places = order[index::of]
        if places:
            draws, known = [self._draws[place] for place in places], [True] * len(places)
        else:
            places = order[:1]
            draws, known = [replace(self._draws[place], image=False, note=False) for place in places], [False]
        targets = Targets(
            fused=_where(self._targets.fused[places], known),
            image=_where(self._targets.image[places], known),
            note=_where(self._targets.note[places], known),
        )
        return self._batches.prepare([self._rows[place] for place in places], draws, targets)


def _where(labels: Tensor, there: Sequence[bool]) -> Tensor:
    """Labels of the studies for which something holds; of the others nothing is known, so nothing is learned."""
    return labels.masked_fill(~torch.tensor(there)[:, None], torch.nan)


def _unchanged(planes: Tensor) -> Tensor:
    return planes
