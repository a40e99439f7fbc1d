"""Pixels as every reader hands them on: values in physical units, and how to show them."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mediscan.errors import Code, UnsupportedImageError
from mediscan.sources.description import PatientFacts
from mediscan.study import ImageMeta

PADDING = np.float32(-np.inf)
"""The value of pixels that are no image, but fill the corners around one: they are black whatever the window."""

_FINE_TIMES_WIDTH = 16  # of 2^24 steps in single precision, a window then has 2^20


class Intent(StrEnum):
    """What a radiograph was processed for (DICOM PS3.3 C.8.11.1, Presentation Intent Type)."""

    PRESENTATION = "FOR PRESENTATION"
    PROCESSING = "FOR PROCESSING"


class VoiFunction(StrEnum):
    """How a window maps values to grey (DICOM PS3.3 C.11.2.1.3)."""

    LINEAR = "LINEAR"
    LINEAR_EXACT = "LINEAR_EXACT"
    SIGMOID = "SIGMOID"


@dataclass(frozen=True, kw_only=True)
class Window:
    """A window in the values' units (Hounsfield units for CT).

    Source: DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3.
    """

    center: float
    width: float
    function: VoiFunction = VoiFunction.LINEAR

    @classmethod
    def full_range(cls, maximum: float) -> Self:
        """The window that shows 0 as black and `maximum` as white, stretching nothing."""
        return cls(center=maximum / 2, width=maximum, function=VoiFunction.LINEAR_EXACT)

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Grey in [0, 1] for values of any shape."""
        center, width = self.center, self.width
        if self.function is VoiFunction.LINEAR:
            # The standard's linear function counts whole steps, hence the half and the one.
            center, width = center - 0.5, width - 1.0
        # In double precision: a narrow window far from zero has no grey levels left in single precision.
        grey: NDArray[np.float64] = np.subtract(values, center, dtype=np.float64)
        if self.function is VoiFunction.SIGMOID:
            grey *= -4.0 / width
            np.clip(grey, -700.0, 700.0, out=grey)
            grey = 1.0 / (1.0 + np.exp(grey))
        elif width > 0:
            grey /= width
            grey += 0.5
            np.clip(grey, 0.0, 1.0, out=grey)
        else:
            grey = (grey > 0).astype(np.float64)
        return grey.astype(np.float32)

    def spans(self, low: float, high: float) -> bool:
        """Whether grey is linear in all values from `low` to `high`: none of them is clipped.

        False also for a window so narrow and far from zero that averages of its values in single precision are coarse.
        """
        first, last = self.center - self.width / 2, self.center + self.width / 2
        if self.function is VoiFunction.LINEAR:
            last -= 1.0  # as in the call
        is_fine = max(abs(first), abs(last)) <= _FINE_TIMES_WIDTH * self.width
        return self.function is not VoiFunction.SIGMOID and first <= low and high <= last and is_fine


