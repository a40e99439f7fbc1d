"""Which files of a folder are DICOM, and the members of one series."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mediscan.diagnosis import Flag
from mediscan.errors import Code, SourceError
from mediscan.sources.boundary import refusing
from mediscan.sources.dicom.header import Header, is_dicom, open_header

DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")
DIRECTORY_NAME = "DICOMDIR"

_START_BYTES = 132


@dataclass(frozen=True, kw_only=True)
class SeriesMembers:
    """The files of one series.

    Args:
        source: How messages name the series.
        files: Its files, sorted by path.
        opened: The headers of those that had to be read to find the series.
        flags: What to know of how they were found.
    """

    source: Path
    files: tuple[Path, ...]
    opened: Mapping[Path, Header] = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()

    def headers(self) -> tuple[Header, ...]:
        """The header of each file, read now unless it is open already.

        Raises:
            SourceError: One is damaged.
        """
        return tuple(self.opened.get(path) or open_header(path) for path in self.files)


def folder_members(folder: Path) -> SeriesMembers:
    """All DICOM files that lie in a folder itself, taken for one series.

    Hidden files, DICOMDIR and other formats are left out.

    Raises:
        SourceError: There are none (FILE_NOT_FOUND), or the folder cannot be read.
    """
    files = dicom_files(folder)
    if not files:
        raise SourceError(
            f"folder {folder} holds no DICOM file",
            remedy="Name the folder that holds the slices themselves.",
            code=Code.FILE_NOT_FOUND,
        )
    return SeriesMembers(source=folder, files=files)


def dicom_files(folder: Path) -> tuple[Path, ...]:
    """The DICOM files that lie in a folder itself, sorted by name.

    Raises:
        SourceError: The folder cannot be read.
    """
    with refusing(folder, "cannot be listed", kind=SourceError, remedy="Check the folder."):
        return tuple(path for path in sorted(folder.iterdir()) if is_dicom_file(path))


def is_dicom_file(path: Path) -> bool:
    """Whether a file is named as DICOM or starts as one does; hidden files and DICOMDIR do not count."""
    if path.name.startswith(".") or path.name.upper() == DIRECTORY_NAME or not path.is_file():
        return False
    if path.name.lower().endswith(DICOM_SUFFIXES):
        return True
    try:
        with path.open("rb") as file:
            return is_dicom(file.read(_START_BYTES))
    except OSError:
        return False
