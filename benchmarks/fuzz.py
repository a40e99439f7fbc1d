"""Ten thousand broken DICOM files: each must be read or refused by a `SourceError`, fast and in bounded memory."""

import multiprocessing
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random

from pydicom import data as pydicom_data

from benchmarks.mutations import MUTATIONS

FILES = 10_000
MOST_SECONDS = 5.0
MOST_BYTES = 2 << 30
_SEED_BYTES = 400_000
_AT_ONCE = 100
_WORKERS = 2


def seeds() -> list[Path]:
    """Small files of every kind among those that pydicom is tested with."""
    local = Path(pydicom_data.__file__).parent.glob("test_files/**/*.dcm")
    return sorted(path for path in local if _is_part_10(path) and path.stat().st_size <= _SEED_BYTES)


def _is_part_10(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def broken_file(number: int, sources: list[Path]) -> tuple[str, bytes]:
    """The kind and the content of a broken file; the same number gives the same file."""
    draw = Random(number)  # noqa: S311 - the same files each time, not a secret
    kind = list(MUTATIONS)[number % len(MUTATIONS)]
    for _ in range(20):
        data = draw.choice(sources).read_bytes()
        try:
            with warnings.catch_warnings(action="ignore"):
                return kind, MUTATIONS[kind](data, draw)
        except Exception:  # noqa: BLE001, S112 - a seed that this mutation cannot be written on; draw another
            continue
    raise RuntimeError(kind)


def read_batch(first: int) -> list[tuple[str, str, float]]:
    """(kind, outcome, seconds) of a batch; an outcome that starts with `!` breaks the promise."""
    from mediscan.errors import SourceError  # noqa: PLC0415 - in the worker, after its start
    from mediscan.sources import describe_image, read_image  # noqa: PLC0415

    # A file that takes more than it may is met by the process's limit, which shows as an outcome of its own.
    resource.setrlimit(resource.RLIMIT_AS, (4 * MOST_BYTES, 4 * MOST_BYTES))
    sources, results = seeds(), []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(first, first + _AT_ONCE):
            kind, data = broken_file(number, sources)
            path = Path(folder) / f"{number}.dcm"
            path.write_bytes(data)
            for read in (describe_image, read_image):
                start = time.perf_counter()
                try:
                    read(path)
                    outcome = "read"
                except SourceError as error:
                    outcome = f"refused: {error.code}"
                except BaseException as error:  # noqa: BLE001 - what may not happen is what is looked for
                    outcome = f"! {type(error).__name__} in number {number}"
                results.append((kind, outcome, time.perf_counter() - start))
            path.unlink()
    return results


def peak_bytes(_: int) -> int:
    """The most memory that this process or one that it started ever had."""
    scale = 1 if sys.platform == "darwin" else 1024
    return scale * max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def batches(files: int) -> Iterator[list[tuple[str, str, float]]]:
    """Results of `files` broken files, batch by batch; a worker that dies ends the run with an error."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(_WORKERS, mp_context=context) as pool:
        yield from pool.map(read_batch, range(0, files, _AT_ONCE))
        yield [("memory", str(peak), 0.0) for peak in pool.map(peak_bytes, range(2 * _WORKERS))]


def run(files: int = FILES) -> dict[str, object]:
    started = time.perf_counter()
    *results, peaks = batches(files)
    rows = [row for batch in results for row in batch]
    by_kind = {
        kind: dict(sorted(Counter(outcome for of, outcome, _ in rows if of == kind).items())) for kind in MUTATIONS
    }
    return {
        "title": f"{files:,} broken DICOM files",
        "command": "python -m benchmarks fuzz",
        "files": files,
        "outcomes": dict(Counter(outcome.split(" in number")[0] for _, outcome, _ in rows).most_common()),
        "failures": sorted(outcome for _, outcome, _ in rows if outcome.startswith("!"))[:20],
        "slowest_seconds": round(max(seconds for _, _, seconds in rows), 2),
        "over_5_seconds": sum(seconds > MOST_SECONDS for _, _, seconds in rows),
        "peak_memory_mib": max(int(peak) for _, peak, _ in peaks) >> 20,
        "by_kind": by_kind,
        "seconds": round(time.perf_counter() - started),
    }
