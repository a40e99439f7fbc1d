"""A kernel machine: what a vector resembles among the training vectors decides what is said of it."""

import torch
from torch import Tensor

from mediscan.model.kernel.fitted import Fitted


def gaussian_kernel(left: Tensor, right: Tensor, *, gamma: Tensor | float) -> Tensor:
    """exp(-gamma · squared distance) of all pairs: (..., N, V) and (M, V) → (..., N, M)."""
    return torch.exp(-gamma * squared_distances(left, right))


def squared_distances(left: Tensor, right: Tensor) -> Tensor:
    """Of all pairs: (..., N, V) and (M, V) → (..., N, M)."""
    squares = left.square().sum(dim=-1, keepdim=True) + right.square().sum(dim=-1)
    return (squares - 2 * left @ right.T).clamp(min=0)  # rounding must not make them negative


class KernelHead(Fitted):
    """Scores of vectors: a weighted sum of their resemblance to landmarks, the training vectors.

    Before it is fitted it has no landmarks, and all scores are zero.

    Args:
        findings: F, how many scores.

    Attributes:
        landmarks: (M, V) float32.
        coefficients: (M, F) float32.
        bias: (F,) float32; the mean score over the training studies is zero.
        gamma: () float32, of the Gaussian kernel.
    """

    landmarks: Tensor
    coefficients: Tensor
    bias: Tensor
    gamma: Tensor

    def __init__(self, findings: int) -> None:
        super().__init__()
        self.register_buffer("landmarks", torch.zeros(0, 0))
        self.register_buffer("coefficients", torch.zeros(0, findings))
        self.register_buffer("bias", torch.zeros(findings))
        self.register_buffer("gamma", torch.ones(()))

    @property
    def is_fitted(self) -> bool:
        """Whether there was anything to learn from."""
        return len(self.landmarks) > 0

    def fit(self, *, landmarks: Tensor, coefficients: Tensor, bias: Tensor, gamma: float) -> None:
        """Take what training found."""
        self.landmarks, self.coefficients = landmarks.float(), coefficients.float()
        self.bias, self.gamma = bias.float(), torch.tensor(gamma)

    def forward(self, vectors: Tensor) -> Tensor:
        """Scores (..., F) of vectors (..., V)."""
        return gaussian_kernel(vectors, self.landmarks, gamma=self.gamma) @ self.coefficients + self.bias
