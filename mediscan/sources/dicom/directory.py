"""DICOMDIR: the list of files that a medium says it holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mediscan.errors import Code, SourceError
from mediscan.sources.boundary import refusing
from mediscan.sources.dicom.files import DIRECTORY_NAME
from mediscan.sources.dicom.header import open_header

_REMEDY = "Copy the whole medium again, or name the folder of the images itself."


@dataclass(frozen=True, kw_only=True)
class DirectoryListing:
    """What a DICOMDIR refers to.

    Args:
        files: The files that are there, sorted; each lies below the DICOMDIR's folder.
        missing: The others, each by its name in the DICOMDIR and with the reason.
    """

    files: tuple[Path, ...]
    missing: tuple[tuple[str, SourceError], ...]


def is_directory_file(path: Path) -> bool:
    """Whether a file is named as a DICOMDIR (DICOM PS3.10 8.6)."""
    return path.name.upper() == DIRECTORY_NAME and path.is_file()


def read_directory(path: Path) -> DirectoryListing:
    """The files that a DICOMDIR refers to; media differ in the case of names, so it does not matter.

    Raises:
        SourceError: The DICOMDIR cannot be read, or lists no file.

    Source: DICOM PS3.3 F.3.2.2, PS3.10 8.2 (file ID).
    """
    with refusing(path, "is a damaged DICOMDIR", kind=SourceError, remedy=_REMEDY):
        records = open_header(path).dataset.get("DirectoryRecordSequence") or ()
        named = [_components(record.get("ReferencedFileID")) for record in records if record.get("ReferencedFileID")]
        if not named:
            raise SourceError(f"{path} lists no file", remedy=_REMEDY)
        root = path.parent.resolve()
        names: dict[Path, dict[str, str]] = {}
        files: set[Path] = set()
        missing: list[tuple[str, SourceError]] = []
        for components in dict.fromkeys(named):
            found = _resolved(path.parent, components, names)
            shown = "/".join(components)
            if found is None:
                missing.append((shown, _missing(path, shown, "is not there", Code.FILE_NOT_FOUND)))
            elif not found.resolve().is_relative_to(root):
                missing.append((shown, _missing(path, shown, "lies outside its folder", Code.FILE_UNREADABLE)))
            else:
                files.add(found)
        return DirectoryListing(files=tuple(sorted(files)), missing=tuple(missing))


def _components(file_id: object) -> tuple[str, ...]:
    parts = [file_id] if isinstance(file_id, str) else list(file_id) if isinstance(file_id, Sequence) else []
    # A single value may hold the separators of a file system, which no file ID should.
    return tuple(part for value in parts for part in str(value).replace("\\", "/").split("/") if part)


def _resolved(folder: Path, components: Sequence[str], names: dict[Path, dict[str, str]]) -> Path | None:
    """The file below a folder that the components name, whatever their case; None where there is none."""
    for component in components:
        if component in {".", ".."}:
            return None
        if folder not in names:
            names[folder] = {path.name.casefold(): path.name for path in folder.iterdir()} if folder.is_dir() else {}
        name = names[folder].get(component.casefold())
        if name is None:
            return None
        folder /= name
    return folder if folder.is_file() else None


def _missing(path: Path, shown: str, problem: str, code: Code) -> SourceError:
    return SourceError(f"file {shown} that {path} lists {problem}", remedy=_REMEDY, code=code)
