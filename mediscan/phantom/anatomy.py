"""A chest, as numbers that differ from patient to patient, and what a ray meets in it.

A pixel's value follows the tissue that the ray meets: body thickness, less the air of the lungs, plus bone. What is
drawn is the lesion-free `Layers`; lesions replace some of the air (`lesions.py`), and `image.py` exposes the result.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mediscan.phantom.canvas import Plane
from mediscan.phantom.rules import Side
from mediscan.study import Sex

AIR_CONTRAST = 0.76
"""The share of a ray's attenuation that an air-filled lung takes away."""


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """A patient's chest; lengths in canvas units, in which the image is 2 wide before scaling."""

    sex: Sex
    thickness: float
    """Body thickness, 1 for a middling adult; scales all attenuation."""
    wall: float
    """Soft tissue beside the ribs."""
    half_width: float
    """Of the thoracic cavity at its widest."""
    apex: float
    """Height (v) of the lungs' top."""
    base: dict[Side, float]
    """Height (v) of each diaphragm's dome."""
    dome_depth: float
    ctr: float
    """Heart width over thoracic width."""
    heart_left_share: float
    heart_height: float
    mediastinum: float
    """Half width of the upper mediastinum."""
    rib_spacing: float
    rib_phase: float
    rib_slope: float
    bone: float
    """How dense the bones are, 1 for a middling adult."""
    scoliosis: float
    bust: float
    bubble: float
    """Size of the air bubble in the stomach; 0 for none."""
    aeration: float
    """Share of the lung that is air, over its whole extent."""
    vessels: float
    """How marked the vessels are."""
    seed: int
    """Starts the draws of texture and vessels."""

    def cavity(self, v: NDArray[np.float64]) -> NDArray[np.float64]:
        """Half width of the thoracic cavity at a height."""
        widest = 0.25
        rise = np.clip((widest - v) / (widest - self.apex), 0, 1)
        taper = 1 - 0.04 * np.clip(v - widest, 0, None) ** 2
        return self.half_width * np.clip(1 - rise**2.6, 0, 1) ** 0.62 * taper

    def heart_extent(self, side: Side) -> float:
        """How far the heart reaches from the midline to a side."""
        width = self.ctr * 2 * self.half_width
        return width * (self.heart_left_share if side is Side.LEFT else 1 - self.heart_left_share)

    def heart_edge(self, side: Side, v: float) -> float:
        """How far heart and mediastinum reach from the midline to a side, at a height."""
        middle, half = self.heart_height, 0.34
        reach = self.heart_extent(side) * math.sqrt(max(0.0, 1 - ((v - middle) / half) ** 2))
        return max(self.mediastinum, reach)

    def with_heart(self, ctr: float) -> "Anatomy":
        """The same patient with another heart width (over thoracic width)."""
        return Anatomy(**{**self.__dict__, "ctr": ctr})


def draw_anatomy(rng: np.random.Generator, sex: Sex) -> Anatomy:
    """Draw a patient's chest. The heart is of normal width, 0.38 to 0.49 of the thorax."""
    stout = float(rng.normal())
    right_base = float(rng.uniform(0.42, 0.56))
    return Anatomy(
        sex=sex,
        thickness=float(np.clip(1 + 0.10 * stout + rng.normal(0, 0.04), 0.8, 1.3)),
        wall=float(np.clip(0.11 + 0.035 * stout, 0.06, 0.2)),
        half_width=float(rng.uniform(0.64, 0.74)) - (0.02 if sex is Sex.FEMALE else 0.0),
        apex=float(rng.uniform(-0.84, -0.72)),
        base={Side.RIGHT: right_base, Side.LEFT: right_base + float(rng.uniform(0.01, 0.07))},
        dome_depth=float(rng.uniform(0.15, 0.23)),
        ctr=float(rng.uniform(0.38, 0.49)),
        heart_left_share=float(rng.uniform(0.64, 0.71)),
        heart_height=float(rng.uniform(0.29, 0.36)),
        mediastinum=float(rng.uniform(0.12, 0.16)),
        rib_spacing=float(rng.uniform(0.145, 0.175)),
        rib_phase=float(rng.uniform(0, 1)),
        rib_slope=float(rng.uniform(0.30, 0.46)),
        bone=float(rng.uniform(0.7, 1.2)),
        scoliosis=float(rng.normal(0, 0.012)),
        bust=float(rng.uniform(0.25, 1.0)) if sex is Sex.FEMALE else 0.0,
        bubble=float(rng.uniform(0.05, 0.11)) if rng.random() < 0.5 else 0.0,
        aeration=float(rng.uniform(0.80, 1.0)),
        vessels=float(rng.uniform(0.7, 1.2)),
        seed=int(rng.integers(2**31)),
    )


@dataclass(kw_only=True)
class Layers:
    """What a ray meets, each (H, W) float32.

    Args:
        body: Attenuation of the body were it solid.
        air: Share of the ray that runs through air, in [0, 1].
        bone: Attenuation added by bones.
        cavity: Where the thoracic cavity is, in [0, 1]; fluid can gather there.
        texture: Unit noise, for lesions to be uneven with.
    """

    body: Plane
    air: Plane
    bone: Plane
    cavity: Plane
    texture: Plane

    def attenuation(self, air: Plane) -> Plane:
        """What the ray loses, (H, W) float32, given the air that is left; 0 beside the body, about 1 through tissue."""
        return self.body * (1 - AIR_CONTRAST * air) + self.bone
