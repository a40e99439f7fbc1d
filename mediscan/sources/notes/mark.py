"""What is written like a heading, and how."""

from dataclasses import dataclass
from enum import Enum

from mediscan.sources.notes import shapes
from mediscan.sources.notes.headings import Heading

_LONGEST_ABBREVIATION = 5


class Stand(Enum):
    """What stands before a heading."""

    LINE = "line"
    SENTENCE = "sentence"
    RUN_ON = "run_on"


class Case(Enum):
    """How a heading's letters are written."""

    UPPER = "upper"
    TITLE = "title"
    LOWER = "lower"


class Below(Enum):
    """What the line below has."""

    WORDS = "words"
    RULE = "rule"
    NOTHING = "nothing"


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Something written like a heading.

    Args:
        start: Where the heading begins in its line, its number and decoration included.
        body: Where what follows it begins.
        phrase: Its words.
        heading: What it opens; None where the phrase is not known.
        stand: What stands before it.
        case: How it is written.
        alone: Whether nothing else stands on its line.
        numbered: Whether a number or letter of a list stands before it.
        drawn: Whether a dash or the like stands behind it in place of a colon.
        bare: Whether nothing tells it from the text but that it is a short line: no sign, and no known words.
        plain: Whether no sign stands beside it, so that it could as well be the first line of a text.
        lead: The sign of decoration that stands before it: "*" of "**FINDINGS**".
    """

    start: int
    body: int
    phrase: str
    heading: Heading | None
    stand: Stand
    case: Case
    alone: bool = False
    numbered: bool = False
    drawn: bool = False
    bare: bool = False
    plain: bool = False
    lead: str = ""

    @property
    def is_abbreviated(self) -> bool:
        """Whether the phrase is an abbreviation in capitals: "HPI"."""
        return self.case is Case.UPPER and len(self.phrase) <= _LONGEST_ABBREVIATION and " " not in self.phrase


def mark_of(phrase: str, heading: Heading | None, *, start: int, body: int, stand: Stand) -> Mark:
    """A mark whose case its phrase tells."""
    return Mark(start=start, body=body, phrase=phrase, heading=heading, stand=stand, case=case_of(phrase))


def case_of(phrase: str) -> Case:
    """How a phrase is written, what is in parentheses aside."""
    words = shapes.ASIDE.sub("", phrase)
    if words.isupper():
        return Case.UPPER
    return Case.TITLE if words[:1].isupper() else Case.LOWER
