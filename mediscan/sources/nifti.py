"""NIfTI volumes, turned so that every file is seen the same way."""

import gzip
import math
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from mediscan.errors import PixelDataError, SourceError, UnsupportedImageError
from mediscan.sources.boundary import refusing, require_decoded_size, require_file_size, too_large
from mediscan.sources.description import ImageDescription
from mediscan.sources.pixels import Pixels, VoiFunction, Window
from mediscan.study import ImageMeta

_GZIP_MAGIC = b"\x1f\x8b"
_HEADER_BYTES = 540  # of NIfTI-2, the longer one
_MM_PER_UNIT = {"meter": 1000.0, "micron": 0.001}
_REMEDY = "Convert or transfer the file again."


def is_nifti(start: bytes) -> bool:
    """Whether a file that starts with these bytes is a single-file NIfTI-1 or NIfTI-2, gzipped or not."""
    if start[:2] == _GZIP_MAGIC:
        try:
            start = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(start, _HEADER_BYTES)
        except zlib.error:
            return False
    return start[344:348] == b"n+1\0" or start[4:8] == b"n+2\0"


def read_nifti(path: Path) -> Pixels:
    """A 2-D or 3-D NIfTI image as axial planes, displayed as radiologists do.

    The image is reordered by its affine to the closest patient axes (RAS+) without resampling. Planes run from the
    feet to the head, rows from anterior (top) to posterior, columns from the patient's right (left of the image) to
    the patient's left. Values are after `scl_slope` and `scl_inter`; `cal_min` and `cal_max`, where set, make the
    window.

    Raises:
        UnsupportedImageError: More than three dimensions, colour or complex values, or no usable orientation.
        PixelDataError: The data are truncated, corrupt, or longer than the header promises.
        SourceError: The file cannot be read or is too large.

    Source: NIfTI-1 and NIfTI-2 data format (nifti1.h, nifti2.h).
    """
    header = _open_header(path)
    with refusing(path, "holds image data that cannot be read", remedy=_REMEDY):
        image = _image_class(header).from_bytes(_content(path, header))
        shape = _spatial_shape(header)
        values = np.asanyarray(image.dataobj).astype(np.float32).reshape(shape, order="F")  # (X, Y, Z)
        turned = nib.orientations.apply_orientation(values, _orientation(path, header))  # (X, Y, Z) in RAS+
        # Anterior to the top, patient's right to the left: both in-plane axes run against RAS+.
        planes = np.ascontiguousarray(turned[::-1, ::-1].transpose(2, 1, 0))  # (Z, Y, X)
        return Pixels(values=planes, voi=_window(header), meta=_meta(path, header))


def describe_nifti(path: Path) -> ImageDescription:
    """What the header says; the data are not read. Raises as `read_nifti`, as far as the header tells."""
    header = _open_header(path)
    with refusing(path, "has a damaged NIfTI header", remedy=_REMEDY):
        return ImageDescription(meta=_meta(path, header))


def _open_header(path: Path) -> Any:  # noqa: ANN401 - nibabel is not typed
    """The header, checked to announce one image of a size that may be decoded."""
    with refusing(path, "has a damaged NIfTI header", remedy=_REMEDY), path.open("rb") as file:
        require_file_size(path)
        start = file.read(2 * _HEADER_BYTES + 4096)
        if not is_nifti(start):
            raise SourceError(
                f"{path} is not NIfTI", remedy="Name files by what they are; .img/.hdr pairs must be converted to .nii."
            )
        file.seek(0)
        stream = gzip.GzipFile(fileobj=file) if start[:2] == _GZIP_MAGIC else file
        start = stream.read(_HEADER_BYTES)
        kind = nib.Nifti1Header if start[344:348] == b"n+1\0" else nib.Nifti2Header
        header = kind.from_fileobj(BytesIO(start), check=False)
        shape = header.get_data_shape()
        if not 2 <= len(shape) <= 7 or any(side != 1 for side in shape[3:]):
            raise UnsupportedImageError(
                f"{path} has {len(shape)} dimensions {tuple(int(side) for side in shape)}",
                remedy="Split the series and send one 2-D or 3-D image (fslsplit, nibabel.four_to_three).",
            )
        if min(shape) < 1:
            raise PixelDataError(f"{path} has a side of no voxels", remedy=_REMEDY)
        if header.get_data_dtype().kind not in "iuf":
            raise UnsupportedImageError(
                f"{path} holds {header.get_value_label('datatype')} values",
                remedy="Convert it to one real number a voxel.",
            )
        require_decoded_size(path, samples=math.prod(int(side) for side in shape))
        return header


def _image_class(header: Any) -> Any:  # noqa: ANN401 - nibabel is not typed
    return nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image


def _content(path: Path, header: Any) -> bytes:  # noqa: ANN401 - nibabel is not typed
    """The whole file, inflated no further than its header promises."""
    voxels = math.prod(int(side) for side in header.get_data_shape())
    promised = int(header.get_data_offset()) + voxels * header.get_data_dtype().itemsize
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        stream = gzip.GzipFile(fileobj=file) if packed else file
        # One byte more than promised also makes gzip check its checksum.
        content: bytes = stream.read(promised + 1)
    if packed and len(content) > promised:
        raise too_large(path, f"inflates beyond the {promised} bytes that its header promises")
    if len(content) < promised:
        raise PixelDataError(
            f"{path} is truncated: {len(content)} bytes where its header promises {promised}", remedy=_REMEDY
        )
    return content[:promised]


def _spatial_shape(header: Any) -> tuple[int, int, int]:  # noqa: ANN401 - nibabel is not typed
    columns, rows, planes = (*(int(side) for side in header.get_data_shape()[:3]), 1)[:3]
    return columns, rows, planes


def _orientation(path: Path, header: Any) -> NDArray[np.float64]:  # noqa: ANN401 - nibabel is not typed
    """(3, 2) nibabel orientation: which patient axis each stored axis follows, and in which sense."""
    affine = header.get_best_affine()
    usable = bool(np.isfinite(affine).all()) and abs(float(np.linalg.det(affine[:3, :3]))) > 0
    orientation: NDArray[np.float64] | None = nib.io_orientation(affine) if usable else None
    if orientation is None or not np.isfinite(orientation).all():
        raise UnsupportedImageError(
            f"{path} does not say how it lies in the patient", remedy="Set a valid qform or sform (fslreorient2std)."
        )
    return orientation


def _window(header: Any) -> Window | None:  # noqa: ANN401 - nibabel is not typed
    low, high = float(header["cal_min"]), float(header["cal_max"])
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return None
    return Window(center=(low + high) / 2, width=high - low, function=VoiFunction.LINEAR_EXACT)


def _meta(path: Path, header: Any) -> ImageMeta:  # noqa: ANN401 - nibabel is not typed
    affine, axes = header.get_best_affine(), _orientation(path, header)[:, 0]
    lengths = np.sqrt((affine[:3, :3] ** 2).sum(axis=0)) * _MM_PER_UNIT.get(header.get_xyzt_units()[0], 1.0)
    across, along, between = (float(lengths[list(axes).index(axis)]) for axis in range(3))
    spacing = (along, across, between) if _spatial_shape(header)[2] > 1 else (along, across)
    return ImageMeta(spacing_mm=tuple(round(length, 6) for length in spacing))
