"""What one cell of a table means: text in, a typed value out, or an error that names row, column and remedy."""

import csv
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
from pyarrow import csv as arrow_csv

from mediscan.errors import Code, ManifestError
from mediscan.study import ImageMeta, Sex, Split

OLDEST_YEARS = 130.0

_BLOCK = 1 << 24  # No row may be longer than a block, and notes are long.

_SEXES = {
    **dict.fromkeys(("m", "male"), Sex.MALE),
    **dict.fromkeys(("f", "female"), Sex.FEMALE),
    **dict.fromkeys(("o", "other"), Sex.OTHER),
    **dict.fromkeys(("n/a", "na", "nan", "none", "null", "u", "unknown"), None),
}
LABELS: Mapping[str, int] = {"0": 0, "0.0": 0, "false": 0, "1": 1, "1.0": 1, "true": 1}
"""How a manifest's cell may write absent (0) and present (1), in lower case."""

_MAY_BE_WORDS = re.compile(r"[^\W\d_]{3}|\^|.{25}|\s.*\s", re.DOTALL)
_META_FIELDS = ("modality", "body_part", "view", "laterality", "sha256")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a cell stands; rows count from 1 and leave out a header line."""

    row: int
    column: str

    def __str__(self) -> str:
        return f"row {self.row}, column {self.column!r}"

    def error(self, what: str, *, remedy: str) -> ManifestError:
        """The error for a cell that cannot be used."""
        return ManifestError(f"{self}: {what}", remedy=remedy)


def text(cell: object) -> str | None:
    """The cell's text as it stands; blank is missing."""
    written = "" if cell is None else str(cell)
    return written if written.strip() else None


def identifier(cell: object) -> str | None:
    """The cell's text without space around it; blank is missing."""
    return None if cell is None else str(cell).strip() or None


def number(cell: object, *, at: Place, low: float = -math.inf, high: float = math.inf) -> float | None:
    """The cell's finite number.

    Raises:
        ManifestError: It is not a number, not finite, or outside `low` to `high`.
    """
    written = identifier(cell)
    if written is None:
        return None
    try:
        value = float(written)
    except ValueError:
        raise at.error(f"{quoted(written)} is not a number", remedy="Write a number, or leave it empty.") from None
    if not math.isfinite(value):
        raise at.error(f"{quoted(written)} is not a finite number", remedy="Write a number, or leave it empty.")
    if not low <= value <= high:
        raise at.error(
            f"{value:g} is out of range", remedy=f"Write a number from {low:g} to {high:g}, or leave it empty."
        )
    return value


def age_years(cell: object, *, at: Place) -> float | None:
    """Age in years, 0 to 130.

    Raises:
        ManifestError: It is no such number.
    """
    return number(cell, at=at, low=0.0, high=OLDEST_YEARS)


def sex(cell: object, *, at: Place) -> Sex | None:
    """Sex written as M, F, O, male, female or other in any case; unknown and N/A are missing.

    Raises:
        ManifestError: It is written otherwise.
    """
    written = identifier(cell)
    if written is None:
        return None
    if written.lower() not in _SEXES:
        raise at.error(f"{quoted(written)} is not a sex", remedy="Write M, F or O, or leave it empty.")
    return _SEXES[written.lower()]


def split(cell: object, *, at: Place) -> Split | None:
    """The split.

    Raises:
        ManifestError: It is none of train, val and test.
    """
    written = identifier(cell)
    if written is None:
        return None
    try:
        return Split(written.lower())
    except ValueError:
        raise at.error(
            f"{quoted(written)} is not a split", remedy="Write train, val or test, or leave it empty."
        ) from None


def label(cell: object, *, at: Place, words: Mapping[str, int] = LABELS) -> int | None:
    """1 (present), 0 (absent) or None (unknown).

    Args:
        cell: The cell.
        at: Where it stands.
        words: Lower-case spellings and what they mean.

    Raises:
        ManifestError: It is written otherwise.
    """
    written = identifier(cell)
    if written is None:
        return None
    if written.lower() not in words:
        raise at.error(
            f"{quoted(written)} is not a label",
            remedy="Write 1 for present, 0 for absent, and leave it empty for unknown.",
        )
    return words[written.lower()]


def moment(cell: object, *, at: Place) -> datetime | None:
    """A time in ISO 8601; its offset from UTC is kept where there is one.

    Raises:
        ManifestError: It is written otherwise.
    """
    written = identifier(cell)
    if written is None:
        return None
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        raise at.error(
            f"{quoted(written)} is not a time", remedy="Write it as 2024-05-31T14:30:00, or leave it empty."
        ) from None


