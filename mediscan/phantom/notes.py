"""The note of a study: indication, history and examination, and where in it each context is stated."""

from collections.abc import Set as AbstractSet

import numpy as np

from mediscan.phantom.filler import BACKGROUND, COMPLAINTS, PAIN, QUESTIONS, SIGNS
from mediscan.phantom.note_parts import Note, assemble, clauses, opening, sample, sentences, shuffle, vitals
from mediscan.phantom.phrases import WORDING
from mediscan.phantom.rules import Context, Side
from mediscan.phantom.writer import Phrase, Role, Writer
from mediscan.study import Sex

SECTIONS = ("indication", "history", "exam")
"""The sections of a note, in order."""
MIN_WORDS, MAX_WORDS = 25, 120


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
    start = opening(rng, age_years, sex)
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
    shuffle(rng, complaints)
    asks = [writer.any_of(QUESTIONS)] if rng.random() < 0.6 else []
    history += [writer.phrase(text) for text in sample(rng, BACKGROUND, int(rng.integers(1, 6)))]
    shuffle(rng, history)
    exam += [writer.phrase(text) for text in sample(rng, SIGNS, int(rng.integers(1, 4)))]
    shuffle(rng, exam)
    exam.insert(0, Phrase(text=vitals(rng, contexts)))
    fixed = [phrase.text for part in (complaints, asks, exam) for phrase in part]
    _trim(writer, history, used=_words(start, *fixed))
    parts = {
        "indication": clauses(start, complaints) + sentences(asks, lead=True),
        "history": sentences(history),
        "exam": sentences(exam),
    }
    return assemble(rng, parts, pain_side)


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
