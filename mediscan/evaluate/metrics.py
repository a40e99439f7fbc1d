"""What is measured of a model on labelled studies; `measure` returns the content of `metrics.json`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from mediscan.errors import Code, MediscanError
from mediscan.evaluate.bootstrap import auroc_draws, macro_mean, patient_weights, percentile_interval, two_sided_p
from mediscan.findings import GROUP_SEPARATOR, FindingSet
from mediscan.study import Availability

Floats = NDArray[np.floating[Any]]

MODALITIES: Mapping[str, Availability] = {
    "image": Availability.IMAGE,
    "note": Availability.NOTE,
    "fused": Availability.BOTH,
}
"""The names `metrics.json` uses → whose probabilities they are measured on."""

MAX_BINS = 15
STUDIES_PER_BIN = 20
"""A reliability bin holds about this many studies or more, until there are `MAX_BINS` bins."""


class EvaluationError(MediscanError):
    """Labels, probabilities and studies handed to an evaluation do not belong together."""


@dataclass(frozen=True, kw_only=True)
class EvaluationData:
    """N labelled studies and what a model said of their F findings.

    Args:
        findings: The F findings, in the order of all second axes.
        study_ids: N, unique.
        patients: The patient of each of the N studies.
        labels: (N, F) float32: 1 present, 0 absent, NaN unknown.
        probabilities: Availability → (N, F) calibrated probabilities in [0, 1] of the same studies. `BOTH` is required
            and holds what the model says with everything that each study has; `IMAGE` and `NOTE` hold what it says with
            one modality alone, and are read only for studies that have both.
        available: What each of the N studies has.
        thresholds: (F,) a probability at or above it counts as present.

    Raises:
        EvaluationError: There is no study, a shape does not fit, or a value is out of range.
    """

    findings: FindingSet
    study_ids: Sequence[str]
    patients: Sequence[str]
    labels: NDArray[np.float32]
    probabilities: Mapping[Availability, Floats]
    available: Sequence[Availability]
    thresholds: Floats

    def __post_init__(self) -> None:
        studies, findings = len(self.study_ids), len(self.findings)
        if not studies:
            raise EvaluationError("there is no study to evaluate", remedy="Choose a split that holds labelled studies.")
        if len(set(self.study_ids)) != studies:
            doubled = next(study for study in self.study_ids if list(self.study_ids).count(study) > 1)
            raise EvaluationError(
                f"study {doubled!r} stands twice", remedy="Score each study once.", code=Code.DUPLICATE_STUDY_ID
            )
        if Availability.BOTH not in self.probabilities:
            raise EvaluationError("fused probabilities are missing", remedy=f"Give them as {Availability.BOTH!r}.")
        shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
            "patients": ((len(self.patients),), (studies,)),
            "available": ((len(self.available),), (studies,)),
            "labels": (self.labels.shape, (studies, findings)),
            "thresholds": (self.thresholds.shape, (findings,)),
        }
        for key, values in self.probabilities.items():
            shapes[f"{key} probabilities"] = (values.shape, (studies, findings))
        for name, (shape, expected) in shapes.items():
            if shape != expected:
                raise EvaluationError(
                    f"{name}: shape is {shape}, not {expected}",
                    remedy=f"Give a row for each of {studies} studies, a column for each of {findings} findings.",
                )
        self._require(np.isnan(self.labels) | np.isin(self.labels, (0, 1)), "label", "Use 1, 0 or NaN for unknown.")
        for key, values in self.probabilities.items():
            unread = np.zeros_like(self.both) if key is Availability.BOTH else ~self.both  # (N,)
            inside = (values >= 0) & (values <= 1)  # (N, F)
            self._require(inside | unread[:, None], f"{key} probability", "Calibrated probabilities lie in [0, 1].")
        if not np.isfinite(self.thresholds).all():
            raise EvaluationError("a threshold is not finite", remedy="Use operating_thresholds on validation studies.")

    def _require(self, good: NDArray[np.bool_], what: str, remedy: str) -> None:
        if not good.all():
            row, column = np.argwhere(~good)[0]
            place = f"study {self.study_ids[row]!r}, finding {self.findings.names[column]!r}"
            raise EvaluationError(f"{place}: {what} is out of range", remedy=remedy)

    @property
    def both(self) -> NDArray[np.bool_]:
        """(N,) whether a study has image and note."""
        return np.array([which is Availability.BOTH for which in self.available])

    @property
    def fused(self) -> Floats:
        """(N, F) probabilities with everything that each study has."""
        return self.probabilities[Availability.BOTH]


def measure(
    data: EvaluationData,
    *,
    split: str,
    draws: int = 1000,
    seed: int = 0,
    leakage: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """The content of `metrics.json`: plain numbers, lists and None, never NaN.

    Each finding is measured on the studies whose label is known; members of a class group are measured one against the
    rest. A finding with one class only has no AUROC and does not enter the macro average. Intervals are 95 % percentile
    intervals of a patient-level bootstrap; in a draw where a finding has lost one class, the macro average is that of
    the other findings. A finding one of whose classes rests on a single patient has no interval, for the bootstrap
    cannot know how another such patient would have scored.

    `by_modality` and `fusion_gain` are measured on the studies that have both modalities, the same for all three
    modalities and in the same draws. `fusion_gain` compares with the single modality of the higher macro AUROC, named
    `over`; its p is `bootstrap.two_sided_p`. Their values are None where no study has both.
    """
    weights = patient_weights(data.patients, draws=draws, seed=seed)  # (B, N)
    areas = _aurocs(data.labels, data.fused)  # (F,)
    area_draws = auroc_draws(data.labels, data.fused, weights)  # (B, F)
    by_modality, gain = _compare_modalities(data, draws=draws, seed=seed)
    return {
        "split": split,
        "n_studies": len(data.study_ids),
        "n_patients": len(set(data.patients)),
        "findings": {
            name: _measure_finding(data, index, auroc=areas[index], auroc_draws=area_draws[:, index])
            for index, name in enumerate(data.findings.names)
        },
        "macro": {"auroc": _number(macro_mean(areas)), "auroc_ci": _interval(macro_mean(area_draws))},
        "by_modality": by_modality,
        "fusion_gain": gain,
        "leakage": dict(leakage or {}),
    }


def _measure_finding(
    data: EvaluationData, index: int, *, auroc: np.float64, auroc_draws: NDArray[np.float64]
) -> dict[str, Any]:
    known = ~np.isnan(data.labels[:, index])  # (N,)
    present = data.labels[known, index] == 1  # (n,)
    probabilities = data.fused[known, index].astype(np.float64)  # (n,)
    called = probabilities >= data.thresholds[index]  # (n,)
    patients = np.asarray(data.patients, dtype=np.str_)[known]
    certain = min(len(set(patients[present])), len(set(patients[~present]))) > 1
    two_classes = bool(present.any() and not present.all())
    return {
        "n_positive": int(present.sum()),
        "n_negative": int((~present).sum()),
        "auroc": _number(auroc),
        "auroc_ci": _interval(auroc_draws) if certain else None,
        "auprc": float(average_precision_score(present, probabilities)) if two_classes else None,
        "ece": reliability(present, probabilities).ece if known.any() else None,
        "brier": float(np.mean((probabilities - present) ** 2)) if known.any() else None,
        "threshold": float(data.thresholds[index]),
        "sensitivity": float(called[present].mean()) if present.any() else None,
        "specificity": float((~called)[~present].mean()) if (~present).any() else None,
    }


def _compare_modalities(data: EvaluationData, *, draws: int, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    both = data.both  # (N,)
    compared = {name: key for name, key in MODALITIES.items() if both.any() and key in data.probabilities}
    patients = [patient for patient, has_both in zip(data.patients, both, strict=True) if has_both]
    weights = patient_weights(patients, draws=draws, seed=seed) if patients else np.empty((draws, 0))  # (B, n)
    points: dict[str, float] = {}
    samples: dict[str, NDArray[np.float64]] = {}
    for name, key in compared.items():
        points[name] = macro_auroc(data.labels[both], data.probabilities[key][both])
        samples[name] = macro_mean(auroc_draws(data.labels[both], data.probabilities[key][both], weights))  # (B,)
    by_modality = {
        name: {
            "auroc": _number(points[name]) if name in points else None,
            "auroc_ci": _interval(samples[name]) if name in samples else None,
            "n_studies": int(both.sum()),
        }
        for name in MODALITIES
    }
    single = [name for name in ("image", "note") if name in points]
    if not single or np.isnan(points["fused"]):
        return by_modality, {"auroc": None, "ci": None, "p": None, "over": None}
    over = max(single, key=points.__getitem__)
    differences = samples["fused"] - samples[over]  # (B,)
    gain = points["fused"] - points[over]
    return by_modality, {"auroc": gain, "ci": _interval(differences), "p": two_sided_p(differences), "over": over}


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """Bins of equal mass: `predicted` mean probability, `observed` share of present, `count` studies; each (bins,)."""

    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    count: NDArray[np.int64]

    @property
    def ece(self) -> float:
        """Expected calibration error in [0, 1]: distance of observed from predicted, averaged over studies."""
        return float(np.average(np.abs(self.observed - self.predicted), weights=self.count))


def reliability(labels: NDArray[Any], probabilities: Floats) -> Reliability:
    """How often a finding is present among studies that got about the same probability.

    There is one bin per 20 studies, at least 1 and at most 15, each with the same number of studies. Equal
    probabilities share a bin, that of their middle rank, so that the order of the studies does not matter.

    Args:
        labels: (N,) 1 present, 0 absent, none unknown; N is at least 1.
        probabilities: (N,) in [0, 1].

    Source: Nixon et al., Measuring Calibration in Deep Learning (2019): equal-mass bins bias the error least.
    """
    bins = min(MAX_BINS, max(1, len(labels) // STUDIES_PER_BIN))
    _, value, ties = np.unique(probabilities, return_inverse=True, return_counts=True)
    middle = (np.cumsum(ties) - ties / 2) / len(labels)  # (distinct values,) in (0, 1)
    bin_of_study = (middle * bins).astype(np.int64)[value]  # (N,)
    count = np.bincount(bin_of_study, minlength=bins)  # (bins,)
    filled = count > 0  # ties can leave a bin empty
    predicted = np.bincount(bin_of_study, weights=probabilities, minlength=bins)[filled] / count[filled]
    observed = np.bincount(bin_of_study, weights=labels, minlength=bins)[filled] / count[filled]
    return Reliability(predicted=predicted, observed=observed, count=count[filled])


def operating_thresholds(labels: NDArray[np.float32], probabilities: Floats) -> NDArray[np.float64]:
    """The threshold of each finding that maximises Youden's J = sensitivity + specificity - 1; for validation studies.

    Candidates lie midway between neighbouring distinct probabilities. Of equally good ones the lowest is taken, which
    misses fewest. The threshold is 0.5 where a finding has one class only, or where no candidate beats chance.

    Args:
        labels: (N, F) 1, 0, NaN unknown.
        probabilities: (N, F) in [0, 1].

    Returns:
        (F,) float64; a probability at or above it counts as present.

    Source: Youden, Index for rating diagnostic tests, Cancer 3 (1950).
    """
    thresholds = np.full(labels.shape[1], 0.5)
    for index in range(labels.shape[1]):
        known = ~np.isnan(labels[:, index])  # (N,)
        values, value = np.unique(probabilities[known, index].astype(np.float64), return_inverse=True)  # (U,), (n,)
        present = np.bincount(value, weights=labels[known, index], minlength=len(values))  # (U,)
        absent = np.bincount(value, minlength=len(values)) - present  # (U,)
        n_present, n_absent = present.sum(), absent.sum()
        if not (n_present and n_absent):
            continue
        # Candidate c parts values[:c + 1] from the rest. J times both counts is a whole number: ties are exact.
        missed, cleared = np.cumsum(present)[:-1], np.cumsum(absent)[:-1]  # (U - 1,) present and absent below candidate
        youden = cleared * n_present - missed * n_absent  # (U - 1,)
        if (youden > 0).any():
            best = int(np.argmax(youden))
            middle = (values[best] + values[best + 1]) / 2
            thresholds[index] = middle if middle > values[best] else values[best + 1]
    return thresholds


def macro_auroc(labels: NDArray[np.float32], scores: Floats) -> float:
    """Mean AUROC over the findings that have both classes; quick, for early stopping.

    Args:
        labels: (N, F) 1, 0, NaN unknown.
        scores: (N, F) logits or probabilities.

    Returns:
        A value in [0, 1]; NaN where no finding has both classes, or where a score that counts is not finite.
    """
    if not np.isfinite(scores[~np.isnan(labels)]).all():
        return float("nan")
    return float(macro_mean(_aurocs(labels, scores)))


def finding_named_in_note(findings: Iterable[str], notes: Sequence[str]) -> dict[str, float]:
    """Share of the written notes in which a finding's own name stands, a first fact about leakage.

    The name of a class group's member is its value. Words are compared whole, without regard to case; underscores stand
    for spaces. Blank notes do not count; without any written note nothing is measured and the answer is empty.
    """
    written = [note for note in notes if note.strip()]
    shares: dict[str, float] = {}
    for name in findings if written else ():
        words = re.split(r"[_\s]+", name.rpartition(GROUP_SEPARATOR)[2].strip("_ "))
        pattern = re.compile(r"(?<!\w)" + r"[_\s]+".join(map(re.escape, words)) + r"(?!\w)", re.IGNORECASE)
        shares[name] = sum(pattern.search(note) is not None for note in written) / len(written)
    return shares


def _aurocs(labels: NDArray[np.float32], scores: Floats) -> NDArray[np.float64]:
    """(F,) AUROC of each finding, every study counted once."""
    areas: NDArray[np.float64] = auroc_draws(labels, scores, np.ones((1, len(labels))))[0]
    return areas


def _number(value: float | np.floating[Any] | NDArray[np.float64]) -> float | None:
    return None if np.isnan(value) else float(value)


def _interval(values: NDArray[np.float64]) -> list[float] | None:
    interval = percentile_interval(values)
    return None if interval is None else list(interval)
