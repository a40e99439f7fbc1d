"""The sheet that a radiograph is drawn on: anatomical coordinates for every pixel, and soft shapes over them.

Coordinates: `u` grows towards the image's right, `v` downwards; the image spans about [-1, 1] in both before the
patient is turned, shifted and scaled. Shapes have compact support, so that a lesion changes no pixel outside itself.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane: TypeAlias = NDArray[np.floating]
"""One value for every pixel; float32 throughout."""

SPAN = (-1.4, 1.4)
"""What of a coordinate can fall onto a sheet."""
GRID = np.linspace(*SPAN, 561)
"""Steps over the span, for outlines given as functions of one coordinate."""
_FINE = 4096


@dataclass(frozen=True, kw_only=True)
class Pose:
    """How the patient stands before the detector."""

    rotation_deg: float = 0.0
    shift_u: float = 0.0
    shift_v: float = 0.0
    scale: float = 1.0


@lru_cache(maxsize=4)
def _pixel_grid(size: int) -> tuple[Plane, Plane]:
    axis = ((np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1).astype(np.float32)
    return np.meshgrid(axis, axis)[0], np.meshgrid(axis, axis)[1]


@dataclass(frozen=True, kw_only=True)
class Oval:
    """An ellipse: its centre (u, v), semi-axes and turn in degrees."""

    centre: tuple[float, float]
    axes: tuple[float, float]
    tilt_deg: float = 0.0

    def outline(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Points (u, v) on it, all the way round."""
        round_, turn = np.linspace(0, 2 * np.pi, 73), np.deg2rad(self.tilt_deg)
        along, over = self.axes[0] * np.cos(round_), self.axes[1] * np.sin(round_)
        return (
            self.centre[0] + along * np.cos(turn) - over * np.sin(turn),
            self.centre[1] + along * np.sin(turn) + over * np.cos(turn),
        )


class Canvas:
    """A square sheet.

    Args:
        size: Rows and columns.
        pose: How the patient stands.

    Attributes:
        u: (size, size) float32, anatomical coordinate to the image's right.
        v: (size, size) float32, anatomical coordinate downwards.
    """

    def __init__(self, size: int, pose: Pose) -> None:
        self.size = size
        self.pose = pose
        angle = np.deg2rad(pose.rotation_deg)
        self._cos, self._sin = float(np.cos(angle)), float(np.sin(angle))
        x, y = _pixel_grid(size)
        x, y = x - pose.shift_u, y - pose.shift_v
        scale = pose.scale
        self.u: Plane = (self._cos * x + self._sin * y) / scale
        self.v: Plane = (self._cos * y - self._sin * x) / scale

    def pixel(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Rows and columns of anatomical points; fractional, the centre of the first pixel is 0."""
        cos, sin, scale = float(self._cos), float(self._sin), self.pose.scale
        x = (cos * u - sin * v) * scale + self.pose.shift_u
        y = (sin * u + cos * v) * scale + self.pose.shift_v
        return (y + 1) / 2 * self.size - 0.5, (x + 1) / 2 * self.size - 0.5

    def pixels_per_unit(self) -> float:
        """Pixels in one unit of `u` or `v`."""
        return self.size / 2 * self.pose.scale

    def ellipse(self, centre: tuple[float, float], axes: tuple[float, float], *, tilt_deg: float = 0.0) -> Plane:
        """Scaled distance from a centre (u, v): 0 there, 1 on the ellipse with these semi-axes."""
        du, dv = self.u - (centre[0]), self.v - (centre[1])
        if tilt_deg:
            angle = np.deg2rad(tilt_deg)
            cos, sin = float(np.cos(angle)), float(np.sin(angle))
            du, dv = cos * du + sin * dv, cos * dv - sin * du
        du /= axes[0]
        dv /= axes[1]
        away: Plane = np.sqrt(du * du + dv * dv)
        return away

    def oval(self, oval: Oval) -> Plane:
        """Scaled distance from an oval's centre: 0 there, 1 on it."""
        return self.ellipse(oval.centre, oval.axes, tilt_deg=oval.tilt_deg)

    def along_v(self, profile: NDArray[np.float64]) -> Plane:
        """A function of `v`, given by its values on `GRID`, at every pixel."""
        return _fine(profile)[self._row_steps]

    def along_u(self, profile: NDArray[np.float64]) -> Plane:
        """A function of `u`, given by its values on `GRID`, at every pixel."""
        return _fine(profile)[self._column_steps]

    @cached_property
    def _row_steps(self) -> NDArray[np.intp]:
        return _steps(self.v)

    @cached_property
    def _column_steps(self) -> NDArray[np.intp]:
        return _steps(self.u)


def _steps(coordinate: Plane) -> NDArray[np.intp]:
    """Where on the fine grid each pixel lies; a step is less than a tenth of a pixel at 256 pixels."""
    position = (coordinate - SPAN[0]) * ((_FINE - 1) / (SPAN[1] - SPAN[0]))
    steps: NDArray[np.intp] = np.clip(position, 0, _FINE - 1).astype(np.intp)
    return steps


def _fine(profile: NDArray[np.float64]) -> Plane:
    return np.interp(np.linspace(*SPAN, _FINE), GRID, profile).astype(np.float32)


def step(signed: Plane, softness: float) -> Plane:
    """0 where `signed` ≤ -softness, 1 where ≥ softness, smooth between (a cubic)."""
    t = signed * (0.5 / softness)
    t += 0.5
    np.clip(t, 0, 1, out=t)
    smooth = t * -2
    smooth += 3
    smooth *= t
    smooth *= t
    return smooth


def bump(scaled: Plane) -> Plane:
    """1 where a scaled distance is 0, falling smoothly to exactly 0 where it is 1 and beyond."""
    t = np.clip(1 - scaled * scaled, 0, 1)
    return t * t


def dome(scaled: Plane) -> Plane:
    """The thickness of a ball seen from above: 1 in the middle, 0 at scaled distance 1 and beyond."""
    return np.sqrt(np.clip(1 - scaled * scaled, 0, 1))


def cloud(rng: np.random.Generator, size: int, cells: int) -> Plane:
    """(size, size) float32 smooth noise of about unit deviation, `cells` bumps across."""
    grid = rng.standard_normal((cells + 3, cells + 3), dtype=np.float32)
    image = Image.fromarray(grid).resize((size, size), Image.Resampling.BICUBIC, box=(1, 1, cells + 2, cells + 2))
    return np.asarray(image, dtype=np.float32)
