"""The patterns of the CT volumes: where each lies in the chest, and which voxels it fills."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mediscan.phantom.ct.chest import ARTERY_ENDS, FORK, Anatomy3D, Chest
from mediscan.phantom.ct.scan import Cube, Grid, Part, Point, fill, inside
from mediscan.phantom.rules import Side, VolumePattern, Zone

_ZONES = {Zone.LOWER: (-0.30, -0.05), Zone.MIDDLE: (0.05, 0.28), Zone.UPPER: (0.34, 0.60)}
"""Heights between which a lesion's centre lies, as shares of half the lung's height above its middle."""
Box: TypeAlias = tuple[int, int, int, int, int, int]
"""First plane, row and column, then the plane, row and column after the last."""
_FLUID, _CLOT, _SOLID = 12.0, 50.0, 35.0


@dataclass(frozen=True, kw_only=True)
class Lesion3D:
    """One place of a pattern; nodules have several.

    Args:
        pattern: What it is.
        side: The patient's side that it is on.
        zone: Its height; None for what has no zone (effusion, embolus).
        centre: Its middle in the patient, in mm.
        axes: Its semi-axes, in mm; of an effusion half the sides of the block that the lung's outline cuts it from.
    """

    pattern: VolumePattern
    side: Side
    zone: Zone | None
    centre: Point
    axes: Point


def draw_lesions_3d(rng: np.random.Generator, pattern: VolumePattern, chest: Chest) -> tuple[Lesion3D, ...]:
    """Draw where a pattern lies and how large it is."""
    side = Side.LEFT if rng.random() < 0.5 else Side.RIGHT
    match pattern:
        case VolumePattern.NODULES:
            return tuple(_nodule(rng, chest) for _ in range(int(rng.integers(3, 7))))
        case VolumePattern.CONSOLIDATION:
            zone = tuple(Zone)[int(rng.integers(3))]
            centre = _lung_point(rng, chest, side, zone=zone, reach=0.45)
            across, tall = float(rng.uniform(32, 46)), float(rng.uniform(34, 50))
            axes = (across, float(rng.uniform(34, 50)), tall)
            return (Lesion3D(pattern=pattern, side=side, zone=zone, centre=centre, axes=axes),)
        case VolumePattern.EFFUSION:
            wide, deep, _ = chest.lung_axes
            level, top, bottom = deep - float(rng.uniform(32, 55)), float(rng.uniform(10, 60)), -130.0
            # A block behind the level of the fluid; the lung's own outline gives it its shape.
            centre = (chest.lung_centre(side)[0], (level + deep) / 2, (top + bottom) / 2)
            axes = (wide, (deep - level) / 2, (top - bottom) / 2)
            return (Lesion3D(pattern=pattern, side=side, zone=None, centre=centre, axes=axes),)
        case VolumePattern.EMBOLUS:
            sides = (Side.RIGHT, Side.LEFT) if rng.random() < 0.5 else (side,)
            return tuple(_embolus(rng, chest, each) for each in sides)


def _embolus(rng: np.random.Generator, chest: Chest, side: Side) -> Lesion3D:
    """A clot that all but fills a main pulmonary artery."""
    along = float(rng.uniform(0.45, 0.7))
    start, stop = np.array(FORK), np.array(ARTERY_ENDS[side])
    x, y, z = (start + along * (stop - start)).tolist()
    thick = chest.artery * float(rng.uniform(0.95, 1.1))
    axes = (float(rng.uniform(24, 32)), thick, thick)
    return Lesion3D(pattern=VolumePattern.EMBOLUS, side=side, zone=None, centre=(x, y, z), axes=axes)


def _nodule(rng: np.random.Generator, chest: Chest) -> Lesion3D:
    side = Side.LEFT if rng.random() < 0.5 else Side.RIGHT
    zone = tuple(Zone)[int(rng.integers(3))]
    radius = float(rng.uniform(11, 16))
    centre = _lung_point(rng, chest, side, zone=zone, reach=0.70)
    while _is_hidden(centre, radius, chest, side):
        centre = _lung_point(rng, chest, side, zone=zone, reach=0.70)
    axes = (radius, radius, radius)
    return Lesion3D(pattern=VolumePattern.NODULES, side=side, zone=zone, centre=centre, axes=axes)


def _lung_point(rng: np.random.Generator, chest: Chest, side: Side, *, zone: Zone, reach: float) -> Point:
    """A point of a lung within a share of its width."""
    x, y, z = chest.lung_centre(side)
    wide, deep, tall = chest.lung_axes
    height = float(rng.uniform(*_ZONES[zone]))
    slim = reach * float(np.sqrt(1 - height**2))
    away, angle = slim * float(np.sqrt(rng.random())), float(rng.uniform(0, 2 * np.pi))
    return x + away * float(np.cos(angle)) * wide, y + away * float(np.sin(angle)) * deep, z + height * tall


def _is_hidden(centre: Point, radius: float, chest: Chest, side: Side) -> bool:
    """Whether heart, diaphragm or pulmonary artery would hide part of a nodule."""
    place = np.array(centre, dtype=np.float32)
    from_heart = (place - chest.heart_centre) / (np.array(chest.heart_axes) + radius)
    along = np.subtract(ARTERY_ENDS[side], FORK)
    share = float(np.clip((place - FORK) @ along / (along @ along), 0, 1))
    from_artery = float(np.linalg.norm(place - FORK - share * along))
    return (
        float(from_heart @ from_heart) < 1
        or centre[2] - radius < float(chest.floor(side, place[:1], place[1:2])[0])
        or from_artery < chest.artery + radius
    )


def paint_lesion(lesion: Lesion3D, anatomy: Anatomy3D, grid: Grid, *, texture: Cube) -> Box | None:
    """Draw a lesion into the chest, in place, and return the box of the voxels that it fills by half or more.

    Args:
        lesion: What to draw.
        anatomy: The chest.
        grid: Where each voxel is.
        texture: (S, H, W) unit noise, which makes a consolidation uneven.
    """
    part, near = grid.near(lesion.centre, lesion.axes)
    value: float | Cube = _SOLID
    match lesion.pattern:
        case VolumePattern.EFFUSION:
            share = inside(lesion.axes[1] - np.abs(near.y - lesion.centre[1])) * inside(
                lesion.axes[2] - np.abs(near.z - lesion.centre[2])
            )
            value = _FLUID
        case VolumePattern.CONSOLIDATION:
            share = inside((1 - near.ellipsoid(lesion.centre, lesion.axes)) * min(lesion.axes), 5.0)
            value = 60 * texture[part] - 25
        case _:
            share = inside((1 - near.ellipsoid(lesion.centre, lesion.axes)) * min(lesion.axes))
    if lesion.pattern is VolumePattern.EMBOLUS:
        share, value = share * anatomy.arteries[part], _CLOT
    else:
        share = share * anatomy.lungs[lesion.side][part]
    fill(anatomy.hounsfield[part], share, value)
    return _box(share >= 0.5, part)


def _box(filled: NDArray[np.bool_], part: Part) -> Box | None:
    if not filled.any():
        return None
    places = [np.flatnonzero(filled.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    starts = [int(along.start) for along in part]
    first = [start + int(place[0]) for start, place in zip(starts, places, strict=True)]
    after = [start + int(place[-1]) + 1 for start, place in zip(starts, places, strict=True)]
    return (first[0], first[1], first[2], after[0], after[1], after[2])
