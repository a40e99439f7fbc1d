"""Tensors of several studies at once. Padding is always masked, so that it can never change an answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mediscan.study import Availability


@dataclass(frozen=True, kw_only=True)
class StudyBatch:
    """What the network reads.

    Shapes: B studies, I image planes, S side of the square, V volumes of (Z, Y, Y) voxels, T text tokens, H width of
    the text encoder, K structured values.

    Attributes:
        images: (B, I, 1, S, S) float32, standardised planes; I may be 0.
        image_mask: (B, I) bool, True where a plane is real.
        image_views: (B, I) int64, places in `image_facts.VIEWS`.
        image_days: (B, I) float32, days before the study's newest image.
        volumes: (B, V, 1, Z, Y, Y) float32, standardised; V may be 0.
        volume_mask: (B, V) bool, True where a volume is real.
        volume_days: (B, V) float32, as `image_days`.
        text: (B, T, H) float32, features of the note's tokens; T may be 0.
        text_mask: (B, T) bool, True where a token is real.
        values: (B, K) float32, as they were measured, NaN where unknown; K may be 0.
    """

    images: Tensor
    image_mask: Tensor
    image_views: Tensor
    image_days: Tensor
    volumes: Tensor
    volume_mask: Tensor
    volume_days: Tensor
    text: Tensor
    text_mask: Tensor
    values: Tensor

    @classmethod
    def of(cls, *, images: Tensor, image_mask: Tensor, text: Tensor, text_mask: Tensor) -> Self:
        """Studies of current planes of unknown view and of notes: no volumes, no values."""
        studies, planes = image_mask.shape
        return cls(
            images=images,
            image_mask=image_mask,
            image_views=torch.zeros(studies, planes, dtype=torch.int64),
            image_days=torch.zeros(studies, planes),
            volumes=torch.zeros(studies, 0, 1, 1, 1, 1),
            volume_mask=torch.zeros(studies, 0, dtype=torch.bool),
            volume_days=torch.zeros(studies, 0),
            text=text,
            text_mask=text_mask,
            values=torch.zeros(studies, 0),
        )

    @property
    def has_image(self) -> Tensor:
        """(B,) bool, True where a study has a plane or a volume."""
        return self.image_mask.any(dim=1) | self.volume_mask.any(dim=1)

    @property
    def has_note(self) -> Tensor:
        """(B,) bool, True where a study has a note."""
        return self.text_mask.any(dim=1)

    def __len__(self) -> int:
        return self.images.shape[0]

    def keep(self, availability: Availability) -> Self:
        """The same studies as if only some modalities were there; structured values stay."""
        return replace(
            self,
            image_mask=self.image_mask & availability.image,
            volume_mask=self.volume_mask & availability.image,
            text_mask=self.text_mask & availability.note,
        )

    def drop(self, *, image: Tensor, note: Tensor) -> Self:
        """Take modalities away study by study.

        Args:
            image: (B,) bool, True where the images go.
            note: (B,) bool, True where the note goes.
        """
        return replace(
            self,
            image_mask=self.image_mask & ~image[:, None],
            volume_mask=self.volume_mask & ~image[:, None],
            text_mask=self.text_mask & ~note[:, None],
        )

    def rows(self, rows: slice | Sequence[int] | Tensor) -> Self:
        """Some of the studies, in the given order, padded as before."""
        return self._each(lambda tensor: tensor[rows])

    def repeat(self, count: int) -> Self:
        """The one study of the batch, `count` times."""
        return self._each(lambda tensor: tensor.expand(count, *tensor.shape[1:]))

    def to(self, device: torch.device | str) -> Self:
        """The same on another device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Self:
        return replace(self, **{entry.name: change(getattr(self, entry.name)) for entry in fields(self)})


def stack_images(stacks: Sequence[NDArray[np.float16] | NDArray[np.float32]], *, size: int) -> tuple[Tensor, Tensor]:
    """Pad studies' planes to the largest number of them.

    Args:
        stacks: Per study (I, size, size); I may be 0.
        size: Side of the square in pixels.

    Returns:
        (B, I, 1, size, size) float32 and its mask (B, I).
    """
    most = max((len(stack) for stack in stacks), default=0)
    images = torch.zeros(len(stacks), most, 1, size, size)
    mask = torch.zeros(len(stacks), most, dtype=torch.bool)
    for row, stack in enumerate(stacks):
        if len(stack):
            images[row, : len(stack), 0] = torch.from_numpy(np.asarray(stack, dtype=np.float32))
            mask[row, : len(stack)] = True
    return images, mask


def stack_volumes(boxes: Sequence[NDArray[np.float16]], *, shape: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    """Pad studies' volumes to the largest number of them.

    Args:
        boxes: Per study (V, *shape); V may be 0.
        shape: (Z, Y, Y) of a volume.

    Returns:
        (B, V, 1, Z, Y, Y) float32 and its mask (B, V).
    """
    most = max((len(box) for box in boxes), default=0)
    volumes = torch.zeros(len(boxes), most, 1, *shape)
    mask = torch.zeros(len(boxes), most, dtype=torch.bool)
    for row, box in enumerate(boxes):
        if len(box):
            volumes[row, : len(box), 0] = torch.from_numpy(np.asarray(box, dtype=np.float32))
            mask[row, : len(box)] = True
    return volumes, mask


def stack_numbers(rows: Sequence[Sequence[float]], *, dtype: torch.dtype) -> Tensor:
    """Pad lists of numbers to the longest with 0: (B, longest)."""
    stacked = torch.zeros(len(rows), max(map(len, rows), default=0), dtype=dtype)
    for row, numbers in enumerate(rows):
        stacked[row, : len(numbers)] = torch.tensor(numbers, dtype=dtype)
    return stacked


def stack_tokens(features: Sequence[Tensor], *, width: int) -> tuple[Tensor, Tensor]:
    """Pad notes' token features to the longest note.

    Args:
        features: Per study (T, width); T may be 0.
        width: Width of the text encoder.

    Returns:
        (B, T, width) float32 and its mask (B, T).
    """
    longest = max((len(tokens) for tokens in features), default=0)
    text = torch.zeros(len(features), longest, width)
    mask = torch.zeros(len(features), longest, dtype=torch.bool)
    for row, tokens in enumerate(features):
        text[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = True
    return text, mask
