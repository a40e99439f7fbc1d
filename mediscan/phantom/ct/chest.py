"""A chest in Hounsfield units, lesion-free, after contrast medium; lengths in millimetres."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from mediscan.phantom.ct.scan import Cube, Grid, Part, Point, fill, inside
from mediscan.phantom.rules import Side

_AIR, _FAT, _SPINAL_CANAL, _MUSCLE, _BONE, _RIB = -1000.0, -95.0, 20.0, 50.0, 260.0, 420.0
_VALVE: Point = (20.0, -44.0, -10.0)
FORK: Point = (6.0, -14.0, 14.0)
"""Where the pulmonary trunk divides."""
ARTERY_ENDS: Mapping[Side, Point] = MappingProxyType({Side.RIGHT: (-64.0, 2.0, 8.0), Side.LEFT: (68.0, 8.0, 18.0)})
"""Where the main pulmonary artery of each side ends."""
_AORTA: tuple[tuple[Point, Point], ...] = (
    ((-14.0, -22.0, -20.0), (-8.0, -16.0, 36.0)),
    ((-8.0, -16.0, 36.0), (20.0, 38.0, 36.0)),
    ((20.0, 38.0, 36.0), (20.0, 38.0, -160.0)),
)
_DOME = 26.0
"""How far the diaphragm bulges upwards."""
_LUNG_HEIGHT = 8.0
"""Height (z) of the lungs' middle."""


@dataclass(frozen=True, kw_only=True)
class Chest:
    """A patient's chest.

    Args:
        half_width: From the middle to the skin beside.
        half_depth: From the middle to the skin in front and behind.
        fat: Thickness below the skin.
        lung_apart: From the midline to the middle of a lung.
        lung_axes: Semi-axes of a lung.
        lung_value: Of the lungs, in Hounsfield units.
        base: Height (z) of each diaphragm's rim.
        heart_axes: Semi-axes of the heart.
        heart_beside: How far left of the midline its middle lies.
        aorta: Radius.
        artery: Radius of the main pulmonary arteries.
        contrast: Hounsfield units of the blood in them.
        rib_phase: Where the ribs lie along the chest, in [0, 1).
        noise: Deviation of the noise, in Hounsfield units.
    """

    half_width: float
    half_depth: float
    fat: float
    lung_apart: float
    lung_axes: Point
    lung_value: float
    base: Mapping[Side, float]
    heart_axes: Point
    heart_beside: float
    aorta: float
    artery: float
    contrast: float
    rib_phase: float
    noise: float

    def lung_centre(self, side: Side) -> Point:
        """The middle of a lung."""
        return side.sign * self.lung_apart, 0.0, _LUNG_HEIGHT

    def floor(self, side: Side, x: Cube, y: Cube) -> Cube:
        """Height (z) of a diaphragm at some places; highest below the middle of the lung."""
        beside, behind = (x - self.lung_centre(side)[0]) / self.lung_axes[0], y / self.lung_axes[1]
        return (1 - beside * beside - behind * behind) * np.float32(_DOME) + np.float32(self.base[side])

    @property
    def heart_centre(self) -> Point:
        """The heart lies in front, to the left."""
        return self.heart_beside, -26.0, -48.0


def draw_chest(rng: np.random.Generator) -> Chest:
    """Draw a patient's chest."""
    stout = float(rng.normal())
    lung = (float(rng.uniform(58, 66)), float(rng.uniform(76, 88)), float(rng.uniform(116, 132)))
    apart = lung[0] + float(rng.uniform(8, 14))
    fat = float(np.clip(13 + 5 * stout, 5, 26))
    heart = float(rng.uniform(0.9, 1.12))
    base = float(rng.uniform(-62, -48))
    return Chest(
        half_width=apart + lung[0] + 14 + fat,
        half_depth=lung[1] + 16 + fat,
        fat=fat,
        lung_apart=apart,
        lung_axes=lung,
        lung_value=float(rng.uniform(-880, -810)),
        base={Side.RIGHT: base, Side.LEFT: base - float(rng.uniform(2, 12))},
        heart_axes=(56 * heart, 46 * heart, 52 * heart),
        heart_beside=float(rng.uniform(18, 28)),
        aorta=float(rng.uniform(11, 14)),
        artery=float(rng.uniform(15, 18)),
        contrast=float(rng.uniform(320, 420)),
        rib_phase=float(rng.uniform(0, 1)),
        noise=float(rng.uniform(15, 35)),
    )


