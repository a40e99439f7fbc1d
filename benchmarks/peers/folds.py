"""Cross-validation by patient, the same for every model."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from benchmarks.peers.collection import Collection

FOLDS = 5

Learner = Callable[[Collection, NDArray[np.int64], NDArray[np.int64], int], NDArray[np.float64]]
"""A learner sees a collection, the rows to learn from, the rows to score, and a seed.

It gives (held out, C) class probabilities. The labels of the rows to score are not for it.
"""


def folds(
    collection: Collection, *, seed: int, rows: NDArray[np.int64] | None = None, parts: int = FOLDS
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Rows to learn from and rows to score, five times; with `rows`, inside a training part."""
    rows = np.arange(len(collection.labels)) if rows is None else rows
    splitter = StratifiedGroupKFold(n_splits=parts, shuffle=True, random_state=seed)
    for train, held_out in splitter.split(rows, collection.labels[rows], collection.patients[rows]):
        yield rows[train], rows[held_out]


def out_of_fold(
    learner: Learner,
    collection: Collection,
    *,
    seed: int,
    rows: NDArray[np.int64] | None = None,
    parts: int = FOLDS,
) -> NDArray[np.float64]:
    """(N, C) probabilities, each by a model that never saw the patient; NaN for rows that are left out."""
    scores = np.full((len(collection.labels), len(collection.classes)), np.nan)
    for fold, (train, held_out) in enumerate(folds(collection, seed=seed, rows=rows, parts=parts)):
        torch.manual_seed(1000 * seed + fold)
        scores[held_out] = learner(collection, train, held_out, 1000 * seed + fold)
    return scores
