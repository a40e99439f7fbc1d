"""Synthetic radiographs as numbers: who the patient is, what is drawn, what the note says, and which findings hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mediscan.phantom.anatomy import Anatomy
from mediscan.phantom.canvas import Pose
from mediscan.phantom.encounter import Encounter
from mediscan.phantom.image import Exposure, Radiograph, Shot, draw_radiograph
from mediscan.phantom.lesions import Lesion, draw_lesion
from mediscan.phantom.notes import write_note
from mediscan.phantom.options import PhantomOptions, Target
from mediscan.phantom.patients import Slot, draw_slots
from mediscan.phantom.report import Report, write_report
from mediscan.phantom.rules import RULES, Context, Pattern, ViewPosition
from mediscan.phantom.variants import Device, draw_device, vary_anatomy


@dataclass(frozen=True, kw_only=True)
class PhantomCase(Encounter):
    """A synthetic radiographic study before anything is drawn or written.

    Args:
        size: Rows and columns of its radiographs.
        anatomy: The patient's chest without lesions.
        lesions: What is drawn, one of each pattern at most.
        shots: The views, written whether or not the study keeps them.
        device: What is implanted; only studies with reports have any.
        report: What a radiologist wrote of the images afterwards.
        target: What the labels say.
    """

    size: int
    anatomy: Anatomy
    lesions: tuple[Lesion, ...]
    shots: tuple[Shot, ...]
    device: Device | None = None
    report: Report | None = None
    target: Target = Target.FINDINGS

    @property
    def patterns(self) -> frozenset[Pattern]:
        """What is drawn."""
        return frozenset(lesion.pattern for lesion in self.lesions)

    @property
    def truth(self) -> dict[str, int]:
        """Finding → 1 or 0, for every finding: what the construction says, also where the label is unknown."""
        return _truth(self.target, self.patterns, self.contexts)

    @property
    def report_sections(self) -> Mapping[str, str]:
        """Section → text; empty for no report."""
        return self.report.sections if self.report else {}

    def draw(self, shot: Shot) -> Radiograph:
        """Draw one of the study's views."""
        return draw_radiograph(self.anatomy, self.lesions, shot=shot, size=self.size, device=self.device)


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
    cases = []
    for slot in draw_slots(n, seed=seed, options=options):
        case = _draw_case(np.random.default_rng([seed, 2, slot.index]), slot, seed=seed, options=options)
        # A generator of its own, so that the study itself stays as it is without a report.
        cases.append(_reported(case, np.random.default_rng([seed, 4, slot.index])) if options.with_reports else case)
    return cases


def _draw_case(rng: np.random.Generator, slot: Slot, *, seed: int, options: PhantomOptions) -> PhantomCase:
    patient = slot.patient
    acquired_at = slot.acquired_at(rng)
    patterns = [pattern for pattern in Pattern if rng.random() < options.pattern_rate]
    contexts = frozenset(context for context in Context if rng.random() < options.context_rate)
    lesions = draw_lesions(rng, patterns, patient.anatomy)
    note = write_note(
        rng, contexts, age_years=patient.age_years, sex=patient.sex, misspelling_rate=options.misspelling_rate
    )
    frontal = draw_frontal_position(rng)
    views = [frontal, ViewPosition.LATERAL] if rng.random() < options.lateral_rate else [frontal]
    absent = rng.random()
    truth = _truth(options.target, frozenset(patterns), contexts)
    known = rng.random(len(RULES))[: len(truth)] >= options.unknown_rate  # as many draws for each target
    return PhantomCase(
        study_id=f"phantom-{slot.index + 1:05d}",
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
        shots=tuple(draw_shot(rng, view, options.monochrome1_rate) for view in views),
        labels={name: value for (name, value), kept in zip(truth.items(), known, strict=True) if kept},
        has_image=absent >= options.missing_image_rate,
        has_note=absent < 1 - options.missing_note_rate,
        uid_root=f"{seed}/{slot.index}",
        target=options.target,
    )


def _truth(target: Target, patterns: frozenset[Pattern], contexts: frozenset[Context]) -> dict[str, int]:
    if target is Target.PATTERNS:
        return {pattern.value: int(pattern in patterns) for pattern in Pattern}
    return {name: int(rule.holds(patterns, contexts)) for name, rule in RULES.items()}


def _reported(case: PhantomCase, rng: np.random.Generator) -> PhantomCase:
    anatomy, device = vary_anatomy(rng, case.anatomy, case.lesions), draw_device(rng)
    report = write_report(rng, anatomy, lesions=case.lesions, shots=case.shots, device=device)
    return replace(case, anatomy=anatomy, device=device, report=report)


def draw_lesions(rng: np.random.Generator, patterns: Sequence[Pattern], anatomy: Anatomy) -> tuple[Lesion, ...]:
    """One lesion of each pattern. The heart comes first: no nodule may hide behind it."""
    lesions: list[Lesion] = []
    for pattern in sorted(patterns, key=lambda pattern: pattern is not Pattern.ENLARGED_HEART):
        lesions.append(draw_lesion(rng, pattern, anatomy))
        if pattern is Pattern.ENLARGED_HEART:
            anatomy = anatomy.with_heart(lesions[-1].size)
    return tuple(lesions)


def draw_frontal_position(rng: np.random.Generator) -> ViewPosition:
    """From the back in two thirds, from the front in the rest."""
    return ViewPosition.PA if rng.random() < 0.65 else ViewPosition.AP


def draw_shot(rng: np.random.Generator, position: ViewPosition, monochrome1_rate: float) -> Shot:
    """How a view is taken."""
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
