"""The lateral radiograph of the same chest; the patient faces the image's left edge."""

import numpy as np
from numpy.typing import NDArray

from mediscan.phantom.anatomy import Anatomy, Layers
from mediscan.phantom.canvas import GRID, Canvas, Oval, Plane, bump, cloud, dome, step
from mediscan.phantom.lesions import Lesion
from mediscan.phantom.rules import Side
from mediscan.phantom.variants import Device, lateral_shadow


class LateralView:
    """Where things lie on the lateral view; `u` runs from the front to the back."""

    def __init__(self, anatomy: Anatomy, canvas: Canvas) -> None:
        self.anatomy = anatomy
        self.canvas = canvas

    def front(self, v: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where the breastbone is."""
        fall = np.clip((v - self.anatomy.apex) / 1.2, 0, 1.1)
        return -0.12 - 0.46 * fall**0.7

    def back(self, v: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where the back of the cavity is, behind the spine."""
        bow = np.clip((v - self.anatomy.apex) / 1.35, 0, 1)
        return 0.30 + 0.34 * np.sin(bow * 2.2)

    def spine(self, v: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where the middle of the spine is."""
        return self.back(v) - 0.15

    def centre(self, lesion: Lesion, side: Side) -> tuple[float, float]:
        """The canvas point (u, v) of a lesion; both sides lie over each other."""
        del side
        v = np.array([lesion.height])
        front, back = float(self.front(v)[0]), float(self.back(v)[0])
        return (front + back) / 2 + lesion.depth * (back - front) / 2, lesion.height

    def gutter(self, side: Side) -> tuple[Plane, float]:
        """Fluid climbs the back wall."""
        front, back = self._walls()
        climb = np.clip((self.canvas.u - front) / (back - front), 0, 1)
        return climb, self.anatomy.base[side] + 0.26

    def heart(self) -> tuple[Oval, ...]:
        """The heart's outline; it rests on the front of the diaphragm and grows backwards."""
        reach = self.anatomy.ctr * self.anatomy.half_width
        centre = (-0.42 + 0.80 * reach, self.anatomy.heart_height + 0.06)
        return (Oval(centre=centre, axes=(reach * 0.98, 0.25 + 0.1 * reach), tilt_deg=42),)

    def layers(self) -> Layers:
        """The lesion-free view."""
        anatomy, canvas = self.anatomy, self.canvas
        rng = np.random.default_rng(anatomy.seed + 1)
        u, v = canvas.u, canvas.v
        front, back = self._walls()
        middle, half = (front + back) / 2, (back - front) / 2
        across = np.abs(u - middle) / half
        cavity = step(1 - across, 0.04) * step(v - anatomy.apex - 0.25 * (u - 0.1) ** 2, 0.06)
        right, left = (v - canvas.along_u(self._floor(side)) for side in (Side.RIGHT, Side.LEFT))
        abdomen = 0.5 * (step(right, 0.02) + step(left, 0.02))
        texture = (cloud(rng, canvas.size, 9) + 0.6 * cloud(rng, canvas.size, 34)) / 1.17
        shoulder = step(-0.40 - v - 0.35 * np.abs(u - 0.05), 0.25)
        air = cavity * np.sqrt(np.clip(1 - across**5, 0, 1)) * (1 - abdomen)
        air *= (1 - self._soft_parts()) * (1 - 0.5 * shoulder)
        air *= anatomy.aeration * (0.92 - 0.05 * texture)
        pipe = np.abs(u - 0.04 - 0.22 * (v + 0.4))
        air += 0.22 * step(0.042 - pipe, 0.02) * step(-0.12 - v, 0.05)
        np.clip(air, 0, 1, out=air)
        return Layers(
            body=self._trunk(front, back), air=air, bone=self._bones(front, back), cavity=cavity, texture=texture
        )

    def device_shadow(self, device: Device) -> Plane:
        """What an implanted device adds to the attenuation."""
        front, _ = self._walls()
        return lateral_shadow(device, self.canvas, front)

    def _walls(self) -> tuple[Plane, Plane]:
        return self.canvas.along_v(self.front(GRID)), self.canvas.along_v(self.back(GRID))

    def _floor(self, side: Side) -> NDArray[np.float64]:
        """Height of one diaphragm along `u`: highest in the front third, deepest at the back."""
        behind = np.clip((GRID + 0.15) / 0.75, 0, 1.3)
        ahead = np.clip((-0.15 - GRID) / 0.45, 0, 1.3)
        return self.anatomy.base[side] + 0.26 * behind**2.2 + 0.12 * ahead**2

    def _soft_parts(self) -> Plane:
        """Heart, aorta, hila: how much of the ray they take from the lungs."""
        canvas, v = self.canvas, self.canvas.v
        (heart,) = self.heart()
        away = canvas.oval(heart)
        shadow: Plane = step(1 - away, 0.14) * (0.44 + 0.22 * dome(away))
        # The great vessels lead from the heart up to the arch.
        root = canvas.ellipse((-0.04, -0.02), (0.17, 0.30), tilt_deg=12)
        shadow = np.maximum(shadow, 0.40 * bump(root * 0.85))
        arch = np.abs(canvas.ellipse((0.14, -0.16), (0.17, 0.18)) - 1)
        shadow = np.maximum(shadow, 0.26 * step(0.26 - arch, 0.2) * step(-0.10 - v, 0.12))
        hilum = canvas.ellipse((0.07, 0.0), (0.14, 0.17))
        np.maximum(shadow, 0.46 * bump(hilum), out=shadow)
        return shadow

    def _trunk(self, front: Plane, back: Plane) -> Plane:
        anatomy, u, v = self.anatomy, self.canvas.u, self.canvas.v
        bust = 0.2 * anatomy.bust * np.clip(1 - ((v - 0.22) / 0.35) ** 2, 0, 1)
        fore = front - anatomy.wall * 0.8 - bust
        rear = back + 0.08 + anatomy.wall
        # Raised arms and the neck hide where the chest ends above.
        above = step(-0.55 - v, 0.25)
        fore, rear = fore - 0.25 * above, rear + 0.15 * above
        middle, half = (fore + rear) / 2, (rear - fore) / 2
        profile = np.sqrt(np.clip(1 - (np.abs(u - middle) / half) ** 3, 0, 1))
        thick = 1.10 + 0.25 * step(-0.45 - v, 0.25) + 0.15 * step(v - 0.6, 0.2)
        trunk: Plane = anatomy.thickness * profile * thick
        return trunk

    def _bones(self, front: Plane, back: Plane) -> Plane:
        anatomy, u, v = self.anatomy, self.canvas.u, self.canvas.v
        off_spine = u - self.canvas.along_v(self.spine(GRID))
        wave = np.cos((v - 0.35 * off_spine) * (2 * np.pi / (anatomy.rib_spacing * 0.95)))
        disc = step(wave + 0.62, 0.22)
        column = step(0.072 - np.abs(off_spine), 0.014) * (0.25 + 0.75 * disc)
        column += 0.45 * step(0.05 - np.abs(off_spine - 0.115), 0.03) * step(wave, 0.5)
        breastbone = step(0.022 - np.abs(u - front + 0.012), 0.012) * step(0.25 - v, 0.1) * step(v + 0.62, 0.05)
        bands = np.zeros_like(u)
        for lag, slope in ((0.0, 0.50), (0.41, 0.58)):
            phase = (v + slope * (u - 0.4) + 0.18 * (u - 0.1) ** 2 + 1) / (anatomy.rib_spacing * 1.15) + lag
            bands += step(0.17 - np.abs(phase - np.rint(phase)), 0.08)
        bands *= step(u - front - 0.12, 0.12) * step(back + 0.03 - u, 0.03) * step(0.70 - v, 0.15)
        blade = step(0.03 - np.abs(u - 0.46 + 0.25 * (v + 0.4)), 0.015) * step(-0.15 - v, 0.08)
        return anatomy.bone * (0.17 * column + 0.13 * breastbone + 0.045 * bands + 0.06 * blade)
