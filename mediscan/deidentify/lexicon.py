"""Words of names and words that are none.

Source: given and family names by frequency, US Census Bureau 1990 (public domain). Common words: counted in the
documentation of free software and in DICOM's concept names, and clinical words by hand.
"""

from functools import cache, lru_cache
from importlib.resources import files


def ordered_words(name: str) -> tuple[str, ...]:
    """A list of words that comes with the package, by its name, in its order."""
    text = (files("mediscan.deidentify") / "word_lists" / f"{name}.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


@cache
def words(name: str) -> frozenset[str]:
    """A list of words that comes with the package, by its name, for looking up."""
    return frozenset(ordered_words(name))


PARTICLES = words("name_particles")
MONTH_NAMES = words("months_as_names")
PERSON_VERBS = words("person_verbs")  # what only persons do: denies, reports
AUXILIARY_VERBS = words("auxiliary_verbs")

# A name before one of these is the name of a thing: Foley catheter, Crohn's disease, Kerley B lines.
EPONYM_HEADS = words("eponym_heads")


@lru_cache(maxsize=1 << 14)
def is_given_name(word: str) -> bool:
    """Whether the word is a frequent given name."""
    return word.casefold() in words("given_names")


@lru_cache(maxsize=1 << 14)
def is_listed_name(word: str) -> bool:
    """Whether the word is a frequent given or family name."""
    return is_given_name(word) or word.casefold() in words("family_names")


@lru_cache(maxsize=1 << 14)
def is_common_word(word: str) -> bool:
    """Whether the word, or each part of it, means something: a name that is one is believed only with good reason."""
    folded = word.casefold()
    common = words("common_words")
    return folded in common or all(
        part in common for part in folded.replace("\u2019", "-").replace("'", "-").split("-")
    )
