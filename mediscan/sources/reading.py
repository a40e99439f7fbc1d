"""One way to read any image: what a file is decides its content, then its name.

The path of an image is a file, a folder that holds one DICOM series, or `FOLDER#SeriesInstanceUID`: one of the DICOM
series that lie in a folder, flat or nested. A file or folder whose own name holds a '#' is that file or folder.
"""

import hashlib
import stat
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from mediscan.errors import Code, NotDicomError, SourceError, UnsupportedImageError
from mediscan.sources.boundary import quiet, refusing
from mediscan.sources.description import ImageDescription
from mediscan.sources.dicom.files import SeriesMembers
from mediscan.sources.dicom.header import is_dicom
from mediscan.sources.dicom.index import series_members, split_address
from mediscan.sources.dicom.series import describe_file, describe_series, read_file, read_series
from mediscan.sources.nifti import describe_nifti, is_nifti, is_nifti_pair, read_nifti
from mediscan.sources.pixels import Pixels
from mediscan.sources.raster import describe_raster, is_raster, read_raster

_START_BYTES = 8192
_HELD_BYTES = 32 << 20  # files up to this size are read once
_CHUNK = 1 << 20


class ImageKind(StrEnum):
    """What an image path holds."""

    DICOM = "DICOM"
    SERIES = "DICOM series"
    NIFTI = "NIfTI"
    RASTER = "PNG, JPEG or TIFF"


_READERS: dict[ImageKind, Callable[[Path], Pixels]] = {
    ImageKind.NIFTI: read_nifti,
    ImageKind.RASTER: read_raster,
}
_DESCRIBERS: dict[ImageKind, Callable[[Path], ImageDescription]] = {
    ImageKind.DICOM: describe_file,
    ImageKind.NIFTI: describe_nifti,
    ImageKind.RASTER: describe_raster,
}
_SUFFIXES = {
    (".dcm", ".dicom"): ImageKind.DICOM,
    (".nii", ".nii.gz"): ImageKind.NIFTI,
    (".png", ".jpg", ".jpeg", ".tif", ".tiff"): ImageKind.RASTER,
}


@quiet()  # once for all that is done with the file
def read_image(path: str | Path, *, expected_sha256: str | None = None) -> Pixels:
    """The image that lies at a path: a DICOM, NIfTI, PNG, JPEG or TIFF file, or a DICOM series.

    Args:
        path: The file, the folder that holds a series, or `FOLDER#SeriesInstanceUID`.
        expected_sha256: What `file_sha256` must give, where it is known.

    Returns:
        (S, H, W) float32 values in physical units, with metadata and the file's hash. A DICOM file of up to 32 MiB is
        read once: the very bytes that were hashed are decoded.

    Raises:
        SourceError: The image is missing (FILE_NOT_FOUND), altered (HASH_MISMATCH), too large (FILE_TOO_LARGE),
            constant (CONSTANT_IMAGE), or cannot be read. Nothing else is raised, whatever the file holds.
    """
    path = Path(path)
    content = _small_file(path)
    kind = image_kind(path) if content is None else _file_kind(path, content[:_START_BYTES])
    if kind is ImageKind.SERIES:
        members = series_members(path)
        sha256 = _series_sha256(members)
        _require_hash(path, sha256, expected_sha256)
        pixels = read_series(members)
    else:
        sha256 = file_sha256(path) if content is None else hashlib.sha256(content).hexdigest()
        _require_hash(path, sha256, expected_sha256)
        pixels = read_file(path, content) if kind is ImageKind.DICOM else _READERS[kind](path)
    return pixels.with_meta(sha256=sha256).require_contrast(str(path))


