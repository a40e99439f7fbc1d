"""What lies at the sources of an ingest: images, and studies that tables, notes, messages or collections tell."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mediscan import schema
from mediscan.diagnosis import Refusal
from mediscan.errors import ManifestError
from mediscan.sources.archive import is_zip, unpack
from mediscan.sources.collections import read_collection
from mediscan.sources.columns import TableColumns
from mediscan.sources.fhir import read_fhir
from mediscan.sources.folder import FolderImage, FolderScan, is_text, of_no_text, scan
from mediscan.sources.hl7 import read_hl7
from mediscan.sources.merge import merge
from mediscan.sources.notes.json_lines import read_json_lines
from mediscan.sources.notes.report_studies import read_report_studies
from mediscan.sources.notes.text_files import FILE_NAME, read_text_files
from mediscan.sources.notes.text_files import SUFFIXES as TEXT_SUFFIXES
from mediscan.sources.studies import SourceStudies
from mediscan.sources.table import SUFFIXES as TABLE_SUFFIXES
from mediscan.sources.table import read_studies

_JSON_SUFFIXES = (".json", ".ndjson", ".jsonl")
_HL7_SUFFIXES = (".hl7",)
_TOLD_SUFFIXES = (*_JSON_SUFFIXES, *_HL7_SUFFIXES, *TEXT_SUFFIXES)
_FHIR_MARK = b'"resourceType"'
_HL7_START = re.compile(rb"\s*\x0b?\s*(?:FHS|BHS|MSH)[|^~]")
_START_BYTES = 4096


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """Everything that the sources hold.

    Args:
        told: The studies that tables, notes, messages and collections tell, merged by id.
        images: The images that folders hold.
        unread: What looked like an image or a message in a folder and cannot be used.
    """

    told: SourceStudies
    images: tuple[FolderImage, ...]
    unread: tuple[Refusal, ...]


def gather(
    sources: Sequence[Path],
    *,
    table: Path | None,
    columns: TableColumns,
    collection: str | None,
    note_layout: re.Pattern[str],
    unpack_into: Path,
) -> Gathered:
    """Look at every source and read what tells of studies; pixels are not looked at.

    Folders are searched for images (DICOM with DICOMDIR and structured reports, NIfTI, PNG, JPEG, TIFF), text notes,
    JSON lines, FHIR and HL7 v2 files; tables are read only where they are named. Zip archives are unpacked.

    Args:
        sources: Folders and files; with `collection`, the folders that it was downloaded to.
        table: A table, where `sources` do not name it.
        columns: Which of its columns mean what.
        collection: A name of `mediscan.sources.collections.COLLECTIONS`.
        note_layout: Where patient and study stand in the paths of text notes; see `read_text_files`.
        unpack_into: Where zip archives are unpacked.

    Raises:
        ManifestError: A source does not exist or is of no known kind, or there is more than one table.
        SourceError: A source that is a file cannot be used as a whole.
    """
    tables = [source for source in sources if source.suffix.lower() in TABLE_SUFFIXES and not source.is_dir()]
    others = [source for source in sources if source not in tables]
    tables.extend([] if table is None or table in tables else [table])
    told = [read_studies(path, columns) for path in _one_table(tables)]
    if collection is not None:
        told.extend(read_collection(collection, source) for source in others)
        return Gathered(told=merge(told), images=(), unread=())
    scans: list[FolderScan] = []
    for source in others:
        place = unpack(source, unpack_into) if source.is_file() and is_zip(source) else _existing(source)
        scans.append(scan(place))
        told.extend(_told(place, scanned=scans[-1], note_layout=note_layout))
    images = {image.path: image for scanned in scans for image in scanned.images}
    unread = dict.fromkeys(refusal for scanned in scans for refusal in scanned.refusals)
    return Gathered(told=merge(told), images=tuple(images.values()), unread=tuple(unread))


def _one_table(tables: Sequence[Path]) -> Sequence[Path]:
    if len(tables) > 1:
        raise ManifestError(
            f"{len(tables)} tables are given: {', '.join(table.name for table in tables)}",
            remedy="Ingest them one by one, or join them into one table.",
        )
    if tables and tables[0].suffix.lower() not in TABLE_SUFFIXES:
        raise ManifestError(f"table {tables[0].name} is of no known kind", remedy="Save it as .csv, .tsv or .parquet.")
    return tables


def _existing(source: Path) -> Path:
    # Absolute, but with links as they are: a manifest names files as its maker does.
    return Path(schema.absolute(str(source), root=Path.cwd()))


def _told(place: Path, *, scanned: FolderScan, note_layout: re.Pattern[str]) -> Iterator[SourceStudies]:
    found = sorted(_files(place))
    files = [path for path in found if is_text(path)]
    unnameable = [path for path in found if not is_text(path) and path.suffix.lower() in _TOLD_SUFFIXES]
    if unnameable:
        yield SourceStudies(studies=tuple(map(of_no_text, unnameable)))
    objects = [path for path in files if path.suffix.lower() in _JSON_SUFFIXES]
    fhir = [path for path in objects if _FHIR_MARK in _start(path)]
    if fhir:
        yield read_fhir(fhir)
    texts = [path for path in files if path.suffix.lower() in (*_HL7_SUFFIXES, *TEXT_SUFFIXES)]
    hl7 = [path for path in texts if path.suffix.lower() in _HL7_SUFFIXES or _HL7_START.match(_start(path))]
    if hl7:
        yield read_hl7(hl7)
    for path in objects:
        # A folder may hold JSON of any meaning; a file that is named alone is meant.
        if path not in fhir and (path.suffix.lower() == ".jsonl" or path == place):
            yield _lines_of(path, place)
    if scanned.reports:
        yield read_report_studies(scanned.reports)
    yield from _noted([path for path in texts if path not in hl7], place, images=scanned.images, layout=note_layout)


def _lines_of(path: Path, place: Path) -> SourceStudies:
    """The studies of a file of JSON lines; one that cannot be used is refused, unless it is the source itself."""
    try:
        return read_json_lines(path)
    except ManifestError as error:
        if path == place:
            raise
        return SourceStudies(studies=(Refusal.of(path.relative_to(place).as_posix(), error),))


def _noted(
    notes: Sequence[Path], place: Path, *, images: Sequence[FolderImage], layout: re.Pattern[str]
) -> Iterator[SourceStudies]:
    if images and layout is FILE_NAME:
        # Beside images lie read-me files and logs too.
        names = {name for image in images for name in (image.stem, image.study_id, image.accession)}
        strangers = [path for path in notes if path.stem not in names]
        notes = [path for path in notes if path.stem in names]
        if strangers:
            notice = (
                f"{len(strangers)} text files in {place.name} are named as none of its studies and were not read: "
                "say with --note-layout where patient and study stand in their paths."
            )
            yield SourceStudies(studies=(), notices=(notice,))
    if notes:
        yield read_text_files(notes, root=place if place.is_dir() else place.parent, layout=layout)


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
        return
    for folder, folders, names in os.walk(place):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found = (Path(folder) / name for name in names if not name.startswith("."))
        yield from (path for path in found if path.is_file())  # a named pipe would be waited for


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_START_BYTES)
    except OSError:
        return b""
