"""The headings of English radiology reports and clinical notes, and the section that each one opens.

A phrase that may open one of the `LEAKAGE_SAFE` sections must stand in the tables as it is written; a phrase that opens
any other section may also be misspelt by one letter, or be recognised by its first or last word.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from mediscan.sources.notes.vocabulary import LINE, OPEN, PARAGRAPH, SUBHEADINGS, TELLING, phrases

LEAKAGE_SAFE = frozenset({"indication", "history", "exam", "vitals"})
"""Sections that are written before anybody knows what the image shows."""

CONCLUSIVE = frozenset({"findings", "impression", "recommendation", "addendum", "preliminary_read"})
"""Sections that say what the image shows."""

READERS = CONCLUSIVE | {"technique", "comparison", "diagnosis", "notification", "signature"}
"""Sections of a report that the reader of the images writes; the others repeat what came with the request."""

NOTE = "note"
"""The section of all text that stands under no known heading."""


class Scope(Enum):
    """How far a section reaches when no other heading ends it."""

    LINE = "line"
    PARAGRAPH = "paragraph"
    OPEN = "open"


class Likeness(Enum):
    """How close a phrase is to one of the tables."""

    EXACT = "exact"
    MISSPELT = "misspelt"
    WORD = "word"


@dataclass(frozen=True, kw_only=True)
class Heading:
    """What a heading opens.

    Args:
        name: The section.
        scope: How far it reaches.
        likeness: Whether the phrase stands in the tables, or is like one that does.
    """

    name: str
    scope: Scope
    likeness: Likeness = Likeness.EXACT

    @property
    def is_exact(self) -> bool:
        """Whether the phrase stands in the tables."""
        return self.likeness is Likeness.EXACT

    @property
    def is_safe(self) -> bool:
        """Whether its section is written before anybody knows what the image shows."""
        return self.name in LEAKAGE_SAFE


ADDENDUM = Heading(name="addendum", scope=Scope.OPEN)

_MOST_WORDS = 6
_LEAST_LETTERS, _MOST_LETTERS = 6, 40
"""Letters of a phrase that may be misspelt; a shorter one is one letter away from too many others."""

_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_EDGES = " \t*_#=~<>[]|:.-–"
_JOINT = re.compile(r"\s*(?:/|&|\+|,|\band\b|\bor\b)\s*")


@lru_cache(maxsize=4096)
def heading_of(phrase: str) -> Heading | None:
    """What a phrase opens as a heading; None where it is none that is known.

    Of a joint heading ("history and findings") a part that is not `LEAKAGE_SAFE` counts, so that what is known of the
    image is never read as history.
    """
    return _known(_key(phrase))


@lru_cache(maxsize=4096)
def exact_heading_of(phrase: str) -> Heading | None:
    """As `heading_of`, for phrases that stand in the tables as they are written."""
    key = _key(phrase)
    return _EXACT.get(key) or _joint([_EXACT.get(part) for part in _JOINT.split(key)])


def is_subheading(phrase: str, *, of: str) -> bool:
    """Whether a phrase is a usual heading within a section ("HEENT" in a physical exam, "BP" in vital signs)."""
    key = _key(phrase)
    usual = _USUAL.get(of, frozenset())
    return key in usual or re.split(r"[ /]", key)[0] in usual


def _key(phrase: str) -> str:
    return " ".join(_ASIDE.sub(" ", phrase).strip(_EDGES).lower().split())


def _entries() -> Iterator[tuple[str, Heading]]:
    for scope, table in ((Scope.PARAGRAPH, PARAGRAPH), (Scope.OPEN, OPEN), (Scope.LINE, LINE)):
        for name, entries in table.items():
            for phrase in phrases(entries):
                yield phrase, Heading(name=name, scope=scope)


_EXACT = dict(_entries())
_USUAL = {name: frozenset(phrases(entries)) for name, entries in SUBHEADINGS.items()}


def _one_less(word: str) -> set[str]:
    return {word, *(word[:position] + word[position + 1 :] for position in range(len(word)))}


def _near() -> dict[str, frozenset[str]]:
    # Two words that are one letter or one swap apart share a word that lacks one letter of either.
    near: dict[str, set[str]] = {}
    for phrase in _EXACT:
        if len(phrase) >= _LEAST_LETTERS:
            for less in _one_less(phrase):
                near.setdefault(less, set()).add(phrase)
    return {less: frozenset(meant) for less, meant in near.items()}


_NEAR = _near()


def _known(key: str) -> Heading | None:
    if key in _EXACT:
        return _EXACT[key]
    if not key or len(key.split()) > _MOST_WORDS or re.search(r"\d", key):
        return None
    parts = [_EXACT.get(part) or _misspelt(part) for part in _JOINT.split(key)]
    return _joint(parts) or _misspelt(key) or _by_word(key)


def _joint(parts: list[Heading | None]) -> Heading | None:
    known = [part for part in parts if part]
    if len(parts) < 2 or len(known) < len(parts):
        return None
    concluding = [part for part in known if part.name in CONCLUSIVE]
    others = [part for part in known if not part.is_safe]
    return next(iter(concluding), (others or known[:1])[-1])


def _misspelt(key: str) -> Heading | None:
    if not _LEAST_LETTERS <= len(key) <= _MOST_LETTERS:
        return None
    meant = {phrase for less in _one_less(key) for phrase in _NEAR.get(less, ())}
    opened = {_EXACT[phrase] for phrase in meant}
    if len({heading.name for heading in opened}) != 1:
        return None
    found = min(opened, key=lambda heading: heading.scope.value, default=None)
    return Heading(name=found.name, scope=found.scope, likeness=Likeness.MISSPELT) if found else None


def _by_word(key: str) -> Heading | None:
    words = re.findall(r"[a-z][a-z-]*", key)
    for word in words[-1:] + words[:1]:
        meant = _EXACT.get(word) if word in _EXACT else _misspelt(word)
        if meant and not meant.is_safe and (word in TELLING or word not in _EXACT):
            return Heading(name=meant.name, scope=meant.scope, likeness=Likeness.WORD)
    return None
