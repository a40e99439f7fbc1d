"""Fit source images into the network's square, and map what is found there back to source pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mediscan.data.resampling import resampled, rounded_to_half
from mediscan.sources.pixels import Pixels, Window, to_grey

PREPROCESSING_VERSION = 2
"""Written into bundles: a bundle refuses to run with images prepared in another way.

2: windows are computed in double precision and after the resize where nothing is clipped, volumes are turned to be
displayed, and padding is no image.
"""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a source plane of `height` × `width` pixels lies inside the square of side `size`.

    The plane keeps its aspect ratio and is centred; the rest of the square is empty.
    """

    height: int
    width: int
    size: int

    @property
    def fitted(self) -> tuple[int, int]:
        """Height and width of the plane inside the square, in pixels of the square."""
        scale = self.size / max(self.height, self.width)
        return max(1, round(self.height * scale)), max(1, round(self.width * scale))

    @property
    def corner(self) -> tuple[int, int]:
        """Row and column of the plane's upper left corner inside the square."""
        height, width = self.fitted
        return (self.size - height) // 2, (self.size - width) // 2

    def to_source(self, grid: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bring a map over the square back to source pixels.

        Args:
            grid: (h, w) float32, any resolution, covering the whole square.

        Returns:
            (height, width) float32, bilinear between the centres of the grid's cells.
        """
        top, left = self.corner
        fitted_height, fitted_width = self.fitted
        rows = _grid_positions(self.height, offset=top, fitted=fitted_height, size=self.size, cells=grid.shape[0])
        columns = _grid_positions(self.width, offset=left, fitted=fitted_width, size=self.size, cells=grid.shape[1])
        return _bilinear(grid, rows, columns)


def _grid_positions(length: int, *, offset: int, fitted: int, size: int, cells: int) -> NDArray[np.float32]:
    """Position of each source pixel's centre, in units of grid cells with 0 at the first cell's centre."""
    in_square = offset + (np.arange(length, dtype=np.float32) + 0.5) * (fitted / length)
    positions: NDArray[np.float32] = np.clip(in_square / size * cells - 0.5, 0.0, cells - 1.0)
    return positions


def _bilinear(
    grid: NDArray[np.float32], rows: NDArray[np.float32], columns: NDArray[np.float32]
) -> NDArray[np.float32]:
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    bottom, right = np.minimum(top + 1, grid.shape[0] - 1), np.minimum(left + 1, grid.shape[1] - 1)
    down, across = (rows - top)[:, None], (columns - left)[None, :]
    upper = grid[top][:, left] * (1 - across) + grid[top][:, right] * across
    lower = grid[bottom][:, left] * (1 - across) + grid[bottom][:, right] * across
    mapped: NDArray[np.float32] = (upper * (1 - down) + lower * down).astype(np.float32)
    return mapped


@dataclass(frozen=True, kw_only=True)
class FittedPlane:
    """One plane as the network sees it.

    `values` is (size, size) float16: the plane standardised by its own mean and deviation, 0 outside it. `plane` is its
    position in the source volume.
    """

    values: NDArray[np.float16]
    plane: int
    placement: Placement


def fit_planes(pixels: Pixels, *, size: int, planes: int) -> tuple[FittedPlane, ...]:
    """Choose planes of an image, evenly spaced through a volume, and fit each into a square.

    Args:
        pixels: The image.
        size: Side of the square in pixels.
        planes: How many planes of a volume to take; a single image gives one.
    """
    depth = pixels.values.shape[0]
    count = min(planes, depth)
    chosen = sorted({int((step + 0.5) * depth / count) for step in range(count)})
    show = pixels.voi or pixels.default_window()  # one for all planes
    # Where a window clips nothing, grey is linear in the values, and their averages are as good as its own.
    is_linear = isinstance(show, Window) and show.spans(*pixels.range) and not pixels.is_padded
    fitted = []
    for plane in chosen:
        values = pixels.values[plane]  # (H, W)
        placement = Placement(height=values.shape[0], width=values.shape[1], size=size)
        height, width = placement.fitted
        if is_linear:
            grey = to_grey(resampled(values, height=height, width=width), show=show, inverted=pixels.inverted)
        else:
            grey = resampled(to_grey(values, show=show, inverted=pixels.inverted), height=height, width=width)
        fitted.append(FittedPlane(values=_placed(grey, placement), plane=plane, placement=placement))
    return tuple(fitted)


def _placed(grey: NDArray[np.float32], placement: Placement) -> NDArray[np.float16]:
    """Grey of the fitted size, standardised, in its place in the square: (size, size) float16."""
    centred = grey - grey.mean()
    deviation = max(float(np.sqrt(np.mean(centred * centred))), 1e-3)
    square = np.zeros((placement.size, placement.size), dtype=np.float16)
    (top, left), (height, width) = placement.corner, placement.fitted
    square[top : top + height, left : left + width] = rounded_to_half(centred / deviation)
    return square
