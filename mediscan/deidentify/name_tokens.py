"""Words of a note as candidates for names: which can be one, and how far a name reaches."""

import re
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from mediscan.deidentify.lexicon import (
    EPONYM_HEADS,
    MONTH_NAMES,
    PARTICLES,
    is_common_word,
    is_given_name,
    is_listed_name,
    words,
)

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_CREDENTIAL = re.compile(
    r"(?P<comma>,?)[ \t]{0,2}\(?(?P<letters>M\.?D\.?|D\.O\.|DO|R\.?N\.?|B\.?S\.?N\.?|N\.?P\.?|PA-?C|PA|LPN|CNA|APRN"
    r"|ARNP|CRNA|CNM|DNP|FNP(?:-BC|-C)?"
    r"|Ph\.?D\.?|Pharm\.?D\.?|Psy\.?D|DPT|PT|OT|OTR(?:/L)?|RT(?:\(R\))?|RRT|LI?CSW|MSW|RDMS|M\.?B\.?B\.?S\.?|MBChB|MBBCh|MRCP"
    r"|FRCP|FRCR|MRCGP|FRCS|FACC"
    r"|FACS|FACR|DDS|DMD|DPM|OD|MPH|MSc|Esq|Jr|Sr|III)(?![\w-])"
)
AMBIGUOUS_LETTERS = frozenset({"PA", "PT", "DO", "OT", "OD", "RT", "NP", "III", "Jr", "Sr", "MSc"})
_ROMAN = re.compile(r"[IVX]{1,5}\Z")
_GAP = re.compile(r"[ \t]{1,3}|\.?[ \t]{0,2}\n?[ \t]{0,2}|\.[ \t]|\^|-")
_COMMA = re.compile(r",[ \t]{0,2}")
_SKIPPED = re.compile(r"[\s:\"“(,*_]{0,6}")
_MOST_WORDS = 6
_NEVER = words("never_names")


class Trust(IntEnum):
    """How sure it is that a name stands here."""

    CUE = 1  # "discussed with": a word that means nothing else
    TITLE = 2  # "Dr.", "Patient:": any capitalised word, and any word at all that means nothing else


class Word(NamedTuple):
    """A word at characters `[start, end)`; `folded` is for comparing, without case and with plain apostrophes."""

    text: str
    start: int
    end: int
    folded: str


