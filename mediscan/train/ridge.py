"""Kernel ridge regression, and the choice of its settings by cross-validation.

Each finding is learned from the rows that know it, each class group at once: its labels are one-hot and centred, so
that the scores of its members sum to zero.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

from mediscan.evaluate.metrics import macro_auroc
from mediscan.findings import FindingSet
from mediscan.model.calibration import units

Floats = NDArray[np.float64]

ALWAYS = -1
"""The fold of rows that are learned from in every fold, and never scored."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """R rows to learn from.

    Attributes:
        labels: (R, F) 1, 0, NaN where unknown.
        shares: (R, F): 0 for studies, each of which weighs 1; of texts the weight in units of all studies together.
        folds: (R,) the inner fold of each study; `ALWAYS` for texts.
    """

    labels: Floats
    shares: Floats
    folds: NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A kernel machine with chosen settings.

    Attributes:
        gamma: Of its kernel.
        strength: Of the regularisation.
        scores: (R, F), of each row by a machine that was fitted without its patient; NaN in rows that are never scored.
        coefficients: (R, F), fitted to all rows.
        auroc: Macro AUROC of `scores`; 0 where it cannot be measured.
    """

    gamma: float
    strength: float
    scores: Floats
    coefficients: Floats
    auroc: float


def solve_ridge(kernel: Floats, targets: Floats, *, weights: Floats, strength: float) -> Floats:
    """Coefficients of kernel ridge regression on centred targets.

    Args:
        kernel: (R, R), symmetric and positive semi-definite.
        targets: (R, M).
        weights: (R,) above 0: how much the error of each row counts.
        strength: Above 0: how much the squared norm of the function counts.

    Returns:
        (R, M); `kernel @ coefficients + the weighted mean of the targets` is what is predicted.

    Source: Saunders, Gammerman and Vovk, "Ridge regression learning algorithm in dual variables", 1998.
    """
    mean = weights @ targets / weights.sum()
    coefficients: Floats = solve(kernel + np.diag(strength / weights), targets - mean, assume_a="pos")
    return coefficients


def fit_rows(
    kernel: Floats, rows: Rows, *, findings: FindingSet, strength: float, learn: NDArray[np.bool_] | None = None
) -> Floats:
    """Coefficients (R, F) of every finding; 0 in rows that do not know it or that `learn` (R,) leaves out."""
    coefficients = np.zeros(rows.labels.shape)
    learn = np.ones(len(kernel), dtype=bool) if learn is None else learn
    for members in map(np.asarray, units(findings).values()):
        known = np.flatnonzero(learn & ~np.isnan(rows.labels[:, members]).any(axis=1))
        shares = rows.shares[known, members[0]]
        studies = int((shares == 0).sum())
        if not studies:
            continue
        weights = np.where(shares > 0, shares * studies, 1.0)
        coefficients[np.ix_(known, members)] = solve_ridge(
            kernel[np.ix_(known, known)], rows.labels[np.ix_(known, members)], weights=weights, strength=strength
        )
    return coefficients


def out_of_fold(kernel: Floats, rows: Rows, *, findings: FindingSet, strength: float) -> Floats:
    """Scores (R, F) of each study by what the other folds taught; NaN for rows of fold `ALWAYS`."""
    scores = np.full(rows.labels.shape, np.nan)
    for fold in np.unique(rows.folds[rows.folds != ALWAYS]):
        held_out = rows.folds == fold
        coefficients = fit_rows(kernel, rows, findings=findings, strength=strength, learn=~held_out)
        scores[held_out] = kernel[held_out] @ coefficients
    return scores


def choose_machine(
    kernels: Mapping[float, Floats], rows: Rows, *, findings: FindingSet, strengths: Sequence[float]
) -> Machine:
    """The machine with the best macro AUROC out of fold.

    Args:
        kernels: By gamma, each (R, R).
        rows: What they are between.
        findings: The findings.
        strengths: What to try with each kernel.
    """
    tried = []
    for gamma, kernel in kernels.items():
        for strength in strengths:
            scores = out_of_fold(kernel, rows, findings=findings, strength=strength)
            tried.append((measured(rows.labels, scores), gamma, strength, scores))
    auroc, gamma, strength, scores = max(tried, key=lambda one: one[0])
    return Machine(
        gamma=gamma,
        strength=strength,
        scores=scores,
        coefficients=fit_rows(kernels[gamma], rows, findings=findings, strength=strength),
        auroc=auroc,
    )


def measured(labels: Floats, scores: Floats) -> float:
    """Macro AUROC of the rows that have scores; 0 where there is none to measure."""
    scored = ~np.isnan(scores).any(axis=1)
    if not scored.any():
        return 0.0
    return float(np.nan_to_num(macro_auroc(labels[scored].astype(np.float32), scores[scored])))
