"""Synthetic CT studies as numbers, and how one is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mediscan.phantom.ct.chest import Chest, draw_chest, paint_chest
from mediscan.phantom.ct.lesions import Box, Lesion3D, draw_lesions_3d, paint_lesion
from mediscan.phantom.ct.scan import Grid, Scan, draw_scan
from mediscan.phantom.encounter import Encounter
from mediscan.phantom.notes import write_note
from mediscan.phantom.options import VolumeOptions
from mediscan.phantom.patients import Slot, draw_slots
from mediscan.phantom.rules import VOLUME_RULES, Context, Side, VolumePattern, Zone

MIN_HU, MAX_HU = -1024, 3071
"""What twelve bits hold after the usual intercept."""


@dataclass(frozen=True, kw_only=True)
class Region3D:
    """Where a lesion is in a volume.

    Args:
        pattern: What it is.
        side: The patient's side that it is on.
        zone: A third of the lung, where the pattern has one.
        box: First plane, row and column, then the plane, row and column after the last; indices of the volume as
            `read_image` returns it.
        box_mm: The least, then the greatest x, y and z of the same box, in millimetres in RAS+.
    """

    pattern: VolumePattern
    side: Side
    zone: Zone | None
    box: Box
    box_mm: tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A drawn volume: (S, H, W) int16 Hounsfield units, and where each lesion is."""

    values: NDArray[np.int16]
    regions: tuple[Region3D, ...]


@dataclass(frozen=True, kw_only=True)
class VolumeCase(Encounter):
    """A synthetic CT study before anything is drawn or written.

    Args:
        chest: The patient's chest without lesions.
        lesions: What is drawn.
        scan: How the volume is acquired.
        seed: Starts the draws of noise and header.
    """

    chest: Chest
    lesions: tuple[Lesion3D, ...]
    scan: Scan
    seed: int

    @property
    def patterns(self) -> frozenset[VolumePattern]:
        """What is drawn."""
        return frozenset(lesion.pattern for lesion in self.lesions)

    @property
    def truth(self) -> dict[str, int]:
        """Finding → 1 or 0, for every finding."""
        return _truth(self.patterns, self.contexts)

    def draw(self) -> Volume:
        """Draw the volume; a lesion more or less changes only the voxels it covers."""
        grid = Grid(self.scan)
        anatomy = paint_chest(self.chest, grid)
        rng = np.random.default_rng([self.seed, 1])
        noise, texture = (rng.standard_normal(grid.x.shape, dtype=np.float32) for _ in range(2))
        regions = []
        for lesion in self.lesions:
            box = paint_lesion(lesion, anatomy, grid, texture=texture)
            if box:
                regions.append(_region(lesion, box, self.scan))
        values = anatomy.hounsfield + self.chest.noise * noise
        pixels: NDArray[np.int16] = np.rint(np.clip(values, MIN_HU, MAX_HU)).astype(np.int16)
        return Volume(values=pixels, regions=tuple(regions))


def make_volume_cases(n: int, *, seed: int, options: VolumeOptions | None = None) -> list[VolumeCase]:
    """Make synthetic CT studies; nothing is drawn or written yet.

    Study `i` of a seed is the same whatever `n` is, but for its split.

    Args:
        n: How many.
        seed: The same seed gives the same studies.
        options: How they are drawn.

    Raises:
        ConfigError: `split_counts` do not add up to `n`, or no split of whole patients has these sizes.
    """
    options = options or VolumeOptions()
    return [_draw_case(slot, seed=seed, options=options) for slot in draw_slots(n, seed=seed, options=options)]


def _draw_case(slot: Slot, *, seed: int, options: VolumeOptions) -> VolumeCase:
    rng = np.random.default_rng([seed, 20, slot.index])
    patient = slot.patient
    acquired_at = slot.acquired_at(rng)
    patterns = [pattern for pattern in VolumePattern if rng.random() < options.pattern_rate]
    contexts = frozenset(context for context in Context if rng.random() < options.context_rate)
    chest = draw_chest(np.random.default_rng([seed, 21, patient.number]))
    note = write_note(
        rng, contexts, age_years=patient.age_years, sex=patient.sex, misspelling_rate=options.misspelling_rate
    )
    truth = _truth(frozenset(patterns), contexts)
    known = rng.random(len(truth)) >= options.unknown_rate
    absent = rng.random()
    return VolumeCase(
        study_id=f"volume-{slot.index + 1:05d}",
        patient_id=patient.patient_id,
        split=slot.split,
        age_years=patient.age_years,
        sex=patient.sex,
        acquired_at=acquired_at,
        contexts=contexts,
        note=note,
        labels={name: value for (name, value), kept in zip(truth.items(), known, strict=True) if kept},
        has_image=absent >= options.missing_image_rate,
        has_note=absent < 1 - options.missing_note_rate,
        uid_root=f"{seed}/volume/{slot.index}",
        chest=chest,
        lesions=_draw_all(rng, patterns, chest),
        scan=draw_scan(rng, planes=options.planes, size=options.size),
        seed=int(rng.integers(2**31)),
    )


def _truth(patterns: frozenset[VolumePattern], contexts: frozenset[Context]) -> dict[str, int]:
    return {name: int(rule.holds(patterns, contexts)) for name, rule in VOLUME_RULES.items()}


def _draw_all(rng: np.random.Generator, patterns: Sequence[VolumePattern], chest: Chest) -> tuple[Lesion3D, ...]:
    return tuple(lesion for pattern in patterns for lesion in draw_lesions_3d(rng, pattern, chest))


def _region(lesion: Lesion3D, box: Box, scan: Scan) -> Region3D:
    corners = np.array([box[:3], box[3:]]) - 0.5  # a voxel reaches half a step beyond its centre
    ends = corners @ scan.affine[:3, :3].T + scan.affine[:3, 3]  # (2, 3), opposite corners
    low, high = (tuple(np.round(end, 2).tolist()) for end in (ends.min(axis=0), ends.max(axis=0)))
    return Region3D(pattern=lesion.pattern, side=lesion.side, zone=lesion.zone, box=box, box_mm=(low, high))
