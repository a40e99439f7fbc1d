"""Structured values as tokens beside those of the note."""

import torch
from torch import Tensor, nn

_FARTHEST = 4.0
"""Deviations from the mean at which a value stops to count for more: a slip of the pen must not outweigh all else."""


class ValueTokens(nn.Module):
    """One token per value: what it is, plus its standardised size times a direction.

    Source: Gorishniy et al., "Revisiting deep learning models for tabular data", NeurIPS 2021 (feature tokenizer).

    Args:
        count: K, how many values.
        width: D, of a token.
    """

    def __init__(self, count: int, *, width: int) -> None:
        super().__init__()
        self.names = nn.Parameter(torch.randn(count, width) * 0.02)
        self.directions = nn.Parameter(torch.randn(count, width) * 0.02)
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("deviation", torch.ones(count))
        self.mean: Tensor
        self.deviation: Tensor

    def fit(self, values: Tensor) -> None:
        """Take mean and deviation from training studies: (N, K), NaN where unknown."""
        for column, of_all in enumerate(values.T):
            known = of_all[~of_all.isnan()]
            if len(known):
                self.mean[column] = known.mean()
                self.deviation[column] = known.std(correction=0).clamp(min=1e-3)

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, K, D) and their mask (B, K), False where a value is unknown."""
        size = ((values - self.mean) / self.deviation).nan_to_num().clamp(-_FARTHEST, _FARTHEST)
        return self.names + size[..., None] * self.directions, ~values.isnan()
