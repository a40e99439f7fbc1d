"""DICOM slices to one stack: duplicates dropped, gaps named, and mixed series refused by what tells them apart."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mediscan.diagnosis import Flag
from mediscan.errors import Code, UnsupportedImageError
from mediscan.sources.boundary import require_decoded_size
from mediscan.sources.dicom.elements import numbers, text
from mediscan.sources.dicom.header import Header
from mediscan.sources.dicom.read import to_pixels
from mediscan.sources.dicom.role import Role, role
from mediscan.sources.geometry import Affine, Line, is_orientation, normal_lps, stack_affine

ONE_SERIES = "Put each series of equal images into a folder of its own, or name one as FOLDER#SeriesInstanceUID."
_SAME_PLACE_MM = 1e-3
_SAME_DIRECTION = 1e-3  # of a direction cosine
_SAME_SPACING = 1e-3  # of the spacing
_MOST_PLACES_NAMED = 5

# What may tell images of the same place apart, in the order in which a reader would ask.
_PASSES = (
    "TemporalPositionIdentifier",
    "EchoTime",
    "EchoNumbers",
    "DiffusionBValue",
    "DiffusionGradientOrientation",
    "TriggerTime",
    "InversionTime",
    "FlipAngle",
    "AcquisitionNumber",
    "ConvolutionKernel",
    "KVP",
    "ImageType",
)
_CLOCKS = ("AcquisitionDateTime", "AcquisitionTime", "ContentTime")


@dataclass(frozen=True, kw_only=True)
class Placing:
    """How a stack lies in the patient.

    Args:
        affine: (4, 4) of the stack as stored, index (plane, row, column), to millimetres in RAS+.
        is_even: Whether one affine describes all planes; otherwise it holds for directions only.
    """

    affine: Affine
    is_even: bool


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The slices that make one volume, in their order.

    `placing` is None where the headers do not say where the slices lie.
    """

    headers: tuple[Header, ...]
    placing: Placing | None
    flags: tuple[Flag, ...]


def stack(source: Path, headers: Sequence[Header]) -> Stack:
    """The stack that the members of a series make.

    Localizers, derived pictures and objects without an image are left out where diagnostic images remain. Slices are
    sorted along their normal, or by instance number where one has no position.

    Args:
        source: How messages name the series.
        headers: Its members, at least one, in any order.

    Raises:
        UnsupportedImageError: (MIXED_SERIES) The members make no volume; the message says what differs.
        SourceError: A member is no image, or all together are too large.
    """
    kept, left_out = _diagnostic(source, headers)
    for header in kept:
        header.require_image()
    if len(kept) == 1:
        return Stack(headers=tuple(kept), placing=None, flags=left_out)
    _require_alike(source, kept)
    planes, rows, columns = len(kept), *kept[0].shape[1:]
    require_decoded_size(source, samples=planes * rows * columns * kept[0].samples_per_pixel)
    positions = _positions_lps(kept)  # (S, 3)
    places = _instance_numbers(kept) if positions is None else positions @ normal_lps(_orientation_lps(kept[0]))  # (S,)
    single, duplicates = _without_duplicates(source, kept, places)
    if positions is None or len(single) < 2:
        return Stack(headers=tuple(kept[index] for index in single), placing=None, flags=left_out + duplicates)
    line = Line.of(positions[single], _orientation_lps(kept[0]))
    ordered = tuple(kept[single[index]] for index in line.order)
    gaps = missing_slices(source, line)
    return Stack(headers=ordered, placing=_placing(ordered[0], line), flags=(*left_out, *duplicates, *gaps))


def missing_slices(source: Path, line: Line) -> tuple[Flag, ...]:
    """A flag where planes are about a multiple of the usual distance apart; they are used as they are."""
    usual = line.spacing_mm
    if usual <= 0:
        return ()
    found = []
    for start, gap in zip(line.places_mm, line.gaps_mm, strict=False):
        absent = round(gap / usual) - 1
        if absent > 0 and abs(gap / usual - absent - 1) <= 0.2:
            found.append((absent, start, start + gap))
    if not found:
        return ()
    places = [f"{absent} between {start:.1f} and {end:.1f} mm" for absent, start, end in found[:_MOST_PLACES_NAMED]]
    more = [f"{len(found) - len(places)} more gaps"] if len(found) > len(places) else []
    total = sum(absent for absent, _, _ in found)
    message = (
        f"{source.name} seems to lack {total} {'slice' if total == 1 else 'slices'} (places along the stack:"
        f" {', '.join([*places, *more])}); the others are used."
    )
    return (Flag(code=Code.MISSING_SLICES, message=message),)


def mixed(source: Path, what: str, *, remedy: str = ONE_SERIES) -> UnsupportedImageError:
    """The error for a series that makes no volume."""
    return UnsupportedImageError(f"{source} {what}", remedy=remedy, code=Code.MIXED_SERIES)


