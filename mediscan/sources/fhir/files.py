"""JSON files to raw resources: Bundles, single resources and bulk exports (one resource a line)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from mediscan.diagnosis import Refusal
from mediscan.errors import Code, SourceError
from mediscan.sources.boundary import refusing

SUFFIXES = frozenset({".json", ".ndjson"})
"""File names that are read."""

MAX_BYTES = 256 << 20
"""No JSON document, which is a `.json` file or a line of an `.ndjson` file, may be longer."""

MAX_DEPTH = 64
"""No element may stand deeper; R4's own structures stay below 20."""

_REMEDY = "Export it again as FHIR R4 JSON in UTF-8."


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A resource as it stands in a file; `number` counts the entries or lines from 1."""

    file: Path
    number: int
    resource: dict[str, Any]
    full_url: str | None = None

    @property
    def where(self) -> str:
        """File and number, for messages."""
        return f"{self.file.name} entry {self.number}"


def read_entries(path: Path) -> Iterator[Entry | Refusal]:
    """The resources of a file, or why one of them cannot be read.

    Raises:
        SourceError: The whole file cannot be read. No message repeats content.
    """
    with refusing(path, "is not FHIR JSON", kind=SourceError, remedy=_REMEDY):
        if path.suffix.lower() == ".ndjson":
            entries = _of_lines(path)
        else:
            if path.stat().st_size > MAX_BYTES:
                raise _too_long(path.name)
            entries = _of_document(path, _parsed(path.read_bytes(), what=path.name))
        yield from entries


def _of_lines(path: Path) -> Iterator[Entry | Refusal]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_BYTES + 1):
            number += 1
            what = f"{path.name} line {number}"
            if len(line) > MAX_BYTES:
                raise _too_long(what)  # Where the next line begins is not known.
            if not line.strip():
                continue
            try:
                with refusing(path, f"line {number} is not JSON", kind=SourceError, remedy=_REMEDY):
                    document = _parsed(line, what=what)
            except SourceError as error:
                yield Refusal.of(what, error)
                continue
            yield _entry(path, number, document)


def _of_document(path: Path, document: object) -> Iterator[Entry | Refusal]:
    if not isinstance(document, dict) or document.get("resourceType") != "Bundle":
        yield _entry(path, 1, document)
        return
    entries = document.get("entry", [])
    if not isinstance(entries, list):
        raise SourceError(f"{path.name}: entry of the Bundle is not a list", remedy=_REMEDY)
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict):
            yield _refused(path, number, "is not an object")
        elif "resource" in entry:  # A transaction's DELETE, or a response, has none.
            url = entry.get("fullUrl")
            yield _entry(path, number, entry["resource"], full_url=url if isinstance(url, str) else None)


def _entry(path: Path, number: int, resource: object, *, full_url: str | None = None) -> Entry | Refusal:
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        return _refused(path, number, "is no resource")
    return Entry(file=path, number=number, resource=resource, full_url=full_url)


def _refused(path: Path, number: int, why: str) -> Refusal:
    where = f"{path.name} entry {number}"
    return Refusal.of(where, SourceError(f"{where} {why}", remedy=_REMEDY))


def _parsed(raw: bytes, *, what: str) -> object:
    document: object = json.loads(raw.decode("utf-8-sig"), parse_constant=_refuse_constant)
    level: list[object] = [document]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return document
    raise SourceError(f"{what} is nested deeper than {MAX_DEPTH} levels", remedy=_REMEDY)


def _children(parent: object) -> list[object]:
    children = parent.values() if isinstance(parent, dict) else parent if isinstance(parent, list) else ()
    return [child for child in children if isinstance(child, dict | list)]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are no JSON.


def _too_long(what: str) -> SourceError:
    return SourceError(
        f"{what} is longer than {MAX_BYTES >> 20} MiB",
        remedy="Split it, or use a bulk export (.ndjson).",
        code=Code.FILE_TOO_LARGE,
    )
