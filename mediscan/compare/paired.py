"""Differences between models on the same patients, with intervals and p-values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mediscan.evaluate.bootstrap import (
    auroc_draws,
    macro_mean,
    patient_weights,
    percentile_interval,
    two_sided_p,
)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How one model stands among others. Intervals are patient-level bootstrap, 95 %.

    Attributes:
        auroc: Macro AUROC.
        interval: Of it; None where it cannot be had.
        difference: From the reference; None for the reference itself.
        difference_interval: Of the difference.
        p: Two-sided, against no difference.
        adjusted_p: The same after Holm's correction for the number of comparisons.
    """

    auroc: float
    interval: tuple[float, float] | None
    difference: float | None = None
    difference_interval: tuple[float, float] | None = None
    p: float | None = None
    adjusted_p: float | None = None


def standings(
    labels: NDArray[np.float32],
    scores: Mapping[str, NDArray[np.float64]],
    *,
    patients: Sequence[str],
    reference: str,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Standing]:
    """Compare models with one of them, study by study.

    The same patients are drawn for all of them, so that what makes a sample of patients easy cancels out.

    Args:
        labels: (N, F) 1, 0, NaN unknown.
        scores: Model → (N, F), finite.
        patients: The patient of each study.
        reference: The model that the others are compared with.
        draws: Bootstrap draws.
        seed: Of the draws.
    """
    weights = np.concatenate(
        [np.ones((1, len(patients)), dtype=np.int64), patient_weights(patients, draws=draws, seed=seed)]
    )
    macros = {name: macro_mean(auroc_draws(labels, score, weights)) for name, score in scores.items()}
    differences = {name: macro - macros[reference] for name, macro in macros.items() if name != reference}
    adjusted = holm({name: two_sided_p(difference[1:]) for name, difference in differences.items()})
    return {
        name: Standing(auroc=float(macro[0]), interval=percentile_interval(macro[1:]))
        if name == reference
        else Standing(
            auroc=float(macro[0]),
            interval=percentile_interval(macro[1:]),
            difference=float(differences[name][0]),
            difference_interval=percentile_interval(differences[name][1:]),
            p=two_sided_p(differences[name][1:]),
            adjusted_p=adjusted[name],
        )
        for name, macro in macros.items()
    }


def holm(p_values: Mapping[str, float | None]) -> dict[str, float | None]:
    """p-values corrected for how many they are; those that are not defined do not count.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6 (1979).
    """
    known = sorted((p, name) for name, p in p_values.items() if p is not None)
    adjusted: dict[str, float | None] = dict.fromkeys(p_values)
    largest = 0.0
    for rank, (p, name) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        adjusted[name] = largest
    return adjusted
