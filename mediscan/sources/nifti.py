"""NIfTI volumes, turned so that every file is seen the same way."""

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from mediscan.errors import PixelDataError, SourceError, UnsupportedImageError
from mediscan.sources.boundary import refusing, require_decoded_size, require_file_size, require_ratio, too_large
from mediscan.sources.description import ImageDescription
from mediscan.sources.geometry import Affine, display_turn, is_usable, slice_axis, spacing_mm
from mediscan.sources.pixels import Pixels, VoiFunction, Window
from mediscan.study import ImageMeta

_GZIP_MAGIC = b"\x1f\x8b"
_HEADER_BYTES = 540  # of NIfTI-2, the longer one
_CHUNK = 4 << 20
_MAX_OFFSET = 64 << 20  # extensions of a header stand before the voxels
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


def is_nifti_pair(start: bytes) -> bool:
    """Whether a file that starts with these bytes is the header of a NIfTI pair, whose data lie in another file."""
    return start[344:348] == b"ni1\0" or start[4:8] == b"ni2\0"


def read_nifti(path: Path) -> Pixels:
    """A 2-D or 3-D NIfTI image, its planes displayed as radiologists do.

    The image is reordered by its affine to the closest patient axes without resampling. The planes are those that were
    acquired, as far as the spacing tells: they lie across the axis of clearly the largest spacing, else they are axial.
    `mediscan.sources.geometry` says how planes are displayed; a DICOM series of the same volume gives the same. Values
    are after `scl_slope` and `scl_inter`; `cal_min` and `cal_max`, where set, make the window.

    Raises:
        UnsupportedImageError: Several volumes, colour or complex values, or no usable orientation.
        PixelDataError: The data are truncated, corrupt, or longer than the header promises.
        SourceError: The file cannot be read or is too large.

    Source: NIfTI-1 and NIfTI-2 data format (nifti1.h, nifti2.h).
    """
    header = _open_header(path)
    with refusing(path, "holds image data that cannot be read", remedy=_REMEDY):
        affine, shape = _affine_mm(path, header), _spatial_shape(header)
        turn = display_turn(affine, across=slice_axis(affine, shape))
        values = np.empty(turn.shape(shape), dtype=np.float32)  # (S, H, W)
        _read_into(turn.before(values), path, header)
        return Pixels(
            values=values,
            voi=_window(header),
            meta=_meta(path, header),
            affine=turn.affine(affine, shape),
        )


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
        # Without the extensions that may follow: nobody asks for them.
        header = kind(start[: kind.template_dtype.itemsize], check=False)
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
        voxels = math.prod(int(side) for side in shape)
        require_decoded_size(path, samples=voxels)
        if stream is not file:
            require_ratio(path, unpacked=voxels * header.get_data_dtype().itemsize)
        if not 0 <= int(header.get_data_offset()) <= _MAX_OFFSET:
            raise SourceError(f"{path} places its voxels too far from its header", remedy=_REMEDY)
        return header


def _read_into(stored: NDArray[np.float32], path: Path, header: Any) -> None:  # noqa: ANN401 - nibabel is not typed
    """Fill (X, Y, Z), some planes at a time, inflating no further than the header promises."""
    dtype, (slope, inter) = header.get_data_dtype(), header.get_slope_inter()
    columns, rows, planes = stored.shape
    plane_bytes = columns * rows * dtype.itemsize
    offset = max(int(header.get_data_offset()), header.single_vox_offset)
    promised = offset + planes * plane_bytes
    at_once = max(1, _CHUNK // plane_bytes)
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        stream = gzip.GzipFile(fileobj=file) if packed else file
        _require_length(path, stream.read(offset), offset, promised)
        for start in range(0, planes, at_once):
            count = min(at_once, planes - start)
            content = stream.read(count * plane_bytes)
            _require_length(path, content, count * plane_bytes, promised)
            part = np.frombuffer(content, dtype=dtype).reshape(columns, rows, count, order="F")  # (X, Y, Z)
            scaled = part if slope is None else part * np.float64(slope) + np.float64(inter)
            stored[:, :, start : start + count] = scaled
        # One byte more than promised also makes gzip check its checksum.
        if stream.read(1) and packed:
            raise too_large(path, f"inflates beyond the {promised} bytes that its header promises")


def _require_length(path: Path, content: bytes, wanted: int, promised: int) -> None:
    if len(content) < wanted:
        raise PixelDataError(
            f"{path} is truncated: it ends before the {promised} bytes that its header promises", remedy=_REMEDY
        )


def _spatial_shape(header: Any) -> tuple[int, int, int]:  # noqa: ANN401 - nibabel is not typed
    columns, rows, planes = (*(int(side) for side in header.get_data_shape()[:3]), 1)[:3]
    return columns, rows, planes


def _affine_mm(path: Path, header: Any) -> Affine:  # noqa: ANN401 - nibabel is not typed
    """The affine of the image as stored, index (X, Y, Z), in millimetres.

    The sform where it is set, else the qform, else one from the spacing alone.
    """
    affine = np.asarray(header.get_best_affine(), dtype=np.float64)
    affine[:3] *= _MM_PER_UNIT.get(header.get_xyzt_units()[0], 1.0)
    if not is_usable(affine):
        raise UnsupportedImageError(
            f"{path} does not say how it lies in the patient", remedy="Set a valid qform or sform (fslreorient2std)."
        )
    return affine


def _window(header: Any) -> Window | None:  # noqa: ANN401 - nibabel is not typed
    low, high = float(header["cal_min"]), float(header["cal_max"])
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return None
    return Window(center=(low + high) / 2, width=high - low, function=VoiFunction.LINEAR_EXACT)


def _meta(path: Path, header: Any) -> ImageMeta:  # noqa: ANN401 - nibabel is not typed
    affine, shape = _affine_mm(path, header), _spatial_shape(header)
    turn = display_turn(affine, across=slice_axis(affine, shape))
    spacing = spacing_mm(turn.affine(affine, shape))
    return ImageMeta(spacing_mm=spacing if shape[turn.axes[0]] > 1 else spacing[:2])
