"""Searches for many things at once that take little time where there is nothing to find."""

import re

_DIGIT = re.compile(r"\d")


def has_digit(text: str) -> bool:
    """Whether there is any digit, without which a text has no dates, numbers or addresses to look for."""
    return _DIGIT.search(text) is not None


def one_of(*alternatives: str) -> str:
    r"""A pattern that matches the first of some alternatives, in whatever case.

    `re` tries the alternatives of `(?:wife|husband|…)` one by one at every place of a text. Grouped by their first
    letter, nearly all places are passed over at one glance; the order of those that could match in one place stays.

    Args:
        alternatives: Patterns that begin with a letter, parted by blanks; a blank of their own is written `\s`.

    Raises:
        ValueError: An alternative begins with something else, or its first letter may be missing.
    """
    rest_by_letter: dict[str, list[str]] = {}
    for alternative in " ".join(alternatives).split():
        if not alternative[0].isalpha() or alternative[1:2] in {"?", "*", "{"}:
            raise ValueError(alternative)
        rest_by_letter.setdefault(alternative[0].lower(), []).append(alternative[1:])
    groups = (
        f"(?-i:[{letter}{letter.upper()}])(?:{'|'.join(rest)})" for letter, rest in sorted(rest_by_letter.items())
    )
    return f"(?:{'|'.join(groups)})"
