"""How an array lies in the patient, and how it is turned to be displayed as radiologists expect; nothing is resampled.

An affine is (4, 4) float64 and maps an array index (i, j, k, 1) to millimetres in RAS+: x grows to the patient's
right, y to anterior, z to the head. DICOM counts in LPS+, where x and y grow the other way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

Affine = NDArray[np.float64]

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_CLEARLY = 1.5
"""By what factor the largest spacing exceeds the next where it is clearly that between slices."""

# The patient axis across the planes → where planes, rows and columns run, as (patient axis, sense in RAS+). Each triple
# is right-handed, so that planes follow the normal of the displayed plane (DICOM PS3.3 C.7.6.2.1.1).
_RIGHTWARD, _LEFTWARD, _BACKWARD, _HEADWARD, _FOOTWARD = (0, 1), (0, -1), (1, -1), (2, 1), (2, -1)
_DISPLAYED = {
    0: (_RIGHTWARD, _FOOTWARD, _BACKWARD),  # sagittal: head up, anterior on the image's left
    1: (_BACKWARD, _FOOTWARD, _LEFTWARD),  # coronal: head up, the patient's right on the image's left
    2: (_HEADWARD, _BACKWARD, _LEFTWARD),  # axial: anterior up, the patient's right on the image's left
}


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A reordering of an array's axes.

    Args:
        axes: The old axes that become planes, rows and columns.
        reversed_axes: Those of the old axes that are run through backwards.
    """

    axes: tuple[int, int, int]
    reversed_axes: frozenset[int]

    @property
    def is_identity(self) -> bool:
        """Whether nothing changes."""
        return self.axes == (0, 1, 2) and not self.reversed_axes

    def values(self, array: NDArray[Any]) -> NDArray[Any]:
        """The array turned: (S, H, W), contiguous; the array itself where nothing changes."""
        return array if self.is_identity else np.ascontiguousarray(self._flipped(array).transpose(self.axes))

    def before(self, turned: NDArray[Any]) -> NDArray[Any]:
        """A view of a turned array as it lay before, so that one can be filled without a copy."""
        return self._flipped(turned.transpose(np.argsort(self.axes)))

    def shape(self, shape: Sequence[int]) -> tuple[int, int, int]:
        """The shape of the turned array, from that before."""
        planes, rows, columns = (int(shape[axis]) for axis in self.axes)
        return planes, rows, columns

    def _flipped(self, array: NDArray[Any]) -> NDArray[Any]:
        return array[tuple(slice(None, None, -1 if axis in self.reversed_axes else 1) for axis in range(3))]

    def affine(self, affine: Affine, shape: Sequence[int]) -> Affine:
        """The affine of the turned array, from that of an array of this shape."""
        back = np.zeros((4, 4))  # a turned index to the index before
        back[3, 3] = 1.0
        for new, old in enumerate(self.axes):
            back[old, new] = -1.0 if old in self.reversed_axes else 1.0
            back[old, 3] = shape[old] - 1 if old in self.reversed_axes else 0
        return affine @ back


@dataclass(frozen=True, kw_only=True)
class Line:
    """Parallel planes in the order of their places along the common normal.

    Args:
        order: (S,) The planes' indices, in the order of `places_mm`.
        places_mm: (S,) Signed distances along the normal, rising.
        origins_lps: (S, 3) Positions in that order, in millimetres.
    """

    order: NDArray[np.intp]
    places_mm: NDArray[np.float64]
    origins_lps: NDArray[np.float64]

    @property
    def gaps_mm(self) -> NDArray[np.float64]:
        """(S - 1,) distances between neighbours."""
        return np.diff(self.places_mm)

    @property
    def spacing_mm(self) -> float:
        """The (lower) median distance between neighbours; 0 for a single plane."""
        gaps = self.gaps_mm
        return float(np.quantile(gaps, 0.5, method="lower")) if gaps.size else 0.0

    @property
    def is_even(self) -> bool:
        """Whether all positions lie on one line at equal distances, within 0.01 mm or 2 % of the distance."""
        count = len(self.order)
        if count < 3:
            return True
        fractions = np.linspace(0.0, 1.0, count)[:, np.newaxis]
        ideal = (1 - fractions) * self.origins_lps[0] + fractions * self.origins_lps[-1]  # (S, 3)
        return bool(np.abs(self.origins_lps - ideal).max() <= max(0.01, 0.02 * self.spacing_mm))

    @property
    def step_lps(self) -> NDArray[np.float64] | None:
        """(3,) from one plane to the next; with a tilted gantry it is not the normal. None for a single plane."""
        count = len(self.order)
        return (self.origins_lps[-1] - self.origins_lps[0]) / (count - 1) if count > 1 else None

    @classmethod
    def of(cls, positions_lps: NDArray[np.float64], orientation_lps: Sequence[float]) -> "Line":
        """Sort planes along their normal.

        Args:
            positions_lps: (S, 3) ImagePositionPatient of each.
            orientation_lps: ImageOrientationPatient, which they share.

        Source: DICOM PS3.3 C.7.6.2.1.1.
        """
        places = positions_lps @ normal_lps(orientation_lps)  # (S,)
        order = np.argsort(places, kind="stable")
        return cls(order=order, places_mm=places[order], origins_lps=positions_lps[order])


