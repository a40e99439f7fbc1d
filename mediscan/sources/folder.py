"""A folder of images: which files are images, which make a series, and to which study and patient each belongs."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mediscan.diagnosis import Refusal
from mediscan.errors import Code, ManifestError, SourceError, UnsupportedImageError
from mediscan.sources.archive import is_zip, unpack
from mediscan.sources.dicom.directory import is_directory_file, read_directory
from mediscan.sources.dicom.files import DICOM_SUFFIXES, dicom_files, is_dicom_file
from mediscan.sources.dicom.index import DicomFacts, folders_below, index_files, index_folder
from mediscan.sources.dicom.role import STACKED, Role
from mediscan.sources.nifti import is_nifti_pair
from mediscan.sources.selection import Candidate

RASTER_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
NIFTI_SUFFIXES = (".nii", ".nii.gz")

_NIFTI_START_BYTES = 352
_NAMED_SUFFIXES = (*NIFTI_SUFFIXES, *RASTER_SUFFIXES)


@dataclass(frozen=True, kw_only=True)
class FolderImage:
    """One image of a folder.

    Args:
        path: The file, the folder of a CT, MR or PET series, or `FOLDER#SeriesInstanceUID`.
        study_id: StudyInstanceUID, or the file's stem where the format knows of no studies.
        patient_id: PatientID, where the header has one.
        accession: AccessionNumber, where the header has one.
        alone: Whether the file is a study of its own, whatever others are called.
        candidate: What the rules of selection see of it.
        files: The files that make it.
    """

    path: Path
    study_id: str
    candidate: Candidate
    files: tuple[Path, ...]
    patient_id: str | None = None
    accession: str | None = None
    alone: bool = False

    @property
    def stem(self) -> str:
        """The file's name without its ending."""
        return stem(self.path)


@dataclass(frozen=True, kw_only=True)
class FolderScan:
    """The images of a folder in the order of their paths, and what looked like one but cannot be used.

    `reports` are the structured reports whose text can be read as a note; their studies are not refused for want of an
    image.
    """

    images: tuple[FolderImage, ...]
    refusals: tuple[Refusal, ...]
    reports: tuple[Path, ...] = ()


def stem(path: Path) -> str:
    """A file's name without its ending; `.nii.gz` is one ending."""
    name = path.name
    for suffix in (*_NAMED_SUFFIXES, *DICOM_SUFFIXES):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return path.stem if path.is_file() else name


def scan(source: Path, *, unpack_into: Path | None = None) -> FolderScan:
    """The images below a folder, of one file, of a DICOMDIR, or of a zip archive; hidden files are passed over.

    DICOM is recognised by its ending or its preamble, all other formats by their ending. The files of a CT, MR or PET
    series are one image, however they are spread over folders; all other DICOM files are images of their own. Objects
    without an image (presentation states, segmentations, reports) are none; a study that has nothing else, not even a
    report that can be read as a note, is refused. So is each file that a DICOMDIR lists and that is not there.

    Args:
        source: The folder or file.
        unpack_into: The folder that receives the content of a zip archive, where it stays.

    Raises:
        ManifestError: There is no such file or folder, or a zip archive and no folder to unpack it into.
        SourceError: The archive or the DICOMDIR itself cannot be used.
    """
    if not source.exists():
        raise ManifestError(f"source {source} does not exist", remedy="Check the path.", code=Code.FILE_NOT_FOUND)
    if source.is_file() and is_zip(source):
        if unpack_into is None:
            raise ManifestError(
                f"source {source} is a zip archive", remedy="Name a folder to unpack it into, or unpack it first."
            )
        source = unpack(source, unpack_into)
    if is_directory_file(source):
        return _scan_medium(source)
    if source.is_file():
        index = index_files([source] if is_dicom_file(source) else [])
        return _scanned(index.facts, index.unreadable, root=source, others=[source])
    facts: list[DicomFacts] = []
    unreadable: list[tuple[Path, SourceError]] = []
    others: list[Path] = []
    missing: list[Refusal] = []
    for folder in folders_below(source):
        index = index_folder(folder)
        facts.extend(index.facts)
        unreadable.extend(index.unreadable)
        visible = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        others.extend(visible)
        missing.extend(_missing(path for path in visible if is_directory_file(path)))
    return _scanned(facts, unreadable, root=source, others=others, refusals=missing)


def _scan_medium(directory: Path) -> FolderScan:
    listing = read_directory(directory)
    index = index_files(listing.files)
    refusals = [Refusal.of(name, error) for name, error in listing.missing]
    return _scanned(index.facts, index.unreadable, root=directory.parent, others=(), refusals=refusals)


def _missing(directories: Iterator[Path]) -> Iterator[Refusal]:
    """What the DICOMDIRs of a folder list and is not there; a damaged one matters not where all files are looked at."""
    for directory in directories:
        try:
            yield from (Refusal.of(name, error) for name, error in read_directory(directory).missing)
        except SourceError:
            continue


