"""The laterality task: does the side of the pain in the note agree with the side of the lesion on the image?

Both sides are fair coins that know nothing of each other, so the label, whether they agree, is independent of each:
neither the image alone nor the note alone tells anything of it, and no sum of what they tell does either. Of every
four studies in a row one has each pair of sides.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from mediscan.phantom.cases import PhantomCase, draw_frontal_position, draw_lesions, draw_shot
from mediscan.phantom.filler import BACKGROUND, COMPLAINTS, QUESTIONS, SIGNS
from mediscan.phantom.lesions import Lesion
from mediscan.phantom.note_parts import Note, assemble, clauses, opening, sample, sentences, shuffle, vitals
from mediscan.phantom.options import PhantomOptions
from mediscan.phantom.pain import ASIDES, PAIN_COMPLAINTS, PAIN_STORIES
from mediscan.phantom.patients import Patient, Slot, draw_slots
from mediscan.phantom.rules import Pattern, Side
from mediscan.phantom.writer import Phrase, Role, Writer

LATERALITY_FINDING = "laterality_agrees"
SIDE_FINDINGS = ("lesion_left", "pain_left")
"""Where the sides are labelled too: what the image alone tells, and what the note alone tells."""


class SideLabels(StrEnum):
    """Whether each side is a label of its own beside the agreement."""

    WITHHELD = "withheld"
    """Only the agreement is: a parity, which a network finds slowly, if at all, from a thousand studies."""
    GIVEN = "given"
    """Both sides are too, so that each encoder learns its own; the agreement stays independent of either."""


LATERALITY_OPTIONS = PhantomOptions(missing_image_rate=0, missing_note_rate=0)
"""The default: what lacks image or note cannot be answered."""
_PAIRS = tuple((lesion, pain) for lesion in (Side.RIGHT, Side.LEFT) for pain in (Side.RIGHT, Side.LEFT))
_PATTERNS = (Pattern.FOCAL_OPACITY, Pattern.EFFUSION, Pattern.NODULE)


@dataclass(frozen=True, kw_only=True)
class LateralityCase(PhantomCase):
    """A study with one lesion, on one side, and a note that says where it hurts; `sides` says what is labelled."""

    sides: SideLabels = SideLabels.WITHHELD

    @property
    def lesion_side(self) -> Side:
        """The patient's side that the lesion is on."""
        return self.lesions[0].side

    @property
    def truth(self) -> dict[str, int]:
        """Whether the sides agree, and which they are where that is labelled."""
        lesion, pain = self.lesion_side, self.note.pain_side
        agreement = {LATERALITY_FINDING: int(pain is lesion)}
        if self.sides is SideLabels.WITHHELD:
            return agreement
        return agreement | {
            name: int(side is Side.LEFT) for name, side in zip(SIDE_FINDINGS, (lesion, pain), strict=True)
        }


def make_laterality_cases(
    n: int, *, seed: int, options: PhantomOptions | None = None, sides: SideLabels = SideLabels.WITHHELD
) -> list[LateralityCase]:
    """Make studies of the laterality task; nothing is drawn or written yet.

    Study `i` of a seed is the same whatever `n` is, but for its split.

    Args:
        n: How many.
        seed: The same seed gives the same studies.
        options: None for `LATERALITY_OPTIONS`. Sizes, splits, and rates of second studies, misspellings, MONOCHROME1
            and what is missing are used; images are frontal, patterns and contexts are the task's own.
        sides: Whether each side is labelled beside the agreement.

    Raises:
        ConfigError: `split_counts` do not add up to `n`, or no split of whole patients has these sizes.
    """
    options = options or LATERALITY_OPTIONS
    cases = [_draw_case(slot, seed=seed, options=options) for slot in draw_slots(n, seed=seed, options=options)]
    return [_labelled(case, np.random.default_rng([seed, 12, i]), sides, options) for i, case in enumerate(cases)]


def _labelled(
    case: LateralityCase, rng: np.random.Generator, sides: SideLabels, options: PhantomOptions
) -> LateralityCase:
    case = replace(case, sides=sides)
    return replace(case, labels={n: v for n, v in case.truth.items() if rng.random() >= options.unknown_rate})