@dataclass(frozen=True, kw_only=True)
class Anatomy3D:
    """A drawn chest.

    Args:
        hounsfield: (S, H, W) float32, without noise.
        lungs: Side → share of each voxel that is lung.
        arteries: Share of each voxel that is pulmonary artery.
    """

    hounsfield: Cube
    lungs: Mapping[Side, Cube]
    arteries: Cube


def paint_chest(chest: Chest, grid: Grid) -> Anatomy3D:
    """Draw the chest, from the skin inwards."""
    values = np.full(grid.x.shape, _AIR, dtype=np.float32)
    skin = (1 - _across(grid.x, grid.y, chest.half_width, chest.half_depth)) * chest.half_depth
    fill(values, inside(skin), _FAT)
    fill(values, inside(skin - chest.fat), _MUSCLE)
    _paint_bones(chest, grid, values, skin)
    lungs = {side: _paint_lung(chest, grid, values, side) for side in (Side.RIGHT, Side.LEFT)}
    part, near = grid.near(chest.heart_centre, chest.heart_axes)
    heart = inside((1 - near.ellipsoid(chest.heart_centre, chest.heart_axes)) * chest.heart_axes[1])
    fill(values[part], heart, 0.45 * chest.contrast)
    for lung in lungs.values():
        lung[part] *= 1 - heart
    blood = 0.7 * chest.contrast
    for start, stop in _AORTA:
        _paint_rod(grid, values, start, stop, radius=chest.aorta, value=blood)
    arteries = np.zeros_like(values)
    for start, stop in ((_VALVE, FORK), *((FORK, ARTERY_ENDS[side]) for side in lungs)):
        part, share = _paint_rod(grid, values, start, stop, radius=chest.artery, value=chest.contrast)
        np.maximum(arteries[part], share, out=arteries[part])
        for lung in lungs.values():
            lung[part] *= 1 - share
    _paint_rod(grid, values, (0.0, 6.0, 46.0), (0.0, 2.0, 160.0), radius=8.0, value=_AIR)  # windpipe
    return Anatomy3D(hounsfield=values, lungs=lungs, arteries=arteries)


def _paint_rod(
    grid: Grid, values: Cube, start: Point, stop: Point, *, radius: float, value: float
) -> tuple[Part, Cube]:
    middle = tuple(float(m) for m in np.add(start, stop) / 2)
    reach = tuple(float(r) for r in np.abs(np.subtract(stop, start)) / 2 + radius + 3)
    part, near = grid.near((middle[0], middle[1], middle[2]), (reach[0], reach[1], reach[2]))
    share = inside(radius - near.rod(start, stop))
    fill(values[part], share, value)
    return part, share


def _across(x: Cube, y: Cube, half_width: float, half_depth: float) -> Cube:
    """Scaled distance from the body's axis: 1 on an outline between ellipse and rectangle."""
    across, depth = np.abs(x * (1 / half_width)), np.abs(y * (1 / half_depth))
    away: Cube = np.cbrt(across * across * across + depth * depth * depth)
    return away


def _paint_lung(chest: Chest, grid: Grid, values: Cube, side: Side) -> Cube:
    """Draw a lung above its diaphragm and return its share of each voxel, (S, H, W)."""
    centre, axes = chest.lung_centre(side), chest.lung_axes
    part, near = grid.near(centre, axes)
    hull = (1 - near.ellipsoid(centre, axes)) * axes[0]
    share = inside(np.minimum(hull, near.z - chest.floor(side, near.x, near.y)))
    fill(values[part], share, chest.lung_value)
    lung = np.zeros_like(values)
    lung[part] = share
    return lung


def _paint_bones(chest: Chest, grid: Grid, values: Cube, skin: Cube) -> None:
    band = np.cos((grid.z + 0.4 * grid.y) * (2 * np.pi / 27) + 2 * np.pi * chest.rib_phase)
    fill(values, inside(4.5 - np.abs(skin - chest.fat - 8)) * (band > 0.1), _RIB)
    part, near = grid.near((0.0, 80.0, 0.0), (20.0, 40.0, 400.0))
    fill(values[part], inside(17 - np.hypot(near.x, near.y - 66)), _BONE)
    fill(values[part], inside(7 - np.hypot(near.x, near.y - 90)), _SPINAL_CANAL)
    front = chest.fat + 9 - chest.half_depth
    part, near = grid.near((0.0, front, 75.0), (18.0, 9.0, 125.0))
    breastbone = np.minimum(14 - np.abs(near.x), 5 - np.abs(near.y - front))
    fill(values[part], inside(breastbone), _BONE)
