"""Who is studied when: patients, how many studies each has, and which split they fall into."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from mediscan.errors import ConfigError
from mediscan.phantom.anatomy import Anatomy, draw_anatomy
from mediscan.phantom.options import StudyOptions
from mediscan.study import Sex, Split

_FIRST_DAY = datetime(2024, 1, 1, 7, 0)  # noqa: DTZ001  (DICOM dates and times carry no zone here)


@dataclass(frozen=True, kw_only=True)
class Patient:
    """A made-up person, the `number`-th of a data set."""

    number: int
    patient_id: str
    sex: Sex
    age_years: int
    anatomy: Anatomy
    first_study: datetime


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A study's place among the others; `later` says that it is its patient's second."""

    index: int
    patient: Patient
    split: Split
    later: bool

    def acquired_at(self, rng: np.random.Generator) -> datetime:
        """When the study takes place; only a second study draws."""
        if not self.later:
            return self.patient.first_study
        return self.patient.first_study + timedelta(minutes=int(rng.integers(2 * 24 * 60, 60 * 24 * 60)))


def draw_slots(n: int, *, seed: int, options: StudyOptions) -> Iterator[Slot]:
    """Places for `n` studies; place `i` of a seed is the same whatever `n` is, but for its split.

    Raises:
        ConfigError: `split_counts` do not add up to `n`, or no split of whole patients has these sizes.
    """
    owners = _owners(n, seed, options.second_study_rate)
    splits = _splits(owners, seed, options)
    patients: dict[int, Patient] = {}
    for index, owner in enumerate(owners):
        later = owner in patients
        if not later:
            patients[owner] = _draw_patient(np.random.default_rng([seed, 1, owner]), owner)
        yield Slot(index=index, patient=patients[owner], split=splits[owner], later=later)


def _owners(n: int, seed: int, second_study_rate: float) -> list[int]:
    """The patient of each study; a patient's second study follows the first at once."""
    rng = np.random.default_rng([seed, 0])
    owners: list[int] = []
    owner = 0
    while len(owners) < n:
        owners += [owner] * (2 if rng.random() < second_study_rate else 1)
        owner += 1
    return owners[:n]


def _splits(owners: list[int], seed: int, options: StudyOptions) -> dict[int, Split]:
    """A split for every patient, such that the studies add up to the wanted counts."""
    n = len(owners)
    if options.split_counts is None:
        val, test = (round(n * share) for share in options.split_fractions[1:])
        counts = (n - val - test, val, test)
    else:
        counts = options.split_counts
    if sum(counts) != n or min(counts) < 0:
        raise ConfigError(
            f"split_counts {counts} add up to {sum(counts)}, the studies to {n}", remedy="Make both the same."
        )
    rng = np.random.default_rng([seed, 3])
    patients, studies = np.unique(owners, return_counts=True)
    order = rng.permutation(len(patients))
    # Patients with two studies are placed while there is room; single ones then fill every gap.
    order = order[np.argsort(-studies[order], kind="stable")]
    left = np.array(counts, dtype=np.int64)
    splits: dict[int, Split] = {}
    for index in order:
        need = int(studies[index])
        chances = np.where(left >= need, left, 0).astype(np.float64)
        if not chances.any():
            raise ConfigError(
                f"no split into {counts} keeps every patient's studies together",
                remedy="Change split_counts by one, or set second_study_rate to 0.",
            )
        choice = int(rng.choice(3, p=chances / chances.sum()))
        left[choice] -= need
        splits[int(patients[index])] = tuple(Split)[choice]
    return splits


def _draw_patient(rng: np.random.Generator, owner: int) -> Patient:
    # Age and sex depend on nothing else, so that they tell nothing of patterns or contexts.
    sex = Sex.FEMALE if rng.random() < 0.5 else Sex.MALE
    return Patient(
        number=owner,
        patient_id=f"P{owner + 1:05d}",
        sex=sex,
        age_years=int(np.clip(rng.normal(58, 17), 19, 93)),
        anatomy=draw_anatomy(rng, sex),
        first_study=_FIRST_DAY + timedelta(minutes=int(rng.integers(0, 300 * 24 * 60))),
    )
