"""The headers of many images, read in processes of their own where there are many."""

import multiprocessing
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from mediscan.errors import SourceError
from mediscan.progress import Progress
from mediscan.sources.description import ImageDescription
from mediscan.sources.reading import describe_image

_WORKERS = 2
_WORTH_A_POOL = 64
"""Fewer images are described sooner than worker processes start."""
_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class Described:
    """What reading one image's header gave, in how many seconds."""

    outcome: ImageDescription | SourceError
    seconds: float


def describe_all(paths: Sequence[str], *, progress: Progress) -> Mapping[str, Described]:
    """Describe images by their paths; what cannot be read is its error.

    Raises:
        SourceError: A worker process was ended from outside.
    """
    described: dict[str, Described] = {}
    for path, outcome in zip(paths, _outcomes(paths), strict=True):
        described[path] = outcome
        progress("describe images", len(described), len(paths))
    return described


def _outcomes(paths: Sequence[str]) -> Iterator[Described]:
    if len(paths) < _WORTH_A_POOL:
        yield from map(_describe, paths)
        return
    # Started afresh, since a copy of a process with threads may inherit a lock that nobody opens again.
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(_WORKERS, mp_context=context) as pool:
            yield from pool.map(_describe, paths, chunksize=_AT_ONCE)
    except BrokenProcessPool as error:
        raise SourceError(
            "a process that reads image headers was ended from outside",
            remedy="Free some memory and run again; a script must call this under `if __name__ == '__main__':`.",
        ) from error


def _describe(path: str) -> Described:
    start = time.perf_counter()
    outcome: ImageDescription | SourceError
    try:
        outcome = describe_image(path)
    except SourceError as error:
        outcome = error
    return Described(outcome=outcome, seconds=time.perf_counter() - start)
