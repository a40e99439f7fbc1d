"""How the patient lies in the scanner, and soft shapes in the patient's own coordinates.

A point is (x, y, z) in millimetres in LPS+, as DICOM counts: x grows to the patient's left, y to the back, z to the
head. Planes are axial; an index is (plane, row, column), planes from the feet up, rows to the back, columns to the
patient's left, so that the patient's left is on the image's right.
"""

import math
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mediscan.sources.geometry import Affine, stack_affine

Cube: TypeAlias = NDArray[np.float32]
"""One value for every voxel, (S, H, W) float32, or what broadcasts to it."""
Point: TypeAlias = tuple[float, float, float]
AXIAL: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
"""Directions of rows and columns (ImageOrientationPatient)."""


@dataclass(frozen=True, kw_only=True)
class Scan:
    """A scan's voxels, and the patient's pose.

    Args:
        planes: How many.
        size: Rows and columns of each.
        pixel_mm: Between the centres of rows, and of columns.
        gap_mm: Between the centres of planes.
        origin_mm: The centre of the first voxel.
        turn_deg: How the patient is turned about x, y and z.
        shift_mm: Where the middle of the chest lies.
    """

    planes: int
    size: int
    pixel_mm: float
    gap_mm: float
    origin_mm: Point
    turn_deg: Point
    shift_mm: Point

    def position_mm(self, plane: int) -> Point:
        """The centre of a plane's first voxel (ImagePositionPatient)."""
        x, y, z = self.origin_mm
        return x, y, round(z + plane * self.gap_mm, 3)

    @property
    def affine(self) -> Affine:
        """(4, 4) float64: index (plane, row, column, 1) to millimetres in RAS+, as `Pixels.affine`."""
        return stack_affine(
            origin_lps=self.origin_mm,
            orientation_lps=AXIAL,
            spacing_mm=(self.pixel_mm, self.pixel_mm),
            step_lps=(0.0, 0.0, self.gap_mm),
        )

    @cached_property
    def turn(self) -> NDArray[np.float64]:
        """(3, 3), from the patient's axes to the scanner's."""
        (cx, cy, cz), (sx, sy, sz) = ([f(math.radians(a)) for a in self.turn_deg] for f in (math.cos, math.sin))
        about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
        about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
        turn: NDArray[np.float64] = about_z @ about_y @ about_x
        return turn


def draw_scan(rng: np.random.Generator, *, planes: int, size: int) -> Scan:
    """A scan of the whole chest; the numbers are rounded as headers write them."""
    pixel_mm = round(float(rng.uniform(355, 395)) / size, 4)
    gap_mm = round(float(rng.uniform(270, 295)) / planes, 2)
    middle = [round(float(rng.uniform(-60, 60)), 1) for _ in range(3)]  # where the scanner has its zero
    shift = [float(rng.normal(0, spread)) for spread in (5, 4, 5)]
    corner = [-(size - 1) / 2 * pixel_mm, -(size - 1) / 2 * pixel_mm, -(planes - 1) / 2 * gap_mm]
    origin = [round(m + c, 3) for m, c in zip(middle, corner, strict=True)]
    turn = [float(np.clip(rng.normal(0, spread), -3 * spread, 3 * spread)) for spread in (1.5, 1.5, 3.0)]
    return Scan(
        planes=planes,
        size=size,
        pixel_mm=pixel_mm,
        gap_mm=gap_mm,
        origin_mm=(origin[0], origin[1], origin[2]),
        turn_deg=(turn[0], turn[1], turn[2]),
        shift_mm=(middle[0] + shift[0], middle[1] + shift[1], middle[2] + shift[2]),
    )


Part: TypeAlias = tuple[slice, slice, slice]
"""A box of voxels: slices of planes, rows and columns."""


class Grid:
    """Where in the patient each voxel of a scan is.

    Attributes:
        x: (S, H, W) float32, millimetres to the patient's left of the middle of the chest.
        y: The same to the back.
        z: The same to the head.
    """

    def __init__(self, scan: Scan) -> None:
        self.scan = scan
        steps = (scan.pixel_mm, scan.pixel_mm, scan.gap_mm)
        counts = (scan.size, scan.size, scan.planes)
        lines = [
            (origin - shift + step * np.arange(count)).astype(np.float32)
            for origin, shift, step, count in zip(scan.origin_mm, scan.shift_mm, steps, counts, strict=True)
        ]
        along = (lines[0][None, None, :], lines[1][None, :, None], lines[2][:, None, None])
        turn = scan.turn.astype(np.float32)
        self.x, self.y, self.z = (
            (turn[0, axis] * along[0] + turn[1, axis] * along[1]) + turn[2, axis] * along[2]  # (S, H, W)
            for axis in range(3)
        )

    def near(self, centre: Point, reach: Point) -> tuple[Part, "Grid"]:
        """The voxels about a centre, as far as `reach` along each of the patient's axes, and their part of the grid.

        Shapes are drawn in their part alone, which is most of the speed.
        """
        scan = self.scan
        middle = scan.turn @ np.array(centre) + scan.shift_mm - scan.origin_mm
        half = np.abs(scan.turn) @ np.array(reach)
        steps, counts = (scan.pixel_mm, scan.pixel_mm, scan.gap_mm), (scan.size, scan.size, scan.planes)
        column, row, plane = (
            slice(
                int(np.clip(np.floor((at - by) / step), 0, count - 1)),
                int(np.clip(np.ceil((at + by) / step) + 1, 1, count)),
            )
            for at, by, step, count in zip(middle, half, steps, counts, strict=True)
        )
        part = (plane, row, column)
        near = copy(self)
        near.x, near.y, near.z = self.x[part], self.y[part], self.z[part]
        return part, near

    def ellipsoid(self, centre: Point, axes: Point) -> Cube:
        """Scaled distance from a centre: 0 there, 1 on the ellipsoid with these semi-axes."""
        away: Cube = ((self.x - centre[0]) * (1 / axes[0])) ** 2
        away += ((self.y - centre[1]) * (1 / axes[1])) ** 2
        away += ((self.z - centre[2]) * (1 / axes[2])) ** 2
        return np.sqrt(away, out=away)

    def rod(self, start: Point, stop: Point) -> Cube:
        """Millimetres from the line between two points."""
        along = np.subtract(stop, start).astype(np.float32)
        reach = (self.x - start[0]) * along[0] + (self.y - start[1]) * along[1] + (self.z - start[2]) * along[2]
        reach *= 1 / float(along @ along)
        np.clip(reach, 0, 1, out=reach)
        away: Cube = (self.x - start[0] - reach * along[0]) ** 2
        away += (self.y - start[1] - reach * along[1]) ** 2
        away += (self.z - start[2] - reach * along[2]) ** 2
        return np.sqrt(away, out=away)


def inside(signed_mm: Cube, softness_mm: float = 2.0) -> Cube:
    """1 where a signed distance is clearly positive, 0 where clearly negative: a voxel on an edge has part of both."""
    share: Cube = signed_mm * (0.5 / softness_mm)
    share += 0.5
    return np.clip(share, 0, 1, out=share)


def fill(hounsfield: Cube, share: Cube, value: float | Cube) -> None:
    """Replace a share of every voxel by another tissue, in place."""
    hounsfield += share * (value - hounsfield)
