"""Vary training images as acquisition varies them. Nothing mirrors an image: left and right are findings.

Drawing what to do is split from doing it, so that a draw can be tested, and repeated after a resume.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mediscan.config import Augmentation

_STRENGTH = {Augmentation.NONE: 0.0, Augmentation.MILD: 1.0, Augmentation.STRONG: 2.0}


@dataclass(frozen=True, kw_only=True)
class Variation:
    """How each of N planes is varied.

    Attributes:
        affine: (N, 2, 3) float32, from the varied plane to the plane, in units of half its side.
        gain: (N,) float32, contrast.
        offset: (N,) float32, brightness in standard deviations of the plane.
        noise: (N,) float32, standard deviation of white noise, likewise.
        seed: Of the noise.
    """

    affine: Tensor
    gain: Tensor
    offset: Tensor
    noise: Tensor
    seed: int

    @classmethod
    def draw(cls, kind: Augmentation, count: int, *, rng: np.random.Generator) -> Self:
        """Draw for `count` planes, each on its own: each was acquired on its own."""
        strength = _STRENGTH[kind]
        turn = rng.normal(0.0, 0.05 * strength, count)  # radians: 3 degrees, how patients are turned
        scale = np.exp(rng.normal(0.0, 0.05 * strength, count))
        shift = rng.normal(0.0, 0.05 * strength, (count, 2))  # of half the side
        affine = np.empty((count, 2, 3))
        affine[:, 0, 0] = affine[:, 1, 1] = scale * np.cos(turn)
        affine[:, 0, 1], affine[:, 1, 0] = -scale * np.sin(turn), scale * np.sin(turn)
        affine[:, :, 2] = shift
        return cls(
            affine=_float(affine),
            gain=_float(np.exp(rng.normal(0.0, 0.1 * strength, count))),
            offset=_float(rng.normal(0.0, 0.1 * strength, count)),
            noise=_float(np.abs(rng.normal(0.0, 0.05 * strength, count))),
            seed=int(rng.integers(2**62)),
        )

    def apply(self, planes: Tensor) -> Tensor:
        """Vary (N, C, S, S) float32 planes, N may be 0, all C channels alike; what comes in from outside is empty."""
        if not len(planes):  # a batch of notes alone, which affine_grid refuses
            return planes
        grid = functional.affine_grid(self.affine, list(planes.shape), align_corners=False)
        moved = functional.grid_sample(planes, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        noise = torch.randn(planes.shape, generator=torch.Generator().manual_seed(self.seed))
        return (
            moved * self.gain[:, None, None, None]
            + self.offset[:, None, None, None]
            + noise * self.noise[:, None, None, None]
        )


def _float(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
