"""A bounded store of named bytes on disk, memory-mapped and shared by processes: what the cache asks of LMDB.

Each commit is atomic and flushed, so that a killed process or a power cut leaves whole entries only.

Source: http://www.lmdb.tech/doc/ (caveats), https://lmdb.readthedocs.io.
"""

import os
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import lmdb

_MOST_READERS = 1024
_FULL, _RELIEVED = 0.85, 0.75
"""Shares of the bound at which eviction begins and ends. LMDB needs the rest to write at all: it copies the pages that
it changes, and reuses none that a reader may still see."""
_PAGE_HEADER_BYTES = 16
_BROKEN = (lmdb.InvalidError, lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.VersionMismatchError)


class EntryStore:
    """Named bytes, each with the time of its last use. One process has one store of a folder: see `open_store`.

    Args:
        folder: Where the files lie; made if it is not there, and closed to everybody but its owner.
        max_bytes: Bound of the files' size. Files that are larger already stay so until they are deleted.

    Raises:
        OSError: The folder cannot be made or belongs to somebody else.
        lmdb.Error: The files cannot be opened.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._max_bytes = max_bytes
        self._environment = _open_sound(folder, max_bytes)
        self._entries = self._environment.open_db(b"entries")
        self._used = self._environment.open_db(b"used")
        self._page = self._environment.stat()["psize"]
        self._exhausted_at = -1
        self._environment.reader_check()  # one that was killed would keep the pages it saw from being reused

    def get(self, name: bytes) -> bytes | None:
        """An entry; None where there is none."""
        with self._begin() as transaction:
            return transaction.get(name, db=self._entries)

    def unused_since(self, moment: int, names: Iterable[bytes]) -> list[bytes]:
        """Those of the names whose last use lies before a moment (seconds since 1970)."""
        with self._begin() as transaction:
            return [name for name in names if transaction.get(name, b"", db=self._used) < _stamp(moment)]

    def commit(self, entries: Mapping[bytes, bytes], *, used: Iterable[bytes], keep_since: int) -> None:
        """Add entries and note the use of others, all or nothing; entries that find no room are left out.

        Args:
            entries: What to add.
            used: Names of entries whose last use is now.
            keep_since: Entries used since this moment are not evicted for the new ones.
        """
        room = self._make_room(entries.values(), keep_since)
        now = _stamp(int(time.time()))
        try:
            with self._begin(write=True) as transaction:
                for name, entry in entries.items() if room else ():
                    transaction.put(name, entry, db=self._entries)
                    transaction.put(name, now, db=self._used)
                for name in used:
                    transaction.put(name, now, db=self._used)
        except lmdb.MapFullError:
            # There is room, but in pieces or held by readers. Less use of it leaves larger pieces for the next commit.
            self._evict(self.bytes_used * _RELIEVED, keep_since)

    @property
    def bytes_used(self) -> int:
        """Size of the pages that hold something; free pages, which the files keep, are not counted."""
        with self._begin() as transaction:
            stats = [transaction.stat(database) for database in (self._entries, self._used)]
        return self._page * sum(stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"] for stat in stats)

    def _make_room(self, entries: Iterable[bytes], keep_since: int) -> bool:
        coming = sum(self._bytes_of(entry) for entry in entries)
        if self.bytes_used + coming <= _FULL * self._max_bytes:
            return True
        if keep_since <= self._exhausted_at:  # known without another look at all the times
            return False
        self._evict(_RELIEVED * self._max_bytes - coming, keep_since)
        return self.bytes_used + coming <= _FULL * self._max_bytes

    def _evict(self, wanted_bytes: float, keep_since: int) -> None:
        """Delete what was used longest ago until no more than `wanted_bytes` are used."""
        used = self.bytes_used
        with self._begin(write=True) as transaction:
            for stamp, name in sorted((stamp, name) for name, stamp in transaction.cursor(self._used)):
                if used <= wanted_bytes:
                    return
                if stamp >= _stamp(keep_since):
                    break
                used -= self._bytes_of(transaction.pop(name, db=self._entries) or b"")
                transaction.delete(name, db=self._used)
        self._exhausted_at = keep_since

    def _bytes_of(self, entry: bytes) -> int:
        return -(-(len(entry) + _PAGE_HEADER_BYTES) // self._page) * self._page

    def _begin(self, *, write: bool = False) -> "lmdb.Transaction[bytes]":
        try:
            return self._environment.begin(write=write)
        except lmdb.MapResizedError:  # another process was given a larger bound
            self._environment.set_mapsize(0)
            return self._environment.begin(write=write)


_STORES: dict[Path, EntryStore] = {}
_LOCK = threading.Lock()


def open_store(folder: Path, max_bytes: int) -> EntryStore:
    """This process's store of a folder, which stays open: LMDB must not open the same files twice in a process.

    Raises:
        OSError: The folder cannot be made or belongs to somebody else.
        lmdb.Error: The files cannot be opened.
    """
    with _LOCK:
        if folder not in _STORES:
            _STORES[folder] = EntryStore(folder, max_bytes)
        return _STORES[folder]


if hasattr(os, "register_at_fork"):
    # Nor may a forked process use its parent's: it opens the files for itself.
    os.register_at_fork(after_in_child=_STORES.clear)


def _open_sound(folder: Path, max_bytes: int) -> lmdb.Environment:
    """The files of a folder, made anew where they are no LMDB files or are cut short: reading past their end kills."""
    data = folder / "data.mdb"
    try:
        environment = _open(folder, max_bytes)
        if (environment.info()["last_pgno"] + 1) * environment.stat()["psize"] <= data.stat().st_size:
            return environment
        environment.close()
    except _BROKEN:
        pass
    for file in (data, folder / "lock.mdb"):
        file.unlink(missing_ok=True)
    return _open(folder, max_bytes)


def _open(folder: Path, max_bytes: int) -> lmdb.Environment:
    return lmdb.open(
        str(folder),
        map_size=max_bytes,
        mode=0o700,
        metasync=False,  # a power cut may undo the last commit, and breaks nothing
        max_readers=_MOST_READERS,
        max_dbs=2,
        readahead=False,  # entries are met in the order of studies, and lie in that of their names
    )


def _stamp(moment: int) -> bytes:
    return moment.to_bytes(8, "big")  # sorts as the time does
