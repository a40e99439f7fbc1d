"""The network for few cases: what the note resembles plus what the images resemble, nothing more."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mediscan.config import DataConfig, ModelConfig
from mediscan.data.batch import StudyBatch
from mediscan.findings import FindingSet
from mediscan.model.image import ImageEncoder, build_image_encoder
from mediscan.model.kernel.head import KernelHead
from mediscan.model.kernel.vectors import Directions, Standardised, masked_mean
from mediscan.model.network import DiagnosisOutput, ImageTokens
from mediscan.model.text import TextEncoder

_MOST_CELLS = 8
"""A finer grid is averaged to this many cells a side: with few cases, more places only add noise."""


class KernelNetwork(nn.Module):
    """Frozen encoders, and a kernel machine on each of note and images.

    The logit of a finding is `prior + note score + image weight × image score`. A modality that is absent adds exactly
    0; images without a note count in full. The sum knows no interaction: whether the image agrees with the note is
    beyond it. A study's image score is the mean over its images, so that neither order nor padding matters.

    Args:
        config: Names the encoders.
        data: What is read; images alone and notes alone are, volumes and structured values are not.
        findings: What it answers, in order.
        text_encoder: As of `DiagnosisNetwork`; its features are averaged over the note's tokens.
        image_encoder: Likewise; the vector of an image is its grid, cell by cell.

    Attributes:
        prior: (F,) float32, what is said of a study that has nothing.
        image_weight: (F,) float32, of the image score beside a note.
        width: Channels of the image tokens.
    """

    prior: Tensor
    image_weight: Tensor

    def __init__(
        self,
        config: ModelConfig,
        *,
        data: DataConfig | None = None,  # noqa: ARG002  (built like every other network)
        findings: FindingSet,
        text_encoder: TextEncoder,
        image_encoder: ImageEncoder | None = None,
    ) -> None:
        super().__init__()
        self.findings = findings
        self.text_encoder = text_encoder
        self.image_encoder = image_encoder or build_image_encoder(config.image_encoder)
        self.width = self.image_encoder.channels
        self.note_vectors = Directions(text_encoder.width)
        self.image_vectors = Standardised()
        self.note_head = KernelHead(len(findings))
        self.image_head = KernelHead(len(findings))
        self.register_buffer("prior", torch.zeros(len(findings)))
        self.register_buffer("image_weight", torch.ones(len(findings)))

    def forward(self, batch: StudyBatch) -> DiagnosisOutput:
        """Answer for a batch."""
        return self.answer(batch, images=self.encode_images(batch))

    def encode_images(self, batch: StudyBatch) -> ImageTokens:
        """Tokens of all planes; volumes are not read, and have none."""
        planes, plane_cells = self.image_tokens(batch.images, batch.image_mask)
        return ImageTokens(
            planes=planes,
            plane_cells=plane_cells,
            volumes=planes.new_zeros(*batch.volume_mask.shape, 0, self.width),
            volume_cells=(0, 0, 0),
        )

    def image_tokens(self, images: Tensor, mask: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        """Tokens of planes, (B, I, P, C), and the grid's cells (h, w)."""
        real = images[mask]  # (N, 1, S, S): padding is not encoded at all
        if not len(real):
            return images.new_zeros(*mask.shape, 0, self.width), (0, 0)
        features = self.image_encoder(real).grid
        if max(features.shape[2:]) > _MOST_CELLS:
            features = functional.adaptive_avg_pool2d(features, _MOST_CELLS)  # (N, C, 8, 8)
        height, width = features.shape[2:]
        tokens = features.new_zeros(*mask.shape, height * width, self.width)
        tokens[mask] = features.flatten(2).transpose(1, 2)  # (N, C, h, w) -> (N, P, C)
        return tokens, (height, width)

    def answer(self, batch: StudyBatch, *, images: ImageTokens) -> DiagnosisOutput:
        """The part after the image encoder, so that explanations can start from its tokens."""
        has_image, has_note = batch.image_mask.any(dim=1)[:, None], batch.has_note[:, None]
        pooled = masked_mean(batch.text, batch.text_mask)  # (B, H)
        notes = self.note_vectors(pooled) * has_note
        note = self._note_score(notes) * has_note  # (B, F)
        image = self._image_score(images.planes, batch.image_mask) * has_image  # (B, F)
        weight = torch.where(has_note, self.image_weight, 1.0)
        return DiagnosisOutput(
            logits=self.prior + note + weight * image,
            image_logits=self.prior + image,
            text_logits=self.prior + note,
            image_summary=masked_mean(images.planes.mean(dim=2), batch.image_mask)
            if images.planes.shape[2]
            else image.new_zeros(len(batch), self.width),
            text_summary=notes,
        )

    def _note_score(self, notes: Tensor) -> Tensor:
        if not self.note_head.is_fitted:
            return notes.new_zeros(len(notes), len(self.findings))
        score: Tensor = self.note_head(notes)
        return score

    def _image_score(self, planes: Tensor, mask: Tensor) -> Tensor:
        """The mean over a study's images: (B, I, P, C) → (B, F)."""
        if not self.image_head.is_fitted or not planes.shape[2]:
            # Zero, but for autograd a function of the tokens: explanations ask for its gradient.
            return planes.flatten(1).sum(dim=1, keepdim=True).expand(-1, len(self.findings)) * 0
        vectors = self.image_vectors(planes.flatten(2))  # (B, I, P · C)
        return masked_mean(self.image_head(vectors), mask)
