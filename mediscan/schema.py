"""The manifest's columns: their names and types, the schema's version, and the way from a file to a table and back."""

import difflib
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from mediscan import cells
from mediscan.cells import Place
from mediscan.errors import ManifestError
from mediscan.findings import FindingSet
from mediscan.study import ImageMeta, Study

SCHEMA_VERSION = 1
"""Raised when a reader of the older version would misunderstand the newer."""

VERSION_KEY = b"mediscan.schema_version"
"""The key of the Parquet schema's metadata that holds the version."""

FIXED = ("study_id", "patient_id", "split", "images", "image_meta", "age_years", "sex")
NOTE, AT, VALUE = "note_", "_at", "value_"
"""Note sections, the times of note sections, and numbers are columns `note_NAME`, `note_NAME_at` and `value_NAME`."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_META = pa.struct(
    [
        *((name, pa.string()) for name in ("modality", "body_part", "view", "laterality")),
        ("spacing_mm", pa.list_(pa.float64())),
        # Text in ISO 8601, since one Arrow column cannot hold times with and times without an offset from UTC.
        ("acquired_at", pa.string()),
        ("sha256", pa.string()),
    ]
)


def note_sections(names: Iterable[str]) -> tuple[str, ...]:
    """The note sections among column names."""
    return tuple(name.removeprefix(NOTE) for name in names if name.startswith(NOTE) and not name.endswith(AT))


def value_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names of numbers among column names."""
    return tuple(name.removeprefix(VALUE) for name in names if name.startswith(VALUE))


def finding_names(names: Iterable[str]) -> tuple[str, ...]:
    """The findings among column names: whatever is not reserved."""
    return tuple(name for name in names if name not in FIXED and not name.startswith((NOTE, VALUE)))


def check_columns(table: pa.Table) -> None:
    """Accept a table whose columns can be a manifest's.

    Raises:
        ManifestError: A required column is missing, one stands twice, a time has no note, or a column is neither
            reserved nor a finding.
    """
    names: list[str] = table.column_names
    for name in ("study_id", "patient_id"):
        if name not in names:
            raise missing_column(name, names, what="the manifest")
    for name in names:
        if names.count(name) > 1:
            raise ManifestError(f"the manifest has column {name!r} twice", remedy="Give each column one name.")
        if name.startswith(NOTE) and name.endswith(AT) and name.removesuffix(AT) not in names:
            raise ManifestError(
                f"the manifest has times {name!r} of a note that is not there",
                remedy=f"Add the text as column {name.removesuffix(AT)!r}, or take the times out.",
            )
    for name in finding_names(names):
        _check_finding(table[name], name)


def check_names(*, findings: Iterable[str], sections: Iterable[str]) -> None:
    """Accept names that can become columns.

    Raises:
        ManifestError: A finding is named as a reserved column, or a note section as a section's time.
    """
    for name in findings:
        if not finding_names([name]):
            raise ManifestError(
                f"a finding cannot be named {name!r}",
                remedy=f"Choose a name that is none of {', '.join(FIXED)} and does not begin with {NOTE} or {VALUE}.",
            )
    for name in sections:
        if name.endswith(AT):
            raise ManifestError(
                f"a note section cannot be named {name!r}", remedy=f"Choose a name that does not end in {AT}."
            )


def _check_finding(column: pa.ChunkedArray, name: str) -> None:
    # A finding with a slip in it refuses the rows of the slip; a column that mostly holds other things is no finding.
    try:
        written = pc.utf8_lower(pc.utf8_trim_whitespace(column.cast(pa.string())))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        wrong, known = [position for position, cell in enumerate(column) if cell.is_valid], 0
    else:
        accepted = pc.or_(pc.is_in(written, pa.array([*cells.LABELS, ""])), pc.is_null(written))
        wrong = pc.indices_nonzero(pc.invert(accepted)).to_pylist()
        known = len(column) - column.null_count - len(wrong)
    if len(wrong) > known:
        raise Place(row=wrong[0] + 1, column=name).error(
            "this is neither 0, 1 nor empty, so the column is no finding",
            remedy=f"Take the column out, or name it '{VALUE}{name}' if it holds numbers and '{NOTE}{name}' if text.",
        )


def missing_column(name: str, names: Sequence[str], *, what: str) -> ManifestError:
    """The error for a column that is not there, with the nearest name and the list.

    Args:
        name: The column that was wanted.
        names: The columns there are.
        what: How the message names the table.
    """
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return ManifestError(f"{what} has no column {name!r}", remedy=f"{hint}Its columns are: {', '.join(names)}.")


def read_table(path: Path) -> pa.Table:
    """The rows of a Parquet or CSV manifest.

    Raises:
        ManifestError: The file cannot be parsed, or its schema is newer than `SCHEMA_VERSION`.
    """
    return read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path)


def _read_csv(path: Path) -> pa.Table:
    try:
        return cells.read_delimited(path)
    except UnicodeDecodeError:
        raise ManifestError(f"manifest {path.name} is not in UTF-8", remedy="Save it again as UTF-8.") from None


