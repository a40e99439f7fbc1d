"""Attention bottlenecks: the modalities exchange what they know through a few tokens only."""

import torch
from torch import Tensor, nn

from mediscan.model.fusion.layers import AttentionPool, EncoderLayer, Head, StateToken, learned_tokens
from mediscan.model.fusion.streams import Fusion, Streams

_BOTTLENECKS = 4
"""Tokens that both sides share; the source found four to be enough."""


class BottleneckFusion(Fusion):
    """A transformer for each modality; after each layer the tokens they share are averaged.

    Source: Nagrani et al., "Attention bottlenecks for multimodal fusion", NeurIPS 2021.

    Args:
        width: D, of every token.
        heads: Attention heads.
        layers: Transformer layers of each modality.
        dropout: In layers and head.
        findings: F, how many logits.
    """

    def __init__(self, *, width: int, heads: int, layers: int, dropout: float, findings: int) -> None:
        super().__init__()
        self.image_state = StateToken(width)
        self.text_state = StateToken(width)
        self.bottleneck = learned_tokens(_BOTTLENECKS, width)
        self.image_layers = nn.ModuleList(EncoderLayer(width, heads=heads, dropout=dropout) for _ in range(layers))
        self.text_layers = nn.ModuleList(EncoderLayer(width, heads=heads, dropout=dropout) for _ in range(layers))
        self.image_pool = AttentionPool(width, heads=heads)
        self.text_pool = AttentionPool(width, heads=heads)
        self.head = Head(width, fused=2, findings=findings, dropout=dropout)

    def forward(self, streams: Streams) -> Tensor:
        """(B, F) logits."""
        image, image_mask = self.image_state(streams.image, streams.image_mask, streams.has_image)
        text, text_mask = self.text_state(streams.text, streams.text_mask, streams.has_note)
        shared = self.bottleneck.expand(len(image), -1, -1)  # (B, 4, D)
        open_mask = image_mask.new_ones(shared.shape[:2])
        image_mask = torch.cat([image_mask, open_mask], dim=1)
        text_mask = torch.cat([text_mask, open_mask], dim=1)
        for image_layer, text_layer in zip(self.image_layers, self.text_layers, strict=True):
            image, from_image = _split(image_layer(torch.cat([image, shared], dim=1), image_mask))
            text, from_text = _split(text_layer(torch.cat([text, shared], dim=1), text_mask))
            shared = (from_image + from_text) / 2
        # The pools read what was exchanged last too; one layer would else exchange nothing.
        logits: Tensor = self.head(
            streams,
            self.image_pool(torch.cat([image, shared], dim=1), image_mask),
            self.text_pool(torch.cat([text, shared], dim=1), text_mask),
        )
        return logits


def _split(tokens: Tensor) -> tuple[Tensor, Tensor]:
    return tokens[:, :-_BOTTLENECKS], tokens[:, -_BOTTLENECKS:]