def normal_lps(orientation_lps: Sequence[float]) -> NDArray[np.float64]:
    """(3,) unit normal of a plane from its ImageOrientationPatient.

    Source: DICOM PS3.3 C.7.6.2.1.1.
    """
    across = np.cross(orientation_lps[:3], orientation_lps[3:])
    return np.asarray(across / np.linalg.norm(across), dtype=np.float64)


def is_orientation(direction_lps: Sequence[float]) -> bool:
    """Whether six numbers are two directions that span a plane."""
    if len(direction_lps) != 6:
        return False
    row, column = np.asarray(direction_lps[:3]), np.asarray(direction_lps[3:])
    lengths = float(np.linalg.norm(row)), float(np.linalg.norm(column))
    return all(abs(length - 1) < 0.01 for length in lengths) and abs(float(row @ column)) < 0.05


def stack_affine(
    *,
    origin_lps: Sequence[float] | NDArray[np.float64],
    orientation_lps: Sequence[float] | NDArray[np.float64],
    spacing_mm: Sequence[float] | NDArray[np.float64],
    step_lps: Sequence[float] | NDArray[np.float64],
) -> Affine:
    """The affine of stacked planes, index (plane, row, column).

    Args:
        origin_lps: ImagePositionPatient of the first plane: the centre of its first pixel.
        orientation_lps: ImageOrientationPatient: the direction along a row, then along a column.
        spacing_mm: PixelSpacing: between row centres, then between column centres.
        step_lps: From a plane to the next.

    Source: DICOM PS3.3 C.7.6.2.1.1, equation C.7.6.2.1-1.
    """
    affine = np.eye(4)
    affine[:3, 0] = step_lps
    affine[:3, 1] = np.asarray(orientation_lps[3:]) * spacing_mm[0]  # the next row lies along the column
    affine[:3, 2] = np.asarray(orientation_lps[:3]) * spacing_mm[1]
    affine[:3, 3] = origin_lps
    return np.asarray(_LPS_TO_RAS @ affine, dtype=np.float64)


def is_usable(affine: Affine) -> bool:
    """Whether an affine is finite and does not press the volume flat."""
    return bool(np.isfinite(affine).all()) and abs(float(np.linalg.det(affine[:3, :3]))) > 0


def spacing_mm(affine: Affine) -> tuple[float, float, float]:
    """Distances between rows, columns and planes of an array with this affine, to a nanometre.

    The distance between planes is that along their normal, also where a tilted gantry shifts each against the last.
    """
    plane, row, column = affine[:3, :3].T
    normal = np.cross(row, column)
    between = abs(float(plane @ normal)) / float(np.linalg.norm(normal))
    return round(float(np.linalg.norm(row)), 6), round(float(np.linalg.norm(column)), 6), round(between, 6)


def slice_axis(affine: Affine, shape: Sequence[int]) -> int:
    """The array axis that runs across the acquired planes, where the format does not tell.

    It is the only one with a single voxel, or else the one with clearly (1.5 times) the largest spacing, or else the
    one that runs from the feet to the head.
    """
    flat = [axis for axis in range(3) if shape[axis] == 1]
    if len(flat) == 1:
        return flat[0]
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    smaller, largest = np.argsort(lengths)[-2:]
    if lengths[largest] >= _CLEARLY * lengths[smaller]:
        return int(largest)
    return _patient_axes(affine).index(2)


def display_turn(affine: Affine, *, across: int) -> Turn:
    """How to turn an array for display, its planes kept as planes.

    The patient axis that runs most closely across the planes says whether they are axial (anterior up, the patient's
    right on the image's left), coronal (head up, right on the left) or sagittal (head up, anterior on the left).

    Args:
        affine: The array's, usable.
        across: The array axis across its planes.
    """
    along = _patient_axes(affine)
    displayed = _DISPLAYED[along[across]]
    axes = [along.index(patient) for patient, _ in displayed]
    backwards = {
        axis for axis, (patient, sense) in zip(axes, displayed, strict=True) if affine[patient, axis] * sense < 0
    }
    return Turn(axes=(axes[0], axes[1], axes[2]), reversed_axes=frozenset(backwards))


def _patient_axes(affine: Affine) -> tuple[int, ...]:
    """The patient axis (0 x, 1 y, 2 z) that each array axis follows most closely, each taken once."""
    cosines = np.abs(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0))  # (patient, array)
    return max(
        permutations(range(3)), key=lambda along: sum(cosines[patient, axis] for axis, patient in enumerate(along))
    )
