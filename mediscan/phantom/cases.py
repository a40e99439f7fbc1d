"""Synthetic studies as numbers: who the patient is, what is drawn, what the note says, and so which findings hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from mediscan.errors import ConfigError
from mediscan.phantom.anatomy import Anatomy, draw_anatomy
from mediscan.phantom.canvas import Pose
from mediscan.phantom.image import Exposure, Radiograph, Shot, draw_radiograph
from mediscan.phantom.lesions import Lesion, draw_lesion
from mediscan.phantom.notes import Note, write_note
from mediscan.phantom.options import PhantomOptions
from mediscan.phantom.rules import RULES, Context, Pattern, ViewPosition
from mediscan.study import Sex, Split

_FIRST_DAY = datetime(2024, 1, 1, 7, 0)  # noqa: DTZ001  (DICOM dates and times carry no zone here)


@dataclass(frozen=True, kw_only=True)
class PhantomCase:
    """A synthetic study before anything is drawn or written.

    Args:
        study_id: Its name, which says nothing of its content.
        patient_id: The patient's.
        split: The part it plays; all studies of a patient play the same.
        age_years: The patient's age at this study.
        sex: The patient's sex.
        acquired_at: When the images are taken.
        size: Rows and columns of its radiographs.
        anatomy: The patient's chest without lesions.
        lesions: What is drawn, one of each pattern at most.
        contexts: What the note states.
        note: The note, written whether or not the study keeps it.
        shots: The views, written whether or not the study keeps them.
        labels: Finding → 1 or 0; one that is unknown is left out.
        has_image: Whether the study keeps its images.
        has_note: Whether the study keeps its note.
        uid_root: What its DICOM identifiers are made from.
    """

    study_id: str
    patient_id: str
    split: Split
    age_years: int
    sex: Sex
    acquired_at: datetime
    size: int
    anatomy: Anatomy
    lesions: tuple[Lesion, ...]
    contexts: frozenset[Context]
    note: Note
    shots: tuple[Shot, ...]
    labels: Mapping[str, int]
    has_image: bool = True
    has_note: bool = True
    uid_root: str = ""

    @property
    def patterns(self) -> frozenset[Pattern]:
        """What is drawn."""
        return frozenset(lesion.pattern for lesion in self.lesions)

    @property
    def truth(self) -> dict[str, int]:
        """Finding → 1 or 0, for every finding: what the construction says, also where the label is unknown."""
        return {name: int(rule.holds(self.patterns, self.contexts)) for name, rule in RULES.items()}

    def draw(self, shot: Shot) -> Radiograph:
        """Draw one of the study's views."""
        return draw_radiograph(self.anatomy, self.lesions, shot=shot, size=self.size)


@dataclass(frozen=True, kw_only=True)
class _Slot:
    """A study's place among the others."""

    study_id: str
    split: Split
    later: bool
    uid_root: str


@dataclass(frozen=True, kw_only=True)
class _Patient:
    patient_id: str
    sex: Sex
    age_years: int
    anatomy: Anatomy
    first_study: datetime


def make_cases(n: int, *, seed: int, options: PhantomOptions | None = None) -> list[PhantomCase]:
    """Make synthetic studies; nothing is drawn or written yet.

    Study `i` of a seed is the same whatever `n` is, but for its split.

    Args:
        n: How many.
        seed: The same seed gives the same studies.
        options: How they are drawn.

    Raises:
        ConfigError: `split_counts` do not add up to `n`, or no split of whole patients has these sizes.
    """
    options = options or PhantomOptions()
    owners = _owners(n, seed, options.second_study_rate)
    splits = _splits(owners, seed, options)
    patients: dict[int, _Patient] = {}
    cases: list[PhantomCase] = []
    for index, owner in enumerate(owners):
        later = owner in patients
        if not later:
            patients[owner] = _draw_patient(np.random.default_rng([seed, 1, owner]), owner)
        slot = _Slot(study_id=f"phantom-{index + 1:05d}", split=splits[owner], later=later, uid_root=f"{seed}/{index}")
        cases.append(_draw_case(np.random.default_rng([seed, 2, index]), patients[owner], slot=slot, options=options))
    return cases


