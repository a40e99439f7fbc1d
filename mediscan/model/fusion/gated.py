"""Gated fusion: a gate decides, channel by channel, how much of each modality passes."""

import torch
from torch import Tensor, nn

from mediscan.model.fusion.layers import AttentionPool, Head, StateToken
from mediscan.model.fusion.streams import Fusion, Streams


class GatedFusion(Fusion):
    """Gated multimodal unit on the pooled modalities.

    Source: Arevalo et al., "Gated multimodal units for information fusion", 2017.

    Args:
        width: D, of every token.
        heads: Attention heads of the pools.
        dropout: In the head.
        findings: F, how many logits.
    """

    def __init__(self, *, width: int, heads: int, dropout: float, findings: int) -> None:
        super().__init__()
        self.image_state = StateToken(width)
        self.text_state = StateToken(width)
        self.image_pool = AttentionPool(width, heads=heads)
        self.text_pool = AttentionPool(width, heads=heads)
        self.image_value = nn.Linear(width, width)
        self.text_value = nn.Linear(width, width)
        self.gate = nn.Linear(2 * width, width)
        self.head = Head(width, fused=1, findings=findings, dropout=dropout)

    def forward(self, streams: Streams) -> Tensor:
        """(B, F) logits."""
        image = self.image_pool(*self.image_state(streams.image, streams.image_mask, streams.has_image))
        text = self.text_pool(*self.text_state(streams.text, streams.text_mask, streams.has_note))
        gate = torch.sigmoid(self.gate(torch.cat([image, text], dim=1)))  # (B, D)
        fused = gate * torch.tanh(self.image_value(image)) + (1 - gate) * torch.tanh(self.text_value(text))
        logits: Tensor = self.head(streams, fused)
        return logits
