"""Where a line of a note may have headings, and how each is written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

from mediscan.sources.notes.addenda import addendum_in
from mediscan.sources.notes.headings import (
    ADDENDUM,
    SIGNATURE,
    Heading,
    Likeness,
    exact_heading_of,
    heading_of,
    is_abbreviation,
)
from mediscan.sources.notes.signatures import signed_until

_MOST_WORDS = 6
_LONGEST = 72  # characters of a heading, so that looking back from a colon costs the same wherever it stands


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


# One or two underscores are an emphasis; three are a word taken out for de-identification.
_BEFORE = r"(?:[ \t#*=~<\[|>•▪●►◦·»–—-]|_{1,2}(?!_)){0,12}"
_NUMBER = r"(?P<number>\(?(?:\d{1,2}|[A-Z]|[IVX]{1,4})[.)][ \t]{0,4}|\d{1,2}[ ][-–][ ])?"
_WORDS = r"[A-Za-z][A-Za-z0-9 \t/&,()'\u2019.+-]{0,70}"
_LONE = re.compile(
    rf"{_BEFORE}{_NUMBER}{_BEFORE}(?P<phrase>{_WORDS}?)(?P<colon>(?:\*\*|__)?[ \t]?[:\uff1a])?"
    r"(?:[ \t#*=~>\]|:\uff1a–—-]|_{1,2}(?!_)){0,40}"
)
_LED = re.compile(rf"{_BEFORE}{_NUMBER}{_BEFORE}(?P<phrase>{_WORDS})")
_DASHED = re.compile(
    rf"{_BEFORE}{_NUMBER}{_BEFORE}(?P<phrase>[A-Za-z][A-Za-z/&().'-]{{1,20}}(?:[ ][A-Za-z/&().'-]{{1,20}}){{0,4}}?)"
    r"(?P<gap>(?:\*{1,3}|_{1,2}(?!_)|[\]>])[:\uff1a]?[ \t]{0,8}"
    r"|[ ]?(?:[-–—|»=]|[-=]>|>>)[ ]|[ ]{2,}|[ ]{0,8}\t[ \t]{0,8}|[.][ ])(?=\S)"
)
_GAP = re.compile(r"[ ]{2}|\t|[ ][–-][ ]")
_CAPITALS = re.compile(rf"{_BEFORE}{_NUMBER}{_BEFORE}(?P<run>[A-Z][A-Z/&'.-]+(?:[ ][A-Z/&()'.-]+){{0,7}})[ ](?=\S)")
_CAPITALS_LED = re.compile(rf"{_BEFORE}{_NUMBER}{_BEFORE}[A-Z][A-Z0-9 \t/&()',.+-]{{0,70}}[:\uff1a]")
_GOES_ON = re.compile(r"(?:of|for|and|or|is|was|are|were|on|in|to|with|from|at|by|as|has|had)\b|[/&(-]", re.IGNORECASE)
_FEWEST_CAPITALS = 4
# Not the colon of a time or a ratio.
_COLON = re.compile(r"(?<!\d)[:\uff1a]+(?:\*{1,3}|_{1,2}(?!_))?|(?<=\d):(?!\d)")
_SENTENCE_END = re.compile(r"(?:[.!?;)\]\"'*|][ ]{1,4}|[ ]{2,}|\t)[*_]{0,3}(?:\d{1,2}[.)][ ])?")
_LAST_WORDS = re.compile(r"[A-Za-z][A-Za-z/&()'-]*")
_ASIDE = re.compile(r"\([^()]*\)")
_LAST_CAPITALS = re.compile(
    r"(?<![^\s*_|])(?!(?:AM|PM)\b)[A-Z][A-Z/&'-]{1,20}(?:[ ][A-Z][A-Z/&'-]{0,20}){0,3}(?=[ ]?$)"
)
_LAST_CAPITAL = re.compile(r"(?<![^\s*_|])[A-Z][a-z][A-Za-z'-]{0,20}(?:[ ][a-z'-]{1,20}){0,4}(?=[ ]?$)")
_UNKNOWN = re.compile(r"[A-Z][A-Za-z/&()'-]*(?:[ ][A-Za-z0-9/&()'-]+){0,5}")


def marks_in(line: str, *, all_upper: bool, underlined: bool) -> Iterator[Mark]:
    """What is written like a heading in a line, in its order; what is known and what is not.

    Args:
        line: A line without its ending and the space around it.
        underlined: Whether the next line is drawn below this one.
        all_upper: Whether the note is in capitals throughout, so that capitals tell no heading.
    """
    lone = (
        _addendum(line)
        or _signature(line)
        or _lone(line, underlined=underlined)
        or _dashed(line, all_upper=all_upper)
        or (None if all_upper else _before_small_letters(line))
        or _bare(line)
    )
    if lone:
        yield lone
        if lone.alone:
            return
    done = lone.body if lone else 0
    for colon in _COLON.finditer(line, done):
        mark = _before_colon(line, colon, since=done)
        if mark:
            yield mark
            done = mark.body


def _addendum(line: str) -> Mark | None:
    found = addendum_in(line)
    if found is None:
        return None
    phrase, body = found
    return Mark(
        start=0,
        body=body,
        phrase=phrase,
        heading=ADDENDUM,
        stand=Stand.LINE,
        case=_case(phrase),
        alone=not line[body:].strip(),
    )


def _signature(line: str) -> Mark | None:
    body = signed_until(line)
    if body is None:
        return None
    return Mark(
        start=0, body=body, phrase=line[:body], heading=SIGNATURE, stand=Stand.LINE, case=Case.TITLE, alone=body == 0
    )


def _lone(line: str, *, underlined: bool) -> Mark | None:
    if len(line) > 2 * _LONGEST:
        return None
    found = _LONE.fullmatch(line)
    if not found or _GAP.search(found["phrase"]):
        return None
    heading, case = _heading_over_period(found["phrase"]), _case(found["phrase"])
    if (
        found["phrase"].endswith(".")
        and not found["colon"]
        and not (heading and heading.is_exact and case is Case.UPPER)
    ):
        return None
    decorated = underlined or line.startswith(("[", "<")) or any(sign in line for sign in ("#", "**", "__", "=="))
    if not found["colon"] and not (heading and _stands_without_colon(heading, case, decorated=decorated)):
        heading = None
    if heading is None and not decorated:
        return None
    return Mark(
        start=0, body=len(line), phrase=found["phrase"], heading=heading, stand=Stand.LINE, case=case, alone=True
    )


def _bare(line: str) -> Mark | None:
    if len(line) > _LONGEST or not _UNKNOWN.fullmatch(line):
        return None
    return replace(_mark(line, None, start=0, body=len(line), stand=Stand.LINE), alone=True, bare=True)


def _stands_without_colon(heading: Heading, case: Case, *, decorated: bool) -> bool:
    if heading.name == "imaging":
        return False  # "CHEST RADIOGRAPH" alone is a title
    if heading.likeness is Likeness.COMPOSED and heading.is_safe:
        return decorated  # "CHEST EXAMINATION" is one, too
    if heading.likeness in {Likeness.EXACT, Likeness.MISSPELT}:
        # A bare word in small letters may be the end of a sentence that was broken over two lines.
        return decorated or case is not Case.LOWER
    return decorated or case is Case.UPPER


def _dashed(line: str, *, all_upper: bool) -> Mark | None:
    found = _DASHED.match(line)
    if not found:
        return None
    heading, case = heading_of(found["phrase"]), _case(found["phrase"])
    gap = found["gap"].strip()
    marked = gap[:1] in {"]", ">"} or (gap[:1] in {"*", "_"} and gap[:1] in line[: found.start("phrase")])
    if heading and not _stands_without_colon(heading, case, decorated=marked):
        heading = None
    if gap == "." and not (heading and heading.is_exact and case is Case.UPPER):
        return None
    drawn = bool(gap) and (heading is None or heading.likeness in {Likeness.EXACT, Likeness.MISSPELT})
    if marked or (drawn and case is not Case.LOWER) or (case is Case.UPPER and not all_upper):
        mark = _mark(found["phrase"], heading, start=0, body=found.end(), stand=Stand.LINE)
        return replace(mark, drawn=drawn and not marked)
    return None


def _before_small_letters(line: str) -> Mark | None:
    """A heading in capitals with nothing but a space behind it: "FINDINGS The lungs …"."""
    found = _CAPITALS.match(line)
    if not found or line.isupper() or _CAPITALS_LED.match(line):
        return None
    for space in reversed([*re.finditer(" ", found["run"]), None]):
        end = found.end("run") if space is None else found.start("run") + space.start()
        phrase = line[found.start("run") : end]
        heading = exact_heading_of(phrase) if len(phrase) >= _FEWEST_CAPITALS else None
        if heading and heading.name != "imaging" and not _GOES_ON.match(line, end + 1):
            return Mark(start=0, body=end + 1, phrase=phrase, heading=heading, stand=Stand.LINE, case=Case.UPPER)
    return None


def _before_colon(line: str, colon: re.Match[str], *, since: int) -> Mark | None:
    low = max(since, colon.start() - _LONGEST)
    window = line[low : colon.start()]
    spaced = colon.end() == len(line) or line[colon.end()].isspace()
    if low == 0:
        led = _LED.fullmatch(window.rstrip())
        if led:
            heading, abbreviated = _heading_over_period(led["phrase"]), ". " in led["phrase"]
            if heading or (not abbreviated and spaced and _UNKNOWN.fullmatch(led["phrase"].capitalize())):
                mark = _mark(led["phrase"], heading, start=0, body=colon.end(), stand=Stand.LINE)
                return replace(mark, numbered=bool(led["number"]), alone=colon.end() == len(line))
    # The phrase may itself hold the end of a sentence ("HISTORY (as given): "), so the end before the last counts too.
    ends = list(_SENTENCE_END.finditer(window))[-2:]
    for end in reversed(ends):
        phrase = window[end.end() :].strip()
        heading = heading_of(phrase)
        if heading or (end is ends[-1] and spaced and _UNKNOWN.fullmatch(phrase)):
            start = low + end.start() + (window[end.start()] not in " \t")
            guessed = heading is not None and heading.likeness is Likeness.WORD
            behind = _run_on(window, low=low, body=colon.end()) if guessed and phrase.isupper() else None
            if behind:
                return behind  # "?PE TECHNIQUE: …"
            return _mark(phrase, heading, start=start, body=colon.end(), stand=Stand.SENTENCE)
    return _run_on(window, low=low, body=colon.end())


def _heading_over_period(phrase: str) -> Heading | None:
    # The period of "Clin. indication" and not that of a sentence.
    heading = heading_of(phrase)
    guessed = heading is not None and heading.likeness in {Likeness.WORD, Likeness.COMPOSED}
    return None if guessed and ". " in phrase else heading


def _run_on(window: str, *, low: int, body: int) -> Mark | None:
    # No heading goes on over a colon, unless that is one in parentheses.
    since = 0 if ")" in window else window.rfind(":") + 1
    words = list(_LAST_WORDS.finditer(window, since))[-_MOST_WORDS:]
    phrases = [(word.start(), window[word.start() :]) for word in words if word.start() > 0 or low == 0]
    for start, phrase in phrases:
        heading = exact_heading_of(phrase) or _misspelt_in_capitals(phrase)
        if heading and not (heading.is_safe and is_abbreviation(phrase)):
            return _mark(phrase, heading, start=low + start, body=body, stand=Stand.RUN_ON)
    unknown = _unknown_run_on(window[since:])
    if unknown is None or not window[since : since + unknown].strip():
        return None
    start = since + unknown
    return _mark(window[start:], None, start=low + start, body=body, stand=Stand.RUN_ON)


def _unknown_run_on(window: str) -> int | None:
    """Where a heading that no table knows may begin before a colon, with no end of a sentence before it.

    It is made of the last words in capitals ("HRCT thorax IMAGE REVIEW: "), or of what follows the last capital.
    """
    found = _LAST_CAPITALS.search(window) or _LAST_CAPITAL.search(window)
    return found.start() if found else None


def _misspelt_in_capitals(phrase: str) -> Heading | None:
    heading = heading_of(phrase) if phrase.isupper() else None
    return heading if heading and heading.likeness is Likeness.MISSPELT else None


def _mark(phrase: str, heading: Heading | None, *, start: int, body: int, stand: Stand) -> Mark:
    return Mark(start=start, body=body, phrase=phrase, heading=heading, stand=stand, case=_case(phrase))


def _case(phrase: str) -> Case:
    words = _ASIDE.sub("", phrase)
    if words.isupper():
        return Case.UPPER
    return Case.TITLE if words[:1].isupper() else Case.LOWER
