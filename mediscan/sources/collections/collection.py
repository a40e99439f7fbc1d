"""What a public collection is to mediscan: a name, and a reader of its original layout."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mediscan.sources.studies import SourceStudies


@dataclass(frozen=True, kw_only=True)
class Collection:
    """A public collection in the layout in which it is downloaded.

    Args:
        name: What `--collection` takes.
        title: What people call it.
        recognises: Whether a folder looks like this collection; it reads no more than names and a header line.
        read: The studies of the collection in a folder. Raises `ManifestError` where a file of the collection is
            missing or is not what it should be; what is wrong with a single record is its refusal.
    """

    name: str
    title: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path], SourceStudies]