def image_paths(cell: object, *, at: Place) -> tuple[str, ...]:
    """The paths or URLs of a list, of a JSON list, or of text with `;` between them.

    Raises:
        ManifestError: It is no list of non-empty texts.
    """
    remedy = "Write a list of paths, in CSV as a JSON list or with ';' between them."
    if isinstance(cell, str):
        if not cell.lstrip().startswith("["):
            return tuple(part.strip() for part in cell.split(";") if part.strip())
        cell = _json(cell, at=at)
    if cell is None:
        return ()
    if not isinstance(cell, list):
        raise at.error("this is not a list of paths", remedy=remedy)
    for position, path in enumerate(cell, start=1):
        if not isinstance(path, str) or not path.strip():
            raise at.error(f"entry {position} of the list is not a path", remedy=remedy)
    return tuple(cell)


def image_metas(cell: object, *, count: int, at: Place) -> tuple[ImageMeta, ...]:
    """What is written of each of a study's images, in their order.

    Args:
        cell: A list of mappings, or JSON of one; missing when nothing is known.
        count: The number of images.
        at: Where the cell stands.

    Raises:
        ManifestError: The list has another length, or an entry is not understood.
    """
    if isinstance(cell, str):
        cell = _json(cell, at=at) if cell.strip() else None
    if cell is None:
        return (ImageMeta(),) * count
    remedy = "Give one entry per image, in the order of `images`, or leave the column empty."
    if not isinstance(cell, list) or len(cell) != count:
        size = len(cell) if isinstance(cell, list) else "no"
        raise at.error(f"there are {size} entries for {count} images", remedy=remedy)
    return tuple(_image_meta(entry, at=at) for entry in cell)


def _image_meta(entry: object, *, at: Place) -> ImageMeta:
    if entry is None:
        return ImageMeta()
    if not isinstance(entry, Mapping):
        raise at.error("an entry is not a mapping", remedy="Write each as {'modality': 'CR', …}.")
    unknown = sorted(set(map(str, entry)) - {*_META_FIELDS, "spacing_mm", "acquired_at"})
    if unknown:
        raise at.error(
            f"an entry has the unknown field {quoted_name(unknown[0])}",
            remedy=f"Use only {', '.join(_META_FIELDS)}, spacing_mm and acquired_at.",
        )
    spacing = entry.get("spacing_mm")
    if spacing is not None:
        if not isinstance(spacing, list):
            raise at.error("spacing_mm is not a list", remedy="Write a list of millimetres per axis.")
        steps = [number(step, at=at, low=0.0) for step in spacing]
        spacing = tuple(step for step in steps if step is not None)
    return ImageMeta(
        **{name: identifier(entry.get(name)) for name in _META_FIELDS},
        spacing_mm=spacing,
        acquired_at=moment(entry.get("acquired_at"), at=at),
    )


def read_delimited(path: Path, *, encoding: str = "utf-8", delimiter: str = ",") -> pa.Table:
    """A CSV or TSV file with every column as text and every empty cell as null.

    Args:
        path: The file; its first line names the columns.
        encoding: How its text is encoded; a UTF-8 byte order mark is dropped.
        delimiter: What stands between cells.

    Raises:
        ManifestError: A line has too many or too few cells, or the file cannot be opened or parsed.
        UnicodeDecodeError: The file is not in this encoding.
    """
    try:
        with path.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="") as file:
            names = next(csv.reader(file, delimiter=delimiter), [])
            for _ in iter(lambda: file.read(1 << 20), ""):
                pass  # Decoding the whole file tells an encoding error apart from a parsing error.
    except OSError as error:
        raise unreadable(path, error) from None
    uneven: list[str] = []

    def refuse(row: arrow_csv.InvalidRow) -> str:
        # The row's text may hold a note, so it is not repeated.
        uneven.append(f"line {row.number} has {row.actual_columns} cells and not {row.expected_columns}")
        return "error"

    try:
        table = arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(use_threads=False, encoding=encoding, block_size=_BLOCK),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=refuse
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
            ),
        )
    except pa.ArrowInvalid:
        raise ManifestError(
            f"table {path.name} cannot be parsed{': ' + uneven[0] if uneven else ''}",
            remedy="Save it as CSV in UTF-8, with cells that hold a comma, a quote or a line break in double quotes.",
        ) from None
    return table


def unreadable(path: Path, error: OSError) -> ManifestError:
    """The error for a table that cannot be opened."""
    missing = isinstance(error, FileNotFoundError)
    return ManifestError(
        f"table {path} {'does not exist' if missing else f'cannot be opened: {error.strerror}'}",
        remedy="Check the path and the permission to read it.",
        code=Code.FILE_NOT_FOUND if missing else Code.FILE_UNREADABLE,
    )


def _json(written: str, *, at: Place) -> object:
    try:
        parsed: object = json.loads(written)
    except ValueError:
        raise at.error("this is not valid JSON", remedy="Write a JSON list, with double quotes.") from None
    return parsed


def quoted(written: str) -> str:
    """A value as a message shows it: in quotes where it cannot be a name or a note in the wrong column."""
    return "this value" if _MAY_BE_WORDS.search(written) else repr(written)


def quoted_name(written: str) -> str:
    """The name of a field or section as a message shows it: one line, cut short."""
    shown = re.sub(r"\s+", " ", written)
    return repr(shown if len(shown) <= 24 else f"{shown[:20]}…")
