"""A folder that holds one DICOM series: which files, in which order, as one volume."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mediscan.errors import Code, SourceError, UnsupportedImageError
from mediscan.sources.boundary import refusing, require_decoded_size
from mediscan.sources.description import ImageDescription
from mediscan.sources.dicom.header import Header, image_meta, numbers, open_header, patient_facts, text
from mediscan.sources.dicom.read import to_pixels
from mediscan.sources.pixels import Pixels
from mediscan.study import ImageMeta

_DICOM_SUFFIXES = (".dcm", ".dicom")
_ONE_SERIES = "Put each series of equal images into a folder of its own."
_EVEN_MM = 0.01
"""Slices whose distances differ by less than this share one spacing."""


def series_files(folder: Path) -> tuple[Path, ...]:
    """The DICOM files that lie in a folder itself, by name; hidden files, DICOMDIR and other formats are left out.

    Raises:
        SourceError: There are none (FILE_NOT_FOUND), or the folder cannot be read.
    """
    with refusing(folder, "cannot be listed", kind=SourceError, remedy="Check the folder."):
        files = tuple(
            path
            for path in sorted(folder.iterdir())
            if path.is_file()
            and not path.name.startswith(".")
            and path.name.upper() != "DICOMDIR"
            and (path.suffix.lower() in _DICOM_SUFFIXES or _is_dicom(path))
        )
    if not files:
        raise SourceError(
            f"folder {folder} holds no DICOM file",
            remedy="Name the folder that holds the slices themselves.",
            code=Code.FILE_NOT_FOUND,
        )
    return files


def read_series(folder: Path) -> Pixels:
    """A DICOM series as one volume.

    Values are (S, H, W), slices along the normal of their plane (for axial slices from the feet to the head), each
    rescaled by its own header; without positions, by instance number. The first slice says how to show them.

    Raises:
        UnsupportedImageError: The folder mixes series, sizes or orientations, or a position or number stands twice.
        SourceError: A member cannot be read, or all together are too large.
    """
    headers = _ordered(folder)
    slices = [to_pixels(header) for header in headers]
    values = np.concatenate([one.values for one in slices])  # (S, H, W) from S times (1, H, W)
    return replace(slices[0], values=values, meta=_series_meta(headers))


def describe_series(folder: Path) -> ImageDescription:
    """What the headers of a series say; raises as `read_series`, as far as the headers tell."""
    headers = _ordered(folder)
    return ImageDescription(meta=_series_meta(headers), patient=patient_facts(headers[0]))


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _ordered(folder: Path) -> list[Header]:
    """The headers of a series in the order of its slices, checked to make one volume."""
    headers = [open_header(path) for path in series_files(folder)]
    for header in headers:
        header.require_image()
    if len(headers) == 1:
        return headers
    with refusing(folder, "holds slices with damaged headers", kind=SourceError, remedy="Export the series again."):
        _require_one(folder, "series", {text(header.dataset, "SeriesInstanceUID") for header in headers})
        _require_one(folder, "image sizes", {header.shape[1:] for header in headers})
        _require_one(folder, "kinds of pixels", {text(one.dataset, "PhotometricInterpretation") for one in headers})
        if any(header.frames > 1 for header in headers):
            raise UnsupportedImageError(f"folder {folder} holds several multi-frame files", remedy=_ONE_SERIES)
        planes, rows, columns = len(headers), *headers[0].shape[1:]
        require_decoded_size(folder, samples=planes * rows * columns * headers[0].samples_per_pixel)
        places = _positions_mm(folder, headers)
        if places is None:
            places = np.asarray([int(header.dataset.get("InstanceNumber") or 0) for header in headers], dtype=float)
        if len(set(places.tolist())) < len(headers):
            raise UnsupportedImageError(
                f"folder {folder} holds several images of the same place",
                remedy="Put each phase or pass into a folder.",
            )
        return [headers[index] for index in np.argsort(places)]


def _require_one(folder: Path, what: str, found: set[object]) -> None:
    if len(found) > 1:
        raise UnsupportedImageError(f"folder {folder} mixes {len(found)} different {what}", remedy=_ONE_SERIES)


def _positions_mm(folder: Path, headers: Sequence[Header]) -> NDArray[np.float64] | None:
    """(S,) distances of the slices along their common normal; None where a slice has no position.

    Source: DICOM PS3.3 C.7.6.2.1.1.
    """
    positions = [numbers(header.dataset, "ImagePositionPatient") for header in headers]
    orientations = [numbers(header.dataset, "ImageOrientationPatient") for header in headers]
    if any(len(one) != 3 for one in positions) or any(len(one) != 6 for one in orientations):
        return None
    axes = np.asarray(orientations)  # (S, 6)
    if not np.allclose(axes, axes[0], atol=1e-3):
        raise UnsupportedImageError(f"folder {folder} mixes slices of different orientations", remedy=_ONE_SERIES)
    normal = np.cross(axes[0, :3], axes[0, 3:])  # (3,)
    distances: NDArray[np.float64] = np.round(np.asarray(positions) @ normal, 4)  # (S,)
    return distances


def _series_meta(headers: Sequence[Header]) -> ImageMeta:
    meta = image_meta(headers[0])
    if len(headers) == 1 or meta.spacing_mm is None:
        return meta
    places = _positions_mm(headers[0].path.parent, headers)
    if places is None:
        between = numbers(headers[0].dataset, "SpacingBetweenSlices")[:1]
        return replace(meta, spacing_mm=(*meta.spacing_mm[:2], *(abs(gap) for gap in between if gap)))
    gaps = np.diff(places)  # (S - 1,)
    # Uneven slices have no one spacing; the in-plane one still holds.
    even = float(np.ptp(gaps)) <= _EVEN_MM
    return replace(meta, spacing_mm=(*meta.spacing_mm[:2], *([float(np.median(gaps))] if even else [])))
