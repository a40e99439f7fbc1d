"""The encoders of a diagnosis network, and the heads that bring them into one space."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mediscan.align.statements import Statements
from mediscan.config import ContrastiveLoss, ModelConfig
from mediscan.findings import FindingSet
from mediscan.model.network import DiagnosisNetwork
from mediscan.model.text import TextEncoder

ENCODER_PARTS = ("image_encoder.", "image_projection.", "text_encoder.", "text_projection.")
"""Prefixes of the weights that pretraining learns and `DiagnosisNetwork` knows by the same keys."""

_NO_FINDINGS = FindingSet(("none",))
_CLIP_SCALE, _SIGLIP_SCALE, _SIGLIP_BIAS = 1 / 0.07, 10.0, -10.0
_LARGEST_SCALE = 100.0
_WIDER = 2
"""The common space is that much wider than the encoders' tokens: one vector has to tell all that an image shows."""


@dataclass(frozen=True, kw_only=True)
class EmbeddedNotes:
    """B notes of S statements in all, in the common space.

    Attributes:
        whole: (B, E) float32 unit vectors.
        statements: (S, E) float32 unit vectors.
    """

    whole: Tensor
    statements: Tensor


class _ImageSide(nn.Module):
    """From regions to one vector: each of its many detectors asks whether any region shows what it looks for.

    A mean over regions would drown a small lesion; the smooth maximum teaches the encoder to keep it where it is.

    Source: Pinheiro and Collobert, "From image-level to pixel-level labeling with convolutional networks", 2015.
    """

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.detect = nn.Sequential(nn.LayerNorm(tokens), nn.Linear(tokens, width))
        self.combine = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, regions: Tensor, mask: Tensor) -> Tensor:
        """(B, R, D) regions, of which each study has at least one → (B, E) unit vectors."""
        evidence = self.detect(regions).float().masked_fill(~mask[..., None], float("-inf"))  # (B, R, E)
        # The mean inside makes it independent of the number of regions.
        seen = evidence.logsumexp(dim=1) - mask.sum(dim=1, keepdim=True).log()  # (B, E)
        return functional.normalize(self.combine(seen).float(), dim=1)


class _TextSide(nn.Module):
    """From a statement's words to its vector, whose length is how much it weighs in its note."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.combine = nn.Sequential(nn.LayerNorm(tokens), nn.Linear(tokens, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        """(S, L, D) words, of which each statement has at least one → (S, E)."""
        there = mask[..., None].to(words.dtype)
        mean = (words * there).sum(dim=1) / there.sum(dim=1)  # (S, D)
        combined: Tensor = self.combine(mean).float()
        return combined


class AlignmentNetwork(nn.Module):
    """Image and note encoders with a head for each side.

    What a note tells of an image is the sum of what its statements tell, so its vector is the direction of the sum of
    theirs. Statements are shared by many notes, and are learned from all of them.

    Args:
        config: Shape of the encoders.
        text_encoder: Built by the caller, with or without weights.
        loss: The global loss, which sets how similarities are scaled.

    Attributes:
        encoders: A diagnosis network, of which only the encoders and projections are used.
        width: E of the common space.
    """

    def __init__(self, config: ModelConfig, *, text_encoder: TextEncoder, loss: ContrastiveLoss) -> None:
        super().__init__()
        self.encoders = DiagnosisNetwork(config, findings=_NO_FINDINGS, text_encoder=text_encoder)
        self.width = _WIDER * config.width
        self.image_side = _ImageSide(config.width, self.width)
        self.text_side = _TextSide(config.width, self.width)
        clip = loss is ContrastiveLoss.CLIP
        self.log_scale = nn.Parameter(torch.tensor(_CLIP_SCALE if clip else _SIGLIP_SCALE).log())
        self.bias = nn.Parameter(torch.tensor(0.0 if clip else _SIGLIP_BIAS))
        self.statement_log_scale = nn.Parameter(torch.tensor(_CLIP_SCALE).log())

    @property
    def scale(self) -> Tensor:
        """Inverse temperature of the global loss; bounded, as in CLIP, so that training stays stable."""
        return self.log_scale.exp().clamp(max=_LARGEST_SCALE)

    @property
    def statement_scale(self) -> Tensor:
        """Inverse temperature of the loss of statements, bounded too."""
        return self.statement_log_scale.exp().clamp(max=_LARGEST_SCALE)

    @property
    def text_encoder(self) -> TextEncoder:
        """The encoder of notes."""
        return self.encoders.text_encoder

    def embed_images(self, images: Tensor, mask: Tensor) -> Tensor:
        """Embed studies' images as (B, E) float32 unit vectors.

        Args:
            images: (B, I, 1, S, S) float32, standardised planes.
            mask: (B, I) bool, at least one plane in every study.
        """
        tokens, _ = self.encoders.image_tokens(images, mask)  # (B, I, P, D)
        vectors: Tensor = self.image_side(tokens.flatten(1, 2), mask.repeat_interleave(tokens.shape[2], dim=1))
        return vectors

    def embed_notes(self, statements: Statements) -> EmbeddedNotes:
        """Embed notes by their statements."""
        words = self.encoders.text_projection(statements.features)  # (S, L, D)
        vectors = self.text_side(words, statements.mask)  # (S, E)
        count = int(statements.note.max()) + 1
        sums = vectors.new_zeros(count, self.width).index_add(0, statements.note, vectors)  # (B, E)
        return EmbeddedNotes(whole=functional.normalize(sums, dim=1), statements=functional.normalize(vectors, dim=1))

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