def _owners(n: int, seed: int, second_study_rate: float) -> list[int]:
    """The patient of each study; a patient's second study follows the first at once."""
    rng = np.random.default_rng([seed, 0])
    owners: list[int] = []
    owner = 0
    while len(owners) < n:
        owners += [owner] * (2 if rng.random() < second_study_rate else 1)
        owner += 1
    return owners[:n]


def _splits(owners: list[int], seed: int, options: PhantomOptions) -> dict[int, Split]:
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


def _draw_patient(rng: np.random.Generator, owner: int) -> _Patient:
    # Age and sex depend on nothing else, so that they tell nothing of patterns or contexts.
    sex = Sex.FEMALE if rng.random() < 0.5 else Sex.MALE
    return _Patient(
        patient_id=f"P{owner + 1:05d}",
        sex=sex,
        age_years=int(np.clip(rng.normal(58, 17), 19, 93)),
        anatomy=draw_anatomy(rng, sex),
        first_study=_FIRST_DAY + timedelta(minutes=int(rng.integers(0, 300 * 24 * 60))),
    )


def _draw_case(rng: np.random.Generator, patient: _Patient, *, slot: _Slot, options: PhantomOptions) -> PhantomCase:
    acquired_at = patient.first_study
    if slot.later:
        acquired_at += timedelta(minutes=int(rng.integers(2 * 24 * 60, 60 * 24 * 60)))
    patterns = [pattern for pattern in Pattern if rng.random() < options.pattern_rate]
    contexts = frozenset(context for context in Context if rng.random() < options.context_rate)
    lesions = _draw_lesions(rng, patterns, patient.anatomy)
    note = write_note(
        rng, contexts, age_years=patient.age_years, sex=patient.sex, misspelling_rate=options.misspelling_rate
    )
    frontal = ViewPosition.PA if rng.random() < 0.65 else ViewPosition.AP
    views = [frontal, ViewPosition.LATERAL] if rng.random() < options.lateral_rate else [frontal]
    absent = rng.random()
    known = rng.random(len(RULES)) >= options.unknown_rate
    labels = {
        name: int(rule.holds(frozenset(patterns), contexts))
        for (name, rule), kept in zip(RULES.items(), known, strict=True)
        if kept
    }
    return PhantomCase(
        study_id=slot.study_id,
        patient_id=patient.patient_id,
        split=slot.split,
        age_years=patient.age_years,
        sex=patient.sex,
        acquired_at=acquired_at,
        size=options.size,
        anatomy=patient.anatomy,
        lesions=lesions,
        contexts=contexts,
        note=note,
        shots=tuple(_draw_shot(rng, view, options.monochrome1_rate) for view in views),
        labels=labels,
        has_image=absent >= options.missing_image_rate,
        has_note=absent < 1 - options.missing_note_rate,
        uid_root=slot.uid_root,
    )


def _draw_lesions(rng: np.random.Generator, patterns: Sequence[Pattern], anatomy: Anatomy) -> tuple[Lesion, ...]:
    """The heart comes first: no nodule may hide behind it."""
    lesions: list[Lesion] = []
    for pattern in sorted(patterns, key=lambda pattern: pattern is not Pattern.ENLARGED_HEART):
        lesions.append(draw_lesion(rng, pattern, anatomy))
        if pattern is Pattern.ENLARGED_HEART:
            anatomy = anatomy.with_heart(lesions[-1].size)
    return tuple(lesions)


def _draw_shot(rng: np.random.Generator, position: ViewPosition, monochrome1_rate: float) -> Shot:
    return Shot(
        position=position,
        pose=Pose(
            rotation_deg=float(np.clip(rng.normal(0, 2.0), -5, 5)),
            shift_u=float(np.clip(rng.normal(0, 0.03), -0.07, 0.07)),
            shift_v=float(rng.uniform(-0.05, 0.05)),
            scale=float(rng.uniform(1.0, 1.14)),
        ),
        exposure=Exposure(
            gain=float(rng.uniform(1.2, 1.8)),
            black=float(rng.uniform(0.01, 0.12)),
            white=float(rng.uniform(0.85, 1.12)),
            noise=float(rng.uniform(0.012, 0.035)),
            border=float(rng.uniform(0.01, 0.035)) if rng.random() < 0.3 else 0.0,
            marker=bool(rng.random() < 0.7),
            seed=int(rng.integers(2**31)),
        ),
        monochrome1=bool(rng.random() < monochrome1_rate),
        seed=int(rng.integers(2**31)),
    )
