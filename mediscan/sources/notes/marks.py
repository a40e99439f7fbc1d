"""Where a line of a note may have headings, and how each is written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from mediscan.sources.notes.headings import ADDENDUM, Heading, exact_heading_of, heading_of

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
    """

    start: int
    body: int
    phrase: str
    heading: Heading | None
    stand: Stand
    case: Case
    alone: bool = False


_BEFORE = r"[ \t#*=~<\[|>-]{0,12}"
_NUMBER = r"(?:(?:\d{1,2}|[A-Z]|[IVX]{1,4})[.)][ \t]{0,4})?"
_WORDS = r"[A-Za-z][A-Za-z0-9 \t/&,()'.+-]{0,70}"
_LONE = re.compile(rf"{_BEFORE}{_NUMBER}{_BEFORE}(?P<phrase>{_WORDS}?)(?P<colon>[ \t]?:)?[ \t#*=~>\]|:-]{{0,40}}")
_LED = re.compile(rf"{_BEFORE}{_NUMBER}{_BEFORE}(?P<phrase>{_WORDS})")
_DASHED = re.compile(
    rf"{_BEFORE}{_NUMBER}{_BEFORE}(?P<phrase>[A-Za-z][A-Za-z/&()]{{1,20}}(?:[ ][A-Za-z/&()]{{1,20}}){{0,4}}?)"
    r"(?P<gap>\*{2}:?[ \t]{0,8}|[\]>][ \t]{0,8}|[ ]?[-–][ ]|[ ]{2,}|[ ]{0,8}\t[ \t]{0,8})(?=\S)"
)
_CONCLUDING = re.compile(r"(?:FINDINGS|IMPRESSION|CONCLUSION|OPINION)[ ](?=(?P<next>[A-Za-z0-9]+))")
_ADDENDUM_LINE = re.compile(
    rf"{_BEFORE}(?:(?:start|begin(?:ning)?)[ ]of[ ])?addendum(?!s)\b[ ]?(?:\#?\d{{1,2}}|report|[IVX]{{1,3}}\b)?"
    rf"(?P<end>[ \t*_=~>\]|-]{{0,40}}(?::|$)|(?=[ ](?:by|dated|on|signed|entered|created|from|made|\(|\d|-)))",
    re.IGNORECASE,
)
_HEADER_END = re.compile(r":(?=\s|$)")
_CLOCK_OR_DATE = re.compile(r"\d{1,2}[:/.-]\d{2}|\b(?:19|20)\d\d\b")
# Not the colon of a time or a ratio.
_COLON = re.compile(r"(?<!\d):+(?:\*{1,3}|__(?!_))?|(?<=\d):(?!\d)")
_SENTENCE_END = re.compile(r"(?:[.!?;)\]\"'*|][ ]{1,4}|[ ]{2,}|\t)[*_]{0,3}(?:\d{1,2}[.)][ ])?")
_LAST_WORDS = re.compile(r"[A-Za-z][A-Za-z/&()'-]*")
_ASIDE = re.compile(r"\([^()]*\)")
_UNKNOWN = re.compile(r"[A-Z][A-Za-z/&()'-]*(?:[ ][A-Za-z0-9/&()'-]+){0,5}")


def marks_in(line: str, *, all_upper: bool, underlined: bool) -> Iterator[Mark]:
    """What is written like a heading in a line, in its order; what is known and what is not.

    Args:
        line: A line without its ending and the space around it.
        underlined: Whether the next line is drawn below this one.
        all_upper: Whether the note is in capitals throughout, so that capitals tell no heading.
    """
    lone = _addendum(line) or _lone(line, underlined=underlined) or _without_colon(line, all_upper=all_upper)
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
    found = _ADDENDUM_LINE.match(line)
    if not found:
        return None
    body = found.end()
    if not found["end"]:
        # "ADDENDUM by Dr. N. on 3/4/2019 10:22: …" ends its header with its last colon, or with the line.
        header = _HEADER_END.search(line, body, body + 200)
        if header:
            body = header.end()
        elif _CLOCK_OR_DATE.search(line, body, body + 200) and len(line) < 200:
            body = len(line)
    phrase = found[0].strip(" \t*_=~<>[]|:-")
    return Mark(
        start=0,
        body=body,
        phrase=phrase,
        heading=ADDENDUM,
        stand=Stand.LINE,
        case=_case(phrase),
        alone=not line[body:].strip(),
    )


