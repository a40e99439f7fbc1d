"""De-identify a folder: a copy or a refusal for every file, a ledger, and a report that names nobody."""

import hashlib
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from mediscan.deidentify.files import Copy, DicomRules, deidentify_file
from mediscan.deidentify.header_names import KnownPatients, known_patients
from mediscan.deidentify.report import Report, by_action
from mediscan.deidentify.secret import is_kept, secret_from
from mediscan.deidentify.surrogates import Surrogates
from mediscan.deidentify.table import NoteTable, deidentify_table
from mediscan.deidentify.text_notes import SUFFIXES, deidentify_text
from mediscan.errors import Code, ConfigError, SourceError
from mediscan.progress import Progress, silent
from mediscan.results import LEDGER, write_table

_Job = tuple[Path, Path, str]  # the file, where its copy is written first, and its name in the ledger
_PARTS = ".parts"
_NOT_KEPT = (
    "No secret was given, so pseudonyms and dates fit together in this run only: studies added later will not match. "
    "Keep one with --secret FILE."
)
_CHUNK = 8
"""Files that a worker takes at a time."""


@dataclass(frozen=True, kw_only=True)
class DeidentifyOptions:
    """How to de-identify a folder.

    Args:
        secret: The file that surrogates are drawn from; made where it does not exist. None takes the environment's, or
            else one that is forgotten after the run.
        dicom: What decides over DICOM files.
        notes: A table of the same patients' notes, which is written as `notes.parquet`.
        workers: Processes.
    """

    secret: Path | None = None
    dicom: DicomRules = field(default_factory=DicomRules)
    notes: NoteTable | None = None
    workers: int = 1


@dataclass(frozen=True, kw_only=True)
class DeidentifyResult:
    """What became of a folder.

    Args:
        out: The folder of the copies, with `ledger.parquet` and `report.json`.
        deidentified: Files, and rows of notes, that have a copy.
        refused: Those that have none.
        codes: Ledger code → files and rows.
        actions: Action → attributes, and identifiers in notes, that it was taken on.
        notices: What the reader should know of the whole.
    """

    out: Path
    deidentified: int
    refused: int
    codes: dict[str, int]
    actions: dict[str, int]
    notices: tuple[str, ...] = ()

    @property
    def ledger(self) -> Path:
        """One row per file of the source and row of the notes."""
        return self.out / "ledger.parquet"

    @property
    def report(self) -> Path:
        """Counts of what was done."""
        return self.out / "report.json"


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    # Crosses processes, so it holds nothing that a worker read but surrogates and counts.
    copy: Copy | None = None
    sha256: str = ""
    code: Code = Code.OK
    message: str = ""
    seconds: float = 0.0


def deidentify(
    source: Path, out: Path, options: DeidentifyOptions | None = None, *, progress: Progress = silent
) -> DeidentifyResult:
    """Write de-identified copies of a folder's DICOM files, below `out`/patient/study/series, and of its text notes.

    The same files, secret and options give the same copies, byte for byte, so a run that was stopped is simply begun
    again. In the ledger a file is told by its number in the order of the source's paths, and a code drawn from its
    path; neither path nor any identifier of the source is written anywhere.

    Raises:
        ManifestError: The table of notes cannot be read, or a column is missing.
        ConfigError: One folder lies in the other, the secret is not safe, or `out` holds the copies of other options or
            another secret.
    """
    options = options or DeidentifyOptions()
    source, out = source.resolve(), out.resolve()
    _require_apart(source, out)
    surrogates = Surrogates(secret_from(options.secret, apart_from=(source, out)))
    report = Report(out / "report.json", identity=surrogates.code("run", options.dicom.identity))
    report.begin()
    counts = Counter[tuple[str, str]]()
    # Notes first, so that a wrong column is told before the images are read.
    files = _files(source)
    has_notes = options.notes is not None or any(path.suffix.lower() in SUFFIXES for path in files)
    known = known_patients(files) if has_notes else KnownPatients()
    notes = [] if options.notes is None else list(_notes(options.notes, known, out, surrogates, counts=counts))
    rows: list[dict[str, object]] = []
    paths = [path.relative_to(source).as_posix() for path in files]
    records = [f"{number:06d}-{surrogates.code('file', path, length=8)}" for number, path in enumerate(paths, start=1)]
    work = partial(_outcome, surrogates=surrogates, rules=options.dicom, known=known)
    for record, outcome in zip(records, _placed_outcomes(files, records, out, work, options.workers), strict=True):
        if outcome.copy is not None:
            counts.update(outcome.copy.counts)
        rows.append(_row(record, outcome))
        progress("de-identify", len(rows), len(files))
    rows.extend(notes)
    write_table(rows, LEDGER, out / "ledger.parquet")
    codes = Counter(str(row["code"]) for row in rows)
    copied = sum(row["status"] == "deidentified" for row in rows)
    report.finish(records=len(rows), deidentified=copied, codes=codes, counts=counts)
    return DeidentifyResult(
        out=out,
        deidentified=copied,
        refused=len(rows) - copied,
        codes=dict(sorted(codes.items())),
        actions=by_action(counts),
        notices=() if is_kept(options.secret) else (_NOT_KEPT,),
    )


