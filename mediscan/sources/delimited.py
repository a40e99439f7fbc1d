"""Tables of text as spreadsheets save them: which encoding a file has, and what stands between its cells."""

import codecs
import csv
from pathlib import Path

import pyarrow as pa

from mediscan import cells
from mediscan.errors import ManifestError

_MARKS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_ENCODINGS = ("utf-8", "cp1252")
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}


def read_delimited(path: Path) -> tuple[pa.Table, tuple[str, ...]]:
    """A CSV or TSV file with every column as text, and notices of how it was read.

    Spreadsheets save CSV with semicolons where the comma is the decimal sign, and "Unicode text" as UTF-16 with tabs.
    What stands between the names of the columns stands between all cells; without any of them it is what the file's
    name says.

    Raises:
        ManifestError: The file cannot be opened or parsed, or is in none of UTF-8, UTF-16 and Windows-1252.
    """
    encoding = _encoding(path)
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    delimiter = _delimiter(path, encoding=encoding, usual=usual)
    notices = []
    if encoding == "cp1252":
        notices.append(f"Table {path.name} is not in UTF-8 and was read as Windows-1252.")
    if delimiter != usual:
        notices.append(f"Table {path.name} was read with {_DELIMITERS[delimiter]} between its cells.")
    return cells.read_delimited(path, delimiter=delimiter, encoding=encoding), tuple(notices)


def _encoding(path: Path) -> str:
    try:
        with path.open("rb") as file:
            start = file.read(2)
    except OSError as error:
        raise cells.unreadable(path, error) from None
    marked = next((encoding for mark, encoding in _MARKS if start == mark), None)
    for encoding in (marked,) if marked else _ENCODINGS:
        try:
            with path.open(encoding=encoding, newline="") as file:
                while file.read(1 << 20):
                    pass
        except UnicodeDecodeError:
            continue
        return encoding
    raise ManifestError(
        f"table {path.name} is in none of UTF-8, UTF-16 and Windows-1252", remedy="Save it again as UTF-8."
    )


def _delimiter(path: Path, *, encoding: str, usual: str) -> str:
    with path.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="") as file:
        header = file.readline()
    columns = {one: len(next(csv.reader([header], delimiter=one), [])) for one in _DELIMITERS}
    most = max(columns, key=lambda one: columns[one])
    return usual if columns[usual] == columns[most] else most
