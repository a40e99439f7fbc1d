"""Studies as JSON lines: one object a line, one line a study.

    {"study_id": "S1", "patient_id": "P1", "note": "INDICATION: cough. FINDINGS: clear.", "images": ["S1.dcm"],
     "age_years": 56, "sex": "F", "values": {"temperature": 38.2}, "labels": {"pneumonia": 0}, "split": "train"}

In place of `note`, which is cut into its sections, `sections` may give them: name → text, or → {"text", "at"}.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from mediscan import cells, schema
from mediscan.cells import Place
from mediscan.diagnosis import Refusal
from mediscan.errors import Code, ManifestError, MediscanError
from mediscan.sources.notes.encodings import clean_text
from mediscan.sources.notes.headings import exact_heading_of
from mediscan.sources.notes.sections import split_sections
from mediscan.sources.notes.times import DateOrder
from mediscan.sources.studies import SourceStudies
from mediscan.sources.table import WORDS
from mediscan.study import ImageRef, NoteSection, Study

SUFFIXES = (".jsonl", ".ndjson")
"""File names that are read as JSON lines."""

MAX_LINE_BYTES = 8 << 20
"""No line may be longer."""

_FIELDS = ("study_id", "patient_id", "note", "sections", "images", "age_years", "sex", "values", "labels", "findings",
           "split")  # fmt: skip
_SLUG = re.compile(r"[a-z][a-z0-9_]*")
_Value = TypeVar("_Value")


@dataclass(frozen=True, kw_only=True)
class _Field(Place):
    """Where a value stands; `row` counts lines from 1."""

    def __str__(self) -> str:
        return f"line {self.row}, field {self.column!r}"


def read_json_lines(path: Path, *, order: DateOrder = DateOrder.UNKNOWN) -> SourceStudies:
    """The studies of a file of JSON lines; image paths are relative to the file, and blank lines are passed over.

    Args:
        path: The file, in UTF-8.
        order: How dates in digits are written in notes.

    Raises:
        ManifestError: The file cannot be opened or holds no line. What is wrong with a line becomes the refusal of its
            study.
    """
    try:
        with path.open("rb") as file:
            told = [_told(number, raw, path=path, order=order) for number, raw in _lines(file)]
    except OSError as error:
        raise cells.unreadable(path, error) from None
    if not told:
        raise ManifestError(f"{path.name} holds no line", remedy="Check the path.", code=Code.NO_INPUT)
    uses = Counter(study.study_id for study in told)
    studies = {study.study_id: study if uses[study.study_id] == 1 else _twice(study.study_id) for study in told}
    kept = [study for study in studies.values() if isinstance(study, Study)]
    return SourceStudies(
        studies=tuple(studies.values()),
        findings=tuple(dict.fromkeys(name for study in kept for name in study.labels)),
        split_given=any(study.split for study in kept),
        named=frozenset(image.path for study in told if isinstance(study, Study) for image in study.images),
    )


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """The lines with their numbers; None stands for one that is too long, which is not kept in memory."""
    number = 0
    while raw := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            while raw and not raw.endswith(b"\n"):
                raw = file.readline(MAX_LINE_BYTES)
            yield number, None
        elif raw.strip(b"\xef\xbb\xbf \t\r\n"):
            yield number, raw


def _twice(study_id: str) -> Refusal:
    error = ManifestError(
        f"study {study_id!r} is on several lines",
        remedy="Write a study on one line, with all its images.",
        code=Code.DUPLICATE_STUDY_ID,
    )
    return Refusal.of(study_id, error)


def _told(number: int, raw: bytes | None, *, path: Path, order: DateOrder) -> Study | Refusal:
    study_id = f"{path.name} line {number}"  # two files may have a bad line of the same number
    try:
        given = _object(raw, number)
        study_id = _identifier(given, "study_id", number)
        return _study(given, study_id=study_id, number=number, root=path.parent, order=order)
    except MediscanError as error:
        return Refusal.of(study_id, error)


def _object(raw: bytes | None, number: int) -> Mapping[str, object]:
    if raw is None:
        raise ManifestError(
            f"line {number} has more than {MAX_LINE_BYTES >> 20} MiB",
            remedy="Name images by their paths, and write one study a line.",
            code=Code.FILE_TOO_LARGE,
        )
    remedy = "Write one JSON object a line, in UTF-8."
    try:
        given = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_unique)
    except UnicodeDecodeError:
        raise ManifestError(f"line {number} is not in UTF-8", remedy=remedy) from None
    except _RepeatedKeyError:
        raise ManifestError(f"line {number} has a field twice", remedy="Write each field once.") from None
    except (ValueError, RecursionError):
        raise ManifestError(f"line {number} is not valid JSON", remedy=remedy) from None
    if not isinstance(given, dict):
        raise ManifestError(f"line {number} is not a JSON object", remedy=remedy)
    for name in given:
        if name not in _FIELDS:
            raise ManifestError(
                f"line {number} has the unknown field {cells.quoted_name(name)}",
                remedy=f"Use only {', '.join(_FIELDS)}.",
            )
    return given


class _RepeatedKeyError(ValueError):
    """One of two values would be lost without a word."""


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    given = dict(pairs)
    if len(given) < len(pairs):
        raise _RepeatedKeyError
    return given


def _study(given: Mapping[str, object], *, study_id: str, number: int, root: Path, order: DateOrder) -> Study:
    def at(column: str) -> Place:
        return _Field(row=number, column=column)

    if "labels" in given and "findings" in given:
        raise at("findings").error("labels and findings are the same", remedy="Write one of the two.")
    finding = "findings" if "findings" in given else "labels"
    labels = _numbers(given.get(finding), at(finding), read=_label)
    schema.check_names(findings=labels, sections=())
    return Study(
        study_id=study_id,
        patient_id=_identifier(given, "patient_id", number),
        images=tuple(
            ImageRef(path=schema.absolute(image, root=root))
            for image in dict.fromkeys(cells.image_paths(given.get("images"), at=at("images")))
        ),
        note=_note(given, number=number, order=order),
        split=cells.split(given.get("split"), at=at("split")),
        age_years=cells.age_years(given.get("age_years"), at=at("age_years")),
        sex=cells.sex(given.get("sex"), at=at("sex")),
        values=_numbers(given.get("values"), at("values"), read=lambda cell, place: cells.number(cell, at=place)),
        labels=labels,
    )


def _identifier(given: Mapping[str, object], name: str, number: int) -> str:
    value = given.get(name)
    written = cells.identifier(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else None
    if written is None:
        raise _Field(row=number, column=name).error("there is no id", remedy="Write an id as text or a whole number.")
    return written


def _label(cell: object, place: Place) -> int | None:
    return cells.label(cell, at=place, words=WORDS)


def _numbers(given: object, place: Place, *, read: Callable[[object, Place], _Value | None]) -> dict[str, _Value]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise place.error("this is not an object", remedy='Write names and numbers: {"name": 1}.')
    told = {name: read(cell, place) for name, cell in given.items()}
    return {name: value for name, value in told.items() if value is not None}


def _note(given: Mapping[str, object], *, number: int, order: DateOrder) -> tuple[NoteSection, ...]:
    note, sections = given.get("note"), given.get("sections")
    place = _Field(row=number, column="note" if sections is None else "sections")
    if note is not None and sections is not None:
        raise place.error("there are both a note and sections", remedy="Write one of the two.")
    if note is not None:
        if not isinstance(note, str):
            raise place.error("this is not text", remedy="Write the note as text.")
        return split_sections(clean_text(note), order=order)
    if sections is None:
        return ()
    if not isinstance(sections, dict):
        raise place.error("this is not an object", remedy='Write {"indication": "…", "findings": "…"}.')
    told = [_section(name, value, place) for name, value in sections.items()]
    if len({section.name for section in told}) < len(told):
        raise place.error("two names mean the same section", remedy="Write each section once.")
    return tuple(told)


def _section(name: str, value: object, place: Place) -> NoteSection:
    text, written_at = value, None
    if isinstance(value, dict):
        if not set(value) <= {"text", "at"}:
            raise place.error("a section has an unknown field", remedy='Write {"text": "…", "at": "2024-05-31T14:30"}.')
        text, written_at = value.get("text"), cells.moment(value.get("at"), at=place)
    if text is not None and not isinstance(text, str):
        raise place.error("the text of a section is not text", remedy="Write it in quotes.")
    section = NoteSection(name=_section_name(name, place), text=clean_text(text or ""), at=written_at)
    schema.check_names(findings=(), sections=[section.name])
    return section


def _section_name(name: str, place: Place) -> str:
    heading = None if _SLUG.fullmatch(name) else exact_heading_of(name)
    slug = heading.name if heading else re.sub(r"\W+", "_", name.lower()).strip("_")
    if not _SLUG.fullmatch(slug):
        raise place.error(f"{cells.quoted_name(name)} names no section", remedy="Use letters, digits and '_'.")
    return slug
