"""Ten thousand broken DICOM files, and others that hospitals send: each read or refused, soon, in little memory."""

import multiprocessing
import os
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import chain
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

from pydicom import data as pydicom_data

from benchmarks.bombs import BOMBS
from benchmarks.mutations import MUTATIONS, flip_header_bits
from benchmarks.other_files import OTHER_FILES

FILES = 10_000
OTHERS = 1_000
MOST_SECONDS = 5.0
MOST_BYTES = 2 << 30
_SEED_BYTES = 400_000
_HANG_SECONDS = 60.0
_WORKERS = 2
_SPOILT_BOMBS = 0.2
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes
_KINDS = (*MUTATIONS, *MUTATIONS, *MUTATIONS, *BOMBS)  # bombs take longer to write


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one reader made of one broken file; an outcome that starts with `!` breaks the promise.

    `seconds` pass on the clock, other programs included; `own_seconds` are the process's and those of its children.
    """

    kind: str
    number: int
    outcome: str
    seconds: float = 0.0
    own_seconds: float = 0.0
    peak_bytes: int = 0  # that the process had so far
    child_peak_bytes: int = 0


Reader = Callable[[int, Path], Iterator[Reading]]
"""Reads the broken file of a number, which it writes below a folder."""


@cache
def seeds() -> tuple[Path, ...]:
    """Small files of every kind among those that pydicom is tested with."""
    local = Path(pydicom_data.__file__).parent.glob("test_files/**/*.dcm")
    return tuple(sorted(path for path in local if _is_part_10(path) and path.stat().st_size <= _SEED_BYTES))


def _is_part_10(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def kind_of(number: int) -> str:
    """How the DICOM file of that number is broken."""
    return _KINDS[number % len(_KINDS)]


def broken_dicom(number: int) -> tuple[str, bytes]:
    """The kind and the content of a broken file; the same number gives the same file."""
    draw = Random(number)  # noqa: S311 - the same files each time, not a secret
    kind = kind_of(number)
    if kind in BOMBS:
        content = BOMBS[kind](draw)
        return kind, flip_header_bits(content, draw) if draw.random() < _SPOILT_BOMBS else content
    for _ in range(20):
        data = draw.choice(seeds()).read_bytes()
        try:
            with warnings.catch_warnings(action="ignore"):
                return kind, MUTATIONS[kind](data, draw)
        except Exception:  # noqa: BLE001, S112 - a seed that this mutation cannot be written on; draw another
            continue
    raise RuntimeError(kind)


def read_dicom_number(number: int, folder: Path) -> Iterator[Reading]:
    """Describe and read a broken DICOM file."""
    from mediscan.sources import describe_image, read_image  # noqa: PLC0415 - in the worker, after its start

    kind, content = broken_dicom(number)
    path = folder / f"{number}.dcm"
    path.write_bytes(content)
    for read in (describe_image, read_image):
        yield _timed(kind, number, lambda read=read: read(path))
    path.unlink()


def read_other_number(number: int, folder: Path) -> Iterator[Reading]:
    """Scan a broken file of another kind, or a folder of broken files, as an ingest does, and read its images."""
    from mediscan.sources import describe_image, read_image  # noqa: PLC0415
    from mediscan.sources.folder import scan  # noqa: PLC0415

    kind = list(OTHER_FILES)[number % len(OTHER_FILES)]
    place = folder / str(number)
    place.mkdir()
    with warnings.catch_warnings(action="ignore"):  # of what is written
        source = OTHER_FILES[kind](place, Random(number))  # noqa: S311 - as above
    found: list[Path] = []
    yield _timed(
        kind, number, lambda: found.extend(image.path for image in scan(source, unpack_into=place / "z").images)
    )
    for path in found[:20]:
        for read in (describe_image, read_image):
            yield _timed(kind, number, lambda read=read, path=path: read(path))


def peak_bytes() -> int:
    """The most memory that this program ever held."""
    # Not ru_maxrss where there is better: a process inherits it from the one that started it.
    status = Path("/proc/self/status")
    if status.is_file():
        return int(status.read_text(encoding="ascii").partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT


def _timed(kind: str, number: int, work: Callable[[], object]) -> Reading:
    from mediscan.errors import MediscanError  # noqa: PLC0415

    start, own_start = time.perf_counter(), sum(os.times()[:4])
    try:
        work()
        outcome = "read"
    except MediscanError as error:
        outcome = f"refused: {error.code}"
    except BaseException as error:  # noqa: BLE001 - what may not happen is what is looked for
        outcome = f"! {type(error).__name__}"
    own, child = peak_bytes(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _RSS_UNIT
    return Reading(
        kind=kind,
        number=number,
        outcome=outcome,
        seconds=time.perf_counter() - start,
        own_seconds=sum(os.times()[:4]) - own_start,
        peak_bytes=own,
        child_peak_bytes=child,
    )


def _work(reader: Reader, numbers: Sequence[int], results: Connection) -> None:
    # What asks for more than this is met by an outcome of its own.
    resource.setrlimit(resource.RLIMIT_AS, (4 * MOST_BYTES, 4 * MOST_BYTES))
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            results.send(list(reader(number, Path(folder))))


def supervised(reader: Reader, numbers: Iterable[int], *, hang_seconds: float = _HANG_SECONDS) -> Iterator[Reading]:
    """Readings made in another process, which is replaced where a file ends it or keeps it for too long."""
    context = multiprocessing.get_context("spawn")
    left = deque(numbers)
    while left:
        results, sender = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(reader, tuple(left), sender), daemon=True)
        process.start()
        sender.close()
        lost = None
        while left and lost is None:
            try:
                if results.poll(hang_seconds):
                    yield from results.recv()
                    left.popleft()
                else:
                    lost = "! hang"
            except EOFError:
                lost = "! the process ended"
        if lost is not None:
            yield Reading(kind="lost", number=left.popleft(), outcome=lost, seconds=hang_seconds)
        process.kill()
        process.join()


def readings(reader: Reader, count: int) -> list[Reading]:
    """All readings of so many broken files, by two processes."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        parts = pool.map(lambda first: list(supervised(reader, range(first, count, _WORKERS))), range(_WORKERS))
        return list(chain.from_iterable(parts))


