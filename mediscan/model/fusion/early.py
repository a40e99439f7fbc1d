"""Early fusion: the tokens of both modalities are one sequence."""

import torch
from torch import Tensor, nn

from mediscan.model.fusion.layers import AttentionPool, EncoderLayer, Head, StateToken, learned_tokens
from mediscan.model.fusion.streams import Fusion, Streams


class EarlyFusion(Fusion):
    """One transformer encoder over all tokens, each marked with its modality, then one pool.

    Source: Chen et al., "UNITER: universal image-text representation learning", ECCV 2020 (single stream).

    Args:
        width: D, of every token.
        heads: Attention heads.
        layers: Transformer layers.
        dropout: In layers and head.
        findings: F, how many logits.
    """

    def __init__(self, *, width: int, heads: int, layers: int, dropout: float, findings: int) -> None:
        super().__init__()
        self.image_state = StateToken(width)
        self.text_state = StateToken(width)
        self.modality = learned_tokens(2, width)  # row 0: image; row 1: text
        self.layers = nn.ModuleList(EncoderLayer(width, heads=heads, dropout=dropout) for _ in range(layers))
        self.pool = AttentionPool(width, heads=heads)
        self.head = Head(width, fused=1, findings=findings, dropout=dropout)

    def forward(self, streams: Streams) -> Tensor:
        """(B, F) logits."""
        image, image_mask = self.image_state(streams.image, streams.image_mask, streams.has_image)
        text, text_mask = self.text_state(streams.text, streams.text_mask, streams.has_note)
        tokens = torch.cat([image + self.modality[0], text + self.modality[1]], dim=1)  # (B, N + T + 2, D)
        mask = torch.cat([image_mask, text_mask], dim=1)
        for layer in self.layers:
            tokens = layer(tokens, mask)
        logits: Tensor = self.head(streams, self.pool(tokens, mask))
        return logits
