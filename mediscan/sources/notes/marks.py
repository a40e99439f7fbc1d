"""Where a line of a note may have headings, and how each is written."""

import re
from collections.abc import Iterator
from dataclasses import replace

from mediscan.sources.notes import shapes
from mediscan.sources.notes.addenda import addendum_in
from mediscan.sources.notes.colons import before_colon, heading_over_period
from mediscan.sources.notes.headings import ADDENDUM, SIGNATURE, Heading, Likeness, exact_heading_of, heading_of
from mediscan.sources.notes.mark import Below, Case, Mark, Stand, case_of, mark_of
from mediscan.sources.notes.signatures import signed_until

_FEWEST_CAPITALS = 4


_DECORATED = re.compile(r"[<\[{|│║~]|.*(?:#|\*\*|__|==|~~)|--.*--$", re.DOTALL)
_LEADING = frozenset("*_#<[{|│║=~>")
_COLUMN_SIGNS = frozenset("|│║=…")
_WEAK_SIGNS = frozenset({".", "..", ";"})
_NARROW = 2  # characters between a heading and its text that may be a slip
_CLOSING = frozenset("]>}*_<'\"\u201d\u2019")
_STRONG = {Likeness.EXACT, Likeness.MISSPELT}


def marks_in(line: str, *, all_upper: bool, below: Below, is_first: bool) -> Iterator[Mark]:
    """What is written like a heading in a line, in its order; what is known and what is not.

    Args:
        line: A line without its ending and the space around it.
        all_upper: Whether the note is in capitals throughout, so that capitals tell no heading.
        below: What the next line has.
        is_first: Whether the line is the first of its paragraph.
    """
    lone = (
        _addendum(line)
        or _signature(line)
        or _lone(line, underlined=below is Below.RULE, apart=is_first)
        or _before_sign(line, all_upper=all_upper)
        or _in_parentheses(line)
        or (None if all_upper else _before_small_letters(line))
        or _bare(line)
    )
    if lone:
        yield replace(lone, lead=line[0] if line[0] in _LEADING else "")
        if lone.alone:
            return
    done = lone.body if lone else 0
    for colon in shapes.COLON.finditer(line, done):
        mark = before_colon(line, colon, since=done)
        if mark:
            yield replace(mark, lead=line[mark.start] if line[mark.start] in _LEADING else "")
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
        case=case_of(phrase),
        alone=not line[body:].strip(),
    )


def _signature(line: str) -> Mark | None:
    body = signed_until(line)
    if body is None:
        return None
    return Mark(
        start=0, body=body, phrase=line[:body], heading=SIGNATURE, stand=Stand.LINE, case=Case.TITLE, alone=body == 0
    )


def _lone(line: str, *, underlined: bool, apart: bool) -> Mark | None:
    if len(line) > 2 * shapes.LONGEST:
        return None
    found = shapes.LONE.fullmatch(line)
    if not found or shapes.GAP.search(found["phrase"]):
        return None
    phrase, has_colon = found["phrase"], bool(found["colon"])
    heading, case = heading_over_period(phrase), case_of(phrase)
    if phrase.endswith(".") and not has_colon and not (heading and heading.is_exact and case is Case.UPPER):
        return None
    decorated = underlined or bool(_DECORATED.match(line))
    if not has_colon and heading and not _stands_alone(heading, case, decorated=decorated, apart=apart):
        heading = None
    if heading is None and not decorated:
        return None
    mark = mark_of(phrase, heading, start=0, body=len(line), stand=Stand.LINE)
    return replace(mark, alone=True, plain=not has_colon and not decorated)


def _bare(line: str) -> Mark | None:
    if len(line) > shapes.LONGEST or not shapes.UNKNOWN.fullmatch(line):
        return None
    return replace(mark_of(line, None, start=0, body=len(line), stand=Stand.LINE), alone=True, bare=True, plain=True)


def _stands_alone(heading: Heading, case: Case, *, decorated: bool, apart: bool = False) -> bool:
    """Whether a known phrase is a heading without a colon."""
    if heading.name == "imaging":
        return False  # "CHEST RADIOGRAPH" alone is a title
    if decorated:
        return True
    if heading.likeness in _STRONG:
        # A bare word in small letters may be the end of a sentence that was broken over two lines.
        return case is not Case.LOWER
    if heading.is_title:
        return False  # "CHEST EXAMINATION" is one, too
    if heading.likeness is Likeness.COMPOSED and apart:
        return case is not Case.LOWER
    return case is Case.UPPER and not heading.is_safe


def _before_sign(line: str, *, all_upper: bool) -> Mark | None:
    """A heading before a dash, a bar, a bracket, a tab or wide space: "[FINDINGS] Clear.", "Findings | Clear."."""
    found = shapes.WITH_SIGN.match(line)
    if not found:
        return None
    phrase, gap = found["phrase"], found["gap"].strip()
    heading, case = heading_of(phrase), case_of(phrase)
    mark = mark_of(phrase, heading, start=0, body=found.end(), stand=Stand.LINE)
    if gap[:1] in _CLOSING:
        is_closed = gap[:1] in "]>}" or gap[:1] in line[: found.start("phrase")]
        bracketed = heading if heading and _stands_alone(heading, case, decorated=True) else None
        return replace(mark, heading=bracketed) if is_closed else None
    if gap in _WEAK_SIGNS:
        known = heading is not None and (heading.is_exact or (gap == ";" and heading.likeness is not Likeness.WORD))
        return mark if known and case is Case.UPPER else None
    in_columns = gap in _COLUMN_SIGNS or "\t" in found["gap"] or len(found["gap"]) > _NARROW
    if not gap and not in_columns and line[found.end()].islower() and shapes.GOES_ON.match(line, found.end()):
        return None
    if heading and not _stands_before_sign(heading, case, in_columns=in_columns):
        heading = None
    stands_out = bool(gap) or in_columns or (case is Case.UPPER and not all_upper)
    if heading or (stands_out and case is not Case.LOWER):
        return replace(mark, heading=heading, drawn=True, plain=not gap)
    return None


def _stands_before_sign(heading: Heading, case: Case, *, in_columns: bool) -> bool:
    if heading.name == "imaging":
        return False
    if case is Case.LOWER:
        return in_columns and heading.is_exact
    if heading.likeness is Likeness.WORD:
        return case is Case.UPPER or in_columns
    return in_columns or not heading.is_title


def _in_parentheses(line: str) -> Mark | None:
    found = shapes.IN_PARENTHESES.match(line)
    if not found:
        return None
    heading = heading_of(found["phrase"])
    if heading and (heading.likeness is Likeness.WORD or heading.name == "imaging"):
        heading = None
    mark = mark_of(found["phrase"], heading, start=0, body=found.end(), stand=Stand.LINE)
    return None if mark.case is Case.LOWER else replace(mark, alone=found.end() == len(line), drawn=True)


def _before_small_letters(line: str) -> Mark | None:
    """A heading in capitals with nothing but a space behind it: "FINDINGS The lungs …"."""
    found = shapes.CAPITALS.match(line)
    if not found or line.isupper() or shapes.CAPITALS_LED.match(line):
        return None
    for space in reversed([*re.finditer(" ", found["run"]), None]):
        end = found.end("run") if space is None else found.start("run") + space.start()
        phrase = line[found.start("run") : end]
        heading = exact_heading_of(phrase) if len(phrase) >= _FEWEST_CAPITALS else None
        if heading and heading.name != "imaging" and not shapes.GOES_ON.match(line, end + 1):
            return replace(mark_of(phrase, heading, start=0, body=end + 1, stand=Stand.LINE), plain=True)
    return None
