"""A table of studies made elsewhere, and the studies that its rows make."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from mediscan import cells, schema
from mediscan.cells import Place
from mediscan.diagnosis import Refusal
from mediscan.errors import ManifestError
from mediscan.findings import GROUP_SEPARATOR
from mediscan.sources.columns import TableColumns
from mediscan.sources.delimited import read_delimited
from mediscan.sources.notes.headings import CONCLUSIVE, LEAKAGE_SAFE
from mediscan.sources.notes.sections import split_sections
from mediscan.sources.studies import SourceStudies
from mediscan.study import ImageRef, NoteSection, Study

SUFFIXES = frozenset({".csv", ".tsv", ".parquet"})
"""File names that are read as tables."""

WORDS: Mapping[str, int] = {
    **cells.LABELS,
    **dict.fromkeys(("yes", "positive", "present"), 1),
    **dict.fromkeys(("no", "negative", "absent"), 0),
}
"""How a finding's cell may write present (1) and absent (0), in lower case."""


# A letter alone is a unit only in DICOM's form of three digits (PS3.5 6.2, AS): "65M" may be a man of 65.
_AGE = re.compile(
    r"(?P<count>\d{1,3})(?:(?<=\d{3})(?P<code>[DWMY])|\s*(?P<word>days?|weeks?|wks?|months?|mos?|years?|yrs?|y)(?:\s*old)?)",
    re.IGNORECASE,
)
_PER_YEAR = {"d": 365.25, "w": 365.25 / 7, "m": 12.0, "y": 1.0}


@dataclass(frozen=True, kw_only=True)
class _Fact:
    # One thing that a row says of its study, and how it is read from a cell.
    kind: str
    name: str
    column: str
    read: Callable[[object, Place], Any]


_Said = dict[tuple[str, str], Any]
_Rows = Sequence[tuple[int, Mapping[str, object]]]


def read_studies(path: Path, columns: TableColumns) -> SourceStudies:
    """The studies of a CSV, TSV or Parquet table.

    Raises:
        ManifestError: The table cannot be read, or a column is missing. What is wrong with a single row becomes the
            refusal of its study.
    """
    table, notices = _read(path)
    columns = columns.fitted(table.column_names, what=f"table {path.name}")
    rows_of = _rows_by_id(table.select(list(dict.fromkeys(columns.named))), id_column=str(columns.id))
    _check_names(columns)
    facts = _facts(columns)
    told = {key: _told(key, rows, facts=facts, columns=columns) for key, rows in rows_of.items()}
    said = [entry for entry in told.values() if not isinstance(entry, Refusal)]
    classes = {
        group: sorted({entry["class", group] for entry in said if ("class", group) in entry})
        for group in columns.classes
    }
    for group, found in classes.items():
        if len(found) < 2:
            raise ManifestError(
                f"column {columns.classes[group]!r} of class group {group!r} holds {len(found)} values",
                remedy="A class group needs two values or more.",
            )
    members = [f"{group}{GROUP_SEPARATOR}{value}" for group, values in classes.items() for value in values]
    return SourceStudies(
        studies=tuple(
            entry if isinstance(entry, Refusal) else _study(key, entry, classes=classes, root=path.parent)
            for key, entry in told.items()
        ),
        findings=(*columns.findings, *members),
        split_given=columns.split is not None,
        named=frozenset(_named(rows_of.values(), column=columns.image, root=path.parent)),
        notices=(*notices, *_whole_reports(said, columns.notes)),
    )


def _whole_reports(said: Sequence[_Said], notes: Mapping[str, str]) -> Iterator[str]:
    """A notice for each column that is named as what was known before the image, and says what the image shows."""
    for section in LEAKAGE_SAFE & notes.keys():
        texts = [entry["note", section] for entry in said if ("note", section) in entry]
        whole = sum(any(part.name in CONCLUSIVE for part in split_sections(text)) for text in texts)
        if whole:
            yield (
                f"{whole} of {len(texts)} texts in column {notes[section]!r} hold findings or an impression, which the "
                f"model would read as {section}: name a column of whole reports with --report."
            )


def _read(path: Path) -> tuple[pa.Table, tuple[str, ...]]:
    return (schema.read_parquet(path), ()) if path.suffix.lower() == ".parquet" else read_delimited(path)


def _check_names(columns: TableColumns) -> None:
    schema.check_names(findings=[*columns.findings, *columns.classes], sections=columns.notes)
    for name in (*columns.findings, *columns.classes):
        if GROUP_SEPARATOR in name:
            raise ManifestError(
                f"name {name!r} holds {GROUP_SEPARATOR!r}, which stands between a class group and its values",
                remedy="Choose another name; for exclusive classes name the column with --classes.",
            )


def _rows_by_id(table: pa.Table, *, id_column: str) -> Mapping[str, _Rows]:
    rows_of: dict[str, list[tuple[int, Mapping[str, object]]]] = {}
    row = 0
    for batch in table.to_batches():
        for values in batch.to_pylist():
            row += 1
            rows_of.setdefault(_plain_id(values[id_column]) or f"row {row}", []).append((row, values))
    return rows_of


