"""A DICOM file that is a volume of its own: the frames of a multi-frame object as one stack."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mediscan.diagnosis import Flag
from mediscan.errors import UnsupportedImageError
from mediscan.sources.boundary import refusing
from mediscan.sources.dicom.elements import frame_macro, numbers, text
from mediscan.sources.dicom.header import Header
from mediscan.sources.dicom.stack import Placing, missing_slices, mixed
from mediscan.sources.geometry import Line, is_orientation, stack_affine

_Frames = Sequence[int] | NDArray[np.intp]

_REMEDY = "Export the file again from its origin."
_SAME_PLACE_MM = 1e-3
_SAME_DIRECTION = 1e-3

# What tells frames of one place apart: functional group, attribute (DICOM PS3.3 C.7.6.16.2).
_PASSES = (
    ("FrameContentSequence", "StackID"),
    ("FrameContentSequence", "TemporalPositionIndex"),
    ("MREchoSequence", "EffectiveEchoTime"),
    ("MRDiffusionSequence", "DiffusionBValue"),
    ("MRDiffusionSequence", "DiffusionDirectionality"),
    ("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime"),
    ("MRTimingAndRelatedParametersSequence", "FlipAngle"),
    ("MRImageFrameTypeSequence", "FrameType"),
    ("CTImageFrameTypeSequence", "FrameType"),
    ("MRImageFrameTypeSequence", "ComplexImageComponent"),
    ("FrameContentSequence", "FrameAcquisitionNumber"),
)


def frame_stack(header: Header) -> tuple[NDArray[np.intp], Placing, tuple[Flag, ...]] | None:
    """The order of a multi-frame object's frames along their normal, how they lie, and what to know of them.

    None where there is one frame, or the frames have no places of their own (a cine loop, an angiogram).

    Raises:
        UnsupportedImageError: (MIXED_SERIES) The frames make no one volume; the message says what differs.
        SourceError: The functional groups are damaged.

    Source: DICOM PS3.3 C.7.6.16.2.1 (pixel measures), C.7.6.16.2.3 (plane position), C.7.6.16.2.4 (orientation).
    """
    with refusing(header.path, "has damaged functional groups", remedy=_REMEDY):
        if header.frames < 2:
            return None
        positions = _all(header, "PlanePositionSequence", "ImagePositionPatient", length=3)
        orientations = _all(header, "PlaneOrientationSequence", "ImageOrientationPatient", length=6)
        spacings = _all(header, "PixelMeasuresSequence", "PixelSpacing", length=2)
        if positions is None or orientations is None or spacings is None or not is_orientation(orientations[0]):
            return None
        if not np.allclose(orientations, orientations[0], atol=_SAME_DIRECTION):
            raise _mixed(header, "frames of different orientations", range(header.frames))
        if spacings.min() <= 0 or not np.allclose(spacings, spacings[0], rtol=1e-3):
            raise _mixed(header, "frames of different pixel spacings", range(header.frames))
        line = Line.of(positions, orientations[0])
        for before, after in pairwise(range(header.frames)):
            if line.gaps_mm[before] <= _SAME_PLACE_MM:
                raise _mixed(header, "several frames of the same place", line.order[[before, after]])
        stacks = _values(header, "FrameContentSequence", "StackID", range(header.frames))
        if len(stacks) > 1:
            raise _mixed(header, f"{len(stacks)} stacks of frames", range(header.frames))
        step = line.step_lps
        if step is None:
            return None
        affine = stack_affine(
            origin_lps=line.origins_lps[0], orientation_lps=orientations[0], spacing_mm=spacings[0], step_lps=step
        )
        return line.order, Placing(affine=affine, is_even=line.is_even), missing_slices(header.path, line)


def _all(header: Header, macro: str, keyword: str, *, length: int) -> NDArray[np.float64] | None:
    """(F, length) numbers, one row a frame; None where a frame has none in a functional group."""
    found = []
    for frame in range(header.frames):
        group = frame_macro(header.dataset, macro, frame)
        values = () if group is header.dataset else numbers(group, keyword)
        if len(values) != length:
            return None
        found.append(values)
    return np.asarray(found, dtype=np.float64)


def _values(header: Header, macro: str, keyword: str, frames: _Frames) -> set[str | None]:
    return {text(frame_macro(header.dataset, macro, int(frame)), keyword) for frame in frames}


def _mixed(header: Header, what: str, frames: _Frames) -> UnsupportedImageError:
    differing = [keyword for macro, keyword in _PASSES if len(_values(header, macro, keyword, frames)) > 1]
    told = f", told apart by {' and '.join(dict.fromkeys(differing[:3]))}" if differing else ""
    return mixed(header.path, f"holds {what}{told}", remedy="Send each stack, phase or echo as an object of its own.")
