"""Patient-level bootstrap: how far a number would move had other patients been sampled."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MIN_DEFINED = 0.5
"""Share of draws in which a number must be defined for an interval to be given."""

_CHUNK_VALUES = 4_000_000
"""How many weights are worked on at once, so that memory stays near 100 MB whatever the number of draws."""


def patient_weights(patients: Sequence[str], *, draws: int = 1000, seed: int = 0) -> NDArray[np.int64]:
    """How often each study counts when as many patients as there are get drawn with replacement.

    All studies of a patient are drawn together, for they are not independent. The order of the studies does not matter:
    a patient's weight depends on the patient's place in the sorted set of patients.

    Args:
        patients: The patient of each of the N studies, at least one.
        draws: Number of bootstrap draws B.
        seed: The same seed gives the same weights.

    Returns:
        (B, N) int64, zero or more.

    Source: Field and Welsh, Bootstrapping clustered data, J. R. Stat. Soc. B 69 (2007), the "cluster bootstrap".
    """
    names, patient_of_study = np.unique(np.asarray(patients, dtype=np.str_), return_inverse=True)
    rng = np.random.default_rng(seed)
    weights = np.empty((draws, len(patient_of_study)), dtype=np.int64)
    for draw in weights:
        drawn = rng.integers(len(names), size=len(names))  # (patients,)
        draw[:] = np.bincount(drawn, minlength=len(names))[patient_of_study]  # (N,)
    return weights


def weighted_auroc(
    labels: NDArray[Any], scores: NDArray[np.floating[Any]], weights: NDArray[Any]
) -> NDArray[np.float64]:
    """Area under the ROC curve for each of B sets of study weights; a tie counts as half a won pair.

    Args:
        labels: (N,) 1 present, 0 absent, none unknown.
        scores: (N,) finite, higher for present.
        weights: (B, N) zero or more.

    Returns:
        (B,) float64 in [0, 1]; NaN where a draw holds one class only.

    Source: Hanley and McNeil, Radiology 143 (1982): the area is the chance that a present scores above an absent.
    """
    areas = np.full(len(weights), np.nan)
    order = np.argsort(scores, kind="stable")
    ordered, positive = scores[order], np.asarray(labels)[order] == 1
    if positive.all() or not positive.any():
        return areas
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))  # (U,) first of each distinct score
    rows = max(1, _CHUNK_VALUES // len(order))
    for first in range(0, len(weights), rows):
        chunk = weights[first : first + rows, order].astype(np.float64)  # (b, N)
        present = np.add.reduceat(np.where(positive, chunk, 0.0), starts, axis=1)  # (b, U)
        absent = np.add.reduceat(np.where(positive, 0.0, chunk), starts, axis=1)  # (b, U)
        below = np.cumsum(absent, axis=1) - absent  # (b, U) weight of absents that score lower
        won = (present * (below + absent / 2)).sum(axis=1)  # (b,)
        pairs = present.sum(axis=1) * absent.sum(axis=1)  # (b,)
        np.divide(won, pairs, out=areas[first : first + rows], where=pairs > 0)
    return areas


def auroc_draws(
    labels: NDArray[np.float32], scores: NDArray[np.floating[Any]], weights: NDArray[Any]
) -> NDArray[np.float64]:
    """The AUROC of each finding over the studies whose label is known, for each of B sets of study weights.

    Args:
        labels: (N, F) 1, 0, NaN unknown.
        scores: (N, F) finite where the label is known.
        weights: (B, N) zero or more.

    Returns:
        (B, F) float64; NaN where a draw holds one class only.
    """
    known = ~np.isnan(labels)  # (N, F)
    columns = [
        weighted_auroc(labels[rows, index], scores[rows, index], weights[:, rows]) for index, rows in enumerate(known.T)
    ]
    return np.stack(columns, axis=1)  # (B, F)


def macro_mean(areas: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the findings (last axis) that are defined; NaN, without numpy's warning, where none is."""
    defined = ~np.isnan(areas)
    count = defined.sum(axis=-1)
    mean: NDArray[np.float64] = np.where(count > 0, np.nansum(areas, axis=-1) / np.maximum(count, 1), np.nan)
    return mean


def percentile_interval(values: NDArray[np.float64], *, level: float = 0.95) -> tuple[float, float] | None:
    """The central interval that holds `level` of the draws.

    Args:
        values: (B,) one number per draw, NaN where it is not defined.
        level: Coverage in (0, 1).

    Returns:
        Lower and upper end, or None where the number is defined in fewer than half of the draws.
    """
    defined = values[~np.isnan(values)]
    if not len(defined) or len(defined) < MIN_DEFINED * len(values):
        return None
    low, high = np.quantile(defined, ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)


def two_sided_p(differences: NDArray[np.float64]) -> float | None:
    """Evidence against "no difference", from bootstrap draws of a difference.

    With B defined draws, `p = min(1, 2 (1 + min(#{d <= 0}, #{d >= 0})) / (B + 1))`. It is never zero: B draws cannot
    show less than 2 / (B + 1).

    Args:
        differences: (B,) one difference per draw, NaN where it is not defined.

    Returns:
        p in (0, 1], or None where no draw is defined.

    Source: Davison and Hinkley, Bootstrap Methods and their Application (1997), 4.2, inverting the percentile interval.
    """
    defined = differences[~np.isnan(differences)]
    if not len(defined):
        return None
    rarer = min(int((defined <= 0).sum()), int((defined >= 0).sum()))
    return min(1.0, 2 * (1 + rarer) / (len(defined) + 1))
