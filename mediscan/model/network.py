"""The diagnosis network: image tokens and note tokens in, one logit per finding out."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mediscan.config import ModelConfig
from mediscan.data.batch import StudyBatch
from mediscan.findings import FindingSet
from mediscan.model.fusion import CrossAttentionFusion
from mediscan.model.image import ImageEncoder, ImageFeatures, build_image_encoder, grid_positions
from mediscan.model.text import TextEncoder


@dataclass(frozen=True)
class DiagnosisOutput:
    """What the network gives.

    Attributes:
        logits: (B, F) float32, one per finding; those of a class group compete with each other.
        image_logits: (B, F) the same from the images alone; meaningless without images.
        text_logits: (B, F) the same from the note alone; meaningless without a note.
        image_summary: (B, D) float32, the images before fusion.
        text_summary: (B, D) float32, the note before fusion.
    """

    logits: Tensor
    image_logits: Tensor
    text_logits: Tensor
    image_summary: Tensor
    text_summary: Tensor


class DiagnosisNetwork(nn.Module):
    """Image encoder, text encoder, cross-attention and one head for findings and class groups.

    Args:
        config: Its shape.
        findings: What it answers, in order.
        text_encoder: Built by the caller, since it comes with weights at training and without when a bundle is loaded.
    """

    def __init__(self, config: ModelConfig, *, findings: FindingSet, text_encoder: TextEncoder) -> None:
        super().__init__()
        self.width = width = config.width
        self.findings = findings
        self.text_encoder = text_encoder
        # Channels last: processors convolve a third faster so.
        self.image_encoder: ImageEncoder = build_image_encoder(config.image_encoder)
        self.image_encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.image_projection = nn.Sequential(
            nn.LayerNorm(self.image_encoder.channels), nn.Linear(self.image_encoder.channels, width)
        )
        self.text_projection = nn.Sequential(nn.LayerNorm(text_encoder.width), nn.Linear(text_encoder.width, width))
        self.fusion = CrossAttentionFusion(
            width, heads=config.heads, layers=config.fusion_layers, dropout=config.dropout
        )
        # Heads of one modality alone give each encoder a teacher of its own: through the fusion alone, the easier
        # modality would take all the credit, and the other would never learn.
        self.image_head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, len(findings)))
        self.text_head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, len(findings)))
        self.head = nn.Sequential(
            nn.LayerNorm(4 * width),
            nn.Linear(4 * width, width),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(width, len(findings)),
        )

    def forward(self, batch: StudyBatch) -> DiagnosisOutput:
        """Answer for a batch."""
        grid, _ = self.image_tokens(batch.images, batch.image_mask)
        return self.answer(batch, image_grid=grid)

    def image_tokens(self, images: Tensor, mask: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Projected tokens of planes, (B, I, P, D), and the grid's shape. Padding planes are not encoded at all."""
        studies, planes = mask.shape
        real = images[mask].contiguous(memory_format=torch.channels_last)  # (N, 1, S, S)
        if not len(real):
            return images.new_zeros(studies, planes, 0, self.width), (0, 0)
        features: ImageFeatures = self.image_encoder(real)
        shape = (features.grid.shape[2], features.grid.shape[3])
        tokens = self.image_projection(features.tokens)  # (N, P, D)
        tokens = tokens + grid_positions(*shape, channels=self.width).to(tokens)
        grid = tokens.new_zeros(studies, planes, shape[0] * shape[1], self.width)
        grid[mask] = tokens
        return grid, shape

    def answer(self, batch: StudyBatch, *, image_grid: Tensor) -> DiagnosisOutput:
        """The part after the image encoder, so that saliency can start from the grid."""
        tokens_per_plane = image_grid.shape[2]
        image = image_grid.flatten(1, 2)  # (B, I, P, D) -> (B, I·P, D)
        image_mask = batch.image_mask.repeat_interleave(tokens_per_plane, dim=1)  # (B, I·P)
        text = self.text_projection(batch.text)  # (B, T, D)
        fused = self.fusion(image, image_mask, text, batch.text_mask)
        logits = self.head(torch.cat([fused.image, fused.text, fused.image_alone, fused.text_alone], dim=1))
        return DiagnosisOutput(
            logits=logits.float(),
            image_logits=_any_region(self.image_head(image).float(), image_mask),
            text_logits=self.text_head(fused.text_alone).float(),
            image_summary=fused.image_alone.float(),
            text_summary=fused.text_alone.float(),
        )


def _any_region(logits: Tensor, mask: Tensor) -> Tensor:
    """One logit from those of all regions, (B, N, F) → (B, F): a smooth maximum, since one region is enough to show it.

    It teaches the encoder to keep what it sees where it is. Taking the mean inside makes it independent of the number
    of regions. Source: Pinheiro and Collobert, "From image-level to pixel-level labeling with convolutional networks",
    2015.
    """
    if not logits.shape[1]:
        return logits.new_zeros(len(logits), logits.shape[2])
    count = mask.sum(dim=1).clamp(min=1)[:, None]
    # Finite, so that a study without any region has a gradient of zero and not of NaN.
    return torch.logsumexp(logits.masked_fill(~mask[..., None], -1e4), dim=1) - count.log()
