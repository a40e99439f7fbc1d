"""One way to read any image: what a file is decides its content, then its name."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from mediscan.errors import Code, NotDicomError, SourceError, UnsupportedImageError
from mediscan.sources.boundary import refusing
from mediscan.sources.description import ImageDescription
from mediscan.sources.dicom.read import describe_dicom, read_dicom
from mediscan.sources.dicom.series import describe_series, read_series, series_files
from mediscan.sources.nifti import describe_nifti, is_nifti, read_nifti
from mediscan.sources.pixels import Pixels
from mediscan.sources.raster import describe_raster, is_raster, read_raster

_START_BYTES = 8192
_CHUNK = 1 << 20


class ImageKind(StrEnum):
    """What an image path holds."""

    DICOM = "DICOM"
    SERIES = "DICOM series"
    NIFTI = "NIfTI"
    RASTER = "PNG, JPEG or TIFF"


_READERS: dict[ImageKind, Callable[[Path], Pixels]] = {
    ImageKind.DICOM: read_dicom,
    ImageKind.SERIES: read_series,
    ImageKind.NIFTI: read_nifti,
    ImageKind.RASTER: read_raster,
}
_DESCRIBERS: dict[ImageKind, Callable[[Path], ImageDescription]] = {
    ImageKind.DICOM: describe_dicom,
    ImageKind.SERIES: describe_series,
    ImageKind.NIFTI: describe_nifti,
    ImageKind.RASTER: describe_raster,
}
_SUFFIXES = {
    (".dcm", ".dicom"): ImageKind.DICOM,
    (".nii", ".nii.gz"): ImageKind.NIFTI,
    (".png", ".jpg", ".jpeg", ".tif", ".tiff"): ImageKind.RASTER,
}


def read_image(path: str | Path, *, expected_sha256: str | None = None) -> Pixels:
    """The image that lies at a path: a DICOM, NIfTI, PNG, JPEG or TIFF file, or a folder with one DICOM series.

    Args:
        path: The file or folder.
        expected_sha256: What `file_sha256` must give, where it is known.

    Returns:
        (S, H, W) float32 values in physical units, with metadata and the file's hash.

    Raises:
        SourceError: The image is missing (FILE_NOT_FOUND), altered (HASH_MISMATCH), too large (FILE_TOO_LARGE),
            constant (CONSTANT_IMAGE), or cannot be read. Nothing else is raised, whatever the file holds.
    """
    path = Path(path)
    kind = image_kind(path)
    sha256 = file_sha256(path)
    if expected_sha256 is not None and sha256 != expected_sha256.lower():
        raise SourceError(
            f"{path} is not the file it was: SHA-256 {sha256[:12]}… instead of {expected_sha256[:12]}…",
            remedy="Restore the original, or ingest the file again.",
            code=Code.HASH_MISMATCH,
        )
    return _READERS[kind](path).require_contrast(str(path)).with_meta(sha256=sha256)


def describe_image(path: str | Path) -> ImageDescription:
    """What an image's header says of it, with the file's hash; pixels are not decoded.

    Raises:
        SourceError: As `read_image`, as far as the header tells.
    """
    path = Path(path)
    described = _DESCRIBERS[image_kind(path)](path)
    return replace(described, meta=replace(described.meta, sha256=file_sha256(path)))


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file; of a series folder, that of the sorted hashes of its DICOM files, written one after another.

    Names do not matter to the hash of a folder, nor do files that are not DICOM.

    Raises:
        SourceError: There is no such file (FILE_NOT_FOUND), or it cannot be read.
    """
    path = Path(path)
    with refusing(path, "cannot be read", kind=SourceError, remedy="Check the path."):
        if path.is_dir():
            members = sorted(file_sha256(member) for member in series_files(path))
            return hashlib.sha256("".join(members).encode("ascii")).hexdigest()
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
        if path.is_dir():
            return ImageKind.SERIES
        if not path.is_file():
            raise _missing(path)
        with path.open("rb") as file:
            start = file.read(_START_BYTES)
    if start[128:132] == b"DICM":
        return ImageKind.DICOM
    if is_nifti(start):
        return ImageKind.NIFTI
    if is_raster(start):
        return ImageKind.RASTER
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


def _missing(path: Path) -> SourceError:
    return SourceError(f"{path} does not exist", remedy="Check the path.", code=Code.FILE_NOT_FOUND)
