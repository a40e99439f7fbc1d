"""What notes are made of: the written note, its spans, and how phrases become sections."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from mediscan.phantom.rules import Context, Side
from mediscan.phantom.writer import Phrase, Role
from mediscan.study import Sex


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


def opening(rng: np.random.Generator, age_years: int, sex: Sex) -> str:
    """How an indication begins."""
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


def vitals(rng: np.random.Generator, contexts: AbstractSet[Context]) -> str:
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


def clauses(opening: str, complaints: list[Phrase]) -> list[Phrase]:
    """An indication: its opening and the complaints, separated by commas."""
    parts = [Phrase(text=opening)]
    for index, complaint in enumerate(complaints):
        parts += [Phrase(text=" " if index == 0 else ", "), complaint]
    return [*parts, Phrase(text=".")]


def sentences(phrases: list[Phrase], *, lead: bool = False) -> list[Phrase]:
    """Phrases one after the other; with `lead` something stands before them."""
    parts: list[Phrase] = []
    for phrase in phrases:
        if parts or lead:
            parts.append(Phrase(text=" "))
        parts.append(phrase)
    return parts


def assemble(rng: np.random.Generator, parts: dict[str, list[Phrase]], pain_side: Side | None) -> Note:
    """Put sections together; some are written in lower case, some in capitals."""
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


def shuffle(rng: np.random.Generator, items: list[Phrase]) -> None:
    """Bring items into another order, in place."""
    items[:] = [items[int(index)] for index in rng.permutation(len(items))]


def sample(rng: np.random.Generator, items: tuple[str, ...], count: int) -> list[str]:
    """Some of the items, none twice."""
    return [items[int(index)] for index in rng.choice(len(items), size=count, replace=False)]
