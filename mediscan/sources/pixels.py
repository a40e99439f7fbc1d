"""Pixels as every reader hands them on: values in physical units, and how to show them."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mediscan.errors import Code, UnsupportedImageError
from mediscan.study import ImageMeta


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
        if self.function is VoiFunction.SIGMOID:
            grey = 1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - self.center) / self.width, -80.0, 80.0)))
        elif self.function is VoiFunction.LINEAR_EXACT:
            grey = (values - self.center) / self.width + 0.5
        else:
            # The standard's linear function counts whole steps, hence the halves and the ones.
            middle, steps = self.center - 0.5, self.width - 1.0
            grey = (values - middle) / steps + 0.5 if steps > 0 else (values > middle).astype(np.float32)
        clipped: NDArray[np.float32] = np.clip(grey, 0.0, 1.0).astype(np.float32)
        return clipped


@dataclass(frozen=True, kw_only=True)
class LookupTable:
    """A VOI lookup table (DICOM PS3.3 C.11.2.1.1): `grey` in [0, 1] for values `first`, `first + 1`, and so on."""

    first: int
    grey: tuple[float, ...]

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Grey in [0, 1] for values of any shape; values outside the table take its ends."""
        positions = np.clip(np.rint(values) - self.first, 0, len(self.grey) - 1).astype(np.int64)
        grey: NDArray[np.float32] = np.asarray(self.grey, dtype=np.float32)[positions]
        return grey


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """One image or volume.

    Args:
        values: (S, H, W) float32, S planes (1 for a radiograph), in modality units after rescale (Hounsfield for CT).
        voi: How the file wants its values shown, where it says so.
        inverted: Whether low values are to be shown bright (MONOCHROME1).
        meta: Modality, view, spacing and the like.
    """

    values: NDArray[np.float32]
    voi: Window | LookupTable | None = None
    inverted: bool = False
    meta: ImageMeta = field(default_factory=ImageMeta)

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and highest value."""
        return float(self.values.min()), float(self.values.max())

    def default_window(self) -> Window:
        """The file's own window, or one over the 0.5th to 99.5th percentile of the values."""
        if isinstance(self.voi, Window):
            return self.voi
        low, high = np.percentile(self.values, (0.5, 99.5))
        if high <= low:
            low, high = self.range
        return Window(
            center=float(low + high) / 2, width=max(float(high - low), 1e-6), function=VoiFunction.LINEAR_EXACT
        )

    def grey(self, window: Window | None = None) -> NDArray[np.float32]:
        """The image as it is to be seen: (S, H, W) float32 in [0, 1], 1 bright, MONOCHROME1 already turned.

        Args:
            window: Replaces the file's own presentation.
        """
        show = window or self.voi or self.default_window()
        grey = show(self.values)
        return 1.0 - grey if self.inverted else grey

    def require_contrast(self, name: str) -> Self:
        """These pixels, unless there is nothing in them to see.

        Args:
            name: How a message names the image.

        Raises:
            UnsupportedImageError: All values are the same, or some are not finite.
        """
        low, high = self.range
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
