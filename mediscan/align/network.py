"""The encoders of a diagnosis network, and the heads that bring them into one space."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mediscan.config import ContrastiveLoss, ModelConfig
from mediscan.findings import FindingSet
from mediscan.model.network import DiagnosisNetwork
from mediscan.model.text import TextEncoder

ENCODER_PARTS = ("image_encoder.", "image_projection.", "text_encoder.", "text_projection.")
"""Prefixes of the weights that pretraining learns and `DiagnosisNetwork` knows by the same keys."""

_NO_FINDINGS = FindingSet(("none",))
_CLIP_SCALE, _SIGLIP_SCALE, _SIGLIP_BIAS = 1 / 0.07, 10.0, -10.0
_LARGEST_SCALE = 100.0


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """One side of B studies in the common space.

    Attributes:
        whole: (B, E) float32 unit vectors.
        parts: (B, N, E) float32 unit vectors: regions of the images, or words of the note.
        mask: (B, N) bool, True where a part is real.
    """

    whole: Tensor
    parts: Tensor
    mask: Tensor


class _Side(nn.Module):
    """From one side's tokens to the common space: one learned question is asked of all of them."""

    def __init__(self, width: int, *, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.question = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.whole = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.part = nn.Linear(width, width)

    def forward(self, tokens: Tensor, mask: Tensor) -> Embedded:
        """Embed (B, N, D) tokens of which each study has at least one."""
        read = self.norm(tokens)  # (B, N, D)
        question = self.question.expand(len(read), -1, -1)
        pooled, _ = self.attention(question, read, read, key_padding_mask=~mask, need_weights=False)  # (B, 1, D)
        return Embedded(
            whole=functional.normalize(self.whole(pooled[:, 0]).float(), dim=1),
            parts=functional.normalize(self.part(read).float(), dim=2),
            mask=mask,
        )


class AlignmentNetwork(nn.Module):
    """Image and note encoders with a head for each side.

    Args:
        config: Shape of the encoders.
        text_encoder: Built by the caller, with or without weights.
        loss: The global loss, which sets how similarities are scaled.

    Attributes:
        encoders: A diagnosis network, of which only the encoders and projections are used.
    """

    def __init__(self, config: ModelConfig, *, text_encoder: TextEncoder, loss: ContrastiveLoss) -> None:
        super().__init__()
        self.encoders = DiagnosisNetwork(config, findings=_NO_FINDINGS, text_encoder=text_encoder)
        self.image_side = _Side(config.width, heads=config.heads)
        # A frozen encoder was not made for reports: its words read each other once more, so that `no` meets its noun.
        self.text_read = nn.TransformerEncoderLayer(
            config.width,
            config.heads,
            dim_feedforward=2 * config.width,
            dropout=config.dropout,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.text_side = _Side(config.width, heads=config.heads)
        clip = loss is ContrastiveLoss.CLIP
        self.log_scale = nn.Parameter(torch.tensor(_CLIP_SCALE if clip else _SIGLIP_SCALE).log())
        self.bias = nn.Parameter(torch.tensor(0.0 if clip else _SIGLIP_BIAS))

    @property
    def scale(self) -> Tensor:
        """Inverse temperature of the global loss; bounded, as in CLIP, so that training stays stable."""
        return self.log_scale.exp().clamp(max=_LARGEST_SCALE)

    @property
    def text_encoder(self) -> TextEncoder:
        """The encoder of notes."""
        return self.encoders.text_encoder

    def embed_images(self, images: Tensor, mask: Tensor) -> Embedded:
        """Embed studies' images.

        Args:
            images: (B, I, 1, S, S) float32, standardised planes.
            mask: (B, I) bool, at least one plane in every study.
        """
        tokens, _ = self.encoders.image_tokens(images, mask)  # (B, I, P, D)
        embedded: Embedded = self.image_side(tokens.flatten(1, 2), mask.repeat_interleave(tokens.shape[2], dim=1))
        return embedded

    def embed_notes(self, features: Tensor, mask: Tensor) -> Embedded:
        """Embed notes.

        Args:
            features: (B, T, H) float32, of the text encoder.
            mask: (B, T) bool, at least one token in every note.
        """
        read = self.text_read(self.encoders.text_projection(features), src_key_padding_mask=~mask)  # (B, T, D)
        embedded: Embedded = self.text_side(read, mask)
        return embedded

    def encoder_state(self) -> dict[str, Tensor]:
        """Weights and buffers of the encoders, under the keys of `DiagnosisNetwork`."""
        return {name: value for name, value in self.encoders.state_dict().items() if name.startswith(ENCODER_PARTS)}

    def head_state(self) -> dict[str, Tensor]:
        """Weights of everything else that a similarity needs."""
        return {name: value for name, value in self.state_dict().items() if not name.startswith("encoders.")}

    def learned(self) -> list[tuple[str, nn.Parameter]]:
        """What pretraining optimises, by name."""
        unused = tuple(
            f"encoders.{name}" for name, _ in self.encoders.named_parameters() if not name.startswith(ENCODER_PARTS)
        )
        return [(name, p) for name, p in self.named_parameters() if p.requires_grad and not name.startswith(unused)]
