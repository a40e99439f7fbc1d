"""A bundle's files: a folder that is a trained model and all that is needed to use and to trust it.

Each file is listed with its hash in `manifest.sha256`. Nothing here imports torch, so that asking a bundle what it is
takes no time.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from mediscan.data.images import PREPROCESSING_VERSION
from mediscan.errors import BundleError

FORMAT = 1
RETRAIN = "Open it with the version of mediscan that made it, or train it again."
_CHECKSUMS = "manifest.sha256"


def read_config(folder: Path) -> dict[str, Any]:
    """A bundle's config.json, its versions checked; opens nothing heavy.

    Raises:
        BundleError: There is none, or an incompatible version made it.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise BundleError(f"{folder} is not a bundle: it has no config.json", remedy="Give the folder train wrote.")
    stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for name, mine in (("format", FORMAT), ("preprocessing_version", PREPROCESSING_VERSION)):
        if stored.get(name) != mine:
            raise BundleError(f"bundle {folder} has {name} {stored.get(name)!r}, not {mine}", remedy=RETRAIN)
    return stored


def check(folder: Path) -> None:
    """Compare every file of a bundle with its checksum.

    Raises:
        BundleError: A file is missing, altered, or not listed.
    """
    listing = folder / _CHECKSUMS
    if not listing.is_file():
        raise BundleError(f"{folder} is not a bundle: it has no {_CHECKSUMS}", remedy="Give the folder train wrote.")
    lines = listing.read_text(encoding="utf-8").splitlines()
    expected = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    found = {str(path.relative_to(folder)): path for path in _files(folder)}
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            raise BundleError(f"bundle {folder} lacks {name}", remedy="Copy the bundle again, whole.")
        if expected.get(name) != sha256_of(found[name]):
            raise BundleError(
                f"{name} in bundle {folder} is not the file that was saved", remedy="Copy the bundle again, or retrain."
            )


def write_checksums(folder: Path) -> None:
    """Write `manifest.sha256` over every file of a bundle."""
    lines = [f"{sha256_of(path)}  {path.relative_to(folder)}\n" for path in _files(folder)]
    (folder / _CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _CHECKSUMS)


def sha256_of(path: Path) -> str:
    """A file's hash, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
