"""The diagnosis network: image tokens and note tokens in, one logit per finding out."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from mediscan.config import DataConfig, ModelConfig, VolumeReading
from mediscan.data.batch import StudyBatch
from mediscan.data.image_facts import VIEWS
from mediscan.findings import FindingSet
from mediscan.model.adapters import add_adapters
from mediscan.model.fusion import Streams, build_fusion
from mediscan.model.fusion.layers import Attention, AttentionPool, StateToken
from mediscan.model.image import ImageEncoder, build_image_encoder, build_volume_encoder, grid_positions
from mediscan.model.text import TextEncoder
from mediscan.model.values import ValueTokens

_DAYS_PER_YEAR = 365.25


@dataclass(frozen=True, kw_only=True)
class ImageTokens:
    """The images of B studies as tokens, with position, view and time in them.

    Attributes:
        planes: (B, I, P, D).
        plane_cells: (h, w) of the grid behind P; zeros where there is no plane.
        volumes: (B, V, Q, D).
        volume_cells: (d, h, w) of the grid behind Q.
    """

    planes: Tensor
    plane_cells: tuple[int, ...]
    volumes: Tensor
    volume_cells: tuple[int, ...]

    def repeat(self, count: int) -> Self:
        """The one study of the batch, `count` times."""
        return type(self)(
            planes=self.planes.expand(count, -1, -1, -1),
            plane_cells=self.plane_cells,
            volumes=self.volumes.expand(count, -1, -1, -1),
            volume_cells=self.volume_cells,
        )


@dataclass(frozen=True)
class DiagnosisOutput:
    """What the network gives.

    Attributes:
        logits: (B, F) float32, one per finding; those of a class group compete with each other.
        image_logits: (B, F) the same from the images alone; meaningless without images.
        text_logits: (B, F) the same from note and values alone; meaningless without either.
        image_summary: (B, D) float32, the images before fusion.
        text_summary: (B, D) float32, note and values before fusion.
    """

    logits: Tensor
    image_logits: Tensor
    text_logits: Tensor
    image_summary: Tensor
    text_summary: Tensor


class DiagnosisNetwork(nn.Module):
    """Encoders of planes, volumes, notes and values, a fusion, and heads for findings and class groups.

    Args:
        config: Its shape.
        data: What it reads; None: as by default.
        findings: What it answers, in order.
        text_encoder: Built by the caller, since it comes with weights at training and without when a bundle is loaded.
        image_encoder: Likewise; None: the configured one, built here.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        data: DataConfig | None = None,
        findings: FindingSet,
        text_encoder: TextEncoder,
        image_encoder: ImageEncoder | None = None,
    ) -> None:
        super().__init__()
        data = data or DataConfig()
        self.width = width = config.width
        self.findings = findings
        self.text_encoder = text_encoder
        self.image_encoder = image_encoder or build_image_encoder(config.image_encoder)
        # Channels last: processors convolve a third faster so.
        self.image_encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.image_projection = _projection(self.image_encoder.channels, width)
        self.volume_encoder: ImageEncoder | None = None
        if data.volumes is VolumeReading.WHOLE:
            self.volume_encoder = build_volume_encoder(config.volume_encoder)
            self.volume_encoder.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
            self.volume_projection = _projection(self.volume_encoder.channels, width)
        self.text_projection = _projection(text_encoder.width, width)
        self.values = ValueTokens(len(data.values), width=width)
        # Nothing is known of a view or a time before training: all images start alike.
        self.views = nn.Parameter(torch.zeros(len(VIEWS), width))
        self.prior = nn.Parameter(torch.zeros(2, width))  # row 0: that it is one; row 1: times the years before
        self.exchange = Attention(width, heads=config.heads, dropout=config.dropout)
        self.image_state = StateToken(width)
        self.text_state = StateToken(width)
        self.image_pool = AttentionPool(width, heads=config.heads)
        self.text_pool = AttentionPool(width, heads=config.heads)
        # Heads of one modality alone give each encoder a teacher of its own: through the fusion alone, the easier
        # modality would take all the credit, and the other would never learn.
        self.image_head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, len(findings)))
        self.text_head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, len(findings)))
        self.fusion = build_fusion(
            config.fusion,
            width=width,
            heads=config.heads,
            layers=config.fusion_layers,
            dropout=config.dropout,
            findings=len(findings),
        )

    def add_adapters(self, config: ModelConfig) -> None:
        """Add the configured adapters to the encoders, which then rest but for them; where none are, nothing changes.

        Raises:
            ConfigError: An encoder has nothing that can be adapted.
        """
        if config.image_adapter_rank:
            add_adapters(self.image_encoder.network, rank=config.image_adapter_rank)
        if config.text_adapter_rank:
            add_adapters(self.text_encoder.body, rank=config.text_adapter_rank)

    def forward(self, batch: StudyBatch) -> DiagnosisOutput:
        """Answer for a batch."""
        return self.answer(batch, images=self.encode_images(batch))

    def encode_images(self, batch: StudyBatch) -> ImageTokens:
        """Tokens of all planes and volumes."""
        planes, plane_cells = self.image_tokens(batch.images, batch.image_mask)
        volumes, volume_cells = self.volume_tokens(batch.volumes, batch.volume_mask)
        views = self.views[batch.image_views][:, :, None]  # (B, I, 1, D)
        planes = planes + (views + self._time(batch.image_days)).to(planes.dtype)
        return ImageTokens(
            planes=self._exchanged(planes, batch.image_mask),
            plane_cells=plane_cells,
            volumes=volumes + self._time(batch.volume_days).to(volumes.dtype),
            volume_cells=volume_cells,
        )

    def image_tokens(self, images: Tensor, mask: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        """Projected tokens of planes with their positions, (B, I, P, D), and the grid's cells (h, w)."""
        return self._tokens(images, mask, self.image_encoder, self.image_projection)

    def volume_tokens(self, volumes: Tensor, mask: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        """Projected tokens of volumes with their positions, (B, V, Q, D), and the grid's cells (d, h, w)."""
        if self.volume_encoder is None:
            return volumes.new_zeros(*mask.shape, 0, self.width), (0, 0, 0)
        return self._tokens(volumes, mask, self.volume_encoder, self.volume_projection)

    def _tokens(
        self, images: Tensor, mask: Tensor, encoder: ImageEncoder, projection: nn.Module
    ) -> tuple[Tensor, tuple[int, ...]]:
        real = images[mask]  # (N, 1, *S): padding is not encoded at all
        if not len(real):
            return images.new_zeros(*mask.shape, 0, self.width), (0,) * (images.ndim - 3)
        formats = {4: torch.channels_last, 5: torch.channels_last_3d}
        features = encoder(real.contiguous(memory_format=formats[real.ndim]))
        tokens = projection(features.tokens)  # (N, P, D)
        tokens = tokens + grid_positions(*features.cells, channels=self.width).to(tokens)
        grid = tokens.new_zeros(*mask.shape, tokens.shape[1], self.width)
        grid[mask] = tokens
        return grid, features.cells

    def _exchanged(self, planes: Tensor, mask: Tensor) -> Tensor:
        """Each region reads the same place in the study's other images: the current one the prior, frontal the lateral.

        Attention among all regions of all images would cost as many times more as a grid has cells.

        Source: Ho et al., "Axial attention in multidimensional transformers", 2019.
        """
        several = mask.sum(dim=1) > 1
        if not several.any() or not planes.shape[2]:
            return planes
        grid = planes[several]  # (b, I, P, D)
        places = grid.transpose(1, 2).flatten(0, 1)  # (b·P, I, D)
        its_mask = mask[several].repeat_interleave(grid.shape[2], dim=0)  # (b·P, I)
        read = self.exchange(places, places, its_mask).unflatten(0, (len(grid), -1)).transpose(1, 2)  # (b, I, P, D)
        exchanged = planes.clone()
        exchanged[several] = (read * mask[several][..., None, None]).to(planes.dtype)
        return exchanged

    def _time(self, days: Tensor) -> Tensor:
        """(B, I, 1, D): what tells a prior image from a current one."""
        is_prior = (days >= 1).to(days.dtype)[..., None, None]
        years = torch.log1p(days / _DAYS_PER_YEAR)[..., None, None]
        return is_prior * self.prior[0] + years * self.prior[1]

    def answer(self, batch: StudyBatch, *, images: ImageTokens) -> DiagnosisOutput:
        """The part after the image encoders, so that explanations can start from their tokens."""
        image = torch.cat([images.planes.flatten(1, 2), images.volumes.flatten(1, 2)], dim=1)  # (B, N, D)
        image_mask = torch.cat(
            [
                batch.image_mask.repeat_interleave(images.planes.shape[2], dim=1),
                batch.volume_mask.repeat_interleave(images.volumes.shape[2], dim=1),
            ],
            dim=1,
        )  # (B, N)
        values, value_mask = self.values(batch.values)
        words = self.text_projection(batch.text)
        text = torch.cat([words, values.to(words.dtype)], dim=1)  # (B, T + K, D)
        text_mask = torch.cat([batch.text_mask, value_mask], dim=1)
        has_image, has_note = batch.has_image, batch.has_note
        image_alone = self.image_pool(*self.image_state(image, image_mask, has_image))
        text_alone = self.text_pool(*self.text_state(text, text_mask, has_note))
        image_logits = _any_region(self.image_head(image).float(), image_mask)
        text_logits = self.text_head(text_alone).float()
        logits = self.fusion(
            Streams(
                image=image,
                image_mask=image_mask,
                text=text,
                text_mask=text_mask,
                image_alone=image_alone,
                text_alone=text_alone,
                image_logits=image_logits,
                text_logits=text_logits,
                has_image=has_image,
                has_note=has_note,
            )
        )
        return DiagnosisOutput(
            logits=logits.float(),
            image_logits=image_logits,
            text_logits=text_logits,
            image_summary=image_alone.float(),
            text_summary=text_alone.float(),
        )


def _projection(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, width))


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