def describe_image(path: str | Path) -> ImageDescription:
    """What an image's header says of it, with the file's hash; pixels are not decoded.

    Raises:
        SourceError: As `read_image`, as far as the header tells.
    """
    path = Path(path)
    kind = image_kind(path)
    if kind is ImageKind.SERIES:
        members = series_members(path)
        described, sha256 = describe_series(members), _series_sha256(members)
    else:
        described, sha256 = _DESCRIBERS[kind](path), file_sha256(path)
    return replace(described, meta=replace(described.meta, sha256=sha256))


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file; of a series, that of the sorted hashes of its DICOM files, written one after another.

    Names do not matter to the hash of a series, nor do files that are not part of it.

    Raises:
        SourceError: There is no such file (FILE_NOT_FOUND), or it cannot be read.
    """
    path = Path(path)
    content = _small_file(path)
    if content is not None:
        return hashlib.sha256(content).hexdigest()
    with refusing(path, "cannot be read", kind=SourceError, remedy="Check the path."):
        if _is_series(path):
            return _series_sha256(series_members(path))
        if not path.is_file():
            raise _missing(path)
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()


def image_kind(path: Path) -> ImageKind:
    """What a path holds, by content; the name only decides which error a file of no known content gets.

    Raises:
        NotDicomError: The file is named as DICOM and is not.
        UnsupportedImageError: The file is none of the kinds that can be read.
        SourceError: There is no such file (FILE_NOT_FOUND), or it cannot be read.
    """
    with refusing(path, "cannot be read", kind=SourceError, remedy="Check the path."):
        if _is_series(path):
            return ImageKind.SERIES
        if not path.is_file():
            raise _missing(path)
        with path.open("rb") as file:
            start = file.read(_START_BYTES)
    return _file_kind(path, start)


def _small_file(path: Path) -> bytes | None:
    """What is in a file; None where it is large, no file, or not there."""
    with refusing(path, "cannot be read", kind=SourceError, remedy="Check the path."):
        try:
            status = path.stat()
        except (OSError, ValueError):  # the latter: a name with a zero byte
            return None
        if not stat.S_ISREG(status.st_mode) or status.st_size > _HELD_BYTES:
            return None
        return path.read_bytes()


def _file_kind(path: Path, start: bytes) -> ImageKind:
    if is_dicom(start):
        return ImageKind.DICOM
    if is_nifti(start):
        return ImageKind.NIFTI
    if is_raster(start):
        return ImageKind.RASTER
    if is_nifti_pair(start):
        raise UnsupportedImageError(
            f"{path} is one half of a NIfTI pair (.hdr and .img)", remedy="Convert the pair to one .nii file."
        )
    named = next((kind for suffixes, kind in _SUFFIXES.items() if path.name.lower().endswith(suffixes)), None)
    if named is ImageKind.DICOM:
        raise NotDicomError(
            f"{path} is not DICOM: it has no DICM mark after a 128-byte preamble",
            remedy="Name files by what they are, or export this one as a DICOM Part 10 file.",
        )
    if named is not None:
        raise SourceError(f"{path} is not {named} as its name says", remedy="Save or transfer the file again.")
    raise UnsupportedImageError(
        f"{path} is no image that can be read", remedy="Send DICOM, NIfTI (.nii, .nii.gz), PNG, JPEG or TIFF."
    )


def _is_series(path: Path) -> bool:
    return path.is_dir() or split_address(path) is not None


def _series_sha256(members: SeriesMembers) -> str:
    hashes = sorted(file_sha256(file) for file in members.files)
    return hashlib.sha256("".join(hashes).encode("ascii")).hexdigest()


def _require_hash(path: Path, sha256: str, expected: str | None) -> None:
    if expected is not None and sha256 != expected.lower():
        raise SourceError(
            f"{path} is not the file it was: SHA-256 {sha256[:12]}… instead of {expected[:12]}…",
            remedy="Restore the original, or ingest the file again.",
            code=Code.HASH_MISMATCH,
        )


def _missing(path: Path) -> SourceError:
    return SourceError(f"{path} does not exist", remedy="Check the path.", code=Code.FILE_NOT_FOUND)
