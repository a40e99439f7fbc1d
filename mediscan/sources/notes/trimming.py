"""What stands around the text of a section and is no part of it: space, rules, and the number of the next heading."""

import re

_LONGEST_RULE = 160
_RULE_LINE = re.compile(r"(?:(?:[-=*~#+][ \t]?){3,}|==|_{4,})[ \t]{0,80}[\r\n]")
_RULE_AT_START = re.compile(rf"{_RULE_LINE.pattern}|\*\*")
# What belongs to the next heading ("2. FINDINGS", "**FINDINGS") or is drawn around a section.
_LOOSE_END = re.compile(r"(?:(?<=\s)\*{1,3}|(?<=[.;]\s)\d{1,2}[.)]|(?<=\n)(?:(?:[-=*~#+][ \t]?){3,120}|==|_{4,120}))$")
_MOST_LOOSE = 4


def trimmed(text: str, start: int, end: int, *, keeps_emphasis: bool) -> tuple[int, int]:
    """The characters `[start, end)` of a text without what is around them; start is not below end where none are left.

    Args:
        text: The note.
        start: Where the section begins.
        end: Where it ends.
        keeps_emphasis: Whether asterisks at its start are its own and not those of a heading.
    """
    for _ in range(_MOST_LOOSE):
        while start < end and text[start].isspace():
            start += 1
        while start < end and text[end - 1].isspace():
            end -= 1
        rule = (_RULE_LINE if keeps_emphasis else _RULE_AT_START).match(text, start, end)
        loose = _LOOSE_END.search(text, max(start, end - _LONGEST_RULE), end)
        if not rule and not loose:
            break
        start = rule.end() if rule else start
        end = max(start, loose.start()) if loose else end
    return start, end
