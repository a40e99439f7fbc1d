"""Fit source volumes into the network's box, and map what is found there back to source voxels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mediscan.data.images import FittedPlane, Placement
from mediscan.data.resampling import resampled, resampled_rows, rounded_to_half
from mediscan.sources.pixels import Pixels, to_grey

_LEAST_PLANES = 8
"""Fewer are a few images side by side, and no volume."""


@dataclass(frozen=True, kw_only=True)
class FittedVolume:
    """One volume as the network sees it.

    Attributes:
        values: (depth, size, size) float16: grey standardised by the volume's own mean and deviation, 0 outside it.
        planes: Planes of the source, which the depth spans evenly, whatever their distance.
        placement: Where each source plane lies inside a slice.
    """

    values: NDArray[np.float16]
    planes: int
    placement: Placement

    @classmethod
    def of_slices(cls, slices: Sequence[FittedPlane]) -> Self:
        """The volume whose `slices` these are."""
        return cls(
            values=np.stack([one.values for one in slices]), planes=slices[0].plane, placement=slices[0].placement
        )

    @property
    def slices(self) -> tuple[FittedPlane, ...]:
        """Its slices as planes, as a cache keeps them; each holds the number of source planes as its position."""
        return tuple(FittedPlane(values=values, plane=self.planes, placement=self.placement) for values in self.values)

    def to_source(self, grid: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bring a map over the box back to source voxels.

        Args:
            grid: (d, h, w) float32, any resolution, covering the whole box.

        Returns:
            (planes, height, width) float32, linear between the centres of the grid's cells.
        """
        maps = np.stack([self.placement.to_source(cells) for cells in grid])  # (d, height, width)
        at = np.clip((np.arange(self.planes) + 0.5) / self.planes * len(grid) - 0.5, 0.0, len(grid) - 1.0)
        below = np.floor(at).astype(int)
        above = np.minimum(below + 1, len(grid) - 1)
        share = (at - below).astype(np.float32)[:, None, None]
        mapped: NDArray[np.float32] = maps[below] * (1 - share) + maps[above] * share
        return mapped


def is_volume(pixels: Pixels) -> bool:
    """Whether an image has enough planes to be read as a whole."""
    return len(pixels.values) >= _LEAST_PLANES


def fit_volume(pixels: Pixels, *, size: int, depth: int) -> FittedVolume:
    """Fit a volume into a box of (depth, size, size) voxels.

    Planes keep their aspect ratio; the depth is stretched, since the distance of planes differs more between protocols
    than between patients.

    Args:
        pixels: The volume, (S, H, W).
        size: Side of a slice in voxels.
        depth: Number of slices.
    """
    planes, height, width = pixels.values.shape
    placement = Placement(height=height, width=width, size=size)
    fitted_height, fitted_width = placement.fitted
    show = pixels.voi or pixels.default_window()  # one for all planes
    grey = np.stack(
        [
            resampled(to_grey(plane, show=show, inverted=pixels.inverted), height=fitted_height, width=fitted_width)
            for plane in pixels.values
        ]
    )  # (S, h, w)
    flat = resampled_rows(grey.reshape(planes, -1), count=depth)  # (S, h·w) → (depth, h·w)
    centred = flat - flat.mean()
    deviation = max(float(np.sqrt(np.mean(centred * centred))), 1e-3)
    values = np.zeros((depth, size, size), dtype=np.float16)
    (top, left), shape = placement.corner, (depth, fitted_height, fitted_width)
    values[:, top : top + fitted_height, left : left + fitted_width] = rounded_to_half(centred / deviation).reshape(
        shape
    )
    return FittedVolume(values=values, planes=planes, placement=placement)