def read_parquet(path: Path) -> pa.Table:
    """The rows of a Parquet file, NaN read as null.

    Raises:
        ManifestError: The file cannot be read, or names a schema newer than `SCHEMA_VERSION`.
    """
    try:
        table = parquet.ParquetFile(path).read()
    except FileNotFoundError as error:
        raise cells.unreadable(path, error) from None
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ManifestError(
            f"{path.name} is not a Parquet file that can be read: {reason}", remedy="Make the file again."
        ) from None
    written = (table.schema.metadata or {}).get(VERSION_KEY, str(SCHEMA_VERSION).encode()).decode(errors="replace")
    if not written.isdecimal() or int(written) > SCHEMA_VERSION:
        raise ManifestError(
            f"manifest {path.name} has schema version {written}, and this mediscan reads up to {SCHEMA_VERSION}",
            remedy="Update mediscan, or make the manifest again with this version.",
        )
    for position, field in enumerate(table.schema):
        # pandas and others write "unknown" as NaN.
        if pa.types.is_floating(field.type):
            column = table[field.name]
            known = pc.if_else(pc.is_nan(column), pa.scalar(None, field.type), column)
            table = table.set_column(position, field, known)
    return table


def table_of(
    studies: Sequence[Study],
    *,
    findings: FindingSet,
    root: Path,
    sections: Sequence[str] = (),
    values: Sequence[str] = (),
) -> pa.Table:
    """The manifest table of these studies, in their order.

    Args:
        studies: The studies; labels outside `findings` are left out.
        findings: The finding columns, in their order.
        root: The folder of the manifest, which image paths are stored relative to.
        sections: Note sections in the wanted order; others follow as they are met.
        values: Names of numbers in the wanted order; others follow as they are met.
    """
    sections = list(dict.fromkeys([*sections, *(section.name for study in studies for section in study.note)]))
    values = list(dict.fromkeys([*values, *(name for study in studies for name in study.values)]))
    check_names(findings=findings.names, sections=sections)
    notes = [{section.name: section for section in study.note} for study in studies]
    columns: dict[str, pa.Array] = {
        "study_id": pa.array([study.study_id for study in studies], pa.string()),
        "patient_id": pa.array([study.patient_id for study in studies], pa.string()),
        "split": pa.array([study.split for study in studies], pa.string()),
        "images": pa.array(
            [[relative(image.path, root=root) for image in study.images] for study in studies], pa.list_(pa.string())
        ),
        "image_meta": pa.array(
            [[_meta_cell(image.meta) for image in study.images] for study in studies], pa.list_(_META)
        ),
    }
    for name in sections:
        written = [note.get(name) for note in notes]
        columns[NOTE + name] = pa.array([section.text if section else None for section in written], pa.string())
        times = [_time_cell(section.at) if section else None for section in written]
        if any(times):
            columns[NOTE + name + AT] = pa.array(times, pa.string())
    columns["age_years"] = pa.array([study.age_years for study in studies], pa.float64())
    columns["sex"] = pa.array([study.sex for study in studies], pa.string())
    for name in values:
        columns[VALUE + name] = pa.array([study.values.get(name) for study in studies], pa.float64())
    for name in findings.names:
        columns[name] = pa.array([study.labels.get(name) for study in studies], pa.int8())
    table = pa.table(columns)
    return table.replace_schema_metadata({VERSION_KEY: str(SCHEMA_VERSION).encode()})


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write a table whole or not at all, making its folder where there is none.

    Raises:
        ManifestError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".mediscan-") as folder:
            partial = Path(folder) / path.name
            parquet.write_table(table, partial)
            partial.replace(path)
    except OSError as error:
        raise ManifestError(
            f"{path} cannot be written: {error.strerror}", remedy="Choose a folder you may write to."
        ) from error


def is_url(path: str) -> bool:
    """Whether an image's path is a URL."""
    return _URL.match(path) is not None


def absolute(path: str, *, root: Path) -> str:
    """An image's path, relative ones from `root`; URLs stay as they are."""
    return path if is_url(path) else os.path.normpath(root.absolute() / path)


def relative(path: str, *, root: Path) -> str:
    """An image's path seen from `root`, with `/` between its parts.

    It stays absolute where nothing but the file system's top is shared, as such a pair never moves together; URLs stay.
    """
    if is_url(path):
        return path
    here, there = str(root.absolute()), absolute(path, root=root)
    try:
        shared = os.path.commonpath([here, there])
    except ValueError:  # other drives of Windows
        return there
    if shared == Path(shared).anchor and Path(here) != Path(shared):
        return there
    return Path(os.path.relpath(there, here)).as_posix()


def _meta_cell(meta: ImageMeta) -> Mapping[str, object]:
    return {
        "modality": meta.modality,
        "body_part": meta.body_part,
        "view": meta.view,
        "laterality": meta.laterality,
        "spacing_mm": None if meta.spacing_mm is None else list(meta.spacing_mm),
        "acquired_at": _time_cell(meta.acquired_at),
        "sha256": meta.sha256,
    }


def _time_cell(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