def run(files: int = FILES, others: int = OTHERS) -> dict[str, object]:
    started = time.perf_counter()
    found = {
        "DICOM files": readings(read_dicom_number, files),
        "other files and folders": readings(read_other_number, others),
    }
    every = [reading for part in found.values() for reading in part]
    failures = [reading for reading in every if reading.outcome.startswith("!") or reading.seconds > MOST_SECONDS]
    return {
        "title": f"{files:,} broken DICOM files, and {others:,} other broken files and folders",
        "command": "python -m benchmarks fuzz",
        "files": files,
        "other_files": others,
        "crashes_and_wrong_errors": sum(reading.outcome.startswith("!") for reading in every),
        "over_5_seconds": sum(reading.seconds > MOST_SECONDS for reading in every),
        "slowest_seconds": round(max(reading.seconds for reading in every), 2),
        "slowest_processor_seconds": round(max(reading.own_seconds for reading in every), 2),
        "peak_memory_mib": max(reading.peak_bytes for reading in every) >> 20,
        "peak_memory_of_children_mib": max(reading.child_peak_bytes for reading in every) >> 20,
        "failures": [f"{one.kind}, number {one.number}: {one.outcome}, {one.seconds:.1f} s" for one in failures[:20]],
        "rows": [row for part, all_of in found.items() for row in _rows(part, all_of)],
        "seconds": round(time.perf_counter() - started),
    }


def _rows(part: str, every: Sequence[Reading]) -> Iterator[dict[str, object]]:
    for kind in dict.fromkeys(reading.kind for reading in every):
        of_kind = [reading for reading in every if reading.kind == kind]
        outcomes = Counter(reading.outcome for reading in of_kind).most_common()
        yield {
            "part": part,
            "kind": kind,
            "files": len({reading.number for reading in of_kind}),
            "outcomes": ", ".join(f"{outcome.removeprefix('refused: ')} {count}" for outcome, count in outcomes),
            "slowest_seconds": round(max(reading.seconds for reading in of_kind), 2),
            "peak_memory_mib": max(reading.peak_bytes for reading in of_kind) >> 20,
        }
