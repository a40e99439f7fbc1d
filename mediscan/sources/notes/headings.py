"""The headings of English radiology reports and clinical notes, and the section that each one opens.

A phrase is looked up as it is written, then as it may be misspelt by one letter, and then by its words. One that opens
a `LEAKAGE_SAFE` section may have no word that is unknown or that names another section; any other section is recognised
by a chief word alone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from itertools import takewhile

from mediscan.sources.notes.letterheads import LINE
from mediscan.sources.notes.spelling import Spelling
from mediscan.sources.notes.vocabulary import OPEN, PARAGRAPH, phrases
from mediscan.sources.notes.words import (
    ADVISED,
    ADVISING,
    EARLIER,
    GIVEN,
    HEADS,
    KNOWN_BEFORE,
    LEADS,
    OF_CLINICIANS,
    OF_HISTORIES,
    OF_IMAGES,
    OF_LABORATORIES,
    OF_PATIENTS,
    OF_READING,
    OF_RESULTS,
    PLAIN,
    PREPOSITIONS,
    SETTINGS,
    STUDIES,
    SUBHEADINGS,
    SUPPLIED,
)

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
    COMPOSED = "composed"
    MISSPELT = "misspelt"
    WORD = "word"


@dataclass(frozen=True, kw_only=True)
class Heading:
    """What a heading opens.

    Args:
        name: The section.
        scope: How far it reaches.
        likeness: Whether the phrase stands in the tables, is like one that does, or is made of known words.
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

    @property
    def is_title(self) -> bool:
        """Whether the phrase may as well be the name of a study of images ("CHEST EXAMINATION")."""
        return self.name == "exam" and self.likeness is Likeness.COMPOSED and self.scope is Scope.PARAGRAPH


ADDENDUM = Heading(name="addendum", scope=Scope.OPEN)
SIGNATURE = Heading(name="signature", scope=Scope.LINE)

_MOST_WORDS = 8
_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_EDGES = " \t*_#=~<>[]{}|:.+\"'\u201c\u201d\u2018\u2019-–—"
_JOINT = re.compile(r"\s*(?:/|&|\+|,|\band\b|\bor\b)\s*")
_WORD = re.compile(r"[a-z][a-z'-]*")


@lru_cache(maxsize=4096)
def heading_of(phrase: str) -> Heading | None:
    """What a phrase opens as a heading; None where it is none that is known.

    Of a joint heading ("history and findings") a part that is not `LEAKAGE_SAFE` counts, so that what is known of the
    image is never read as history.
    """
    key = _key(phrase)
    if key in _EXACT:
        return _EXACT[key]
    if not key or len(key.split()) > _MOST_WORDS or re.search(r"\d", key):
        return None
    parts = [_EXACT.get(part) or _misspelt(part) or _composed(part) for part in _JOINT.split(key)]
    return _joint(parts) or _misspelt(key) or _composed(key)


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


def is_abbreviation(phrase: str) -> bool:
    """Whether a phrase is no more than two letters: "PE" is a physical examination or a pulmonary embolism."""
    return len(_key(phrase)) <= 2


def names_a_diagnosis(phrase: str) -> bool:
    """Whether a heading speaks of a diagnosis, whoever made it."""
    return not {"diagnosis", "diagnoses"}.isdisjoint(_key(phrase).split())


def tells_a_reading(phrase: str) -> bool:
    """Whether a phrase that opens no known section has a word of reading images ("What we saw", "Take-home")."""
    return not OF_READING.isdisjoint(_WORD.findall(_key(phrase)))


def speaks_of_images(phrase: str) -> bool:
    """Whether a phrase that opens no known section has any word of images or of reading them."""
    return tells_a_reading(phrase) or not OF_IMAGES.isdisjoint(_WORD.findall(_key(phrase)))


def _key(phrase: str) -> str:
    return " ".join(_ASIDE.sub(" ", phrase).strip(_EDGES).lower().replace("\u2019", "'").split())


def _entries() -> Iterator[tuple[str, Heading]]:
    for scope, table in ((Scope.PARAGRAPH, PARAGRAPH), (Scope.OPEN, OPEN), (Scope.LINE, LINE)):
        for name, entries in table.items():
            for phrase in phrases(entries):
                yield phrase, Heading(name=name, scope=scope)


_EXACT = dict(_entries())
_USUAL = {name: frozenset(phrases(entries)) for name, entries in SUBHEADINGS.items()}
_SCOPE = {name: scope for scope, table in ((Scope.OPEN, OPEN), (Scope.PARAGRAPH, PARAGRAPH)) for name in table}
_WORDS = PLAIN | HEADS.keys() | LEADS
_PHRASE_SPELLING = Spelling(_EXACT)
_WORD_SPELLING = Spelling(_WORDS)


def _joint(parts: list[Heading | None]) -> Heading | None:
    known = [part for part in parts if part]
    if len(parts) < 2 or len(known) < len(parts):
        return None
    concluding = [part for part in known if part.name in CONCLUSIVE - {"recommendation"}]
    course = [part for part in known if part.name == "hospital_course"]
    if course and not concluding:
        return course[0]  # "Hospital course and treatment"
    concluding = concluding or [part for part in known if part.name in CONCLUSIVE]
    others = [part for part in known if not part.is_safe]
    others = [part for part in others if part.name != "imaging"] or others  # "Prior CT/MRI"
    return next(iter(concluding), (others or known[:1])[-1])


