"""Planted identity left after `mediscan deidentify`: every attribute of PS3.15 Annex E, and a list of our own."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pydicom

from mediscan.deidentify.run import DeidentifyOptions, deidentify
from tests.deident_builders import annex_e, canary, left_in, named_like_identity, planted_file

_LISTS: dict[str, Callable[[], frozenset[int]]] = {"annex_e": annex_e, "named_like_identity": named_like_identity}


def run() -> dict[str, object]:
    return {"command": "mediscan deidentify SRC --out DIR"} | {name: _measure(tags()) for name, tags in _LISTS.items()}


def _measure(tags: frozenset[int]) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        source.mkdir()
        planted = planted_file(source / f"{canary(0)}.dcm", tags)
        options = DeidentifyOptions(secret=Path(folder) / "secret")
        result = deidentify(source, Path(folder) / "out", options)
        copies = list(result.out.rglob("*.dcm"))
        left = [one.keyword for copy in copies for one in left_in(pydicom.dcmread(copy), copy.read_bytes(), planted)]
    return {"attributes": len(tags), "planted": len(planted), "files": len(copies), "left": len(left), "which": left}
