"""What makes chests differ beside lesions: scoliosis, a raised diaphragm, implanted devices; reports speak of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from mediscan.phantom.anatomy import Anatomy
from mediscan.phantom.canvas import Canvas, Plane, step
from mediscan.phantom.lesions import Lesion
from mediscan.phantom.rules import Pattern, Side, Zone

_METAL = 0.9
"""Attenuation of a device's case, of which a chest has about 1."""
_WIRE = 0.35


class DeviceKind(StrEnum):
    """What is implanted below a collar bone."""

    PACEMAKER = "pacemaker"
    PORT = "port"


@dataclass(frozen=True, kw_only=True)
class Device:
    """An implanted device; its lead or catheter ends in the heart or the great vein above it."""

    kind: DeviceKind
    side: Side

    @property
    def centre(self) -> tuple[float, float]:
        """Of its case on the frontal view (u, v)."""
        return self.side.sign * 0.52, -0.56

    @property
    def axes(self) -> tuple[float, float]:
        """Half width and height of its case."""
        return (0.12, 0.095) if self.kind is DeviceKind.PACEMAKER else (0.055, 0.055)

    @property
    def course(self) -> tuple[tuple[float, float], ...]:
        """Where its lead or catheter runs on the frontal view; the great vein lies right of the midline."""
        vein = ((self.side.sign * 0.20, -0.62), (-0.09, -0.42), (-0.10, -0.08))
        heart = ((-0.06, 0.22), (0.24, 0.42)) if self.kind is DeviceKind.PACEMAKER else ()
        return (self.centre, *vein, *heart)


def draw_device(rng: np.random.Generator) -> Device | None:
    """A device in a third of the patients; its side and kind depend on nothing."""
    present, kind, side = rng.random() < 0.33, rng.random() < 0.6, rng.random() < 0.5
    if not present:
        return None
    return Device(kind=DeviceKind.PACEMAKER if kind else DeviceKind.PORT, side=Side.LEFT if side else Side.RIGHT)


def vary_anatomy(rng: np.random.Generator, anatomy: Anatomy, lesions: Sequence[Lesion]) -> Anatomy:
    """The chest with a bent spine in a third of the patients, and one side of the diaphragm raised in a third.

    The diaphragm stays where it is below an effusion, which hides it, and below a lesion of the lower zone, which it
    would hide.
    """
    bend, bent_to = float(rng.uniform(0.035, 0.07)), 1 if rng.random() < 0.5 else -1
    lift, lifted = float(rng.uniform(0.10, 0.17)), Side.LEFT if rng.random() < 0.5 else Side.RIGHT
    is_bent, is_lifted = rng.random() < 0.33, rng.random() < 0.33
    if is_bent:
        anatomy = replace(anatomy, scoliosis=bent_to * bend)
    busy = {lesion.side for lesion in lesions if lesion.zone is Zone.LOWER or lesion.pattern is Pattern.EFFUSION}
    if is_lifted and lifted not in busy:
        anatomy = replace(anatomy, base={**anatomy.base, lifted: anatomy.base[lifted] - lift})
    return anatomy


def frontal_shadow(device: Device, canvas: Canvas) -> Plane:
    """What a device adds to the attenuation on a frontal view, (H, W) float32."""
    case = step(1 - canvas.ellipse(device.centre, device.axes) ** 3, 0.1)
    return _METAL * case + _WIRE * _line(device, canvas)


def lateral_shadow(device: Device, canvas: Canvas, front: Plane) -> Plane:
    """The same on a lateral view, where the case lies edge-on before the ribs, at the `front` (H, W) of the cavity."""
    off = np.sqrt(((canvas.u - front + 0.03) / 0.03) ** 2 + ((canvas.v - device.centre[1] - 0.1) / device.axes[1]) ** 2)
    return _METAL * step(1 - off, 0.1)


def _line(device: Device, canvas: Canvas) -> Plane:
    u, v = np.array(device.course).T
    rows, cols = canvas.pixel(u, v)
    sheet = Image.new("L", (canvas.size * 2, canvas.size * 2))
    wide = max(2, round(0.018 * canvas.pixels_per_unit() * 2))
    points = np.stack([cols, rows], axis=1) * 2 + 0.5
    ImageDraw.Draw(sheet).line([(x, y) for x, y in points.tolist()], fill=255, width=wide, joint="curve")
    soft = sheet.reduce(2).filter(ImageFilter.GaussianBlur(canvas.size / 330))
    return np.asarray(soft, dtype=np.float32) / 255
