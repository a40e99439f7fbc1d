"""Bidirectional cross-attention: the words attend to the regions, the regions to the words."""

from typing import cast

from torch import Tensor, nn

from mediscan.model.fusion.layers import Attention, AttentionPool, FeedForward, Head, StateToken
from mediscan.model.fusion.streams import Fusion, Streams


class _Block(nn.Module):
    """The words read each other, then either side reads the other as it was before, then each token is transformed."""

    def __init__(self, width: int, *, heads: int, dropout: float) -> None:
        super().__init__()
        self.text_self = Attention(width, heads=heads, dropout=dropout)
        self.image_from_text = Attention(width, heads=heads, dropout=dropout)
        self.text_from_image = Attention(width, heads=heads, dropout=dropout)
        self.image_feed_forward = FeedForward(width, dropout=dropout)
        self.text_feed_forward = FeedForward(width, dropout=dropout)

    def forward(self, image: Tensor, image_mask: Tensor, text: Tensor, text_mask: Tensor) -> tuple[Tensor, Tensor]:
        text = self.text_self(text, text, text_mask)
        read_text = self.text_from_image(text, image, image_mask)
        read_image = self.image_from_text(image, text, text_mask)
        return self.image_feed_forward(read_image), self.text_feed_forward(read_text)

    def attention(self, image: Tensor, image_mask: Tensor, text: Tensor, text_mask: Tensor) -> Tensor:
        text = self.text_self(text, text, text_mask)
        return self.text_from_image.weights(text, image, image_mask)


class CrossAttentionFusion(Fusion):
    """Blocks of bidirectional cross-attention, then a pool for each side.

    Source: Lu et al., "ViLBERT: pretraining task-agnostic visiolinguistic representations", NeurIPS 2019.

    Args:
        width: D, of every token.
        heads: Attention heads.
        layers: Blocks.
        dropout: In blocks and head.
        findings: F, how many logits.
    """

    def __init__(self, *, width: int, heads: int, layers: int, dropout: float, findings: int) -> None:
        super().__init__()
        self.image_state = StateToken(width)
        self.text_state = StateToken(width)
        self.blocks = nn.ModuleList(_Block(width, heads=heads, dropout=dropout) for _ in range(layers))
        self.image_pool = AttentionPool(width, heads=heads)
        self.text_pool = AttentionPool(width, heads=heads)
        self.head = Head(width, fused=2, findings=findings, dropout=dropout)

    def forward(self, streams: Streams) -> Tensor:
        """(B, F) logits."""
        image, image_mask = self.image_state(streams.image, streams.image_mask, streams.has_image)
        text, text_mask = self.text_state(streams.text, streams.text_mask, streams.has_note)
        for block in self.blocks:
            image, text = block(image, image_mask, text, text_mask)
        logits: Tensor = self.head(streams, self.image_pool(image, image_mask), self.text_pool(text, text_mask))
        return logits

    def attention(self, streams: Streams) -> list[Tensor]:
        """Which words attend to which regions, block by block.

        Returns:
            Per block (B, heads, T, N), in [0, 1]. Over the regions a word's weights sum to at most 1: what is missing
            went to the state token. Rows and columns of padding are 0.
        """
        image, image_mask = self.image_state(streams.image, streams.image_mask, streams.has_image)
        text, text_mask = self.text_state(streams.text, streams.text_mask, streams.has_note)
        maps = []
        for module in self.blocks:
            block = cast("_Block", module)
            weights = block.attention(image, image_mask, text, text_mask)[:, :, 1:, 1:]  # (B, heads, T, N)
            maps.append(weights.masked_fill(~streams.text_mask[:, None, :, None], 0.0))
            image, text = block(image, image_mask, text, text_mask)
        return maps