def _draw_case(slot: Slot, *, seed: int, options: PhantomOptions) -> LateralityCase:
    block, place = divmod(slot.index, len(_PAIRS))
    order = np.random.default_rng([seed, 10, block]).permutation(len(_PAIRS))
    lesion_side, pain_side = _PAIRS[int(order[place])]
    rng = np.random.default_rng([seed, 11, slot.index])
    patient = slot.patient
    acquired_at = slot.acquired_at(rng)
    lesion = _draw_lesion(rng, patient, lesion_side)
    note = _write_note(rng, patient, pain_side, misspelling_rate=options.misspelling_rate)
    shot = draw_shot(rng, draw_frontal_position(rng), options.monochrome1_rate)
    absent = rng.random()
    return LateralityCase(
        study_id=f"laterality-{slot.index + 1:05d}",
        patient_id=patient.patient_id,
        split=slot.split,
        age_years=patient.age_years,
        sex=patient.sex,
        acquired_at=acquired_at,
        size=options.size,
        anatomy=patient.anatomy,
        lesions=(lesion,),
        contexts=frozenset(),
        note=note,
        shots=(shot,),
        labels={},
        has_image=absent >= options.missing_image_rate,
        has_note=absent < 1 - options.missing_note_rate,
        uid_root=f"{seed}/laterality/{slot.index}",
    )


def _draw_lesion(rng: np.random.Generator, patient: Patient, side: Side) -> Lesion:
    """A lesion of a side, at the conspicuous end of what is drawn elsewhere."""
    pattern = _PATTERNS[int(rng.integers(len(_PATTERNS)))]
    lesion = draw_lesions(rng, [pattern], patient.anatomy)[0]
    while lesion.side is not side:
        lesion = draw_lesions(rng, [pattern], patient.anatomy)[0]
    strength = float(rng.uniform(0.85, 0.97))
    if pattern is Pattern.EFFUSION:
        return replace(lesion, strength=strength, size=float(rng.uniform(0.46, 0.62)))
    if pattern is Pattern.FOCAL_OPACITY:
        return replace(lesion, strength=strength, size=float(rng.uniform(0.26, 0.33)))
    return lesion


def _write_note(rng: np.random.Generator, patient: Patient, pain_side: Side, *, misspelling_rate: float) -> Note:
    """A note that says once where it hurts, and names sides for other reasons that depend on nothing."""
    writer = Writer(rng, patient.age_years, misspelling_rate)
    start = opening(rng, patient.age_years, patient.sex)
    complaints: list[Phrase] = []
    history = [writer.phrase(text) for text in sample(rng, BACKGROUND, int(rng.integers(1, 4)))]
    where, forms = (complaints, PAIN_COMPLAINTS) if rng.random() < 0.7 else (history, PAIN_STORIES)
    form = forms[int(rng.integers(len(forms)))]
    where.append(_sided(writer, form, pain_side, role=Role.PAIN))
    for form in sample(rng, ASIDES, int(rng.integers(0, 3))):
        side = Side.LEFT if rng.random() < 0.5 else Side.RIGHT
        history.append(_sided(writer, form, side, role=Role.DISTRACTS))
    if not complaints or rng.random() < 0.4:
        complaints.append(writer.any_of(COMPLAINTS))
    shuffle(rng, complaints)
    shuffle(rng, history)
    asks = [writer.any_of(QUESTIONS)] if rng.random() < 0.6 else []
    exam = [Phrase(text=vitals(rng, frozenset()))]
    exam += [writer.phrase(text) for text in sample(rng, SIGNS, int(rng.integers(1, 3)))]
    parts = {
        "indication": clauses(start, complaints) + sentences(asks, lead=True),
        "history": sentences(history),
        "exam": sentences(exam),
    }
    return assemble(rng, parts, pain_side)


def _sided(writer: Writer, form: str, side: Side, *, role: Role) -> Phrase:
    text = form.replace("{Side}", side.value.capitalize()).replace("{S}", side.value[0].upper())
    return writer.phrase(text, role, side=side.value)