def _facts(columns: TableColumns) -> tuple[_Fact, ...]:
    def label(cell: object, at: Place) -> int | None:
        return cells.label(cell, at=at, words=WORDS)

    facts = [_Fact(kind="own", name="patient_id", column=str(columns.patient), read=_identifier)]
    if columns.split is not None:
        facts.append(
            _Fact(kind="own", name="split", column=columns.split, read=lambda cell, at: cells.split(cell, at=at))
        )
    facts.extend(_Fact(kind="note", name=name, column=column, read=_text) for name, column in columns.notes.items())
    facts.extend(
        _Fact(kind="at", name=name, column=column, read=_moment) for name, column in columns.note_times.items()
    )
    if columns.report is not None:
        facts.append(_Fact(kind="own", name="report", column=columns.report, read=_text))
    for name, column in columns.values.items():
        facts.append(
            _Fact(kind="own" if name in _OWN else "value", name=name, column=column, read=_OWN.get(name, _number))
        )
    facts.extend(_Fact(kind="label", name=name, column=column, read=label) for name, column in columns.findings.items())
    facts.extend(_Fact(kind="class", name=name, column=column, read=_slug) for name, column in columns.classes.items())
    return tuple(facts)


def _told(key: str, rows: _Rows, *, facts: Sequence[_Fact], columns: TableColumns) -> _Said | Refusal:
    try:
        said = _merged(key, rows, facts=facts, id_column=str(columns.id))
        said["own", "images"] = _images(rows, column=columns.image)
    except ManifestError as error:
        return Refusal.of(key, error)
    return said


def _merged(key: str, rows: _Rows, *, facts: Sequence[_Fact], id_column: str) -> _Said:
    said: _Said = {}
    differing: dict[str, None] = {}
    for row, values in rows:
        if _plain_id(values[id_column]) is None:
            raise Place(row=row, column=id_column).error("there is no id", remedy="Give every study an id.")
        for fact in facts:
            value = fact.read(values[fact.column], Place(row=row, column=fact.column))
            # An empty cell leaves the word to the study's other rows.
            if value is not None and said.setdefault((fact.kind, fact.name), value) != value:
                differing[fact.column] = None
    if differing:
        shown = ", ".join(str(row) for row, _ in rows[:5])
        raise ManifestError(
            f"the rows of study {key!r} ({shown}{', …' if len(rows) > 5 else ''}) disagree in {', '.join(differing)}",
            remedy="Write the same in all rows of a study, or give the rows ids of their own.",
        )
    if ("own", "patient_id") not in said:
        place = Place(row=rows[0][0], column=facts[0].column)
        raise place.error("there is no patient", remedy="Give every study its patient's id.")
    return said


def _images(rows: _Rows, *, column: str | None) -> list[str]:
    if column is None:
        return []
    return [
        path for row, values in rows for path in cells.image_paths(values[column], at=Place(row=row, column=column))
    ]


def _named(studies: Iterable[_Rows], *, column: str | None, root: Path) -> Iterator[str]:
    for rows in studies:
        try:
            yield from (schema.absolute(path, root=root) for path in _images(rows, column=column))
        except ManifestError:
            continue  # the study is refused for it already


def _study(key: str, said: _Said, *, classes: Mapping[str, Sequence[str]], root: Path) -> Study:
    def named(kind: str) -> dict[str, Any]:
        return {name: value for (of, name), value in said.items() if of == kind}

    one_hot = {
        f"{group}{GROUP_SEPARATOR}{value}": int(value == held)
        for group, held in named("class").items()
        for value in classes[group]
    }
    own = named("own")
    return Study(
        study_id=key,
        patient_id=own["patient_id"],
        images=tuple(ImageRef(path=schema.absolute(image, root=root)) for image in dict.fromkeys(own["images"])),
        note=_sections(named("note"), times=named("at"), report=own.get("report")),
        split=own.get("split"),
        age_years=own.get("age_years"),
        sex=own.get("sex"),
        values=named("value"),
        labels=named("label") | one_hot,
    )


def _sections(
    texts: Mapping[str, str], *, times: Mapping[str, datetime], report: str | None
) -> tuple[NoteSection, ...]:
    split = split_sections(report) if report else ()
    whole = {section.name: section for section in split}
    whole.update({name: NoteSection(name=name, text=text) for name, text in texts.items()})
    return tuple(replace(section, at=times.get(section.name, section.at)) for section in whole.values())


def _moment(cell: object, at: Place) -> datetime | None:
    return cells.moment(cell, at=at)


def _identifier(cell: object, at: Place) -> str | None:  # noqa: ARG001 - every reader takes a place
    return _plain_id(cell)


def _plain_id(cell: object) -> str | None:
    # A column of whole numbers in which one is missing comes out of a data frame as floats.
    return cells.identifier(int(cell) if isinstance(cell, float) and cell.is_integer() else cell)


def _text(cell: object, at: Place) -> str | None:  # noqa: ARG001 - every reader takes a place
    return cells.text(cell)


def _number(cell: object, at: Place) -> float | None:
    return cells.number(cell, at=at)


def _age_years(cell: object, at: Place) -> float | None:
    """Age in years; also as a DICOM age string (`065Y`), and in words (`65 years`, `6 months`)."""
    found = _AGE.fullmatch(cells.identifier(cell) or "")
    if found is None:
        return cells.age_years(cell, at=at)
    unit = (found["code"] or found["word"])[0].lower()
    return cells.age_years(float(found["count"]) / _PER_YEAR[unit], at=at)


def _slug(cell: object, at: Place) -> str | None:
    written = cells.identifier(cell)
    if written is None:
        return None
    slug = re.sub(r"[\W_]+", "_", written.lower()).strip("_")
    if not slug:
        raise at.error(
            f"{cells.quoted(written)} holds no letter or digit to name a class by",
            remedy="Write the class in words, or leave it empty.",
        )
    return slug


_OWN: Mapping[str, Callable[[object, Place], Any]] = {
    "age_years": _age_years,
    "sex": lambda cell, at: cells.sex(cell, at=at),
}
