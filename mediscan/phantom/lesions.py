"""The image patterns: where each lies in the chest, and what share of the lung's air it takes on a view."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mediscan.phantom.anatomy import Anatomy
from mediscan.phantom.canvas import Canvas, Plane, bump, dome, step
from mediscan.phantom.rules import Pattern, Side, Zone

ZONES = {Zone.UPPER: (-0.42, -0.20), Zone.MIDDLE: (-0.16, 0.08), Zone.LOWER: (0.12, 0.34)}
"""Heights (v) between which a lesion's centre lies."""
ENLARGED_CTR = (0.535, 0.66)
"""Heart width over thoracic width of an enlarged heart; 0.5 is the usual limit."""


@dataclass(frozen=True, kw_only=True)
class Lesion:
    """One image pattern in a patient.

    Args:
        pattern: What it is.
        side: Where it is; both for haze, and for the heart.
        zone: Its height; None for what has no zone (effusion, haze, heart).
        beside: Distance from the midline, in canvas units.
        height: Height `v`.
        depth: From the front (-1) to the back (1) of the thoracic cavity.
        size: Radius in canvas units; for an effusion its height at the chest wall, for the heart its width over the
            thorax's.
        strength: Share of the air taken at its middle.
        stretch: Height over width of an opacity.
    """

    pattern: Pattern
    side: Side
    zone: Zone | None
    beside: float
    height: float
    depth: float
    size: float
    strength: float
    stretch: float = 1.0


class View(Protocol):
    """What a lesion needs to know of the view it is drawn on."""

    canvas: Canvas
    anatomy: Anatomy

    def centre(self, lesion: Lesion, side: Side) -> tuple[float, float]:
        """The canvas point (u, v) of a lesion."""
        ...

    def gutter(self, side: Side) -> tuple[Plane, float]:
        """Distance towards the wall that fluid climbs, 0 to 1, and the height (v) of the angle where it starts."""
        ...


def draw_lesion(rng: np.random.Generator, pattern: Pattern, anatomy: Anatomy) -> Lesion:
    """Draw where a pattern lies in a patient, and how large and dense it is; the patient's heart is already large."""
    side = Side.LEFT if rng.random() < 0.5 else Side.RIGHT
    if pattern is Pattern.ENLARGED_HEART:
        ctr = float(rng.uniform(*ENLARGED_CTR))
        return Lesion(
            pattern=pattern,
            side=Side.BOTH,
            zone=None,
            beside=0,
            height=anatomy.heart_height,
            depth=-0.3,
            size=ctr,
            strength=1,
        )
    if pattern is Pattern.BILATERAL_HAZE:
        return Lesion(
            pattern=pattern,
            side=Side.BOTH,
            zone=None,
            beside=anatomy.mediastinum + 0.12,
            height=0.02,
            depth=0.1,
            size=float(rng.uniform(0.28, 0.40)),
            strength=float(rng.uniform(0.12, 0.38)),
            stretch=float(rng.uniform(1.1, 1.4)),
        )
    if pattern is Pattern.EFFUSION:
        return Lesion(
            pattern=pattern,
            side=side,
            zone=None,
            beside=anatomy.half_width * 0.85,
            height=anatomy.base[side] + 0.1,
            depth=0.8,
            size=float(rng.uniform(0.34, 0.62)),
            strength=float(rng.uniform(0.8, 0.95)),
        )
    nodule = pattern is Pattern.NODULE
    # A nodule's diameter is 12 to 18 % of the width across both lungs.
    size = float(anatomy.half_width * rng.uniform(0.12, 0.18) if nodule else rng.uniform(0.20, 0.31))
    zone, height, beside = _place(rng, anatomy, side, margins=(size + 0.02, size + 0.03) if nodule else (0.08, 0.12))
    return Lesion(
        pattern=pattern,
        side=side,
        zone=zone,
        beside=beside,
        height=height,
        depth=float(rng.uniform(-0.5, 0.6)),
        size=size,
        strength=float(rng.uniform(0.85, 1.0) if nodule else rng.uniform(0.65, 0.9)),
        stretch=float(rng.uniform(0.8, 1.35)),
    )


def _place(
    rng: np.random.Generator, anatomy: Anatomy, side: Side, *, margins: tuple[float, float]
) -> tuple[Zone, float, float]:
    """A zone, a height in it and a distance from the midline, between heart and chest wall with these margins."""
    for index in rng.permutation(len(Zone)):  # a large heart may leave no room in one zone, never in all
        zone = tuple(Zone)[int(index)]
        height = float(rng.uniform(*ZONES[zone]))
        inner = anatomy.heart_edge(side, height) + margins[0]
        outer = float(anatomy.cavity(np.array([height]))[0]) - margins[1]
        if outer > inner:
            break
    return zone, height, float(rng.uniform(min(inner, outer), outer))


def taken_air(lesion: Lesion, view: View, texture: Plane, side: Side) -> Plane:
    """Share of the air that a lesion takes on one side, (H, W) float32 in [0, 1]; 0 outside the lesion.

    Args:
        lesion: What to draw; an enlarged heart is no lesion of the lung and takes none.
        view: The view.
        texture: Unit noise, which makes opacities uneven.
        side: Which side, for a lesion of both.
    """
    canvas = view.canvas
    strength = lesion.strength
    match lesion.pattern:
        case Pattern.EFFUSION:
            climb, angle = view.gutter(side)
            # A small effusion only blunts the angle; a large one has a level all the way to the midline.
            flat = 0.5 * float(np.clip((lesion.size - 0.22) / 0.25, 0, 1))
            line = angle - lesion.size * (flat + (1 - flat) * climb**3)
            return strength * step(canvas.v - line, 0.035) * (climb > 0)
        case Pattern.NODULE:
            away = canvas.ellipse(view.centre(lesion, side), (lesion.size, lesion.size))
            return strength * step(0.88 - away, 0.12) * (0.5 + 0.5 * dome(away))
        case Pattern.FOCAL_OPACITY | Pattern.BILATERAL_HAZE:
            away = canvas.ellipse(view.centre(lesion, side), (lesion.size, lesion.size * lesion.stretch))
            uneven = np.clip(texture, -2, 2)
            away *= 1 + 0.16 * uneven
            patchy: Plane = strength * bump(away) * np.clip(0.95 + 0.22 * uneven, 0, 1)
            return patchy
        case Pattern.ENLARGED_HEART:
            return np.zeros_like(texture)
