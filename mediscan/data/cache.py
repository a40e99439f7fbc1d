"""The cache of fitted planes: a second epoch and a second run decode nothing.

A cache changes how long reading takes and nothing else: whatever goes wrong with it, the image is read from its source.
Where it lies, what it holds and how to clear it is told in `docs/cache.md`.
"""

import os
import sys
import time
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import lmdb

from mediscan.data.cache_entries import pack, unpack
from mediscan.data.cache_store import open_store
from mediscan.data.images import FittedPlane
from mediscan.errors import ConfigError

PLACE = "MEDISCAN_CACHE"
"""The environment variable that names a folder to use instead of the user's cache folder."""

_GIB = 1 << 30
_LEAST_BYTES = 4 << 20
_RECENT_SECONDS = 3600
"""A use this long before a run began counts as one by the run: most looks at a warm cache need not be written down."""


class Verify(StrEnum):
    """Whether the source file of planes that are in the cache is hashed again.

    `ALWAYS` refuses a file that is missing or is not the one that the manifest names, as scoring must. `NEVER` does not
    look: the cache has the planes of the very file that the manifest names, and training needs no more.
    """

    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, kw_only=True)
class CacheUse:
    """What reading met: the names of entries it found, and the planes it had to make, by name."""

    found: list[bytes] = field(default_factory=list)
    made: dict[bytes, tuple[FittedPlane, ...]] = field(default_factory=dict)

    def add(self, other: "CacheUse") -> None:
        """Take over another's account."""
        self.found.extend(other.found)
        self.made.update(other.made)


@dataclass(frozen=True, kw_only=True)
class PlaneCache:
    """Planes of images by name, bounded in size. It can be sent to other processes, and opens its files in each.

    Eviction takes first what was used longest ago, and nothing that this run has used: a data set larger than the cache
    would otherwise push itself out, epoch after epoch, and never be found.

    Attributes:
        folder: Where the files lie; made when first used, closed to everybody but its owner.
        max_bytes: Bound of their size.
        verify: Whether source files are looked at.
        began_at: When the run began, in seconds since 1970.
    """

    folder: Path
    max_bytes: int
    verify: Verify = Verify.ALWAYS
    began_at: int = field(default_factory=lambda: int(time.time()))

    def get(self, name: bytes, *, size: int) -> tuple[FittedPlane, ...] | None:
        """The planes of an image; None where they are not there, or damaged.

        Args:
            name: From `entry_name`.
            size: Side of the square in pixels.
        """
        try:
            entry = open_store(self.folder, self.max_bytes).get(name)
        except (lmdb.Error, OSError):
            return None
        return None if entry is None else unpack(entry, name=name, size=size)

    def record(self, use: CacheUse) -> None:
        """Write planes that were made, and that those found were used, in one transaction.

        It waits for other writers, so one process of a run does it, for many images at once.
        """
        recent = self.began_at - _RECENT_SECONDS
        entries = {name: pack(planes, name=name) for name, planes in use.made.items()}
        try:
            store = open_store(self.folder, self.max_bytes)
            used = store.unused_since(recent, use.found)
            if entries or used:
                store.commit(entries, used=used, keep_since=recent)
        except (lmdb.Error, OSError):
            return  # a full disk, or files that another program broke: the next run decodes again


def open_cache(gib: float, *, verify: Verify) -> PlaneCache | None:
    """The user's cache; None where it is not wanted, or the user has no cache folder that can be written.

    Args:
        gib: Bound of its size in GiB; 0 for no cache.
        verify: Whether source files are looked at.

    Raises:
        ConfigError: The folder that MEDISCAN_CACHE names cannot be used.
    """
    if not gib:
        return None
    cache = PlaneCache(folder=cache_folder() / "planes", max_bytes=max(int(gib * _GIB), _LEAST_BYTES), verify=verify)
    try:
        open_store(cache.folder, cache.max_bytes)
    except (lmdb.Error, OSError) as error:
        if PLACE not in os.environ:
            return None
        raise ConfigError(
            f"{PLACE} names {cache_folder()}, where no cache can be kept ({type(error).__name__})",
            remedy=f"Name a folder of your own on a local disk, or unset {PLACE}.",
        ) from None
    return cache


def cache_folder() -> Path:
    """Where MEDISCAN_CACHE says, or else mediscan's part of the user's cache folder; never a shared temporary folder.

    Source: XDG Base Directory Specification, 0.8.
    """
    if named := os.environ.get(PLACE):
        return Path(named).absolute()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "mediscan" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "mediscan"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mediscan"
