"""The note of a study: indication, history and examination, and where in it each context is stated."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from mediscan.phantom.filler import BACKGROUND, COMPLAINTS, PAIN, QUESTIONS, SIGNS
from mediscan.phantom.phrases import WORDING
from mediscan.phantom.rules import Context, Side
from mediscan.phantom.writer import Phrase, Role, Writer
from mediscan.study import Sex

SECTIONS = ("indication", "history", "exam")
"""The sections of a note, in order."""
MIN_WORDS, MAX_WORDS = 25, 120


@dataclass(frozen=True, kw_only=True)
class Span:
    """A phrase of a note.

    Args:
        section: The section it stands in.
        start: Its first character there.
        stop: The character after its last.
        role: What it is for.
        context: What it speaks of; None for pain.
    """

    section: str
    start: int
    stop: int
    role: Role
    context: Context | None


@dataclass(frozen=True, kw_only=True)
class Note:
    """A written note.

    Args:
        sections: Section → text.
        spans: The phrases that matter, in order.
        pain_side: Where the patient says it hurts; None where the note says nothing of it.
    """

    sections: dict[str, str]
    spans: tuple[Span, ...]
    pain_side: Side | None

    def stated(self, context: Context) -> tuple[Span, ...]:
        """The phrases that state a context."""
        return tuple(span for span in self.spans if span.role is Role.STATES and span.context is context)

    def text(self, span: Span) -> str:
        """A phrase as it stands."""
        return self.sections[span.section][span.start : span.stop]


def write_note(
    rng: np.random.Generator, contexts: AbstractSet[Context], *, age_years: int, sex: Sex, misspelling_rate: float
) -> Note:
    """Write a note.

    Every context of the patient is stated at least once, spelt right; each other one is denied in about half of the
    notes and not mentioned in the rest. Distractors and the side of pain do not depend on the contexts, vitals on
    nothing else.

    Args:
        rng: Where the draws come from.
        contexts: What the patient has.
        age_years: Written in the indication.
        sex: Written in the indication.
        misspelling_rate: Chance of a slip in each word that is often misspelt; others slip a tenth as often.
    """
    writer = Writer(rng, age_years, misspelling_rate)
    opening = _opening(rng, age_years, sex)
    complaints: list[Phrase] = []
    history: list[Phrase] = []
    exam: list[Phrase] = []
    for context in Context:
        if context in contexts:
            _state(writer, context, complaints, history, exam)
        else:
            _deny(writer, context, history, exam)
        if rng.random() < 0.25:
            history.append(writer.any_of(WORDING[context].distractor, Role.DISTRACTS, context))
    pain_side = None
    if rng.random() < 0.5:
        pain_side = Side.RIGHT if rng.random() < 0.5 else Side.LEFT
        form = PAIN[int(rng.integers(len(PAIN)))]
        complaints.append(writer.phrase(form, Role.PAIN, side=pain_side.value))
    if not complaints or rng.random() < 0.4:
        complaints.append(writer.any_of(COMPLAINTS))
    _shuffle(rng, complaints)
    asks = [writer.any_of(QUESTIONS)] if rng.random() < 0.6 else []
    history += [writer.phrase(text) for text in _sample(rng, BACKGROUND, int(rng.integers(1, 6)))]
    _shuffle(rng, history)
    exam += [writer.phrase(text) for text in _sample(rng, SIGNS, int(rng.integers(1, 4)))]
    _shuffle(rng, exam)
    exam.insert(0, Phrase(text=_vitals(rng, contexts)))
    fixed = [phrase.text for part in (complaints, asks, exam) for phrase in part]
    _trim(writer, history, used=_words(opening, *fixed))
    parts = {
        "indication": _clauses(opening, complaints) + _sentences(asks, lead=True),
        "history": _sentences(history),
        "exam": _sentences(exam),
    }
    return _assemble(rng, parts, pain_side)


def _state(
    writer: Writer, context: Context, complaints: list[Phrase], history: list[Phrase], exam: list[Phrase]
) -> None:
    words = WORDING[context]
    story = int(writer.rng.integers(len(words.history)))
    where = writer.rng.random()  # half in the indication, a quarter in the history, a quarter in both
    if where < 0.75:
        complaints.append(writer.phrase(words.complaint[story], Role.STATES, context))
    if where >= 0.5:
        history.append(writer.phrase(words.history[story], Role.STATES, context))
    if writer.rng.random() < 0.4:
        exam.append(writer.any_of(words.sign, Role.STATES, context))


def _deny(writer: Writer, context: Context, history: list[Phrase], exam: list[Phrase]) -> None:
    words = WORDING[context]
    denied = writer.rng.random() < 0.5
    if denied:
        history.append(writer.any_of(words.denied, Role.DENIES, context))
    if writer.rng.random() < (0.3 if denied else 0.2):
        exam.append(writer.any_of(words.unremarkable, Role.DENIES, context))


def _words(*texts: str) -> int:
    return sum(len(text.split()) for text in texts)


def _trim(writer: Writer, history: list[Phrase], *, used: int) -> None:
    """Add background to a note that is too short, and take it from one that is too long."""
    while used + _words(*(phrase.text for phrase in history)) < MIN_WORDS:
        extra = writer.any_of(BACKGROUND)
        if extra.text not in {phrase.text for phrase in history}:
            history.append(extra)
    for phrase in reversed([phrase for phrase in history if phrase.role is None]):
        if used + _words(*(phrase.text for phrase in history)) > MAX_WORDS:
            history.remove(phrase)


def _opening(rng: np.random.Generator, age_years: int, sex: Sex) -> str:
    man = sex is Sex.MALE
    forms = (
        f"{age_years} y/o {'man' if man else 'woman'} with",
        f"{age_years}{'M' if man else 'F'} with",
        f"A {age_years}-year-old {'male' if man else 'female'} presenting with",
        f"{age_years} yo {'male' if man else 'female'} w/",
        f"{'Male' if man else 'Female'}, {age_years} y,",
        f"Pt is a {age_years} year old {'gentleman' if man else 'lady'} with",
    )
    return forms[int(rng.integers(len(forms)))]


def _vitals(rng: np.random.Generator, contexts: AbstractSet[Context]) -> str:
    """Vitals that follow the contexts and nothing else: were they to follow the image, the note would tell of it."""
    ill, hurt, wet = (c in contexts for c in (Context.INFECTION, Context.TRAUMA, Context.HEART_FAILURE))
    celsius = rng.uniform(38.1, 39.6) if ill else rng.uniform(36.2, 37.4)
    heat = f"T {celsius:.1f}" if rng.random() < 0.7 else f"T {celsius * 9 / 5 + 32:.1f}F"
    pulse = int(rng.normal(78, 8)) + (18 if ill else 0) + (10 if hurt else 0)
    saturation = int(np.clip(rng.normal(97.3, 1.0) - (3 if ill else 0) - (3 if wet else 0), 86, 100))
    rate = int(np.clip(rng.normal(16, 1.5) + (4 if ill or wet else 0), 11, 30))
    pressure = f"BP {int(rng.normal(128, 12))}/{int(rng.normal(76, 7))}"
    readings = [heat, f"HR {pulse}", f"RR {rate}", pressure, f"SpO2 {saturation}% RA"]
    keep = [reading for reading in readings if rng.random() < 0.75] or readings[:1]
    return ", ".join(keep) + "."


def _clauses(opening: str, complaints: list[Phrase]) -> list[Phrase]:
    parts = [Phrase(text=opening)]
    for index, complaint in enumerate(complaints):
        parts += [Phrase(text=" " if index == 0 else ", "), complaint]
    return [*parts, Phrase(text=".")]


def _sentences(phrases: list[Phrase], *, lead: bool = False) -> list[Phrase]:
    parts: list[Phrase] = []
    for phrase in phrases:
        if parts or lead:
            parts.append(Phrase(text=" "))
        parts.append(phrase)
    return parts


def _assemble(rng: np.random.Generator, parts: dict[str, list[Phrase]], pain_side: Side | None) -> Note:
    sections: dict[str, str] = {}
    spans: list[Span] = []
    for section, phrases in parts.items():
        text = ""
        for phrase in phrases:
            if phrase.role is not None:
                # The full stop of a sentence is not part of what is stated.
                stop = len(text) + len(phrase.text.rstrip("."))
                spans.append(
                    Span(section=section, start=len(text), stop=stop, role=phrase.role, context=phrase.context)
                )
            text += phrase.text
        style = rng.random()
        sections[section] = text.lower() if style < 0.10 else text.upper() if style < 0.14 else text
    return Note(sections=sections, spans=tuple(spans), pain_side=pain_side)


def _shuffle(rng: np.random.Generator, items: list[Phrase]) -> None:
    items[:] = [items[int(index)] for index in rng.permutation(len(items))]


def _sample(rng: np.random.Generator, items: tuple[str, ...], count: int) -> list[str]:
    return [items[int(index)] for index in rng.choice(len(items), size=count, replace=False)]
