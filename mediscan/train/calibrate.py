"""Fit calibration on validation studies, with a patient-level bootstrap of the fit itself."""

from collections.abc import Mapping, Sequence
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from mediscan.errors import ManifestError
from mediscan.evaluate.bootstrap import patient_weights
from mediscan.evaluate.metrics import operating_thresholds
from mediscan.findings import FindingSet
from mediscan.model.calibration import Calibration, unit_probabilities, units
from mediscan.study import Availability

DRAWS = 100
"""Bootstrap fits behind an interval."""

_PENALTY = 0.5
"""Pull of each parameter towards 'change nothing' (slope 1, offset 0), worth about half a study: it keeps the fit
finite where a finding is separated perfectly."""

_STEPS = 60
_HALVINGS = 30
_LEAST_SLOPE = 0.02
"""A slope below this would turn the model's order around; what it says then means nothing, and the offset decides."""


class _Slope(Enum):
    FITTED = auto()
    HELD = auto()


def fit_calibration(
    findings: FindingSet,
    *,
    logits: Mapping[Availability, NDArray[np.float32]],
    labels: NDArray[np.float32],
    available: Sequence[Availability],
    patients: Sequence[str],
    seed: int = 0,
) -> Calibration:
    """Calibrate every availability pattern that the validation studies can speak for.

    Args:
        findings: The findings, in the order of the logits.
        logits: Per pattern (N, F), as if only those modalities were there.
        labels: (N, F), NaN where unknown.
        available: What each study truly has; a pattern is fitted on the studies that have all of it.
        patients: Each study's patient, for the bootstrap.
        seed: Of the bootstrap.

    Raises:
        ManifestError: Not one pattern has both classes of every finding.
    """
    parameters: dict[Availability, dict[str, NDArray[np.float64]]] = {}
    studies: dict[Availability, int] = {}
    weights = np.vstack([np.ones((1, len(labels))), patient_weights(patients, draws=DRAWS, seed=seed)])
    for pattern, values in logits.items():
        has = np.array([_covers(pattern, study) for study in available])
        if not _both_classes(labels[has]):
            continue
        parameters[pattern] = {
            unit: fit_unit(values[has][:, list(members)], labels[has][:, list(members)], weights=weights[:, has])
            for unit, members in units(findings).items()
        }
        studies[pattern] = int(has.sum())
    if not parameters:
        raise ManifestError(
            "no finding can be calibrated: the validation studies lack present or absent cases",
            remedy="Give the split 'val' both, or leave such findings out with --set data.findings=[...].",
        )
    best = next(pattern for pattern in (Availability.BOTH, Availability.IMAGE, Availability.NOTE) if pattern in studies)
    has = np.array([_covers(best, study) for study in available])
    unthresholded = Calibration(
        findings=findings, thresholds=np.full(len(findings), 0.5), parameters=parameters, studies=studies
    )
    probabilities = unthresholded.apply(logits[best][has], best).value
    return Calibration(
        findings=findings,
        thresholds=operating_thresholds(labels[has], probabilities),
        parameters=parameters,
        studies=studies,
    )


def fit_unit(
    logits: NDArray[np.float32], labels: NDArray[np.float32], *, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Slope and offsets of one finding or class group by penalised maximum likelihood (Newton's method).

    Args:
        logits: (N, M).
        labels: (N, M), NaN where unknown.
        weights: (K, N): how much each study counts in each of K fits.

    Returns:
        (K, 1 + M).
    """
    known = ~np.isnan(labels).any(axis=1)
    given, target, counts = logits[known].astype(np.float64), labels[known].astype(np.float64), weights[:, known]
    neutral = np.concatenate([[1.0], np.zeros(given.shape[1])])
    parameters = _descend(np.tile(neutral, (len(counts), 1)), given, target, counts)
    turned = parameters[:, 0] < _LEAST_SLOPE
    if turned.any():
        held = np.tile(np.concatenate([[_LEAST_SLOPE], neutral[1:]]), (int(turned.sum()), 1))
        # Offsets that fitted another slope would be wrong beside this one.
        parameters[turned] = _descend(held, given, target, counts[turned], slope=_Slope.HELD)
    return parameters


def _descend(
    parameters: NDArray[np.float64],
    given: NDArray[np.float64],
    target: NDArray[np.float64],
    counts: NDArray[np.float64],
    *,
    slope: _Slope = _Slope.FITTED,
) -> NDArray[np.float64]:
    """The (K, 1 + M) parameters of least cost, from where the given ones stand."""
    for _ in range(_STEPS):
        probability = unit_probabilities(given, parameters)  # (K, N, M)
        error = counts[:, :, None] * (probability - target)
        gradient = np.concatenate([np.einsum("knm,nm->k", error, given)[:, None], error.sum(axis=1)], axis=1)
        gradient += _PENALTY * (parameters - _neutral(parameters))
        hessian = _hessian(given, probability, counts)
        if slope is _Slope.HELD:
            gradient[:, 0] = hessian[:, 0, 1:] = hessian[:, 1:, 0] = 0.0
        step = np.linalg.solve(hessian, gradient[..., None])[..., 0]
        # Far from the optimum the quadratic picture overshoots, so a step that makes things worse is halved.
        before = _cost(parameters, given, target, counts)
        for _ in range(_HALVINGS):
            worse = _cost(parameters - step, given, target, counts) > before + 1e-12 * (1.0 + before)
            if not worse.any():
                break
            step[worse] /= 2
        parameters = parameters - step
        if np.abs(step).max() < 1e-10:
            break
    return parameters


def _neutral(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
    neutral = np.zeros(parameters.shape[1])
    neutral[0] = 1.0
    return neutral


def _cost(
    parameters: NDArray[np.float64],
    given: NDArray[np.float64],
    target: NDArray[np.float64],
    counts: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(K,): the penalised negative log-likelihood."""
    shifted = parameters[:, :1, None] * given[None] + parameters[:, None, 1:]  # (K, N, M)
    total = np.logaddexp(0.0, shifted[..., 0]) if given.shape[1] == 1 else logsumexp(shifted, axis=2)  # (K, N)
    losses = (counts * (total - (shifted * target).sum(axis=2))).sum(axis=1)
    pulls = ((parameters - _neutral(parameters)) ** 2).sum(axis=1)
    cost: NDArray[np.float64] = losses + _PENALTY / 2 * pulls
    return cost


def _hessian(
    given: NDArray[np.float64], probability: NDArray[np.float64], counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(K, 1 + M, 1 + M) of the penalised negative log-likelihood."""
    draws, _, width = probability.shape
    # Covariance of the one-hot target under the model, per study: diagonal for a single finding.
    spread = probability[..., None] * np.eye(width)
    spread -= probability[..., None] * probability[..., None, :]
    spread *= counts[:, :, None, None]  # (K, N, M, M)
    hessian = np.empty((draws, 1 + width, 1 + width))
    hessian[:, 0, 0] = np.einsum("knij,ni,nj->k", spread, given, given)
    hessian[:, 0, 1:] = hessian[:, 1:, 0] = np.einsum("knij,ni->kj", spread, given)
    hessian[:, 1:, 1:] = spread.sum(axis=1)
    hessian += _PENALTY * np.eye(1 + width)
    return hessian


def _covers(pattern: Availability, study: Availability) -> bool:
    return (study.image or not pattern.image) and (study.note or not pattern.note)


def _both_classes(labels: NDArray[np.float32]) -> bool:
    return len(labels) > 0 and bool(((labels == 1).any(axis=0) & (labels == 0).any(axis=0)).all())