def _diagnostic(source: Path, headers: Sequence[Header]) -> tuple[list[Header], tuple[Flag, ...]]:
    roles = [role(header) for header in headers]
    if Role.IMAGE not in roles or set(roles) == {Role.IMAGE}:
        return list(headers), ()
    counts = Counter(one for one in roles if one is not Role.IMAGE)
    named = ", ".join(f"{count} x {one}" for one, count in sorted(counts.items()))
    flag = Flag(code=Code.SERIES_LEFT_OUT, message=f"{source.name} holds files that are not used: {named}.")
    return [header for header, one in zip(headers, roles, strict=True) if one is Role.IMAGE], (flag,)


def _require_alike(source: Path, headers: Sequence[Header]) -> None:
    aspects: tuple[tuple[str, Callable[[Header], object]], ...] = (
        ("series", lambda header: text(header.dataset, "SeriesInstanceUID")),
        ("patients", lambda header: text(header.dataset, "PatientID")),
        ("image sizes", lambda header: header.shape[1:]),
        ("kinds of pixels", lambda header: text(header.dataset, "PhotometricInterpretation")),
    )
    for what, aspect in aspects:
        found = len({aspect(header) for header in headers})
        if found > 1:
            raise mixed(source, f"mixes {found} different {what}")
    if any(header.frames > 1 for header in headers):
        raise mixed(source, "holds several multi-frame files", remedy="Name each of its files as an image of its own.")
    spacings = [spacing for header in headers if len(spacing := numbers(header.dataset, "PixelSpacing")) == 2]
    if spacings and not np.allclose(spacings, spacings[0], rtol=_SAME_SPACING, atol=0):
        raise mixed(source, "mixes slices of different pixel spacings")
    directions = [_orientation_lps(header) for header in headers]
    if all(directions) and not np.allclose(directions, directions[0], atol=_SAME_DIRECTION):
        raise mixed(source, "mixes slices of different orientations")


def _orientation_lps(header: Header) -> tuple[float, ...]:
    orientation = numbers(header.dataset, "ImageOrientationPatient")
    return orientation if is_orientation(orientation) else ()


def _positions_lps(headers: Sequence[Header]) -> NDArray[np.float64] | None:
    """(S, 3) positions; None where one is missing, or an orientation is."""
    positions = [numbers(header.dataset, "ImagePositionPatient") for header in headers]
    if any(len(one) != 3 for one in positions) or not all(_orientation_lps(header) for header in headers):
        return None
    return np.asarray(positions, dtype=np.float64)


def _instance_numbers(headers: Sequence[Header]) -> NDArray[np.float64]:
    return np.asarray([int(header.dataset.get("InstanceNumber") or 0) for header in headers], dtype=np.float64)


def _without_duplicates(
    source: Path, headers: Sequence[Header], places: NDArray[np.float64]
) -> tuple[list[int], tuple[Flag, ...]]:
    """The indices of the slices in the order of their places, one for each place."""
    kept: list[int] = []
    dropped = 0
    for group in _same_place(places):
        first = headers[group[0]]
        for index in group[1:]:
            if not _same_image(first, headers[index]):
                raise _several_passes(source, [headers[one] for one in group])
            dropped += 1
        kept.append(group[0])
    if not dropped:
        return kept, ()
    message = f"{source.name} holds {dropped} {'file' if dropped == 1 else 'files'} twice; each slice is used once."
    return kept, (Flag(code=Code.DUPLICATE_SLICES, message=message),)


def _same_place(places: NDArray[np.float64]) -> Iterator[list[int]]:
    """Indices grouped by place, in rising order."""
    order = np.argsort(places, kind="stable")
    starts = np.flatnonzero(np.diff(places[order]) > _SAME_PLACE_MM) + 1
    return (group.tolist() for group in np.split(order, starts))


def _same_image(one: Header, other: Header) -> bool:
    if numbers(one.dataset, "ImagePositionPatient") != numbers(other.dataset, "ImagePositionPatient"):
        return False
    uids = {text(header.dataset, "SOPInstanceUID") for header in (one, other)}
    return (len(uids) == 1 and None not in uids) or np.array_equal(to_pixels(one).values, to_pixels(other).values)


def _several_passes(source: Path, group: Sequence[Header]) -> UnsupportedImageError:
    for keywords in (_PASSES, _CLOCKS):
        differing = [name for name in keywords if len({text(header.dataset, name) for header in group}) > 1]
        if differing:
            return mixed(
                source,
                f"holds several images of the same place, told apart by {' and '.join(differing[:3])}",
                remedy="Put each phase, echo or pass into a folder of its own.",
            )
    return mixed(
        source,
        "holds several images of the same place, and nothing in their headers tells them apart",
        remedy="Find out which belong together, and put each pass into a folder of its own.",
    )


def _placing(first: Header, line: Line) -> Placing | None:
    spacing, step = numbers(first.dataset, "PixelSpacing"), line.step_lps
    if len(spacing) != 2 or min(spacing) <= 0 or step is None:
        return None
    affine = stack_affine(
        origin_lps=line.origins_lps[0], orientation_lps=_orientation_lps(first), spacing_mm=spacing, step_lps=step
    )
    return Placing(affine=affine, is_even=line.is_even)
