"""What fusions are made of. All residual layers normalise what they read, not what they give (pre-norm)."""

import torch
from torch import Tensor, nn

from mediscan.model.fusion.streams import Streams

_SMALL = 0.02
"""Standard deviation of learned tokens at the start, as in BERT."""


def learned_tokens(count: int, width: int) -> nn.Parameter:
    """(count, D) tokens that are learned."""
    return nn.Parameter(torch.randn(count, width) * _SMALL)


class ChannelDropout(nn.Module):
    """Dropout that drops the same channels of all tokens of a study.

    Drawing one number per token and channel would cost more than the attention itself on a processor.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) → (B, N, D)."""
        if not self.training or self.rate == 0:
            return tokens
        kept = nn.functional.dropout(tokens.new_ones(len(tokens), 1, tokens.shape[2]), self.rate)
        return tokens * kept


class Attention(nn.Module):
    """Residual attention of one sequence to another, or to itself."""

    def __init__(self, width: int, *, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm_query = nn.LayerNorm(width)
        self.norm_context = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.dropout = ChannelDropout(dropout)

    def forward(self, query: Tensor, context: Tensor, context_mask: Tensor) -> Tensor:
        """(B, N, D), which has read `context` (B, M, D) where its mask (B, M) is True, at least once per study."""
        read = self.norm_context(context)
        update, _ = self.attention(
            self.norm_query(query), read, read, key_padding_mask=~context_mask, need_weights=False
        )
        attended: Tensor = query + self.dropout(update)
        return attended

    def weights(self, query: Tensor, context: Tensor, context_mask: Tensor) -> Tensor:
        """(B, heads, N, M) how much of each context token each query token reads; over M they sum to 1."""
        read = self.norm_context(context)
        _, weights = self.attention(
            self.norm_query(query), read, read, key_padding_mask=~context_mask, average_attn_weights=False
        )
        read_weights: Tensor = weights
        return read_weights


class FeedForward(nn.Module):
    """Residual feed-forward network of each token."""

    def __init__(self, width: int, *, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, width),
            ChannelDropout(dropout),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) → (B, N, D)."""
        transformed: Tensor = tokens + self.layers(tokens)
        return transformed


class EncoderLayer(nn.Module):
    """A transformer layer: a sequence attends to itself, then each token is transformed."""

    def __init__(self, width: int, *, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(width, heads=heads, dropout=dropout)
        self.feed_forward = FeedForward(width, dropout=dropout)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(B, N, D) and its mask (B, N) → (B, N, D)."""
        transformed: Tensor = self.feed_forward(self.attention(tokens, tokens, mask))
        return transformed


class AttentionPool(nn.Module):
    """One learned question that attends to a sequence: (B, N, D) → (B, D)."""

    def __init__(self, width: int, *, heads: int) -> None:
        super().__init__()
        self.question = learned_tokens(1, width)
        self.attend = Attention(width, heads=heads, dropout=0.0)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(B, N, D) and its mask (B, N) → (B, D)."""
        pooled: Tensor = self.attend(self.question.expand(len(tokens), -1, -1), tokens, mask)  # (B, 1, D)
        return pooled[:, 0]


class StateToken(nn.Module):
    """A token in front of a sequence that says whether its modality is there.

    No sequence is ever empty then, and an absent modality has a learned meaning.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.states = learned_tokens(2, width)  # row 0: absent; row 1: there

    def forward(self, tokens: Tensor, mask: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """The sequence with its state in front, (B, 1 + N, D), and its mask (B, 1 + N); `present` is (B,) bool."""
        state = self.states[present.long()][:, None]  # (B, 1, D)
        always = torch.ones_like(present)[:, None]
        return torch.cat([state.to(tokens.dtype), tokens], dim=1), torch.cat([always, mask], dim=1)


class Head(nn.Module):
    """Logits from what fusion found, beside what each modality says alone.

    Args:
        width: Of each vector.
        fused: How many vectors the fusion gives.
        findings: How many logits.
        dropout: In its hidden layer.
    """

    def __init__(self, width: int, *, fused: int, findings: int, dropout: float) -> None:
        super().__init__()
        vectors = fused + 2
        self.layers = nn.Sequential(
            nn.LayerNorm(vectors * width),
            nn.Linear(vectors * width, width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(width, findings),
        )

    def forward(self, streams: Streams, *fused: Tensor) -> Tensor:
        """(B, F) logits from the fused vectors, each (B, D)."""
        image_alone = streams.image_alone.masked_fill(~streams.has_image[:, None], 0.0)
        text_alone = streams.text_alone.masked_fill(~streams.has_text[:, None], 0.0)
        logits: Tensor = self.layers(torch.cat([*fused, image_alone, text_alone], dim=1))
        return logits
