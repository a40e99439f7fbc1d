"""Tensors of several studies at once. Padding is always masked, so that it can never change an answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mediscan.study import Availability


@dataclass(frozen=True, kw_only=True)
class StudyBatch:
    """What the network reads.

    Shapes: B studies, I image planes, S side of the square, T text tokens, H width of the text encoder.

    Attributes:
        images: (B, I, 1, S, S) float32, standardised planes; I may be 0.
        image_mask: (B, I) bool, True where a plane is real.
        text: (B, T, H) float32, features of the note's tokens; T may be 0.
        text_mask: (B, T) bool, True where a token is real.
    """

    images: Tensor
    image_mask: Tensor
    text: Tensor
    text_mask: Tensor

    def __len__(self) -> int:
        return self.images.shape[0]

    def keep(self, availability: Availability) -> Self:
        """The same studies as if only some modalities were there."""
        return replace(
            self,
            image_mask=self.image_mask & availability.image,
            text_mask=self.text_mask & availability.note,
        )

    def drop(self, *, image: Tensor, note: Tensor) -> Self:
        """Take modalities away study by study.

        Args:
            image: (B,) bool, True where the images go.
            note: (B,) bool, True where the note goes.
        """
        return replace(self, image_mask=self.image_mask & ~image[:, None], text_mask=self.text_mask & ~note[:, None])


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