class NoteWords:
    """The words of one text, and what stands between them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = list(self._split(text))
        self._starts = {word.start: at for at, word in enumerate(self.words)}
        self.credentials = tuple(_CREDENTIAL.finditer(text))
        self._letters = self._after_names()
        capitals = sum(letter.isupper() for letter in text)
        self.is_whispered = capitals * 100 < len(text)  # written without capitals, so that their lack says nothing

    @staticmethod
    def _split(text: str) -> Iterator[Word]:
        for match in _WORD.finditer(text):
            word, start = match.group(), match.start()
            if word[-2:] in {"'s", "\u2019s", "'S", "\u2019S"} and len(word) > 2:
                word = word[:-2]
            yield Word(word, start, start + len(word), word.casefold().replace("\u2019", "'"))

    def _after_names(self) -> frozenset[int]:
        """Where the letters after names stand: MD, FRCP."""
        starts: set[int] = set()
        for match in self.credentials:
            if match["comma"] or match["letters"] not in AMBIGUOUS_LETTERS:
                starts.update(range(*match.span("letters")))
        return frozenset(starts)

    def at_or_after(self, position: int) -> int | None:
        """The index of the word at the position, blanks and marks skipped."""
        skipped = _SKIPPED.match(self.text, position)
        return self._starts.get(skipped.end() if skipped else position)

    def gap(self, at: int) -> str:
        """What stands between word `at` and the next; a NUL where there is none."""
        if not 0 <= at < len(self.words) - 1:
            return "\0"
        return self.text[self.words[at].end : self.words[at + 1].start]

    def is_particle(self, at: int) -> bool:
        """Whether "van", "de la": a part of a family name that is no name alone."""
        return self.words[at].folded in PARTICLES

    def is_initial(self, at: int) -> bool:
        """Whether a single capital letter."""
        word = self.words[at]
        return len(word.text) == 1 and word.text.isupper() and word.start not in self._letters

    def is_shouted(self, at: int) -> bool:
        """Whether the words around are in capitals, so that capitals say nothing."""
        if not self.words[at].text.isupper():
            return False
        near = [word.text for word in self.words[max(0, at - 3) : at + 4] if len(word.text) > 1]
        return sum(word.isupper() for word in near) > len(near) / 2

    def begins_sentence(self, at: int) -> bool:
        """Whether the word is the first of a sentence or an entry, so that its capital says nothing."""
        return at == 0 or any(mark in self.gap(at - 1) for mark in ".:;!?\n-*")

    def is_eponym(self, at: int) -> bool:
        """Whether the word names a thing here: Foley catheter, Crohn's disease, Swan-Ganz."""
        if at + 1 >= len(self.words):
            return False
        gap = self.gap(at)
        return (
            gap.strip(" \n") in {"", "'s", "\u2019s", "'", "'S"}
            and "\n\n" not in gap
            and self.words[at + 1].folded in EPONYM_HEADS
        )

    def can_be_name(  # noqa: PLR0911 - a list of grounds, each with its answer
        self, at: int, trust: Trust, *, first: bool
    ) -> bool:
        """Whether the word can be part of a name."""
        word = self.words[at]
        folded = word.folded
        if folded in _NEVER or (_ROMAN.match(word.text) and len(word.text) > 1):
            return False
        if len(folded) == 1 or "xxx" in folded or word.start in self._letters:  # XXXX: taken out before
            return False
        common = is_common_word(folded)
        if not word.text[0].isupper():
            if trust is Trust.TITLE and self.is_whispered and first and is_listed_name(folded):
                return True
            if (
                not first
                and self.is_whispered
                and is_listed_name(folded)
                and self.text[word.end : word.end + 1] in {",", ".", ";", "\n"}
            ):
                return True
            return (trust is Trust.TITLE or self.is_whispered) and not common and len(word.text) > 2
        if not common:
            return len(word.text) > 3 or not word.text.isupper() or self.is_shouted(at) or is_listed_name(folded)
        if self.is_shouted(at):
            return is_listed_name(folded) and folded not in MONTH_NAMES and trust is Trust.TITLE
        if word.text.isupper():
            return False
        return (
            is_listed_name(folded)
            and (folded not in MONTH_NAMES or trust is Trust.TITLE)
            and (trust is Trust.TITLE or not first)
        )

    def read(self, at: int | None, trust: Trust, *, comma: bool = False) -> range | None:
        """The words of the name that begins at word `at`; None where none does.

        Args:
            at: Index of the first word.
            trust: How sure it is that a name stands here.
            comma: Whether "Family, Given" is looked for.
        """
        if at is None or at >= len(self.words):
            return None
        end, names, commas = at, 0, 0
        while end < len(self.words) and end - at < _MOST_WORDS:
            if end > at and not self._joins(end - 1, comma=comma and commas == 0 and names > 0):
                break
            if self.is_particle(end) and end + 1 < len(self.words) and self._joins(end, comma=False):
                end += 1
                continue
            # an initial stands for a name before or after it
            initial = self.is_initial(end) and (names > 0 or self._name_follows(end, trust))
            name = self.can_be_name(end, trust, first=names == 0)
            if not initial and not name:
                break
            if names and name and not initial and self._is_label(end):
                break
            names += name
            commas += end > at and self.gap(end - 1).lstrip().startswith(",")
            end += 1
        while end > at and self.is_particle(end - 1) and self.words[end - 1].folded != "st":
            end -= 1
        if names == 0 or (end - at == 1 and self.is_eponym(at) and trust is not Trust.TITLE):
            return None
        return range(at, end)

    def read_back(self, at: int) -> range | None:
        """The words of the name that ends with word `at`, as before "MD"."""
        start, names, commas = at, 0, 0
        while start >= 0 and at - start < _MOST_WORDS:
            gap = self.gap(start) if start < at else ""
            if start < at and not _GAP.fullmatch(gap):
                if not _COMMA.fullmatch(gap) or commas:
                    break
                commas += 1
            fine = self.can_be_name(start, Trust.TITLE, first=False) and (
                self.words[start].text[0].isupper() or names == 0
            )
            if not fine and not self.is_initial(start) and not self.is_particle(start):
                break
            names += fine
            start -= 1
        start += 1
        while start <= at and self.is_particle(start) and not self._joins(start, comma=False):
            start += 1
        return range(start, at + 1) if names else None

    def _name_follows(self, at: int, trust: Trust) -> bool:
        for ahead in (at + 1, at + 2, at + 3):
            if ahead >= len(self.words) or not _GAP.fullmatch(self.gap(ahead - 1)):
                return False
            if self.is_initial(ahead) or self.is_particle(ahead):
                continue
            return self.can_be_name(ahead, trust, first=False)
        return False

    def _is_label(self, at: int) -> bool:
        """Whether a colon follows, as after the next field's label."""
        return self.text[self.words[at].end : self.words[at].end + 1] == ":"

    def _joins(self, at: int, *, comma: bool) -> bool:
        gap = self.gap(at)
        if _COMMA.fullmatch(gap):
            return comma
        if not _GAP.fullmatch(gap):
            return False
        if "." in gap:
            return len(self.words[at].text) == 1 or self.words[at].folded in {"st", "jr", "sr"}
        # a name that is wrapped to the next line goes on in the middle of a sentence
        return "\n" not in gap or self.is_particle(at) or is_given_name(self.words[at].text) or self.is_initial(at)
