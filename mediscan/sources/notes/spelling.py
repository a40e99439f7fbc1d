"""Misspelt words and phrases, by the letter that two spellings differ in."""

from collections.abc import Iterable

_FEWEST_LETTERS, _MOST_LETTERS = 5, 40
"""A shorter word is one letter away from too many others."""


class Spelling:
    """Finds what a misspelt word or phrase was meant to be.

    A word is recognised where one letter is missing, added, wrong, or has changed places with the one after it. The
    first letter is taken to be right, which keeps "medication" and "expression" from other words.
    """

    def __init__(self, known: Iterable[str]) -> None:
        # Two words that differ in one letter or one swap share a word that lacks one letter of either.
        near: dict[str, set[str]] = {}
        for word in known:
            if _FEWEST_LETTERS <= len(word) <= _MOST_LETTERS:
                for less in _one_less(word):
                    near.setdefault(less, set()).add(word)
        self._near = {less: frozenset(meant) for less, meant in near.items()}

    def meant_by(self, word: str) -> frozenset[str]:
        """The known words that a misspelt one may be; empty where none is close."""
        if not _FEWEST_LETTERS - 1 <= len(word) <= _MOST_LETTERS or word in REAL_WORDS:
            return frozenset()
        close = {known for less in _one_less(word) for known in self._near.get(less, ())}
        return frozenset(
            known
            for known in close
            if word[0] in known[:1] + known[1:2] * (known[1:] == word) and not _differ_in_number(known, word)
        )


def _one_less(word: str) -> set[str]:
    return {word, *(word[:position] + word[position + 1 :] for position in range(len(word)))}


def _differ_in_number(one: str, other: str) -> bool:
    return one + "s" == other or other + "s" == one


REAL_WORDS = frozenset(
    {
        "concussion",
        "concussions",
        "contusion",
        "confusion",
        "region",
        "season",
        "culture",
        "cultures",
        "resort",
        "retail",
    }
)
"""Words of notes that are one letter away from a word of a heading and are not misspelt."""
