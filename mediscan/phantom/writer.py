"""Filling a note's templates: facts that stay the same throughout a note, and slips of the pen."""

import re
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from mediscan.phantom.filler import MISSPELLINGS
from mediscan.phantom.rules import Context

_THIS_YEAR = 2023
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WORD = re.compile(r"[A-Za-z]+")


class Role(StrEnum):
    """What a phrase of a note is for."""

    STATES = "states"
    DENIES = "denies"
    DISTRACTS = "distracts"
    PAIN = "pain"


@dataclass(frozen=True, kw_only=True)
class Phrase:
    """A piece of a note before it is put together; one that only fills has no role."""

    text: str
    role: Role | None = None
    context: Context | None = None


class Writer:
    """Fills templates and misspells; the first statement of each context stays as it is."""

    def __init__(self, rng: np.random.Generator, age_years: int, misspelling_rate: float) -> None:
        self.rng = rng
        self.rate = misspelling_rate
        self.told: set[Context] = set()
        # Drawn once, so that two sentences of a note do not contradict each other.
        self.facts: dict[str, object] = {
            "days": int(rng.integers(2, 9)),
            "hours": int(rng.integers(2, 12)),
            "months": int(rng.integers(2, 7)),
            "metres": int(rng.integers(2, 6)),
            "kilos": int(rng.integers(4, 13)),
            "packs": min(70, max(2, round((age_years - 17) * float(rng.uniform(0.5, 1.2))))),
            "ef": int(rng.integers(4, 9)) * 5,
            "fever": f"{rng.uniform(38.2, 39.8):.1f}",
            "weekday": _WEEKDAYS[int(rng.integers(7))],
        }
        self.past_years = max(3, min(26, age_years - 16))

    def phrase(
        self,
        text: str,
        role: Role | None = None,
        context: Context | None = None,
        *,
        side: str = "",
    ) -> Phrase:
        """A template, filled."""
        if "{" in text:
            year = _THIS_YEAR - int(self.rng.integers(2, self.past_years))
            text = text.format(**self.facts, year=year, side=side)
        if role is Role.STATES and context is not None and context not in self.told:
            self.told.add(context)
        else:
            text = self._slip(text)
        return Phrase(text=text, role=role, context=context)

    def any_of(self, choices: tuple[str, ...], role: Role | None = None, context: Context | None = None) -> Phrase:
        """One of some templates, filled."""
        return self.phrase(choices[int(self.rng.integers(len(choices)))], role, context)

    def _slip(self, text: str) -> str:
        def word(match: re.Match[str]) -> str:
            right = match.group()
            wrong = MISSPELLINGS.get(right.lower())
            draw = self.rng.random()
            if wrong and draw < self.rate * 2:
                slip = wrong[int(self.rng.integers(len(wrong)))]
                return slip.capitalize() if right[0].isupper() else slip
            if len(right) >= 6 and right.islower() and draw < self.rate / 10:
                at = int(self.rng.integers(1, len(right) - 2))
                return right[:at] + right[at + 1] + right[at] + right[at + 2 :]
            return right

        return _WORD.sub(word, text) if self.rate else text
