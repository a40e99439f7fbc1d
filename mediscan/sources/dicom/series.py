"""DICOM images by their place in the patient: files, multi-frame objects, and series of files as one volume."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mediscan.diagnosis import Flag
from mediscan.errors import Code, SourceError
from mediscan.sources.boundary import quiet, refusing
from mediscan.sources.description import ImageDescription
from mediscan.sources.dicom.elements import numbers
from mediscan.sources.dicom.files import SeriesMembers
from mediscan.sources.dicom.flags import header_flags
from mediscan.sources.dicom.frames import frame_stack
from mediscan.sources.dicom.header import Header, open_header
from mediscan.sources.dicom.layout import require_whole
from mediscan.sources.dicom.meta import image_meta, patient_facts
from mediscan.sources.dicom.read import to_pixels
from mediscan.sources.dicom.stack import Placing, Stack, stack
from mediscan.sources.geometry import Affine, Turn, display_turn, is_orientation, normal_lps, spacing_mm, stack_affine
from mediscan.sources.pixels import Pixels
from mediscan.study import ImageMeta

_AS_STORED = Turn(axes=(0, 1, 2), reversed_axes=frozenset())


@quiet()  # once for all that is asked of the headers
def read_series(members: SeriesMembers) -> Pixels:
    """A DICOM series as one volume, turned to be displayed as radiologists do.

    Values are (S, H, W), each slice rescaled by its own header; the first says how to show them. The acquired planes
    stay planes and follow their normal: axial ones from the feet to the head, coronal ones from anterior to posterior,
    sagittal ones from the patient's left to the right. Without positions they are sorted by instance number, and left
    as stored. `affine` is None where they have no positions or are unevenly spaced.

    Raises:
        UnsupportedImageError: The files make no one volume (MIXED_SERIES).
        SourceError: A member cannot be read, or all together are too large.
    """
    found = _stack(members)
    if len(found.headers) == 1:
        return _read_one(found.headers[0])
    first = to_pixels(found.headers[0])  # (1, H, W)
    stored_shape = len(found.headers), *first.values.shape[1:]
    turn = _AS_STORED if found.placing is None else display_turn(found.placing.affine, across=0)
    values = np.empty(turn.shape(stored_shape), dtype=np.float32)  # (S, H, W), turned
    stored = turn.before(values)  # (S, H, W), as in the files
    stored[0] = first.values[0]
    for index, header in enumerate(found.headers[1:], start=1):
        stored[index] = to_pixels(header).values[0]
    return replace(first, values=values, meta=_series_meta(found), affine=_turned_affine(found.placing, stored_shape))


@quiet()
def describe_series(members: SeriesMembers) -> ImageDescription:
    """What the headers of a series say; raises as `read_series`, as far as the headers tell.

    Slices of the same place are decoded to see whether they are the same image.
    """
    found = _stack(members)
    if len(found.headers) == 1:
        described = _describe_one(found.headers[0])
    else:
        for header in found.headers:
            require_whole(header)
        described = ImageDescription(
            meta=_series_meta(found), patient=patient_facts(found.headers[0]), flags=_flags_of(found.headers)
        )
    return replace(described, flags=(*described.flags, *members.flags, *found.flags))


@quiet()
def read_file(path: Path, content: bytes | None = None) -> Pixels:
    """One DICOM file; the frames of a volume are sorted and turned as the slices of a series, all else is as stored.

    Args:
        path: The file.
        content: What is in it, where it was read already.

    Raises:
        SourceError: As `read_dicom`; and (MIXED_SERIES) the frames make no one volume.
    """
    return _read_one(open_header(path, content))


@quiet()
def describe_file(path: Path) -> ImageDescription:
    """What a DICOM file's header says; raises as `read_file`, as far as the header tells."""
    return _describe_one(open_header(path))


def _stack(members: SeriesMembers) -> Stack:
    headers = members.headers()
    with refusing(
        members.source, "holds slices with damaged headers", kind=SourceError, remedy="Export the series again."
    ):
        return stack(members.source, headers)


def _read_one(header: Header) -> Pixels:
    header.require_image()
    frames = frame_stack(header)  # before decoding, which takes longer
    pixels = to_pixels(header)
    if frames is None:
        return replace(pixels, affine=_plane_affine(header))
    order, placing, _ = frames
    turn = display_turn(placing.affine, across=0)
    return replace(
        pixels,
        values=turn.values(pixels.values[order]),  # (S, H, W)
        meta=_placed_meta(pixels.meta, placing),
        affine=_turned_affine(placing, pixels.values.shape),
    )


def _describe_one(header: Header) -> ImageDescription:
    header.require_image()
    require_whole(header)
    described = ImageDescription(meta=image_meta(header), patient=patient_facts(header), flags=header_flags(header))
    frames = frame_stack(header)
    if frames is None:
        return described
    _, placing, flags = frames
    return replace(described, meta=_placed_meta(described.meta, placing), flags=(*described.flags, *flags))


def _flags_of(headers: Sequence[Header]) -> tuple[Flag, ...]:
    """What the slices' own headers flag, each thing once."""
    by_code: dict[Code, Flag] = {}
    for header in headers:
        for flag in header_flags(header):
            by_code.setdefault(flag.code, flag)
    return tuple(by_code.values())


def _turned_affine(placing: Placing | None, stored_shape: Sequence[int]) -> Affine | None:
    if placing is None or not placing.is_even:
        return None
    return display_turn(placing.affine, across=0).affine(placing.affine, stored_shape)


def _placed_meta(meta: ImageMeta, placing: Placing) -> ImageMeta:
    turned = display_turn(placing.affine, across=0).affine(placing.affine, (1, 1, 1))
    spacing = spacing_mm(turned)
    # Uneven slices have no one spacing; the in-plane one still holds.
    return replace(meta, spacing_mm=spacing if placing.is_even else spacing[:2])


def _series_meta(found: Stack) -> ImageMeta:
    first = found.headers[0]
    meta = image_meta(first)
    if found.placing is not None:
        return _placed_meta(meta, found.placing)
    if meta.spacing_mm is None:
        return meta
    between = numbers(first.dataset, "SpacingBetweenSlices")[:1]
    return replace(meta, spacing_mm=(*meta.spacing_mm[:2], *(abs(gap) for gap in between if gap)))


def _plane_affine(header: Header) -> Affine | None:
    """The affine of a single plane that says where it lies; its third axis is the normal of the slice's thickness."""
    position = numbers(header.dataset, "ImagePositionPatient")
    orientation = numbers(header.dataset, "ImageOrientationPatient")
    spacing = numbers(header.dataset, "PixelSpacing")
    if header.frames > 1 or len(position) != 3 or len(spacing) != 2 or min(spacing) <= 0:
        return None
    if not is_orientation(orientation):
        return None
    thickness = numbers(header.dataset, "SliceThickness")[:1]
    step = normal_lps(orientation) * (thickness[0] if thickness and thickness[0] > 0 else 1.0)
    return stack_affine(origin_lps=position, orientation_lps=orientation, spacing_mm=spacing, step_lps=step)