@dataclass(frozen=True, kw_only=True)
class LookupTable:
    """A VOI lookup table (DICOM PS3.3 C.11.2.1.1): `grey` in [0, 1] for values `first`, `first + 1`, and so on."""

    first: int
    grey: tuple[float, ...]

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Grey in [0, 1] for values of any shape; values outside the table take its ends."""
        positions = np.clip(np.rint(values) - self.first, 0, len(self.grey) - 1).astype(np.int64)
        grey: NDArray[np.float32] = self._entries[positions]
        return grey

    @cached_property
    def _entries(self) -> NDArray[np.float32]:
        return np.asarray(self.grey, dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """One image or volume.

    Args:
        values: (S, H, W) float32, S planes (1 for a radiograph), in modality units after rescale (Hounsfield for CT);
            `PADDING` where the file says that there is no image.
        voi: How the file wants its values shown, where it says so.
        inverted: Whether low values are to be shown bright (MONOCHROME1).
        intent: What the file says that it was processed for, where it does.
        decoder: What decoded the stored pixels, where a choice of decoders was: two may differ by a grey level.
        meta: Modality, view, spacing and the like.
        patient: Whom the image is said to show; for comparing only.
        affine: (4, 4) float64, maps an index (plane, row, column, 1) of `values` to millimetres in RAS+ (x grows to the
            patient's right, y to anterior, z to the head); None where the file does not say (all projections), or no
            one affine holds (unevenly spaced slices).
    """

    values: NDArray[np.float32]
    voi: Window | LookupTable | None = None
    inverted: bool = False
    intent: Intent | None = None
    decoder: str | None = None
    meta: ImageMeta = field(default_factory=ImageMeta)
    patient: PatientFacts = field(default_factory=PatientFacts)
    affine: NDArray[np.float64] | None = None

    @cached_property
    def _lowest(self) -> float:
        return float(self.values.min())

    @property
    def is_padded(self) -> bool:
        """Whether some of the values are padding."""
        return self._lowest == PADDING

    @property
    def measured(self) -> NDArray[np.float32]:
        """The values without padding: `values` itself, or (N,) of it."""
        return self.values[self.values != PADDING] if self.is_padded else self.values

    @cached_property
    def range(self) -> tuple[float, float]:
        """Lowest and highest value, padding left out; zeros where all is padding."""
        if not self.is_padded:
            return self._lowest, float(self.values.max())
        measured = self.measured
        return (float(measured.min()), float(measured.max())) if measured.size else (0.0, 0.0)

    def default_window(self) -> Window:
        """The file's own window, or one over the 0.5th to 99.5th percentile of the values, padding left out."""
        if isinstance(self.voi, Window):
            return self.voi
        measured = self.measured
        low, high = np.percentile(measured, (0.5, 99.5)) if measured.size else (0.0, 0.0)
        if high <= low:
            low, high = self.range
        return Window(
            center=float(low + high) / 2, width=max(float(high - low), 1e-6), function=VoiFunction.LINEAR_EXACT
        )

    def grey(self, window: Window | None = None) -> NDArray[np.float32]:
        """The image as it is to be seen: (S, H, W) float32 in [0, 1], 1 bright, MONOCHROME1 already turned, padding 0.

        Args:
            window: Replaces the file's own presentation.
        """
        return to_grey(self.values, show=window or self.voi or self.default_window(), inverted=self.inverted)

    def require_contrast(self, name: str) -> Self:
        """These pixels, unless there is nothing in them to see.

        Args:
            name: How a message names the image.

        Raises:
            UnsupportedImageError: All values are the same, or some are not finite.
        """
        low, high = self.range
        if not self.measured.size:
            raise UnsupportedImageError(
                f"image {name} is nothing but padding",
                remedy="Send the image itself; a blank frame carries no diagnosis.",
                code=Code.CONSTANT_IMAGE,
            )
        if not (np.isfinite(low) and np.isfinite(high)):
            raise UnsupportedImageError(
                f"image {name} holds values that are not finite", remedy="Write it again without NaN or infinity."
            )
        if low == high:
            raise UnsupportedImageError(
                f"image {name} is constant: every pixel is {low:g}",
                remedy="Send the image itself; a blank frame carries no diagnosis.",
                code=Code.CONSTANT_IMAGE,
            )
        return self

    def with_meta(self, **changes: object) -> Self:
        """A copy with some metadata replaced."""
        return replace(self, meta=replace(self.meta, **changes))  # type: ignore[arg-type]


def luminance(rgb: NDArray[Any]) -> NDArray[np.float32]:
    """Brightness of colours, in their units: (…) float32 from (…, 3).

    Source: ITU-R BT.601, as DICOM PS3.3 C.7.6.3.1.2 (YBR_FULL) uses it.
    """
    # Colour by colour, so that no float copy of all three is held at once.
    red, green, blue = (rgb[..., index].astype(np.float32) for index in range(3))
    grey: NDArray[np.float32] = np.float32(0.299) * red + np.float32(0.587) * green + np.float32(0.114) * blue
    return grey


def to_grey(values: NDArray[np.float32], *, show: Window | LookupTable, inverted: bool) -> NDArray[np.float32]:
    """Grey in [0, 1] for values of any shape, 1 bright, padding 0.

    Args:
        values: In the units of `show`.
        show: How to show them.
        inverted: Whether low values are to be shown bright.
    """
    grey = show(values)
    if inverted:
        np.subtract(1.0, grey, out=grey)
        grey[values == PADDING] = 0.0
    return grey
