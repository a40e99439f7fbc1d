"""The files of a collection: found by their original names, and read by column."""

import csv
import gzip
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from mediscan import cells
from mediscan.errors import Code, ManifestError

_BLOCK = 1 << 24  # No row may be longer than a block, and reports are long.


def find(root: Path, *patterns: str) -> Path | None:
    """The first file or folder below `root` that one of the patterns names; earlier patterns come first."""
    return next((path for pattern in patterns for path in sorted(root.glob(pattern))), None)


def require(root: Path, *patterns: str, download: str) -> Path:
    """As `find`, for a file that the collection cannot be read without.

    Args:
        root: The collection's folder.
        patterns: What the file may be called, its usual name first.
        download: Where it is downloaded, for the message.

    Raises:
        ManifestError: There is no such file (FILE_NOT_FOUND).
    """
    found = find(root, *patterns)
    if found is None:
        raise ManifestError(
            f"folder {root} holds no {patterns[0]}", remedy=f"Download it: {download}.", code=Code.FILE_NOT_FOUND
        )
    return found


def csv_names(stem: str) -> tuple[str, str]:
    """The names of a table that is distributed compressed and often kept unpacked."""
    return f"{stem}.csv.gz", f"{stem}.csv"


def header(path: Path) -> tuple[str, ...]:
    """The column names of a CSV or TSV file, which may be compressed with gzip; empty where it cannot be read."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as file:
            return tuple(name.strip() for name in next(csv.reader(file, delimiter=_delimiter(path)), []))
    except (OSError, EOFError, zlib.error, csv.Error):
        return ()


def has_columns(path: Path | None, *names: str) -> bool:
    """Whether a table is there and has all of these columns."""
    return path is not None and set(names) <= set(header(path))


def read_table(path: Path, *, columns: Mapping[str, str], optional: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Some columns of a CSV or TSV file, all of them text without space around it; an empty cell is missing.

    Only these columns are ever held in memory, so the large tables of a collection stay small.

    Args:
        path: The file; one that ends in .gz is unpacked on the way.
        columns: The columns' names in the file, and what they are to be called.
        optional: Columns that may be missing, and are then empty.

    Raises:
        ManifestError: The file cannot be read, or a column is missing.
    """
    present = header(path)
    if not present:
        raise _broken(path, "is empty or damaged")
    if missing := [name for name in columns if name not in present]:
        raise ManifestError(
            f"table {path.name} has no column {missing[0]!r}",
            remedy="Download it again from the collection; it must keep its original columns.",
        )
    taken = {**columns, **{name: ours for name, ours in (optional or {}).items() if name in present}}
    frame: pd.DataFrame = _arrow(path, tuple(taken)).rename_columns(list(taken.values())).to_pandas()
    for ours in (optional or {}).values():
        if ours not in frame:
            frame[ours] = pd.Series(None, index=frame.index, dtype="str")
    return frame


def read_json(path: Path) -> object:
    """The value that a JSON file holds.

    Raises:
        ManifestError: The file cannot be read or is not JSON.
    """
    try:
        value: object = json.loads(path.read_bytes())
    except OSError as error:
        raise cells.unreadable(path, error) from None
    except (ValueError, RecursionError):
        raise _broken(path, "is not JSON") from None
    return value


def read_json_lines(path: Path) -> Iterator[Mapping[str, object]]:
    """The objects of a file that holds one JSON object a line.

    Raises:
        ManifestError: The file cannot be read, or a line is no JSON object.
    """
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                value = json.loads(line) if line.strip() else {}
                if not isinstance(value, dict):
                    raise _broken(path, f"has no object in line {number}")
                yield value
    except OSError as error:
        raise cells.unreadable(path, error) from None
    except (ValueError, RecursionError):
        raise _broken(path, "is not JSON, one object a line") from None


def by_name(folders: Iterable[Path]) -> Mapping[str, str]:
    """The files right in these folders: name → absolute path. Of two with one name the first is taken."""
    found: dict[str, str] = {}
    for folder in folders:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                found.setdefault(entry.name, os.path.abspath(entry.path))  # noqa: PTH100 - 100,000 paths; Path is slow
    return found


def _arrow(path: Path, columns: Sequence[str]) -> pa.Table:
    try:
        table = arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK),
            parse_options=arrow_csv.ParseOptions(delimiter=_delimiter(path), newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=list(columns), column_types=dict.fromkeys(columns, pa.string())
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError):
        raise _broken(path, "cannot be parsed as CSV in UTF-8") from None
    except OSError as error:
        raise cells.unreadable(path, error) if error.errno else _broken(path, "cannot be unpacked") from None
    trimmed = [pc.utf8_trim_whitespace(column) for column in table.columns]
    return pa.table(
        [pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column) for column in trimmed],
        names=table.column_names,
    )


def _delimiter(path: Path) -> str:
    return "\t" if path.name.endswith((".tsv", ".tsv.gz")) else ","


def _broken(path: Path, why: str) -> ManifestError:
    # Never with the parser's own words, which quote the content.
    return ManifestError(f"file {path.name} {why}", remedy="Download it again from the collection.")
