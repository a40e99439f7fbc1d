"""The frontal radiograph; the patient's left is towards the image's right."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from mediscan.phantom.anatomy import Anatomy, Layers
from mediscan.phantom.canvas import GRID, Canvas, Oval, Plane, bump, cloud, dome, step
from mediscan.phantom.lesions import Lesion
from mediscan.phantom.rules import Side, ViewPosition
from mediscan.phantom.variants import Device, frontal_shadow

_AP_MAGNIFICATION = 1.06
"""How much wider the heart looks when it is far from the detector."""


class FrontalView:
    """Where things lie on the frontal view."""

    def __init__(self, anatomy: Anatomy, canvas: Canvas, position: ViewPosition) -> None:
        self.anatomy = anatomy
        self.canvas = canvas
        self.position = position

    def centre(self, lesion: Lesion, side: Side) -> tuple[float, float]:
        """The canvas point (u, v) of a lesion."""
        return side.sign * lesion.beside, lesion.height

    def gutter(self, side: Side) -> tuple[Plane, float]:
        """Fluid climbs the side wall."""
        half = self.canvas.along_v(self.anatomy.cavity(GRID))
        climb = np.clip(self.canvas.u * side.sign / np.maximum(half, 0.02), 0, 1)
        return climb, self.anatomy.base[side] + 1.25 * self.anatomy.dome_depth

    def heart(self) -> tuple[Oval, ...]:
        """The heart's outline: ventricle and atrium."""
        return _heart(self.anatomy, magnified=self.position is ViewPosition.AP)

    def layers(self) -> Layers:
        """The lesion-free view."""
        return _draw_layers(self.anatomy, self.canvas, front_to_back=self.position is ViewPosition.AP)

    def device_shadow(self, device: Device) -> Plane:
        """What an implanted device adds to the attenuation."""
        return frontal_shadow(device, self.canvas)


def _draw_layers(anatomy: Anatomy, canvas: Canvas, *, front_to_back: bool) -> Layers:
    """AP rather than PA: the heart looks larger, and the shoulder blades lie over the lungs."""
    rng = np.random.default_rng(anatomy.seed)
    u, v = canvas.u, canvas.v
    beside = np.abs(u)
    half = canvas.along_v(anatomy.cavity(GRID))
    across = beside / np.maximum(half, 0.02)
    cavity = step(half - beside, 0.012)
    depth = np.sqrt(np.clip(1 - across**4, 0, 1)) * 0.88 + 0.12 * cavity
    floor = v - canvas.along_u(_diaphragm(anatomy))
    abdomen = step(floor, 0.018)
    middle = _central_shadow(anatomy, canvas, magnified=front_to_back)
    air = anatomy.aeration * depth * cavity * (1 - abdomen) * (1 - middle)
    coarse, fine = cloud(rng, canvas.size, 9), cloud(rng, canvas.size, 34)
    texture = (coarse + 0.6 * fine) / 1.17
    branches = _vessels(anatomy, canvas, rng)
    air *= 1 - (0.36 * anatomy.vessels) * branches
    air *= np.clip(1 - 0.03 * texture, 0, 1)
    body = anatomy.thickness * _trunk(anatomy, canvas)
    body += (0.22 * anatomy.bust) * _bust(canvas)
    air += _tubes(anatomy, canvas)
    np.clip(air, 0, 1, out=air)
    bone = anatomy.bone * _bones(anatomy, canvas, across, front_to_back=front_to_back)
    return Layers(body=body, air=air, bone=bone * np.minimum(body * 3, 1), cavity=cavity, texture=texture)


def _diaphragm(anatomy: Anatomy) -> NDArray[np.float64]:
    """Height of the diaphragm along u."""
    scaled = (np.abs(GRID) / anatomy.half_width - 0.44) / 0.56
    base = np.where(GRID < 0, anatomy.base[Side.RIGHT], anatomy.base[Side.LEFT])
    return base + anatomy.dome_depth * np.where(scaled > 0, np.abs(scaled) ** 2.4 * 1.25, 0.35 * scaled**2)


def _heart(anatomy: Anatomy, *, magnified: bool) -> tuple[Oval, Oval]:
    grow = _AP_MAGNIFICATION if magnified else 1.0
    left, right = anatomy.heart_extent(Side.LEFT) * grow, anatomy.heart_extent(Side.RIGHT) * grow
    tall, middle = 0.30 + 0.12 * (left - 0.4), anatomy.heart_height
    return (
        Oval(centre=(left * 0.36, middle + 0.05), axes=(left * 0.70, tall * 0.86), tilt_deg=24),
        Oval(centre=(-right * 0.15, middle + 0.01), axes=(right * 0.86, tall * 0.80)),
    )


