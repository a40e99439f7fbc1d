"""What is written in place of an identifier: of the same shape, and the same for the same value of one patient."""

import re

from mediscan.deidentify.identifiers import IdentifierKind
from mediscan.deidentify.lexicon import ordered_words, words
from mediscan.deidentify.note_places import STATES
from mediscan.deidentify.surrogates import Surrogates

_NAMES = ordered_words("surrogate_names")  # given to women and men alike, and as family names; no common words
_PLACES = ordered_words("surrogate_places")
_DIGITS = "0123456789"
_CAPITALS = "ABCDEFGHJKLMNPRSTUVWXYZ"
_SMALL_LETTERS = _CAPITALS.lower()
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*|\d+")
_KEPT_PLACE_WORDS = words("generic_place_words")


class SurrogateText:
    """Surrogates for the identifiers of one patient.

    Args:
        surrogates: The secret.
        patient_id: Whose: the same name has another surrogate with another patient.
    """

    def __init__(self, surrogates: Surrogates, patient_id: str) -> None:
        self._surrogates = surrogates
        self._patient_id = patient_id

    def of(self, kind: IdentifierKind, value: str) -> str:
        """What stands in for the value; dates and ages are not its business."""
        if kind is IdentifierKind.NAME:
            return self._name(value)
        if kind in {IdentifierKind.PLACE, IdentifierKind.INSTITUTION}:
            return _WORD.sub(lambda match: self._place_word(match.group(), kind), value)
        if kind is IdentifierKind.EMAIL:
            return f"{self._code(kind, value)}@example.org"
        if kind is IdentifierKind.URL:
            return f"https://example.org/{self._code(kind, value)}"
        if kind is IdentifierKind.IP:
            return f"192.0.2.{1 + self._surrogates.pick('ip', self._key(value), range(254))}"  # RFC 5737: for documents
        return self._alike(kind, value)

    def _key(self, value: str) -> str:
        return f"{self._patient_id}\0{value.casefold()}"

    def _code(self, kind: IdentifierKind, value: str) -> str:
        return self._surrogates.code(kind, self._key(value), length=8).lower()

    def _name(self, word: str) -> str:
        if len(word) == 1:
            return self._surrogates.pick("initial", self._key(word), "ABCDEFGHJKLMNPRSTW")
        return _cased_like(word, self._surrogates.pick("name", self._key(word), _NAMES))

    def _place_word(self, word: str, kind: IdentifierKind) -> str:
        if word.casefold() in _KEPT_PLACE_WORDS or (word in STATES and len(word) == 2):
            return word
        if word.isdigit() or len(word) < 3:
            return self._alike(kind, word)
        return _cased_like(word, self._surrogates.pick("place", self._key(word), _PLACES))

    def _alike(self, kind: IdentifierKind, value: str) -> str:
        """Digits for digits, letters for letters; the same however the value is grouped."""
        bare = "".join(letter for letter in value if letter.isalnum())
        draws = iter(self._surrogates.code(kind, self._key(bare), length=len(bare)))
        letters: list[str] = []
        for letter in value:
            if not letter.isalnum():
                letters.append(letter)
                continue
            choices = _CAPITALS if letter.isupper() else _SMALL_LETTERS
            if letter.isdigit():
                choices = _DIGITS if any(map(str.isalnum, letters)) else _DIGITS[1:]
            letters.append(choices[ord(next(draws)) % len(choices)])
        return "".join(letters)


def _cased_like(model: str, word: str) -> str:
    if model.isupper() and len(model) > 1:
        return word.upper()
    return word.lower() if model.islower() else word
