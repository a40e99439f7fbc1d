"""Bidirectional cross-attention: the words attend to the regions, the regions to the words."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Fused:
    """What fusion gives, each (B, D): either side pooled before and after it has read the other."""

    image_alone: Tensor
    text_alone: Tensor
    image: Tensor
    text: Tensor


class _ChannelDropout(nn.Module):
    """Dropout that drops the same channels of all tokens of a study.

    Drawing one number per token and channel would cost more than the attention itself on a processor.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, tokens: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return tokens
        kept = nn.functional.dropout(tokens.new_ones(len(tokens), 1, tokens.shape[2]), self.rate)
        return tokens * kept


class _Attend(nn.Module):
    """Pre-norm residual attention of one sequence to another (or to itself)."""

    def __init__(self, width: int, *, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm_query = nn.LayerNorm(width)
        self.norm_context = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.dropout = _ChannelDropout(dropout)

    def forward(self, query: Tensor, context: Tensor, context_mask: Tensor) -> Tensor:
        read = self.norm_context(context)
        update, _ = self.attention(
            self.norm_query(query), read, read, key_padding_mask=~context_mask, need_weights=False
        )
        attended: Tensor = query + self.dropout(update)
        return attended


class _Think(nn.Module):
    """Pre-norm residual feed-forward."""

    def __init__(self, width: int, *, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, width),
            _ChannelDropout(dropout),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        thought: Tensor = tokens + self.layers(tokens)
        return thought


class _Block(nn.Module):
    """Each side reads itself, then the other as it was before the block, then thinks."""

    def __init__(self, width: int, *, heads: int, dropout: float) -> None:
        super().__init__()
        self.text_self = _Attend(width, heads=heads, dropout=dropout)
        self.text_from_image = _Attend(width, heads=heads, dropout=dropout)
        self.image_from_text = _Attend(width, heads=heads, dropout=dropout)
        self.text_think = _Think(width, dropout=dropout)
        self.image_think = _Think(width, dropout=dropout)

    def forward(self, image: Tensor, image_mask: Tensor, text: Tensor, text_mask: Tensor) -> tuple[Tensor, Tensor]:
        text = self.text_self(text, text, text_mask)
        read_text = self.text_from_image(text, image, image_mask)
        read_image = self.image_from_text(image, text, text_mask)
        return self.image_think(read_image), self.text_think(read_text)


class _Pool(nn.Module):
    """Attention pooling with one learned question: (B, N, D) → (B, D)."""

    def __init__(self, width: int, *, heads: int) -> None:
        super().__init__()
        self.question = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.attend = _Attend(width, heads=heads, dropout=0.0)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        pooled: Tensor = self.attend(self.question.expand(len(tokens), -1, -1), tokens, mask)
        return pooled[:, 0]  # (B, 1, D) -> (B, D)


class CrossAttentionFusion(nn.Module):
    """Blocks of bidirectional cross-attention, then pooling.

    Each side carries a state token in front that says whether its modality is there, so that no sequence is ever empty
    and an absent modality has a learned meaning.
    """

    def __init__(self, width: int, *, heads: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_Block(width, heads=heads, dropout=dropout) for _ in range(layers))
        self.image_alone_pool = _Pool(width, heads=heads)
        self.text_alone_pool = _Pool(width, heads=heads)
        self.image_pool = _Pool(width, heads=heads)
        self.text_pool = _Pool(width, heads=heads)
        # Row 0: the modality is absent; row 1: it is there.
        self.image_state = nn.Parameter(torch.randn(2, width) * 0.02)
        self.text_state = nn.Parameter(torch.randn(2, width) * 0.02)

    def forward(self, image: Tensor, image_mask: Tensor, text: Tensor, text_mask: Tensor) -> Fused:
        """Fuse.

        Args:
            image: (B, I·P, D) tokens of all planes; I·P may be 0.
            image_mask: (B, I·P) bool, True where a token is real.
            text: (B, T, D); T may be 0.
            text_mask: (B, T) bool.
        """
        image, image_mask = _with_state(image, image_mask, self.image_state)
        text, text_mask = _with_state(text, text_mask, self.text_state)
        image_alone = self.image_alone_pool(image, image_mask)
        text_alone = self.text_alone_pool(text, text_mask)
        for block in self.blocks:
            image, text = block(image, image_mask, text, text_mask)
        return Fused(
            image_alone=image_alone,
            text_alone=text_alone,
            image=self.image_pool(image, image_mask),
            text=self.text_pool(text, text_mask),
        )


def _with_state(tokens: Tensor, mask: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
    present = mask.any(dim=1) if mask.shape[1] else torch.zeros(len(mask), dtype=torch.bool, device=mask.device)
    state = states[present.long()][:, None]  # (B, 1, D)
    always = torch.ones(len(mask), 1, dtype=torch.bool, device=mask.device)
    return torch.cat([state.to(tokens.dtype), tokens], dim=1), torch.cat([always, mask], dim=1)