def _central_shadow(anatomy: Anatomy, canvas: Canvas, *, magnified: bool) -> Plane:
    """Heart, great vessels and mediastinum: how much of the ray they take from the lung."""
    ventricle, atrium = (canvas.oval(oval) for oval in _heart(anatomy, magnified=magnified))
    heart = np.maximum(step(1 - ventricle, 0.07), step(1 - atrium, 0.09))
    shadow: Plane = heart * (0.74 + 0.22 * dome(np.minimum(ventricle, atrium)))
    wide = anatomy.mediastinum
    knob = canvas.ellipse((wide * 0.56, -0.26), (0.092, 0.11))
    trunk = canvas.ellipse((wide * 0.70, -0.08), (0.095, 0.13), tilt_deg=-20)
    shadow = np.maximum(shadow, 0.74 * step(1 - knob, 0.2))
    shadow = np.maximum(shadow, 0.72 * step(1 - trunk, 0.25))
    for side, height in ((-1, -0.02), (1, -0.06)):
        hilum = canvas.ellipse((side * (wide + 0.02), height), (0.10, 0.15), tilt_deg=-side * 15)
        shadow = np.maximum(shadow, 0.34 * bump(hilum))
    # The upper mediastinum: the great veins bulge on the right, the subclavian artery leaves to the left.
    right_edge = wide * (0.78 + 0.18 * np.exp(-(((GRID + 0.18) / 0.20) ** 2)) - 0.10 * np.clip(GRID, 0, 1))
    left_edge = wide * (0.74 + 0.30 * np.exp(-(((GRID + 0.72) / 0.22) ** 2)) + 0.25 * np.clip(GRID + 0.1, 0, 0.5))
    u = canvas.u + anatomy.scoliosis
    inside = np.minimum(u + canvas.along_v(right_edge), canvas.along_v(left_edge) - u)
    column = step(inside, 0.016)
    shadow = np.maximum(shadow, column * (0.72 + 0.26 * step(inside - 0.035, 0.05)))
    shadow *= 0.98
    return shadow


def _trunk(anatomy: Anatomy, canvas: Canvas) -> Plane:
    """Body thickness, 1 in the middle of the chest; shoulders above, arms left out, air beside."""
    rows = GRID
    chest = anatomy.cavity(np.maximum(rows, -0.45)) + anatomy.wall
    shoulder = 0.30 + 0.85 * np.clip((rows + 1.02) / 0.30, 0, 1) ** 0.6
    flank = 1 / (1 + np.exp(-(rows + 0.42) / 0.06))
    half = shoulder * (1 - flank) + chest * flank
    width = canvas.along_v(half)
    across = np.abs(canvas.u) / width
    profile = np.sqrt(np.clip(1 - across**3, 0, 1))
    neck = canvas.along_v(0.72 + 0.28 / (1 + np.exp(-(rows + 0.72) / 0.10)))
    belly = canvas.along_v(1 + 0.22 / (1 + np.exp(-(rows - 0.55) / 0.12)))
    trunk: Plane = profile * neck * belly
    return trunk


def _bust(canvas: Canvas) -> Plane:
    shadows = [bump(canvas.ellipse((sign * 0.36, 0.36), (0.36, 0.34)) ** 2) for sign in (-1, 1)]
    return shadows[0] + shadows[1]


def _tubes(anatomy: Anatomy, canvas: Canvas) -> Plane:
    """Windpipe and main bronchi, as air inside the mediastinum."""
    u, v = canvas.u + anatomy.scoliosis, canvas.v
    pipe = step(1 - np.abs(u) / 0.048, 0.3) * step(-0.24 - v, 0.03)
    fork = (v + 0.25) / 0.5
    bronchi = step(1 - np.abs(np.abs(u) - fork * 0.42 - 0.012) / 0.030, 0.4)
    bronchi *= step(v + 0.27, 0.02) * step(-0.07 - v, 0.05)
    return 0.30 * pipe + 0.20 * bronchi


