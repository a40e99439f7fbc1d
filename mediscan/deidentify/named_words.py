"""The words of a note that name somebody, and where the same words stand again."""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from mediscan.deidentify.identifiers import IdentifierKind, Span
from mediscan.deidentify.lexicon import AUXILIARY_VERBS, PERSON_VERBS, is_common_word
from mediscan.deidentify.name_tokens import NoteWords, Trust

_JOINTS = frozenset({", ", " ", "/", " / ", " & "})
_CONJUNCTIONS = frozenset({"and", "or"})


class NamedWords:
    """The words of one note that are part of names, as they are found.

    Args:
        note: The text in words.
    """

    def __init__(self, note: NoteWords) -> None:
        self._note = note
        self._at: set[int] = set()
        self._ends: set[int] = set()

    def add(self, words: range) -> None:
        """Count words as a name."""
        self._at.update(words)
        self._ends.add(words.stop)

    def add_joined(self) -> None:
        """Names after "and" or a comma after a name: "reviewed with A B and C D"."""
        note = self._note
        tried: set[int] = set()  # a long list is walked once, not once from each of its names
        for end in sorted(self._ends):
            at = end
            while 0 < at < len(note.words) and at not in tried and note.gap(at - 1) in _JOINTS:
                tried.add(at)
                if note.words[at].folded in _CONJUNCTIONS:
                    at += 1
                    continue
                words = note.read(at, Trust.CUE)
                bare = note.gap(at - 1) == " " and note.words[at - 1].folded not in _CONJUNCTIONS
                if words is None or len(words) < 2 or bare:
                    break
                self._at.update(words)
                at = words.stop

    def spans(self, known: frozenset[str]) -> Iterator[Span]:
        """Each word of a name, wherever it stands again, and the particles before it.

        Args:
            known: Words of names that the record itself tells, case-folded.
        """
        note = self._note
        found = {note.words[at].folded for at in self._at if len(note.words[at].text) > 1 and not note.is_particle(at)}
        names = found | known
        names |= {
            part for name in names for part in re.split("['-]", name) if len(part) > 3 and not is_common_word(part)
        }
        for at in range(len(note.words)):
            if at in self._at or self._is_named_before(at, names, known):
                yield self._span(at)
                yield from map(self._span, self._particles_before(at))

    def _span(self, at: int) -> Span:
        word = self._note.words[at]
        return Span(word.start, word.end, IdentifierKind.NAME)

    def _particles_before(self, at: int) -> Iterator[int]:
        for before in range(at - 1, max(-1, at - 4), -1):
            if before in self._at or not self._note.is_particle(before) or self._note.gap(before) not in {" ", "\n"}:
                return
            yield before

    def _is_named_before(self, at: int, names: AbstractSet[str], known: frozenset[str]) -> bool:
        note, word = self._note, self._note.words[at]
        if word.folded not in names and not ("-" in word.folded and known.issuperset(word.folded.split("-"))):
            return False
        if note.is_eponym(at):
            return False
        if not is_common_word(word.folded):
            return word.text[0].isupper() or word.folded in known or len(word.text) > 4
        if not word.text[0].isupper() or note.is_shouted(at):
            return False
        after = note.words[at + 1].folded if at + 1 < len(note.words) else ""
        return (
            not note.begins_sentence(at)
            or after in PERSON_VERBS
            or after in AUXILIARY_VERBS
            or note.text[word.end : word.end + 2] in {"'s", "\u2019s"}
        )
