"""From tables and folders as they are to a manifest, with a ledger that says what became of every record."""

import hashlib
import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from mediscan import schema
from mediscan.diagnosis import Flag, Refusal
from mediscan.errors import Code, ManifestError, SourceError
from mediscan.findings import FindingSet, natural_order
from mediscan.manifest import Manifest
from mediscan.results import LEDGER
from mediscan.sources.columns import TableColumns
from mediscan.sources.description import ImageDescription
from mediscan.sources.folder import FolderImage, scan
from mediscan.sources.join import join
from mediscan.sources.reading import describe_image
from mediscan.sources.studies import SourceStudies
from mediscan.sources.table import SUFFIXES, read_studies
from mediscan.study import ImageMeta, ImageRef, Split, Study

__all__ = ["FindingCount", "IngestResult", "TableColumns", "drawn_split", "ingest"]

INGESTED, REFUSED = "ingested", "refused"

_NO_TABLE = SourceStudies(studies=())

_WORKERS = 2
_WORTH_A_POOL = 64
"""Fewer images are described sooner than worker processes start."""
_AT_ONCE = 16
_TRAIN_SHARE, _VAL_SHARE = 0.70, 0.15


@dataclass(frozen=True, kw_only=True)
class FindingCount:
    """How many ingested studies have a finding, do not have it, and do not say."""

    positive: int
    negative: int
    unknown: int


