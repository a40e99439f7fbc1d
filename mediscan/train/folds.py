"""Cross-validation: studies dealt into folds by patient, each fold with its share of every finding."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mediscan.errors import ConfigError
from mediscan.study import Split, Study


def folds(studies: Sequence[Study], k: int, seed: int) -> list[dict[str, Split]]:
    """The split of every study in each of k runs.

    Studies of split `test` stay there in every run. Of the others each is once in `val` and else in `train`; those of
    one patient stay together. Patients are dealt out one by one, those with the rarest findings first, each to where
    the folds stay most even in size, in every finding, and in what is known to be absent.

    Args:
        studies: The studies of a manifest.
        k: How many folds.
        seed: Of the order among equals; the order of the studies does not matter.

    Returns:
        Per run the split of each study, by `study_id`.

    Raises:
        ConfigError: There are fewer than two folds, or fewer patients than folds.

    Source: after Sechidis, Tsoumakas and Vlahavas, "On the stratification of multi-label data", 2011, by patient.
    """
    free = [study for study in studies if study.split is not Split.TEST]
    patients = sorted({study.patient_id for study in free})
    if k < 2 or len(patients) < k:
        raise ConfigError(
            f"{len(patients)} patients outside split 'test' cannot be dealt into {k} folds",
            remedy="Choose at least 2 folds, and no more than there are patients.",
        )
    fold_of = _deal(_contents(free, patients), k=k, rng=np.random.default_rng(seed))
    fold = dict(zip(patients, fold_of, strict=True))
    return [
        {
            study.study_id: Split.TEST
            if study.split is Split.TEST
            else Split.VAL
            if fold[study.patient_id] == run
            else Split.TRAIN
            for study in studies
        }
        for run in range(k)
    ]


def _contents(studies: Sequence[Study], patients: Sequence[str]) -> NDArray[np.float64]:
    """(N, 2·F + 1): per patient how many studies have each finding, how many are known to lack it, and how many."""
    outcomes = sorted({(name, label) for study in studies for name, label in study.labels.items()})
    column = {outcome: place for place, outcome in enumerate(outcomes)}
    row = {patient: place for place, patient in enumerate(patients)}
    contents = np.zeros((len(patients), len(outcomes) + 1))
    for study in studies:
        of_patient = contents[row[study.patient_id]]
        of_patient[-1] += 1
        for outcome in study.labels.items():
            of_patient[column[outcome]] += 1
    return contents


def _deal(contents: NDArray[np.float64], *, k: int, rng: np.random.Generator) -> list[int]:
    """The fold of each patient."""
    shares = contents / contents.sum(axis=0)  # (N, outcomes + 1): of all there is
    shuffled = rng.permutation(len(shares))
    # Who has most of something rare goes first; what is small can still even things out at the end.
    order = shuffled[np.argsort(-shares[shuffled].max(axis=1), kind="stable")]
    dealt = np.zeros((k, shares.shape[1]))
    fold_of = [0] * len(shares)
    for patient in order.tolist():
        # By how much unevenness, the sum of squares, would grow in each fold.
        growth = ((dealt + shares[patient]) ** 2 - dealt**2).sum(axis=1)
        among = np.flatnonzero(growth <= growth.min() + 1e-12)
        fold_of[patient] = int(rng.choice(among))
        dealt[fold_of[patient]] += shares[patient]
    return fold_of
