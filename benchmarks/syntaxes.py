"""What becomes of every DICOM object at hand: transfer syntax × outcome, over pydicom's files and `../shared/data`."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pydicom
from pydicom.uid import UID

from benchmarks.real_data import DATA
from mediscan.errors import Code, SourceError
from mediscan.sources.dicom.header import is_dicom, open_header
from mediscan.sources.dicom.read import read_dicom

_ALLOWED = frozenset(Code) - {Code.INTERNAL}
_COLUMNS = ("source", "transfer syntax", "outcome", "decoder", "files")


def run() -> dict[str, object]:
    """The table as rows of `_COLUMNS`, and its totals; raises whatever a reader raises other than a refusal."""
    started = time.perf_counter()
    counts = Counter((source, *_outcome(path)) for source, path in _files())
    rows = [dict(zip(_COLUMNS, (*key, count), strict=True)) for key, count in sorted(counts.items())]
    print("\n".join(_markdown(rows)))
    return {
        "command": "python -m benchmarks syntaxes",
        "seconds": round(time.perf_counter() - started, 1),
        "files": counts.total(),
        "read": sum(row["files"] for row in rows if row["outcome"] == "read"),
        "rows": rows,
    }


def _files() -> Iterator[tuple[str, Path]]:
    """Every file that starts as DICOM does, by where it comes from."""
    installed = Path(pydicom.__file__).parent / "data"
    for source, folder in (("pydicom", installed), ("covid-cxr", DATA / "covid-cxr" / "dicom")):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and is_dicom(path.read_bytes()[:132]):
                yield source, path


def _outcome(path: Path) -> tuple[str, str, str]:
    """Transfer syntax, `read` or the code of the refusal, and decoder."""
    syntax = "unknown"
    try:
        stated = UID(open_header(path).syntax)
        syntax = stated.name if stated.is_transfer_syntax else "unknown"
        pixels = read_dicom(path)
    except SourceError as error:
        if error.code not in _ALLOWED:
            raise
        return syntax, str(error.code), ""
    return syntax, "read", pixels.decoder or ""


def _markdown(rows: list[dict[str, object]]) -> Iterator[str]:
    yield f"| {' | '.join(_COLUMNS)} |"
    yield "|---" * len(_COLUMNS) + "|"
    for row in rows:
        yield f"| {' | '.join(str(row[column]) for column in _COLUMNS)} |"
