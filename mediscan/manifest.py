"""The manifest: one row a study, read, checked and written; no row is ever lost in silence."""

import difflib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self, TypeVar

import pyarrow as pa

from mediscan import cells, schema
from mediscan.cells import Place
from mediscan.diagnosis import Flag, Refusal
from mediscan.errors import Code, ConfigError, ManifestError
from mediscan.findings import FindingSet
from mediscan.schema import SCHEMA_VERSION
from mediscan.study import ImageRef, NoteSection, Split, Study

__all__ = ["SCHEMA_VERSION", "Manifest", "Record"]

_Value = TypeVar("_Value")
_SHOWN = 5
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True, kw_only=True)
class Record:
    """One row of a manifest: a study, or why there is none.

    `row` counts from 1, without a header line. Exactly one of `study` and `refusal` is there.
    """

    row: int
    study_id: str
    study: Study | None
    refusal: Refusal | None
    flags: tuple[Flag, ...] = ()


class Manifest:
    """A table of studies.

    Args:
        table: The rows, as in a file; text and typed columns are both understood.
        root: The folder that relative image paths start from.
        path: The file it was read from, where there is one.
        sha256: That file's hash.

    Raises:
        ManifestError: A required column is missing, one stands twice, or one is neither a reserved name nor a finding.
    """

    def __init__(self, table: pa.Table, *, root: Path, path: Path | None = None, sha256: str | None = None) -> None:
        schema.check_columns(table)
        self._table = table
        self._root = root
        self._path = path
        self._sha256 = sha256
        self.note_sections = schema.note_sections(table.column_names)
        self.value_names = schema.value_names(table.column_names)
        try:
            self.findings = FindingSet(schema.finding_names(table.column_names))
        except ConfigError as error:
            raise ManifestError(error.what, remedy=error.remedy) from None

    @classmethod
    def read(cls, path: Path) -> Self:
        """The manifest in a Parquet or CSV file.

        Raises:
            ManifestError: The file cannot be read, is of a newer schema, or has columns that are not understood.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in (".parquet", ".csv"):
            raise ManifestError(
                f"manifest {path.name} is neither .parquet nor .csv", remedy="Make one with `mediscan ingest`."
            )
        try:
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise cells.unreadable(path, error) from None
        return cls(schema.read_table(path), root=path.parent, path=path, sha256=sha256)

    @classmethod
    def of(cls, studies: Sequence[Study], *, findings: FindingSet, root: Path, sections: Sequence[str] = ()) -> Self:
        """A manifest of these studies, in their order.

        Args:
            studies: The studies; labels outside `findings` are left out.
            findings: The finding columns, in their order.
            root: The folder of the manifest, which image paths are stored relative to.
            sections: Note sections in the wanted order; others follow as they are met.
        """
        return cls(schema.table_of(studies, findings=findings, root=root, sections=sections), root=root)

    def write(self, path: Path) -> Self:
        """Write the manifest as Parquet, whole or not at all, and return it as read back.

        Raises:
            ManifestError: A row is refused, the name does not end in .parquet, or the file cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() != ".parquet":
            raise ManifestError(f"manifest {path.name} must be .parquet", remedy=f"Write to {path.stem}.parquet.")
        records = list(self.records())
        self._refuse(records)
        studies = [record.study for record in records if record.study]
        table = schema.table_of(
            studies, findings=self.findings, root=path.parent, sections=self.note_sections, values=self.value_names
        )
        schema.write_parquet(table, path)
        return type(self).read(path)

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @property
    def path(self) -> Path:
        """The file it was read from.

        Raises:
            ManifestError: It was never written.
        """
        if self._path is None:
            raise ManifestError("this manifest is in no file yet", remedy="Write it first.")
        return self._path

    @property
    def sha256(self) -> str:
        """Hash of the file it was read from, as lower-case hexadecimal.

        Raises:
            ManifestError: It was never written.
        """
        if self._sha256 is None:
            raise ManifestError("this manifest is in no file yet", remedy="Write it first.")
        return self._sha256

    def records(self) -> Iterator[Record]:
        """One record per row, in order, never fewer."""
        row = 0
        for batch in self._table.to_batches(max_chunksize=_ROWS_AT_ONCE):
            for values in batch.to_pylist():
                row += 1
                yield self._record(row, values)

    def studies(self, split: Split | None = None) -> list[Study]:
        """All studies, or those of one split, of a manifest that is right throughout.

        Raises:
            ManifestError: Any row is refused or any patient is in two splits, in whichever split.
        """
        return [study for study in self._valid if split in (None, study.split)]

    def study(self, study_id: str) -> Study:
        """The study of this id.

        Raises:
            ManifestError: There is none, or its row is refused.
        """
        rows = self._rows_of.get(study_id)
        if not rows:
            near = difflib.get_close_matches(study_id, self._rows_of, n=1)
            raise ManifestError(
                f"the manifest has no study {study_id!r}",
                remedy=f"Did you mean {near[0]!r}?" if near else "Check the id in column study_id.",
            )
        record = self._record(rows[0], self._table.slice(rows[0] - 1, 1).to_pylist()[0])
        if record.study is None:
            raise ManifestError(
                f"study {study_id!r} is refused: {record.refusal.message if record.refusal else ''}",
                remedy="Correct its row.",
                code=record.refusal.code if record.refusal else None,
            )
        return record.study

    @cached_property
    def _valid(self) -> tuple[Study, ...]:
        records = list(self.records())
        self._refuse(records)
        crossing = [
            record for record in records if any(flag.code is Code.PATIENT_IN_TWO_SPLITS for flag in record.flags)
        ]
        if crossing:
            raise ManifestError(
                f"{len(crossing)} rows belong to patients in more than one split: "
                f"{_few([f'row {record.row} ({record.study_id})' for record in crossing])}",
                remedy="Put all studies of a patient into one split.",
                code=Code.PATIENT_IN_TWO_SPLITS,
            )
        return tuple(record.study for record in records if record.study)

    @cached_property
    def _rows_of(self) -> Mapping[str, list[int]]:
        rows: dict[str, list[int]] = {}
        for row, cell in enumerate(self._table["study_id"].to_pylist(), start=1):
            study_id = cells.identifier(cell)
            if study_id is not None:
                rows.setdefault(study_id, []).append(row)
        return rows

    @cached_property
    def _splits_of(self) -> Mapping[str, set[str]]:
        splits: dict[str, set[str]] = {}
        if "split" in self._table.column_names:
            pairs = zip(self._table["patient_id"].to_pylist(), self._table["split"].to_pylist(), strict=True)
            for patient, split in pairs:
                name, part = cells.identifier(patient), cells.identifier(split)
                if name is not None and part is not None:
                    splits.setdefault(name, set()).add(part.lower())
        return splits

    def _record(self, row: int, values: Mapping[str, object]) -> Record:
        study_id = cells.identifier(values["study_id"])
        shown = study_id or f"row {row}"
        try:
            if study_id is None:
                raise Place(row=row, column="study_id").error("there is no id", remedy="Give every study an id.")
            study = self._study(row, study_id, values)
        except ManifestError as error:
            return Record(row=row, study_id=shown, study=None, refusal=Refusal.of(shown, error))
        return Record(row=row, study_id=shown, study=study, refusal=None, flags=self._flags(study))

    def _study(self, row: int, study_id: str, values: Mapping[str, object]) -> Study:
        def at(column: str) -> Place:
            return Place(row=row, column=column)

        rows = self._rows_of[study_id]
        if len(rows) > 1:
            raise ManifestError(
                f"study id {study_id!r} stands in rows {_few(list(map(str, rows)))}",
                remedy="Give every study an id of its own; results could not be told apart.",
                code=Code.DUPLICATE_STUDY_ID,
            )
        patient_id = cells.identifier(values["patient_id"])
        if patient_id is None:
            raise at("patient_id").error(
                "there is no patient", remedy="Give every study its patient's id; splits are drawn by patient."
            )
        study = Study(
            study_id=study_id,
            patient_id=patient_id,
            images=self._images(values, at=at("images"), meta_at=at("image_meta")),
            note=tuple(self._sections(row, values)),
            split=cells.split(values.get("split"), at=at("split")),
            age_years=cells.age_years(values.get("age_years"), at=at("age_years")),
            sex=cells.sex(values.get("sex"), at=at("sex")),
            values=_known(
                {
                    name: cells.number(values[schema.VALUE + name], at=at(schema.VALUE + name))
                    for name in self.value_names
                }
            ),
            labels=_known({name: cells.label(values[name], at=at(name)) for name in self.findings.names}),
        )
        self._check_groups(row, study)
        if not study.images and not study.note:
            raise ManifestError(
                f"row {row}, study {study_id!r}: there is neither an image nor a note's text",
                remedy="Give it an image or a note, or take the row out.",
                code=Code.NO_INPUT,
            )
        return study

    def _images(self, values: Mapping[str, object], *, at: Place, meta_at: Place) -> tuple[ImageRef, ...]:
        paths = cells.image_paths(values.get("images"), at=at)
        metas = cells.image_metas(values.get("image_meta"), count=len(paths), at=meta_at)
        return tuple(
            ImageRef(path=schema.absolute(path, root=self._root), meta=meta)
            for path, meta in zip(paths, metas, strict=True)
        )

    def _sections(self, row: int, values: Mapping[str, object]) -> Iterator[NoteSection]:
        for name in self.note_sections:
            text = cells.text(values[schema.NOTE + name])
            if text is not None:
                column = schema.NOTE + name + schema.AT
                written = cells.moment(values.get(column), at=Place(row=row, column=column))
                yield NoteSection(name=name, text=text, at=written)

    def _check_groups(self, row: int, study: Study) -> None:
        for group, members in self.findings.groups.items():
            known = [study.labels[name] for index in members if (name := self.findings.names[index]) in study.labels]
            if known and sum(known) != 1:
                raise ManifestError(
                    f"row {row}, study {study.study_id!r}: {sum(known)} values of class group {group!r} are 1",
                    remedy="Exactly one value holds: write one 1 and zeros, or leave all of them empty.",
                )

    def _flags(self, study: Study) -> tuple[Flag, ...]:
        flags = []
        splits = sorted(self._splits_of.get(study.patient_id, ()))
        if len(splits) > 1:
            message = (
                f"The studies of this patient are in several splits ({', '.join(splits)}). "
                "Put all of them into one split before training or evaluating."
            )
            flags.append(Flag(code=Code.PATIENT_IN_TWO_SPLITS, message=message))
        if self.note_sections and not study.note:
            flags.append(Flag(code=Code.EMPTY_NOTE, message="The study has no note text."))
        if not study.images:
            flags.append(Flag(code=Code.NO_IMAGE, message="The study has no image."))
        return tuple(flags)

    def _refuse(self, records: Sequence[Record]) -> None:
        refusals = [record.refusal for record in records if record.refusal]
        if refusals:
            raise ManifestError(
                f"{len(refusals)} of {len(self)} rows cannot be used: "
                f"{_few([refusal.message.rstrip('.') for refusal in refusals], between=' | ')}",
                remedy="Correct these rows or take them out.",
                code=refusals[0].code,
            )


def _known(values: Mapping[str, _Value | None]) -> dict[str, _Value]:
    # A plain dict, since a study goes between processes and a mapping proxy cannot be pickled.
    return {name: value for name, value in values.items() if value is not None}


def _few(items: Sequence[str], *, between: str = ", ") -> str:
    more = f"{between}and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return between.join(items[:_SHOWN]) + more