def _scanned(
    facts: Sequence[DicomFacts],
    unreadable: Sequence[tuple[Path, SourceError]],
    *,
    root: Path,
    others: Sequence[Path],
    refusals: Sequence[Refusal] = (),
) -> FolderScan:
    damaged = [
        Refusal.of(path.name if path == root else path.relative_to(root).as_posix(), error)
        for path, error in unreadable
    ]
    images = [_of_no_study(path) for path in others if path.name.lower().endswith(_NAMED_SUFFIXES) and path.is_file()]
    damaged.extend(_of_pair(path) for path in others if path.suffix.lower() == ".hdr" and _is_pair(path))
    images.extend(_dicom_images([one for one in facts if one.role is not Role.NO_IMAGE], root=root))
    unnameable = [image for image in images if not is_text(image.path)]
    refused = (*damaged, *_without_images(facts), *refusals, *(of_no_text(image.path) for image in unnameable))
    return FolderScan(
        images=tuple(sorted((image for image in images if image not in unnameable), key=lambda image: image.path)),
        refusals=tuple(map(_as_text, refused)),
        reports=tuple(sorted(one.path for one in facts if one.is_report)),
    )


def is_text(path: Path) -> bool:
    """Whether a path can be written into a manifest; bytes that are not UTF-8 stand in it as lone surrogates."""
    return not any("\ud800" <= sign <= "\udfff" for sign in str(path))


def of_no_text(path: Path) -> Refusal:
    """The refusal of a file whose path is no text."""
    error = SourceError(f"the name of {path} is not UTF-8", remedy="Rename the file or its folder.")
    return _as_text(Refusal.of(stem(path), error))


def _as_text(refusal: Refusal) -> Refusal:
    study_id, message = (
        said.encode("utf-8", "backslashreplace").decode("utf-8") for said in (refusal.study_id, refusal.message)
    )
    return replace(refusal, study_id=study_id, message=message)


def _is_pair(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return is_nifti_pair(file.read(_NIFTI_START_BYTES))
    except OSError:
        return False


def _of_pair(path: Path) -> Refusal:
    error = UnsupportedImageError(
        f"file {path.name} is one half of a NIfTI pair (.hdr and .img)", remedy="Convert the pair to one .nii file."
    )
    return Refusal.of(stem(path), error)


def _of_no_study(path: Path) -> FolderImage:
    return FolderImage(
        path=path,
        study_id=stem(path),
        patient_id=stem(path),
        alone=True,
        candidate=Candidate(path=path),
        files=(path,),
    )


def _without_images(facts: Sequence[DicomFacts]) -> Iterator[Refusal]:
    seen = {one.study_uid for one in facts if one.role is not Role.NO_IMAGE or one.is_report}
    for one in facts:
        if one.role is Role.NO_IMAGE and one.study_uid not in seen:
            seen.add(one.study_uid)
            error = SourceError(
                f"file {one.path.name} holds no image, nor does any other of its study",
                remedy="Send the study's images.",
                code=Code.NO_PIXELS,
            )
            yield Refusal.of(one.study_uid or stem(one.path), error)


def _dicom_images(facts: Sequence[DicomFacts], *, root: Path) -> Iterator[FolderImage]:
    by_series: dict[str | None, list[DicomFacts]] = {}
    for one in facts:
        by_series.setdefault(one.series_uid, []).append(one)
    for series_uid, members in by_series.items():
        if series_uid is not None and root.is_dir() and _is_stack(members):
            yield _image(members, path=_series_path(series_uid, members))
        else:
            yield from (_image([one], path=one.path) for one in members)


def _is_stack(members: Sequence[DicomFacts]) -> bool:
    alike = {(one.study_uid, one.patient_id, one.modality) for one in members}
    return (
        len(members) > 1
        and len(alike) == 1
        and members[0].modality in STACKED
        and all(one.frames == 1 for one in members)
    )


def _series_path(series_uid: str, members: Sequence[DicomFacts]) -> Path:
    """The folder that holds the series and no other DICOM file, or else `FOLDER#SeriesInstanceUID`."""
    paths = {one.path for one in members}
    folder = Path(os.path.commonpath([path.parent for path in paths]))
    return folder if set(dicom_files(folder)) == paths else Path(f"{folder}#{series_uid}")


def _image(members: Sequence[DicomFacts], *, path: Path) -> FolderImage:
    first = min(members, key=lambda one: one.role is not Role.IMAGE)
    return FolderImage(
        path=path,
        study_id=first.study_uid or stem(path),
        patient_id=first.patient_id,
        accession=first.accession,
        alone=first.study_uid is None,
        candidate=_candidate(first, path=path, slices=sum(one.frames for one in members)),
        files=tuple(sorted(one.path for one in members)),
    )


def _candidate(facts: DicomFacts, *, path: Path, slices: int) -> Candidate:
    return Candidate(
        path=path,
        role=facts.role,
        number=facts.number,
        modality=facts.modality,
        body_part=facts.body_part,
        view=facts.view,
        laterality=facts.laterality,
        intent=facts.intent,
        slice_thickness_mm=facts.slice_thickness_mm,
        rows=facts.rows,
        columns=facts.columns,
        slices=slices,
    )
