"""A folder of images: which files are images, and to which study and patient each belongs."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mediscan.diagnosis import Refusal
from mediscan.errors import Code, ManifestError, SourceError
from mediscan.sources.dicom.header import open_header, text
from mediscan.sources.dicom.series import series_files

RASTER_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
NIFTI_SUFFIXES = (".nii", ".nii.gz")
DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")

_STACKED = frozenset({"CT", "MR"})
_MAGIC_AT = 128


@dataclass(frozen=True, kw_only=True)
class FolderImage:
    """One image of a folder.

    Args:
        path: The file, or the folder of a CT or MR series.
        study_id: StudyInstanceUID, or the file's stem where the format knows of no studies.
        patient_id: PatientID, where the header has one.
        accession: AccessionNumber, where the header has one.
        alone: Whether the file is a study of its own, whatever others are called.
    """

    path: Path
    study_id: str
    patient_id: str | None = None
    accession: str | None = None
    alone: bool = False

    @property
    def stem(self) -> str:
        """The file's name without its ending."""
        return stem(self.path)


@dataclass(frozen=True, kw_only=True)
class FolderScan:
    """The images of a folder in the order of their paths, and what looked like one but cannot be used."""

    images: tuple[FolderImage, ...]
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, kw_only=True)
class _Slice:
    # What the header of one DICOM file says.
    path: Path
    study_uid: str | None
    series_uid: str | None
    patient_id: str | None
    accession: str | None
    modality: str | None
    has_pixels: bool


def stem(path: Path) -> str:
    """A file's name without its ending; `.nii.gz` is one ending."""
    name = path.name
    for suffix in (*NIFTI_SUFFIXES, *RASTER_SUFFIXES, *DICOM_SUFFIXES):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name if path.is_dir() else path.stem


def scan(source: Path) -> FolderScan:
    """The images below a folder, or of one file; hidden files and folders are passed over.

    DICOM is recognised by its ending or its preamble, all other formats by their ending. Objects without pixels
    (reports, presentation states, DICOMDIR) are no images; a study that has nothing else is refused.

    Raises:
        ManifestError: There is no such file or folder.
    """
    if not source.exists():
        raise ManifestError(f"source {source} does not exist", remedy="Check the path.", code=Code.FILE_NOT_FOUND)
    slices: list[_Slice] = []
    images: list[FolderImage] = []
    refusals: list[Refusal] = []
    for path in _files(source):
        name = path.name.lower()
        if name.endswith((*NIFTI_SUFFIXES, *RASTER_SUFFIXES)):
            images.append(FolderImage(path=path, study_id=stem(path), patient_id=stem(path), alone=True))
        elif name != "dicomdir" and (name.endswith(DICOM_SUFFIXES) or _has_preamble(path)):
            try:
                slices.append(_slice(path))
            except SourceError as error:
                shown = path.name if path == source else path.relative_to(source).as_posix()
                refusals.append(Refusal.of(shown, error))
    refusals.extend(_without_pixels(slices))
    images.extend(_dicom_images([part for part in slices if part.has_pixels], root=source))
    return FolderScan(images=tuple(sorted(images, key=lambda image: image.path)), refusals=tuple(refusals))


def _files(source: Path) -> Iterator[Path]:
    if source.is_file():
        yield source
        return
    for folder, folders, names in os.walk(source):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder) / name for name in sorted(names) if not name.startswith("."))


def _has_preamble(path: Path) -> bool:
    # DICOM PS3.10 7.1: the letters DICM follow a preamble of 128 bytes.
    try:
        with path.open("rb") as file:
            file.seek(_MAGIC_AT)
            return file.read(4) == b"DICM"
    except OSError:
        return False


def _slice(path: Path) -> _Slice:
    header = open_header(path)
    return _Slice(
        path=path,
        study_uid=text(header.dataset, "StudyInstanceUID"),
        series_uid=text(header.dataset, "SeriesInstanceUID"),
        patient_id=text(header.dataset, "PatientID"),
        accession=text(header.dataset, "AccessionNumber"),
        modality=text(header.dataset, "Modality"),
        # A file with rows that ends before its pixels is a broken image, which its reader refuses.
        has_pixels=header.has_pixels or "Rows" in header.dataset,
    )


def _without_pixels(slices: Sequence[_Slice]) -> Iterator[Refusal]:
    seen = {part.study_uid for part in slices if part.has_pixels}
    for part in slices:
        if not part.has_pixels and part.study_uid not in seen:
            seen.add(part.study_uid)
            error = SourceError(
                f"file {part.path.name} holds no image, nor does any other of its study",
                remedy="Send the study's images.",
                code=Code.NO_PIXELS,
            )
            yield Refusal.of(part.study_uid or stem(part.path), error)


def _dicom_images(slices: Sequence[_Slice], *, root: Path) -> Iterator[FolderImage]:
    by_folder: dict[Path, list[_Slice]] = {}
    for part in slices:
        by_folder.setdefault(part.path.parent, []).append(part)
    for folder, parts in by_folder.items():
        if root.is_dir() and _is_one_series(folder, parts):
            yield _image(parts[0], path=folder)
        else:
            yield from (_image(part, path=part.path) for part in parts)


def _is_one_series(folder: Path, parts: Sequence[_Slice]) -> bool:
    first = parts[0]
    alike = {(part.study_uid, part.series_uid, part.patient_id) for part in parts}
    return (
        len(parts) > 1
        and len(alike) == 1
        and first.series_uid is not None
        and first.modality in _STACKED
        # A file that the series' reader would find there and that is none of it would spoil the volume.
        and set(series_files(folder)) == {part.path for part in parts}
    )


def _image(part: _Slice, *, path: Path) -> FolderImage:
    return FolderImage(
        path=path,
        study_id=part.study_uid or stem(path),
        patient_id=part.patient_id,
        accession=part.accession,
        alone=part.study_uid is None,
    )
