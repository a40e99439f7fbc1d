"""From encoders' features to the vectors that kernels compare."""

import torch
from torch import Tensor
from torch.nn import functional

from mediscan.model.kernel.fitted import Fitted


class Directions(Fitted):
    """Where a vector points, seen from where the training vectors point on average: unit vectors.

    Sentence encoders put all texts into a narrow cone; only what differs from its axis tells texts apart.
    """

    centre: Tensor  # (V,)

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(width))

    def fit(self, vectors: Tensor) -> None:
        """Take the centre from training vectors (N, V)."""
        self.centre = functional.normalize(vectors, dim=-1).mean(dim=0)

    def forward(self, vectors: Tensor) -> Tensor:
        """Bring vectors (..., V) into their place among the training vectors."""
        return functional.normalize(functional.normalize(vectors, dim=-1) - self.centre, dim=-1)


class Standardised(Fitted):
    """Each feature in units of its own spread over the training vectors."""

    mean: Tensor  # (V,)
    deviation: Tensor  # (V,)

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(0))
        self.register_buffer("deviation", torch.ones(0))

    def fit(self, vectors: Tensor) -> None:
        """Take mean and deviation from training vectors (N, V)."""
        self.mean = vectors.mean(dim=0)
        # A feature that never varied in training says nothing; a tiny spread would let it shout.
        self.deviation = vectors.std(dim=0, unbiased=False).clamp(min=1e-3)

    def forward(self, vectors: Tensor) -> Tensor:
        """Standardise vectors (..., V)."""
        return (vectors - self.mean) / self.deviation


def masked_mean(vectors: Tensor, mask: Tensor) -> Tensor:
    """The mean of the real ones: (B, N, V) and (B, N) → (B, V); zero where there is none."""
    total = (vectors * mask[..., None]).sum(dim=1)
    return total / mask.sum(dim=1).clamp(min=1)[:, None]