def _require_apart(source: Path, out: Path) -> None:
    if not source.exists():
        raise ConfigError("the source does not exist", remedy="Name a folder or a file.")
    if out.is_relative_to(source) or source.is_relative_to(out):
        raise ConfigError("source and output lie in one another", remedy="Write the copies into a folder of their own.")


def _files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    found = (Path(folder) / name for folder, _, names in os.walk(source) for name in names)
    return sorted(filter(Path.is_file, found), key=lambda path: path.relative_to(source).parts)


def _placed_outcomes(
    files: Sequence[Path],
    records: Sequence[str],
    out: Path,
    work: Callable[[_Job], _Outcome],
    workers: int,
) -> Iterator[_Outcome]:
    """What became of each file, in order; copies are written beside and moved to their places one by one."""
    parts, taken = out / _PARTS, dict[Path, str]()
    shutil.rmtree(parts, ignore_errors=True)  # of a run that was stopped
    parts.mkdir()
    jobs = [(path, parts / record, record) for path, record in zip(files, records, strict=True)]
    with ExitStack() as stack:
        outcomes: Iterator[_Outcome] = map(work, jobs)
        if workers > 1 and len(jobs) > 1:
            pool = stack.enter_context(ProcessPoolExecutor(min(workers, len(jobs)), mp_context=get_context("spawn")))
            outcomes = pool.map(work, jobs, chunksize=_CHUNK)
        for (_, part, _), outcome in zip(jobs, outcomes, strict=True):
            yield _placed(outcome, part, out=out, taken=taken)
    parts.rmdir()


def _outcome(job: _Job, *, surrogates: Surrogates, rules: DicomRules, known: KnownPatients) -> _Outcome:
    path, target, record = job
    started = time.perf_counter()
    try:
        if path.suffix.lower() in SUFFIXES:
            copy = deidentify_text(path, target, surrogates, known=known, name=record.partition("-")[2])
        else:
            copy = deidentify_file(path, target, surrogates, rules)
        sha256 = hashlib.sha256(target.read_bytes()).hexdigest()
    except SourceError as error:
        target.unlink(missing_ok=True)
        return _Outcome(code=error.code, message=_told(error), seconds=time.perf_counter() - started)
    return _Outcome(copy=copy, sha256=sha256, seconds=time.perf_counter() - started)


def _told(error: SourceError) -> str:
    """A refusal in words without the path, which may hold a name, or whatever else a reader's message quotes."""
    if error.code is Code.NOT_DEIDENTIFIED:
        return f"The file was left out: {error}"
    return f"The file cannot be read ({error.code}). docs/ledger-codes.md says what that means, and what to do."


def _notes(
    notes: NoteTable, known: KnownPatients, out: Path, surrogates: Surrogates, *, counts: Counter[tuple[str, str]]
) -> Iterator[dict[str, object]]:
    """Write the table of notes; gives its rows of the ledger."""
    table = deidentify_table(notes, out / "notes.parquet", surrogates, known=known.names)
    counts.update(table.counts)
    for number, seconds in enumerate(table.seconds, start=1):
        refusal = table.refusals.get(number)
        yield {
            "study_id": f"note-{number:06d}",
            "status": "refused" if refusal else "deidentified",
            "code": str(refusal.code if refusal else Code.OK),
            "message": refusal.message if refusal else "",
            "seconds": seconds,
        }


def _placed(outcome: _Outcome, part: Path, *, out: Path, taken: dict[Path, str]) -> _Outcome:
    """Move a copy to its place; of two files of one instance, the second must give the same copy."""
    if outcome.copy is None:
        return outcome
    place = outcome.copy.place
    if taken.setdefault(place, outcome.sha256) != outcome.sha256:
        part.unlink()
        return _Outcome(
            code=Code.NOT_DEIDENTIFIED,
            message="The file was left out: another one has its SOPInstanceUID and differs. Find out which is right.",
            seconds=outcome.seconds,
        )
    (out / place).parent.mkdir(parents=True, exist_ok=True)
    part.replace(out / place)
    return outcome


def _row(record: str, outcome: _Outcome) -> dict[str, object]:
    return {
        "study_id": record,
        "status": "refused" if outcome.copy is None else "deidentified",
        "code": str(outcome.code),
        "message": outcome.message,
        "seconds": outcome.seconds,
    }
