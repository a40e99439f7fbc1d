"""Headings before a colon, at the start of a line or within it."""

import re
from dataclasses import replace

from mediscan.sources.notes import shapes
from mediscan.sources.notes.headings import Heading, Likeness, exact_heading_of, heading_of, is_abbreviation
from mediscan.sources.notes.mark import Case, Mark, Stand, mark_of

_MOST_WORDS = 6


def before_colon(line: str, colon: re.Match[str], *, since: int) -> Mark | None:
    """What is written like a heading before a colon in a line, from the character `since` on; None for none."""
    low = max(since, colon.start() - shapes.LONGEST)
    window = line[low : colon.start()]
    spaced = colon.end() == len(line) or line[colon.end()].isspace()
    if low == 0:
        led = shapes.LED.fullmatch(window.rstrip())
        if led:
            heading, abbreviated = heading_over_period(led["phrase"]), ". " in led["phrase"]
            if heading or (not abbreviated and spaced and shapes.UNKNOWN.fullmatch(led["phrase"].capitalize())):
                mark = mark_of(led["phrase"], heading, start=0, body=colon.end(), stand=Stand.LINE)
                return replace(mark, numbered=bool(led["number"]), alone=colon.end() == len(line))
    # The phrase may itself hold the end of a sentence ("HISTORY (as given): "), so the end before the last counts too.
    ends = list(shapes.SENTENCE_END.finditer(window))[-2:]
    for end in reversed(ends):
        phrase = window[end.end() :].strip()
        heading = heading_of(phrase)
        if heading or (end is ends[-1] and spaced and shapes.UNKNOWN.fullmatch(phrase)):
            start = low + end.start() + (window[end.start()] not in " \t")
            guessed = heading is None or heading.likeness is Likeness.WORD
            behind = _run_on(window, low=low, body=colon.end()) if guessed else None
            if behind and behind.heading and behind.case is Case.UPPER:
                return behind  # "?PE TECHNIQUE: …"
            return mark_of(phrase, heading, start=start, body=colon.end(), stand=Stand.SENTENCE)
    return _run_on(window, low=low, body=colon.end())


def heading_over_period(phrase: str) -> Heading | None:
    """What a phrase opens; the period in it is that of "Clin. indication" and not that of a sentence."""
    heading = heading_of(phrase)
    guessed = heading is not None and heading.likeness in {Likeness.WORD, Likeness.COMPOSED}
    return None if guessed and ". " in phrase else heading


def _run_on(window: str, *, low: int, body: int) -> Mark | None:
    # No heading goes on over a colon, unless that is one in parentheses.
    since = 0 if ")" in window else window.rfind(":") + 1
    words = list(shapes.LAST_WORDS.finditer(window, since))[-_MOST_WORDS:]
    phrases = [(word.start(), window[word.start() :]) for word in words if word.start() > 0 or low == 0]
    for start, phrase in phrases:
        heading = exact_heading_of(phrase) or _misspelt_in_capitals(phrase)
        if heading and not (heading.is_safe and is_abbreviation(phrase)):
            return mark_of(phrase, heading, start=low + start, body=body, stand=Stand.RUN_ON)
    unknown = _unknown_run_on(window[since:])
    if unknown is not None and unknown > 0:
        heading = heading_of(window[since + unknown :])
        if heading and heading.likeness is Likeness.COMPOSED and not heading.is_safe:
            return mark_of(
                window[since + unknown :], heading, start=low + since + unknown, body=body, stand=Stand.RUN_ON
            )
    if unknown is None or not window[since : since + unknown].strip():
        return None
    start = since + unknown
    return mark_of(window[start:], None, start=low + start, body=body, stand=Stand.RUN_ON)


def _unknown_run_on(window: str) -> int | None:
    """Where a heading that no table knows may begin before a colon, with no end of a sentence before it.

    It is made of the last words in capitals ("HRCT thorax IMAGE REVIEW: "), or of what follows the last capital.
    """
    found = shapes.LAST_CAPITALS.search(window) or shapes.LAST_CAPITAL.search(window)
    return found.start() if found else None


def _misspelt_in_capitals(phrase: str) -> Heading | None:
    heading = heading_of(phrase) if phrase.isupper() else None
    return heading if heading and heading.likeness is Likeness.MISSPELT else None
