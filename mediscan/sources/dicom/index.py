"""What lies in a folder of DICOM files: each file's facts, read once while the files stay as they are."""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mediscan.diagnosis import Flag
from mediscan.errors import Code, SourceError
from mediscan.sources.boundary import refusing
from mediscan.sources.dicom.elements import frame_macro, numbers, text
from mediscan.sources.dicom.files import SeriesMembers, dicom_files, folder_members
from mediscan.sources.dicom.header import Header, open_header
from mediscan.sources.dicom.meta import image_meta
from mediscan.sources.dicom.role import Role, role
from mediscan.sources.dicom.values import intent
from mediscan.sources.notes.structured_report import is_structured_report
from mediscan.sources.pixels import Intent

_FOLDERS_KEPT = 64
_Signature = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, kw_only=True)
class DicomFacts:
    """What the header of one DICOM file says of where it belongs, and what the selection of series asks.

    `is_report` is whether it is a structured report whose text can be read as a note. What the header does not tell is
    None.
    """

    path: Path
    role: Role
    is_report: bool
    study_uid: str | None
    series_uid: str | None
    patient_id: str | None
    accession: str | None
    modality: str | None
    body_part: str | None
    view: str | None
    laterality: str | None
    intent: Intent | None
    number: int | None
    frames: int
    rows: int | None
    columns: int | None
    slice_thickness_mm: float | None


@dataclass(frozen=True, kw_only=True)
class FolderIndex:
    """The DICOM files that lie in one folder itself, by name.

    Args:
        facts: Those whose header can be read.
        unreadable: The others, each with the reason.
    """

    facts: tuple[DicomFacts, ...]
    unreadable: tuple[tuple[Path, SourceError], ...]


class _Indices:
    """The indices of the folders asked for last, dropped when a file of theirs changes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Path, tuple[_Signature, FolderIndex]] = OrderedDict()

    def get(self, folder: Path, signature: _Signature) -> FolderIndex | None:
        with self._lock:
            known = self._kept.get(folder)
            if known is None or known[0] != signature:
                return None
            self._kept.move_to_end(folder)
            return known[1]

    def keep(self, folder: Path, signature: _Signature, index: FolderIndex) -> None:
        with self._lock:
            self._kept[folder] = signature, index
            self._kept.move_to_end(folder)
            while len(self._kept) > _FOLDERS_KEPT:
                self._kept.popitem(last=False)


_INDICES = _Indices()


def index_folder(folder: Path) -> FolderIndex:
    """The DICOM files of a folder itself.

    Raises:
        SourceError: The folder cannot be listed.
    """
    return _indexed(folder, series_uid=None)[0]


def index_files(files: Iterable[Path]) -> FolderIndex:
    """The facts of these files, read now."""
    return _read(files, series_uid=None)[0]


def split_address(path: Path) -> tuple[Path, str] | None:
    """The folder and the SeriesInstanceUID of a path `FOLDER#SeriesInstanceUID`; None for any other path.

    What exists under the whole name, '#' and all, is that file or folder.
    """
    folder, mark, series_uid = str(path).rpartition("#")
    if not (mark and folder and series_uid) or path.exists() or not Path(folder).is_dir():
        return None
    return Path(folder), series_uid


def series_members(path: Path) -> SeriesMembers:
    """The members of the series at a path: of `FOLDER#SeriesInstanceUID`, or all DICOM files of a folder itself.

    The former are looked for in all of FOLDER and below. Which files belong to which series is found once for a folder
    that does not change, and a header that is read to find it is not read again for the members.

    Raises:
        SourceError: There are none (FILE_NOT_FOUND), or the folder cannot be read.
    """
    address = split_address(path)
    if address is None:
        return folder_members(path)
    folder, series_uid = address
    files: list[Path] = []
    opened: dict[Path, Header] = {}
    unreadable = 0
    for below in folders_below(folder):
        index, headers = _indexed(below, series_uid=series_uid)
        files.extend(facts.path for facts in index.facts if facts.series_uid == series_uid)
        opened.update(headers)
        unreadable += len(index.unreadable)
    if not files:
        raise SourceError(
            f"folder {folder} holds no file of the series that its path names after '#'",
            remedy="Check the SeriesInstanceUID, or name the folder alone.",
            code=Code.FILE_NOT_FOUND,
        )
    files.sort()
    return SeriesMembers(
        source=path,
        files=tuple(files),
        opened=opened,
        flags=(_unreadable(folder, unreadable),) if unreadable else (),
    )


def folders_below(folder: Path) -> Iterator[Path]:
    """A folder and all below it, in the order of their names; hidden ones are passed over, links are not followed."""
    for below, names, _ in os.walk(folder):
        names[:] = sorted(name for name in names if not name.startswith("."))
        yield Path(below)


def _unreadable(folder: Path, count: int) -> Flag:
    files = "1 DICOM file that cannot be read and" if count == 1 else f"{count} DICOM files that cannot be read and"
    return Flag(code=Code.SERIES_LEFT_OUT, message=f"{folder.name} holds {files} may belong to the series.")


def _indexed(folder: Path, *, series_uid: str | None) -> tuple[FolderIndex, dict[Path, Header]]:
    """A folder's index, and the headers of a series where they had to be read for it."""
    files = dicom_files(folder)
    with refusing(folder, "cannot be listed", kind=SourceError, remedy="Check the folder."):
        stats = [path.stat() for path in files]
    signature = tuple((path.name, stat.st_size, stat.st_mtime_ns) for path, stat in zip(files, stats, strict=True))
    known = _INDICES.get(folder, signature)
    if known is not None:
        return known, {}
    index, headers = _read(files, series_uid=series_uid)
    _INDICES.keep(folder, signature, index)
    return index, headers


def _read(files: Iterable[Path], *, series_uid: str | None) -> tuple[FolderIndex, dict[Path, Header]]:
    facts: list[DicomFacts] = []
    unreadable: list[tuple[Path, SourceError]] = []
    headers: dict[Path, Header] = {}
    for path in files:
        try:
            header = open_header(path)
            found = facts_of(header)
        except SourceError as error:
            unreadable.append((path, error))
            continue
        facts.append(found)
        if series_uid is not None and found.series_uid == series_uid:
            headers[path] = header
    return FolderIndex(facts=tuple(facts), unreadable=tuple(unreadable)), headers


def facts_of(header: Header) -> DicomFacts:
    """What a header says of where its file belongs.

    Raises:
        SourceError: The header is damaged.
    """
    dataset, meta = header.dataset, image_meta(header)
    with refusing(header.path, "has a damaged DICOM header", kind=SourceError, remedy="Export the file again."):
        measures = frame_macro(dataset, "PixelMeasuresSequence")
        return DicomFacts(
            path=header.path,
            role=role(header),
            is_report=is_structured_report(dataset),
            study_uid=text(dataset, "StudyInstanceUID"),
            series_uid=text(dataset, "SeriesInstanceUID"),
            patient_id=text(dataset, "PatientID"),
            accession=text(dataset, "AccessionNumber"),
            modality=meta.modality,
            body_part=meta.body_part,
            view=meta.view,
            laterality=meta.laterality,
            intent=intent(header),
            number=_whole(header, "SeriesNumber"),
            frames=_whole(header, "NumberOfFrames") or 1,
            rows=_whole(header, "Rows"),
            columns=_whole(header, "Columns"),
            slice_thickness_mm=next(iter(numbers(measures, "SliceThickness")), None),
        )


def _whole(header: Header, keyword: str) -> int | None:
    return next((int(number) for number in numbers(header.dataset, keyword)), None)