def _lone(line: str, *, underlined: bool) -> Mark | None:
    if len(line) > 2 * _LONGEST:
        return None
    found = _LONE.fullmatch(line)
    if not found or (found["phrase"].endswith(".") and not found["colon"]):
        return None
    heading, case = heading_of(found["phrase"]), _case(found["phrase"])
    decorated = underlined or "#" in line or "**" in line
    if not found["colon"] and not (heading and _stands_without_colon(heading, case, decorated=decorated)):
        heading = None
    if heading is None and not decorated:
        return None
    return Mark(
        start=0, body=len(line), phrase=found["phrase"], heading=heading, stand=Stand.LINE, case=case, alone=True
    )


def _stands_without_colon(heading: Heading, case: Case, *, decorated: bool) -> bool:
    if heading.name == "imaging":
        return False  # "CHEST RADIOGRAPH" alone is a title
    if heading.is_exact:
        # A bare word in small letters may be the end of a sentence that was broken over two lines.
        return decorated or case is not Case.LOWER
    return decorated or case is Case.UPPER


def _without_colon(line: str, *, all_upper: bool) -> Mark | None:
    found = _DASHED.match(line)
    if found:
        heading, case = heading_of(found["phrase"]), _case(found["phrase"])
        marked = "*" in found["gap"] or "]" in found["gap"]
        if heading and not _stands_without_colon(heading, case, decorated=marked):
            heading = None
        if marked or (case is Case.UPPER and not all_upper):
            return Mark(start=0, body=found.end(), phrase=found["phrase"], heading=heading, stand=Stand.LINE, case=case)
    bare = _CONCLUDING.match(line)
    if bare and not all_upper and not bare["next"].isupper():
        phrase = bare[0].strip()
        return Mark(
            start=0, body=bare.end(), phrase=phrase, heading=heading_of(phrase), stand=Stand.LINE, case=Case.UPPER
        )
    return None


def _before_colon(line: str, colon: re.Match[str], *, since: int) -> Mark | None:
    low = max(since, colon.start() - _LONGEST)
    window = line[low : colon.start()]
    spaced = colon.end() == len(line) or line[colon.end()].isspace()
    if low == 0:
        led = _LED.fullmatch(window.rstrip())
        if led and ". " not in led["phrase"]:
            heading = heading_of(led["phrase"])
            if heading or (spaced and _UNKNOWN.fullmatch(led["phrase"])):
                return _mark(led["phrase"], heading, start=0, body=colon.end(), stand=Stand.LINE)
    # The phrase may itself hold the end of a sentence ("HISTORY (as given): "), so the end before the last counts too.
    ends = list(_SENTENCE_END.finditer(window))[-2:]
    for end in reversed(ends):
        phrase = window[end.end() :].strip()
        heading = heading_of(phrase)
        if heading or (end is ends[-1] and spaced and _UNKNOWN.fullmatch(phrase)):
            start = low + end.start() + (window[end.start()] not in " \t")
            return _mark(phrase, heading, start=start, body=colon.end(), stand=Stand.SENTENCE)
    return _run_on(window, low=low, body=colon.end())


def _run_on(window: str, *, low: int, body: int) -> Mark | None:
    # No heading goes on over a colon, unless that is one in parentheses.
    since = 0 if ")" in window else window.rfind(":") + 1
    words = list(_LAST_WORDS.finditer(window, since))[-_MOST_WORDS:]
    for word in words:
        cut_off = word.start() == 0 and low > 0
        heading = None if cut_off else exact_heading_of(window[word.start() :])
        if heading:
            return _mark(window[word.start() :], heading, start=low + word.start(), body=body, stand=Stand.RUN_ON)
    return None


def _mark(phrase: str, heading: Heading | None, *, start: int, body: int, stand: Stand) -> Mark:
    return Mark(start=start, body=body, phrase=phrase, heading=heading, stand=stand, case=_case(phrase))


def _case(phrase: str) -> Case:
    words = _ASIDE.sub("", phrase)
    if words.isupper():
        return Case.UPPER
    return Case.TITLE if words[:1].isupper() else Case.LOWER