def _misspelt(key: str) -> Heading | None:
    opened = {_EXACT[phrase] for phrase in _PHRASE_SPELLING.meant_by(key)}
    if len({heading.name for heading in opened}) != 1:
        return None
    found = min(opened, key=lambda heading: heading.scope.value)
    return replace(found, likeness=Likeness.MISSPELT)


def _composed(key: str) -> Heading | None:
    """What a phrase opens by its words.

    Its chief words stand before the first preposition. A `LEAKAGE_SAFE` section is opened only where no word of the
    phrase is unknown or names another section; any other where a chief word is the first or the last.
    """
    words = [_meant(word) for word in _WORD.findall(key.replace("h/o", "history of"))]
    while words and words[0] in LEADS:
        words = words[1:]
    spelt = " ".join(words)
    if spelt != key and spelt in _EXACT:
        return replace(_EXACT[spelt], likeness=Likeness.MISSPELT)
    chief = list(takewhile(lambda word: word not in PREPOSITIONS, words))
    if len(chief) < len(words) and SUPPLIED.issuperset(chief):
        chief = [word for word in words if word not in PREPOSITIONS]  # "Details of clinical history"
    all_known = _WORDS.issuperset(words)
    led = _EXACT.get(" ".join(chief)) if 1 < len(chief) < len(words) else None
    if led and all_known and CONCLUSIVE.isdisjoint(HEADS.get(word, led.name) for word in words[len(chief) :]):
        return replace(led, likeness=Likeness.COMPOSED)  # "Clinical summary from the referrer"
    told = _told_at_once(chief, words)
    named = [told] if told else _sections_of(chief, words)
    if not named or words[-1:] == ["report"]:
        return None  # "CT REPORT" is a title
    concluding = [name for name in named if name in CONCLUSIVE]
    others = [name for name in named if name not in LEAKAGE_SAFE]
    name = concluding[0] if concluding else (others or named)[-1]
    if name in LEAKAGE_SAFE:
        concludes = told is None and not CONCLUSIVE.isdisjoint(HEADS.get(word, name) for word in words)
        scope = _reach(name, words)
        return None if concludes or not all_known else Heading(name=name, scope=scope, likeness=Likeness.COMPOSED)
    ends = {word for part in _JOINT.split(key) for word in (part.split()[:1] + part.split()[-1:])}
    if not all_known and name not in {HEADS.get(_meant(word)) for word in (chief[0], chief[-1], *ends)}:
        return None
    return Heading(name=name, scope=_SCOPE[name], likeness=Likeness.COMPOSED if all_known else Likeness.WORD)


def _reach(name: str, words: list[str]) -> Scope:
    clinical = OF_HISTORIES if name == "history" else OF_PATIENTS if name == "exam" else frozenset[str]()
    settled = name == "exam" and not SETTINGS.isdisjoint(words)
    return Scope.PARAGRAPH if clinical.isdisjoint(words) and not settled else Scope.OPEN


def _told_at_once(chief: list[str], words: list[str]) -> str | None:
    """The section that two words name together, whatever each of them names alone; None where no two do."""
    heads, beside = set(chief), set(words)
    named = {HEADS[word] for word in chief if word in HEADS}
    of_images = bool(OF_IMAGES & beside)
    told = (
        ("hospital_course", "course" in beside and named.isdisjoint(CONCLUSIVE - {"impression", "recommendation"})),
        ("medications", "medications" in named and heads & {"advised", "recommended", "suggested"}),
        ("instructions", ADVISING & heads and ADVISED & beside),
        ("labs", OF_LABORATORIES & heads and OF_RESULTS.intersection(_without_given(chief)[-1:])),
        ("vitals", heads & {"observation", "observations"} and SETTINGS & beside and not of_images),
        ("exam", "exam" in named and "findings" in named and (SETTINGS | OF_CLINICIANS) & beside and not of_images),
    )
    return next((name for name, is_told in told if is_told), None)


def _sections_of(chief: list[str], words: list[str]) -> list[str]:
    """The sections that the chief words of a phrase name, in their order."""
    named = [HEADS[word] for word in chief if word in HEADS]
    if chief == ["history"]:
        named += [HEADS[word] for word in words if HEADS.get(word) in {"allergies", "medications"}]
    chief = _without_given(chief)
    if not EARLIER.isdisjoint(chief) and chief[-1] in STUDIES:
        named.append("comparison")
    if not KNOWN_BEFORE.isdisjoint(chief) and chief[-1] in SUPPLIED:
        named.append("history")
    if chief[-2:] == ["vital", "signs"]:
        named.append("vitals")
    return named


def _without_given(chief: list[str]) -> list[str]:
    while len(chief) > 1 and chief[-1] in GIVEN:
        chief = chief[:-1]
    return chief


def _meant(word: str) -> str:
    """A word as it was meant: itself where it is known, or may be several of different sections."""
    if word in _WORDS:
        return word
    meant = sorted(_WORD_SPELLING.meant_by(word))
    same = len(meant) == 1 or (meant and meant[0] in HEADS and len({HEADS.get(each) for each in meant}) == 1)
    return meant[-1] if same else word
