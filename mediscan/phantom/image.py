"""One radiograph: the patient and the lesions, exposed; and where on it each lesion is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mediscan.phantom.anatomy import Anatomy
from mediscan.phantom.canvas import Canvas, Plane, Pose
from mediscan.phantom.frontal import FrontalView
from mediscan.phantom.lateral import LateralView
from mediscan.phantom.lesions import Lesion, taken_air
from mediscan.phantom.rules import Pattern, Side, ViewPosition, Zone
from mediscan.phantom.variants import Device

MAX_VALUE = 4095
"""Largest pixel value: 12 bits are stored."""
_VISIBLE = 0.12
"""A lesion's region is where it adds at least this share of its strongest addition."""


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """How the film is taken.

    `gain` is the tone curve's steepness, `black` and `white` its ends as shares of the 12-bit range, `noise` the
    deviation of the noise through air as a share of it, `border` the collimated margin as a share of the image's
    side; `marker` says whether a side letter is burnt in.
    """

    gain: float
    black: float
    white: float
    noise: float
    border: float
    marker: bool
    seed: int


@dataclass(frozen=True, kw_only=True)
class Region:
    """Where a lesion is on an image, in pixels of the stored image.

    Args:
        pattern: What it is.
        side: The patient's side that this region is on.
        zone: A third of the lung, where the pattern has one.
        row: Row of the middle.
        col: Column of the middle.
        radius: Half the longer side of the box.
        box: First row, first column, and the row and column after the last.
    """

    pattern: Pattern
    side: Side
    zone: Zone | None
    row: float
    col: float
    radius: float
    box: tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class Radiograph:
    """A drawn radiograph.

    Args:
        pixels: (size, size) uint16 in [0, 4095], 4095 bright.
        regions: Where each lesion is, haze once for each side.
    """

    pixels: NDArray[np.uint16]
    regions: tuple[Region, ...]


@dataclass(frozen=True, kw_only=True)
class Shot:
    """How one radiograph of a study is taken and stored; `seed` starts the draws of its header."""

    position: ViewPosition
    pose: Pose
    exposure: Exposure
    monochrome1: bool
    seed: int


def draw_radiograph(
    anatomy: Anatomy, lesions: Sequence[Lesion], *, shot: Shot, size: int, device: Device | None = None
) -> Radiograph:
    """Draw a radiograph.

    The same arguments give the same pixels, and a lesion more or less changes only the pixels it covers: the noise is
    drawn before it is scaled, and the exposure does not look at the image.
    """
    heart = next((lesion for lesion in lesions if lesion.pattern is Pattern.ENLARGED_HEART), None)
    shown = anatomy.with_heart(heart.size) if heart else anatomy
    canvas = Canvas(size, shot.pose)
    view: FrontalView | LateralView
    if shot.position is ViewPosition.LATERAL:
        view, share = LateralView(shown, canvas), 0.7  # the other lung lies over the lesion
    else:
        view, share = FrontalView(shown, canvas, shot.position), 1.0
    layers = view.layers()
    if device:
        layers.bone = layers.bone + view.device_shadow(device)
    regions: list[Region] = []
    air = layers.air.copy()
    for lesion in lesions:
        if lesion is heart:
            regions.append(_heart_region(lesion, view))
            continue
        for side in (Side.RIGHT, Side.LEFT) if lesion.side is Side.BOTH else (lesion.side,):
            taken = share * taken_air(lesion, view, layers.texture, side) * layers.cavity
            region = _region(taken * layers.air * layers.body, lesion, side)
            air *= 1 - taken
            if region:
                regions.append(region)
    return Radiograph(pixels=expose(layers.attenuation(air), shot.exposure, shot.position), regions=tuple(regions))


def expose(attenuation: Plane, exposure: Exposure, position: ViewPosition) -> NDArray[np.uint16]:
    """The stored image, (H, W) uint16 in [0, 4095]; dense tissue is bright."""
    rng = np.random.default_rng(exposure.seed)
    size = attenuation.shape[0]
    through = np.exp(-exposure.gain * attenuation)
    noise = rng.standard_normal(attenuation.shape, dtype=np.float32)
    # Few photons pass through dense tissue: the noise of the logarithm grows as they become fewer.
    value = 1 - through + exposure.noise * noise * np.sqrt(through + 0.02)
    value = exposure.black + value * (exposure.white - exposure.black)
    if exposure.border:
        edge = round(exposure.border * size)
        shut = np.ones_like(value)
        shut[edge : size - edge, edge : size - edge] = 0
        value = np.where(shut > 0, 0.03 + 0.004 * noise, value)
    if exposure.marker:
        value = np.maximum(value, _marker(size, position))
    np.clip(value, 0, 1, out=value)
    pixels: NDArray[np.uint16] = np.rint(value * MAX_VALUE).astype(np.uint16)
    return pixels


def _marker(size: int, position: ViewPosition) -> Plane:
    """A lead letter L at the patient's left shoulder (the image's right), as technicians lay it."""
    sheet = Image.new("L", (size, size))
    pen = ImageDraw.Draw(sheet)
    tall, thick = size * 0.055, max(1, round(size / 110))
    left, top = (size * 0.06 if position is ViewPosition.LATERAL else size * 0.89), size * 0.07
    pen.line([(left, top), (left, top + tall), (left + 0.6 * tall, top + tall)], fill=250, width=thick)
    return np.asarray(sheet, dtype=np.float32) / 255


def _region(added: Plane, lesion: Lesion, side: Side) -> Region | None:
    """The region that an addition to the attenuation covers; None where it adds next to nothing."""
    strongest = float(added.max())
    if strongest < 0.01:
        return None
    seen = added >= (_VISIBLE * strongest)
    rows, cols = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    box = (int(rows[0]), int(cols[0]), int(rows[-1]) + 1, int(cols[-1]) + 1)
    weight = np.where(seen, added, 0)
    total = float(weight.sum())
    row = float(weight.sum(axis=1) @ np.arange(len(weight))) / total
    col = float(weight.sum(axis=0) @ np.arange(len(weight))) / total
    return Region(
        pattern=lesion.pattern,
        side=side,
        zone=lesion.zone,
        row=row,
        col=col,
        radius=max(box[2] - box[0], box[3] - box[1]) / 2,
        box=box,
    )


def _heart_region(lesion: Lesion, view: FrontalView | LateralView) -> Region:
    u, v = (np.concatenate(points) for points in zip(*(oval.outline() for oval in view.heart()), strict=True))
    rows, cols = view.canvas.pixel(u, v)
    last = view.canvas.size
    top, bottom = np.clip([rows.min(), rows.max() + 1], 0, last)
    left, right = np.clip([cols.min(), cols.max() + 1], 0, last)
    return Region(
        pattern=lesion.pattern,
        side=Side.BOTH,
        zone=None,
        row=float(top + bottom) / 2,
        col=float(left + right) / 2,
        radius=float(max(bottom - top, right - left)) / 2,
        box=(int(top), int(left), int(np.ceil(bottom)), int(np.ceil(right))),
    )
