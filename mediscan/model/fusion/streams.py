"""What a fusion reads, and what every fusion is."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Streams:
    """Both modalities of B studies, on their way into the fusion.

    What stands behind a mask, and in the vectors and logits of a modality that is not there, is never read.

    Attributes:
        image: (B, N, D) tokens of all planes and volumes, positions, views and times added; N may be 0.
        image_mask: (B, N) bool, True where a token is real.
        text: (B, T, D) tokens of the note, then one per structured value; T may be 0.
        text_mask: (B, T) bool, True where a token is real.
        image_alone: (B, D) the images pooled before fusion.
        text_alone: (B, D) the text stream pooled before fusion.
        image_logits: (B, F) what the images alone say, from a head that has a loss of its own.
        text_logits: (B, F) the same of the text stream.
        has_image: (B,) bool, True where a study has an image.
        has_note: (B,) bool, True where a study has a note; without one it may still have values.
    """

    image: Tensor
    image_mask: Tensor
    text: Tensor
    text_mask: Tensor
    image_alone: Tensor
    text_alone: Tensor
    image_logits: Tensor
    text_logits: Tensor
    has_image: Tensor
    has_note: Tensor

    @property
    def has_text(self) -> Tensor:
        """(B,) bool, True where the text stream holds anything: a note, or a value."""
        return self.text_mask.any(dim=1)


class Fusion(nn.Module, ABC):
    """Brings images and note together: streams in, one logit per finding out."""

    @abstractmethod
    def forward(self, streams: Streams) -> Tensor:
        """(B, F) logits; finite whatever is there, and unmoved by padding."""
