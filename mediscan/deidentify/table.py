"""A table of notes without identity: codes for patients and studies, cleaned notes, and what the user says may stay."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pydicom.uid import UID

from mediscan import cells, schema
from mediscan.deidentify.notes import NoteDeidentifier
from mediscan.deidentify.record_names import RecordNames
from mediscan.deidentify.surrogates import Surrogates
from mediscan.diagnosis import Refusal
from mediscan.errors import Code
from mediscan.results import write_table
from mediscan.sources.notes.times import DateOrder


@dataclass(frozen=True, kw_only=True)
class NoteTable:
    """A CSV or Parquet table with one note or more a row.

    Args:
        path: The table.
        patient: Column with the patient's id, as PatientID has it.
        notes: Columns with free text.
        study: Column with the study's id, where there is one: a StudyInstanceUID, or any other.
        names: Columns with names of patients or staff, which are then found in the notes for sure.
        keep: Columns to copy as they are. All others are left out.
        date_order: How 03/04/2019 is meant.
    """

    path: Path
    patient: str
    notes: tuple[str, ...]
    study: str | None = None
    names: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    date_order: DateOrder = DateOrder.MONTH_FIRST

    @property
    def columns(self) -> tuple[str, ...]:
        """All that are read."""
        return (self.patient, *([self.study] if self.study else []), *self.notes, *self.names, *self.keep)


@dataclass(frozen=True, kw_only=True)
class CleanedTable:
    """What became of a table: kinds of identifiers and how many were replaced, rows copied, and rows refused."""

    counts: Mapping[tuple[str, str], int]
    seconds: tuple[float, ...]
    refusals: Mapping[int, Refusal]


def deidentify_table(
    table: NoteTable, out: Path, surrogates: Surrogates, *, known: Mapping[str, RecordNames]
) -> CleanedTable:
    """Write the table as Parquet, its notes cleaned, its ids replaced as in the images.

    Args:
        table: What to read.
        out: The file to write.
        surrogates: What stands in for identities.
        known: What the patients' image headers know of them, by patient id.

    Raises:
        ManifestError: The table cannot be read, or a column is missing.
    """
    content = schema.read_table(table.path)
    for column in table.columns:
        if column not in content.column_names:
            raise schema.missing_column(column, content.column_names, what=f"table {table.path.name}")
    counts, rows, seconds = Counter[tuple[str, str]](), [], []
    refusals: dict[int, Refusal] = {}
    for number, row in enumerate(_rows(content, table), start=1):
        started = time.perf_counter()
        patient_id = cells.identifier(row[table.patient])
        if patient_id is None:
            refusals[number] = Refusal(
                study_id=str(number),
                code=Code.INVALID_ROW,
                message=f"Row {number} names no patient, so its dates cannot be moved with the others.",
            )
        else:
            names = known.get(patient_id, RecordNames())
            rows.append(_cleaned(row, table, patient_id, names=names, surrogates=surrogates, counts=counts))
        seconds.append(time.perf_counter() - started)
    kept = [(name, content.schema.field(name).type) for name in table.keep]
    text = [(name, pa.string()) for name in ("patient_id", *(["study_id"] if table.study else []), *table.notes)]
    write_table(rows, pa.schema([*text, *kept]), out)
    return CleanedTable(counts=counts, seconds=tuple(seconds), refusals=refusals)


def _rows(content: pa.Table, table: NoteTable) -> Iterator[dict[str, object]]:
    for batch in content.select(list(dict.fromkeys(table.columns))).to_batches():
        yield from batch.to_pylist()


def _cleaned(
    row: Mapping[str, object],
    table: NoteTable,
    patient_id: str,
    *,
    names: RecordNames,
    surrogates: Surrogates,
    counts: Counter[tuple[str, str]],
) -> dict[str, object]:
    study_id = cells.identifier(row[table.study]) if table.study else None
    record = RecordNames(
        persons=tuple(name for column in table.names if (name := cells.text(row[column]))),
        numbers=(patient_id, *([study_id] if study_id else [])),
    )
    notes = NoteDeidentifier(
        surrogates, patient_id=patient_id, record=record.joined(names), date_order=table.date_order
    )
    cleaned: dict[str, object] = {"patient_id": surrogates.patient(patient_id)}
    if study_id is not None:
        cleaned["study_id"] = surrogates.uid(study_id) if UID(study_id).is_valid else surrogates.code("study", study_id)
    for column in table.notes:
        text = cells.text(row[column])
        if text is not None:
            note = notes.clean(text)
            cleaned[column] = note.text
            counts.update({("note", str(kind)): count for kind, count in note.counts.items()})
    return cleaned | {column: row[column] for column in table.keep}