def _bones(anatomy: Anatomy, canvas: Canvas, across: Plane, *, front_to_back: bool) -> Plane:
    """Ribs, spine, collar bones and shoulder blades: attenuation for bones of middling density."""
    u, v = canvas.u, canvas.v
    beside = np.abs(u)
    s = np.minimum(across, 1.0)
    reach = step(1.04 - across, 0.03) * step(0.9 - v, 0.2)
    back = v - anatomy.rib_slope * (s**3 - 0.22 * np.sin(s * np.pi))
    rib = _rib_band((back + 1) / anatomy.rib_spacing + anatomy.rib_phase, 0.27)
    rib *= reach * step(beside - 0.07, 0.03)
    front = v + (anatomy.rib_slope * 1.25) * (s - 1) - anatomy.rib_slope
    front_rib = _rib_band((front + 1) / (anatomy.rib_spacing * 1.12) + 0.4, 0.30)
    front_rib *= reach * step(s - 0.42, 0.10) * step(0.34 - v, 0.1)
    spine_u = np.abs(u + anatomy.scoliosis * np.cos(v * 4))
    disc = np.cos(v * (2 * np.pi / (anatomy.rib_spacing * 1.02)))
    spine = step(0.085 - spine_u, 0.012) * (0.75 + 0.25 * step(disc + 0.45, 0.3))
    process = step(0.018 - spine_u, 0.012) * step(disc - 0.2, 0.4)
    collar = _collar_bones(canvas, front_to_back=front_to_back)
    blade_u = 0.66 if front_to_back else 0.80
    blade = np.maximum(np.abs(beside - blade_u - 0.25 * (v + 0.35)) / 0.16, np.abs(v + 0.38) / 0.34)
    head = np.sqrt((beside - 0.98) ** 2 + (v + 0.62) ** 2)
    bones: Plane = 0.105 * rib + 0.065 * front_rib + 0.20 * spine + 0.07 * process + 0.15 * collar
    bones += 0.06 * step(1 - blade, 0.12)
    bones += 0.22 * step(0.14 - head, 0.02)
    return bones


def _rib_band(phase: Plane, half: float) -> Plane:
    """Bands at whole phases, brighter along their edges as a cut tube is."""
    off = np.abs(phase - np.rint(phase))
    inside = step(half - off, 0.06)
    return inside * (0.62 + 0.38 * step(off - (half - 0.12), 0.08))


def _collar_bones(canvas: Canvas, *, front_to_back: bool) -> Plane:
    beside = np.abs(canvas.u)
    lift = 0.20 if front_to_back else 0.30
    start = -0.62 if front_to_back else -0.50
    line = start - lift * beside + 0.035 * np.sin(beside * 7.5)
    off = np.abs(canvas.v - line)
    bar = step(0.036 - off, 0.010) * (0.65 + 0.35 * step(off - 0.02, 0.012))
    return bar * step(beside - 0.10, 0.02) * step(0.86 - beside, 0.03)


def _vessels(anatomy: Anatomy, canvas: Canvas, rng: np.random.Generator) -> Plane:
    """Branching vessels from both hila, in [0, 1], thick ones brighter."""
    sheet = Image.new("L", (canvas.size * 2, canvas.size * 2))
    pen = ImageDraw.Draw(sheet)
    start_u, start_v, angle = _roots(anatomy, rng)
    width, length = 0.034, 0.115
    drawn: list[tuple[NDArray[np.float64], float]] = []
    for generation in range(7):
        reach = length * rng.uniform(0.6, 1.4, len(angle))
        stop_u, stop_v = start_u + reach * np.cos(angle), start_v + reach * np.sin(angle)
        rows, cols = canvas.pixel(np.stack([start_u, stop_u]), np.stack([start_v, stop_v]))
        drawn.append((np.stack([cols[0], rows[0], cols[1], rows[1]], axis=1) * 2 + 0.5, width))
        start_u, start_v = stop_u, stop_v
        if generation % 2:  # every other generation only bends
            angle = angle + rng.normal(0, 0.22, len(angle))
            width *= 0.93
        else:
            turn = rng.uniform(0.15, 0.6, len(angle))
            share = rng.uniform(0.2, 0.8, len(angle))
            angle = np.concatenate([angle + turn * share, angle - turn * (1 - share)])
            start_u, start_v = np.tile(start_u, 2), np.tile(start_v, 2)
            width *= 0.62
        length *= 0.93
    for lines, thick in reversed(drawn):
        pixels = max(1, round(thick * canvas.pixels_per_unit() * 2))
        tone = int(min(235, 28 + 6200 * thick))
        for line in lines.tolist():
            pen.line(line, fill=tone, width=pixels)
    soft = sheet.reduce(2).filter(ImageFilter.GaussianBlur(canvas.size / 330))
    return np.asarray(soft, dtype=np.float32) / 255


def _roots(
    anatomy: Anatomy, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Where the vessels leave the hila, and which way (an angle; 0 to the image's right, growing downwards)."""
    fan = np.array([-1.2, -0.75, -0.15, 0.45, 0.95, 1.3])
    angles = fan + rng.normal(0, 0.15, (2, len(fan)))
    start_u = np.concatenate(
        [
            -(anatomy.mediastinum + rng.uniform(-0.05, 0.03, len(fan))),
            anatomy.mediastinum + rng.uniform(-0.03, 0.05, len(fan)),
        ]
    )
    start_v = np.concatenate([fan * 0.10 + 0.0, fan * 0.10 - 0.05]) + rng.normal(0, 0.015, 2 * len(fan))
    return start_u, start_v, np.concatenate([np.pi - angles[0], angles[1]])