@dataclass(frozen=True, kw_only=True)
class IngestResult:
    """What an ingest did.

    Args:
        manifest: Where the manifest was written.
        ledger: Where the ledger was written.
        studies: Number of studies in the manifest.
        refused: Number of records that are not.
        flagged: Number of studies in the manifest that the ledger has a word on.
        images: Number of images of the studies in the manifest.
        by_split: Number of studies per split; `none` for those without.
        by_finding: Counts per finding, in the manifest's order.
        refusals: Why each of the refused records was refused.
        notices: What the reader should know of the whole, such as a table's encoding.
    """

    manifest: Path
    ledger: Path
    studies: int
    refused: int
    flagged: int
    images: int
    by_split: Mapping[str, int]
    by_finding: Mapping[str, FindingCount]
    refusals: tuple[Refusal, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Described:
    # What reading one image's header gave, in how many seconds.
    outcome: ImageDescription | SourceError
    seconds: float


def drawn_split(patient_id: str) -> Split:
    """The split of all studies of a patient where a source gives none: 70 % train, 15 % val, 15 % test.

    It is read off the SHA-256 of the id, so it depends neither on other patients nor on the order of rows, and stays
    the same when data are added. The shares hold on average; few patients may leave a split empty.
    """
    digest = hashlib.sha256(patient_id.encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    if share < _TRAIN_SHARE:
        return Split.TRAIN
    return Split.VAL if share < _TRAIN_SHARE + _VAL_SHARE else Split.TEST


def ingest(
    sources: Sequence[Path],
    *,
    table: Path | None = None,
    columns: TableColumns,
    out: Path,
    progress: Callable[[int, int], None] | None = None,
) -> IngestResult:
    """Write a manifest, and beside it the ledger `<stem>.ledger.parquet`.

    Args:
        sources: Folders of images, single images, or a table (.csv, .tsv, .parquet).
        table: A table, where `sources` are not it.
        columns: Which of its columns mean what.
        out: The manifest to write, a .parquet file.
        progress: Called with the number of images described and their total.

    Raises:
        ManifestError: A source or a column is missing, more than one table is given, there is nothing to ingest, or
            a file cannot be written. What is wrong with a single record is its refusal in the ledger.
    """
    out = Path(out)
    if out.suffix.lower() != ".parquet":
        raise ManifestError(f"manifest {out.name} must be .parquet", remedy=f"Write to {out.stem}.parquet.")
    folders, table = _parted([Path(source) for source in sources], table)
    told = read_studies(table, columns) if table is not None else _NO_TABLE
    images, unread = _scanned(folders)
    entries: list[Study | Refusal] = [*join(told.studies, images, named=told.named), *unread]
    if not entries:
        raise ManifestError("there is no study in the sources", remedy="Name folders with images, or a table.")
    notices = list(told.notices)
    if not told.split_given:
        entries = [
            replace(entry, split=drawn_split(entry.patient_id)) if isinstance(entry, Study) else entry
            for entry in entries
        ]
        notices.append("No split was given: splits were drawn by patient, 70 % train, 15 % val, 15 % test.")
    described = _describe_all(_paths(entries), progress=progress)
    checked = [_checked(entry, described) if isinstance(entry, Study) else entry for entry in entries]
    manifest = Manifest.of(
        [entry for entry in checked if isinstance(entry, Study)],
        findings=FindingSet(natural_order(told.findings)),
        root=out.parent,
        sections=tuple(columns.notes),
    ).write(out)
    return _reported(manifest, entries=entries, checked=checked, described=described, notices=notices)


def _parted(sources: Sequence[Path], table: Path | None) -> tuple[list[Path], Path | None]:
    tables = [source for source in sources if source.suffix.lower() in SUFFIXES and not source.is_dir()]
    folders = [source for source in sources if source not in tables]
    tables.extend([] if table is None or table in tables else [table])
    if len(tables) > 1:
        raise ManifestError(
            f"{len(tables)} tables are given: {', '.join(source.name for source in tables)}",
            remedy="Ingest them one by one, or join them into one table.",
        )
    if tables and tables[0].suffix.lower() not in SUFFIXES:
        raise ManifestError(f"table {tables[0].name} is of no known kind", remedy="Save it as .csv, .tsv or .parquet.")
    return folders, tables[0] if tables else None


def _scanned(folders: Sequence[Path]) -> tuple[list[FolderImage], list[Refusal]]:
    images: dict[Path, FolderImage] = {}
    unread: dict[Refusal, None] = {}
    for folder in folders:
        found = scan(Path(schema.absolute(str(folder), root=Path.cwd())))
        images.update({image.path: image for image in found.images})
        unread.update(dict.fromkeys(found.refusals))
    return list(images.values()), list(unread)


def _paths(entries: Sequence[Study | Refusal]) -> list[str]:
    paths = (image.path for entry in entries if isinstance(entry, Study) for image in entry.images)
    return [path for path in dict.fromkeys(paths) if not schema.is_url(path)]


def _describe_all(paths: Sequence[str], *, progress: Callable[[int, int], None] | None) -> Mapping[str, _Described]:
    described: dict[str, _Described] = {}
    for path, outcome in zip(paths, _outcomes(paths), strict=True):
        described[path] = outcome
        if progress is not None:
            progress(len(described), len(paths))
    return described


def _outcomes(paths: Sequence[str]) -> Iterator[_Described]:
    if len(paths) < _WORTH_A_POOL:
        yield from map(_describe, paths)
        return
    # Started afresh, since a copy of a process with threads may inherit a lock that nobody opens again.
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(_WORKERS, mp_context=context) as pool:
            yield from pool.map(_describe, paths, chunksize=_AT_ONCE)
    except BrokenProcessPool as error:
        raise SourceError(
            "a process that reads image headers was ended from outside",
            remedy="Free some memory and run again; a script must call this under `if __name__ == '__main__':`.",
        ) from error


def _describe(path: str) -> _Described:
    start = time.perf_counter()
    outcome: ImageDescription | SourceError
    try:
        outcome = describe_image(path)
    except SourceError as error:
        outcome = error
    return _Described(outcome=outcome, seconds=time.perf_counter() - start)


def _checked(study: Study, described: Mapping[str, _Described]) -> Study | Refusal:
    if not study.images and not study.written_sections:
        nothing = ManifestError(
            f"study {study.study_id!r} has neither an image nor a note's text",
            remedy="Give it one of them, or take it out.",
            code=Code.NO_INPUT,
        )
        return Refusal.of(study.study_id, nothing)
    images: dict[str, ImageRef] = {}
    for image in study.images:
        outcome = described[image.path].outcome if image.path in described else ImageDescription(meta=ImageMeta())
        if isinstance(outcome, SourceError):
            refusal = Refusal.of(study.study_id, outcome)
            name = Path(image.path).name
            return refusal if name in refusal.message else replace(refusal, message=f"{name}: {refusal.message}")
        # The same content under two names is one image.
        images.setdefault(outcome.meta.sha256 or image.path, ImageRef(path=image.path, meta=outcome.meta))
    return replace(study, images=tuple(images.values()))


def _reported(
    manifest: Manifest,
    *,
    entries: Sequence[Study | Refusal],
    checked: Sequence[Study | Refusal],
    described: Mapping[str, _Described],
    notices: Sequence[str],
) -> IngestResult:
    flags_of = {record.study_id: record.flags for record in manifest.records()}
    studies = [entry for entry in checked if isinstance(entry, Study)]
    ledger = manifest.path.with_name(f"{manifest.path.stem}.ledger.parquet")
    rows = [
        _ledger_row(after, flags=flags_of.get(after.study_id, ()), seconds=_seconds(before, described))
        for before, after in zip(entries, checked, strict=True)
    ]
    schema.write_parquet(pa.Table.from_pylist(rows, schema=LEDGER), ledger)
    splits = {split.value: sum(study.split is split for study in studies) for split in Split}
    unassigned = sum(study.split is None for study in studies)
    refusals = tuple(entry for entry in checked if isinstance(entry, Refusal))
    return IngestResult(
        manifest=manifest.path,
        ledger=ledger,
        studies=len(studies),
        refused=len(refusals),
        flagged=sum(bool(flags) for flags in flags_of.values()),
        images=sum(len(study.images) for study in studies),
        by_split=splits | ({"none": unassigned} if unassigned else {}),
        by_finding={name: _count(studies, name) for name in manifest.findings.names},
        refusals=refusals,
        notices=tuple(notices),
    )


def _ledger_row(entry: Study | Refusal, *, flags: Sequence[Flag], seconds: float) -> Mapping[str, object]:
    if isinstance(entry, Refusal):
        status, code, message = REFUSED, entry.code, entry.message
    else:
        status, code = INGESTED, flags[0].code if flags else Code.OK
        message = " ".join(flag.message for flag in flags)
    return {
        "study_id": entry.study_id,
        "status": status,
        "code": str(code),
        "message": message,
        "seconds": seconds,
    }


def _seconds(entry: Study | Refusal, described: Mapping[str, _Described]) -> float:
    images = entry.images if isinstance(entry, Study) else ()
    return sum(described[image.path].seconds for image in images if image.path in described)


def _count(studies: Sequence[Study], name: str) -> FindingCount:
    labels = [study.labels.get(name) for study in studies]
    return FindingCount(positive=labels.count(1), negative=labels.count(0), unknown=labels.count(None))
