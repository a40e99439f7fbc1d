"""A note cut into its sections.

Findings must never be read as history. Whatever could be either is therefore not put into one of the sections of
`headings.LEAKAGE_SAFE`: an unknown heading ends such a section, as does an empty line in a radiology report or a
sentence that describes an image, and what follows goes to the section `note`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from mediscan.sources.notes.addenda import addendum_time
from mediscan.sources.notes.headings import (
    ADDENDUM,
    CONCLUSIVE,
    NOTE,
    READERS,
    Heading,
    Likeness,
    Scope,
    is_abbreviation,
    is_subheading,
    speaks_of_images,
    tells_a_reading,
)
from mediscan.sources.notes.manner import Manner, manner_of
from mediscan.sources.notes.marks import Case, Mark, Stand, marks_in
from mediscan.sources.notes.prose import names_a_sign
from mediscan.sources.notes.times import DateOrder, latest, written_at
from mediscan.sources.notes.trimming import trimmed
from mediscan.study import NoteSection

_FREE = Heading(name=NOTE, scope=Scope.OPEN)
_LONGEST_ABBREVIATION = 4
_FOLLOWING = 120  # characters behind an unknown heading that are searched for a sign of an image
_LINES = re.compile(r"([^\r\n]*)(\r\n|\r|\n|$)")
# Three underscores are a word taken out for de-identification, four or more a line drawn across the page.
_RULE = re.compile(r"[ \t]*(?:(?:[-=*~#+][ \t]?){3,}|==|_{4,})[ \t]*")
_SENTENCE_END = re.compile(r"[.!?:;)\]*]\s*$")


@dataclass(frozen=True, kw_only=True)
class SectionSpan:
    """Where one section stands in a note: characters `[start, end)`, without its heading. `at` is its own time."""

    name: str
    start: int
    end: int
    at: datetime | None = None


def split_sections(text: str, *, order: DateOrder = DateOrder.UNKNOWN) -> tuple[NoteSection, ...]:
    """The sections of an English radiology report, discharge summary or clinical note, in the order of their mention.

    Text under no known heading is in the section `note`; a section that the note has twice is one, with its parts on
    lines of their own. Nothing is left out but headings, rules and the space around them.

    An addendum has the time of its heading; where an addendum is made of several, the last time. What a report says
    of when it was dictated or signed is the time of what its reader wrote, not of the history that came with the
    request. In other notes it is the time of all sections.

    Args:
        text: The note.
        order: How dates in digits are written, where the source declares it.
    """
    spans = section_spans(text, order=order)
    names = list(dict.fromkeys(span.name for span in spans))
    stated = written_at(text, order=order)
    is_report = any(span.name in CONCLUSIVE for span in spans)
    sections = []
    for name in names:
        parts = [span for span in spans if span.name == name]
        own = latest([span.at for span in parts if span.at])
        if own is None and name != ADDENDUM.name and (not is_report or name in READERS):
            own = stated
        written = "\n".join(text[span.start : span.end] for span in parts)
        sections.append(NoteSection(name=name, text=written, at=own))
    return tuple(sections)


def section_spans(text: str, *, order: DateOrder = DateOrder.UNKNOWN) -> tuple[SectionSpan, ...]:
    """Where the sections of a note stand, in their order; see `split_sections`."""
    splitter = _Splitter(text, order=order)
    manner = splitter.read()
    if manner.runs_on:
        # Only now it is known that unknown headings, too, may stand within a line.
        splitter = _Splitter(text, order=order, runs_on=True)
        splitter.read()
    return tuple(splitter.spans(manner))


@dataclass(frozen=True, kw_only=True)
class _Opened:
    heading: Heading
    start: int
    mark: Mark | None = None
    at: datetime | None = None


class _Splitter:
    """Reads a note line by line and remembers which section is open."""

    def __init__(self, text: str, *, order: DateOrder, runs_on: bool = False) -> None:
        self._text = text
        self._order = order
        self._runs_on = runs_on
        letters = [character for character in text[:20_000] if character.isalpha()]
        self._all_upper = sum(map(str.isupper, letters)) > 0.9 * len(letters)
        self._closed: list[tuple[_Opened, int]] = []
        self._open = _Opened(heading=_FREE, start=0)
        self._has_text = False
        self._concluded = False
        self._last_line = ""

    def read(self) -> Manner:
        """Finds the headings, and tells from them how the note is written."""
        lines = [found.span(1) for found in _LINES.finditer(self._text)]
        for (start, end), (below, below_end) in pairwise((*lines, (len(self._text), len(self._text)))):
            underlined = start < end and below < below_end and bool(_RULE.fullmatch(self._text, below, below_end))
            self._read_line(start, end, underlined=underlined)
        self._close(_FREE, start=len(self._text), body=len(self._text))
        return manner_of([(opened.heading, opened.mark) for opened, _ in self._closed])

    def _read_line(self, start: int, end: int, *, underlined: bool) -> None:
        written = self._text[start:end]
        line = written.strip()
        if not line or _RULE.fullmatch(line):
            if self._has_text and self._open.heading.scope is Scope.PARAGRAPH:
                self._close(_FREE, start=start, body=end)
            elif line and not self._has_text:
                self._open = replace(self._open, start=end)  # the rule below a heading
            self._last_line = ""
            return
        start += len(written) - len(written.lstrip())
        if self._open.heading.scope is Scope.LINE and self._has_text:
            self._close(_FREE, start=start, body=start)
        body = 0
        for mark in marks_in(line, all_upper=self._all_upper, underlined=underlined):
            heading = self._opens(mark, followed_by=line[mark.body : mark.body + _FOLLOWING])
            if heading:
                self._has_text = self._has_text or bool(line[body : mark.start].strip())
                kept = mark.start if heading is _FREE else mark.body
                self._close(heading, start=start + mark.start, body=start + kept, mark=mark)
                body = kept
        self._has_text = self._has_text or bool(line[body:].strip())
        self._last_line = line

    def spans(self, manner: Manner) -> Iterator[SectionSpan]:
        """The sections that hold text, once the note is read."""
        for opened, end in self._closed:
            span = self._trimmed(manner.name_of(opened.heading, opened.mark), opened.start, end, at=opened.at)
            if span is None:
                continue
            cut = manner.end_of(opened.heading, self._text[span.start : span.end])
            yield from (span,) if cut is None else self._cut(span, span.start + cut)

    def _close(self, heading: Heading, *, start: int, body: int, mark: Mark | None = None) -> None:
        self._closed.append((self._open, start))
        self._concluded = self._concluded or heading.name in {"findings", "impression"}
        self._has_text = False
        at = addendum_time(self._text, start, body, order=self._order) if mark and heading is ADDENDUM else None
        self._open = _Opened(heading=heading, start=body, mark=mark, at=at)

    def _opens(self, mark: Mark, *, followed_by: str) -> Heading | None:
        # What a mark opens where it stands; None where it is part of the text.
        section, heading = self._open.heading, mark.heading
        guessed = heading is not None and heading.likeness is Likeness.WORD and heading.name not in CONCLUSIVE
        if heading is None or (guessed and section.is_safe):
            return _FREE if self._is_ended_by_unknown(mark, followed_by=followed_by) else None
        if section is ADDENDUM and self._concluded and heading is not ADDENDUM:
            # What follows the report is all of the addendum, whatever headings it has of its own.
            return heading if heading.name in {NOTE, "signature"} and mark.stand is Stand.LINE else None
        if self._is_part_of_open(mark, heading):
            return None
        return heading if self._stands_out(mark, heading) else None

    def _is_ended_by_unknown(self, mark: Mark, *, followed_by: str) -> bool:
        section, phrase = self._open.heading, mark.phrase.strip()
        if is_subheading(phrase, of=section.name):
            return False
        if mark.bare or mark.stand is Stand.RUN_ON:
            ends = self._is_ended_by_bare(mark) if mark.bare else self._runs_into(mark, followed_by)
            return ends and section.is_safe and section.scope is Scope.PARAGRAPH
        capitals = mark.case is Case.UPPER and not self._all_upper
        styled_alike = self._is_styled_alike(mark)
        is_weak = (mark.drawn and not capitals) or (mark.case is Case.LOWER and not mark.alone)
        if is_weak and not styled_alike:
            return False
        stands_alike = styled_alike or (self._runs_on and mark.stand is Stand.SENTENCE)
        if not section.is_safe:
            told = speaks_of_images(phrase) if section.scope is Scope.PARAGRAPH else tells_a_reading(phrase)
            in_capitals = capitals and (mark.stand is Stand.LINE or " " in phrase)
            stands_alike = stands_alike or self._is_below_empty_line(mark)
            return (stands_alike and told) or (section.scope is Scope.PARAGRAPH and in_capitals)
        if section.scope is Scope.PARAGRAPH:
            return capitals or stands_alike or speaks_of_images(phrase) or names_a_sign(followed_by)
        return capitals and mark.stand is Stand.LINE and " " in phrase

    def _is_ended_by_bare(self, mark: Mark) -> bool:
        # A short line with nothing to tell it may be a heading ("Image review") or an item of a list ("Diabetes").
        if not self._has_text:
            return False
        stands_out = mark.case is Case.UPPER and not self._all_upper and len(mark.phrase) > _LONGEST_ABBREVIATION
        ended = stands_out or self._open.heading.name == "exam" or bool(_SENTENCE_END.search(self._last_line[-8:]))
        return speaks_of_images(mark.phrase) or (ended and self._is_styled_alike(mark))

    def _runs_into(self, mark: Mark, followed_by: str) -> bool:
        # A name of a disease in capitals ("query PE: …") is no heading.
        if self._open.heading.name == "exam" or speaks_of_images(mark.phrase) or names_a_sign(followed_by):
            return True
        if mark.case is Case.UPPER:
            return not self._all_upper and len(mark.phrase.strip()) > _LONGEST_ABBREVIATION
        return self._runs_on

    def _is_styled_alike(self, mark: Mark) -> bool:
        """Whether a mark is written like the heading of the open section."""
        if self._open.mark is None or mark.stand is not Stand.LINE:
            return False
        opened, found = [(each.stand, each.case, each.alone, each.drawn) for each in (self._open.mark, mark)]
        return opened == found

    def _is_below_empty_line(self, mark: Mark) -> bool:
        return mark.stand is Stand.LINE and self._has_text and not self._last_line and mark.case is not Case.LOWER

    def _is_part_of_open(self, mark: Mark, heading: Heading) -> bool:
        section = self._open.heading
        if heading.name == section.name and (not heading.is_exact or is_subheading(mark.phrase, of=section.name)):
            return not mark.alone or is_subheading(mark.phrase, of=section.name)
        opened = self._open.mark
        if section.name in CONCLUSIVE and mark.numbered and not mark.alone and not (opened and opened.numbered):
            return True  # "2. Follow-up: in a year." in a list of findings
        if section.name in CONCLUSIVE and heading.is_safe and (not heading.is_exact or is_abbreviation(mark.phrase)):
            return True
        if section.name in CONCLUSIVE and not mark.alone:
            if heading.name == "imaging" or (heading.likeness is Likeness.WORD and heading.name != "impression"):
                return True
            # Nothing less than a heading like that of the open section leads from findings back to history.
            if heading.is_safe and (mark.case is not Case.UPPER or self._all_upper):
                styled_alike = opened is not None and opened.case is mark.case and mark.stand is Stand.LINE
                return not (styled_alike and (not self._last_line or self._last_line.endswith((".", "!", "?"))))
        # "Vitals:" within a physical examination is part of it, but not after an empty line.
        return (
            section.name == "exam"
            and section.scope is Scope.OPEN
            and heading.name == "vitals"
            and not (self._has_text and (self._last_line == "" or self._is_styled_alike(mark)))
        )

    def _stands_out(self, mark: Mark, heading: Heading) -> bool:
        leaves_safe = self._open.heading.is_safe and not heading.is_safe
        if mark.stand is Stand.LINE:
            is_abbreviated = self._open.heading.is_safe and heading.is_safe and is_abbreviation(mark.phrase)
            if is_abbreviated and not mark.alone:
                return self._after_a_sentence()  # "… query", and on the next line "PE: …"
            if mark.case is not Case.LOWER or self._is_styled_alike(mark):
                return True
            return heading.name in CONCLUSIVE if leaves_safe else self._after_a_sentence()
        return self._stands_out_in_line(mark, heading, leaves_safe=leaves_safe)

    def _stands_out_in_line(self, mark: Mark, heading: Heading, *, leaves_safe: bool) -> bool:
        if leaves_safe:
            return mark.case is not Case.LOWER or heading.name in CONCLUSIVE
        if mark.case is Case.UPPER:
            joins_safe = heading.is_safe and self._open.heading.name in CONCLUSIVE
            return mark.stand is Stand.SENTENCE or not (self._all_upper or joins_safe)
        if mark.case is Case.LOWER:
            opened = self._open.mark
            return bool(opened and opened.case is Case.LOWER and heading.is_exact and heading.name in CONCLUSIVE)
        return self._is_worth_a_sentence(mark, heading)

    def _is_worth_a_sentence(self, mark: Mark, heading: Heading) -> bool:
        if mark.stand is Stand.RUN_ON:
            # As "Clinical details" in "MRI of the left knee Clinical details: …".
            leads_on = self._open.heading.is_safe or self._open.heading is _FREE
            told = " " in mark.phrase or self._open.heading.name == "exam"
            return leads_on and heading.is_exact and told and heading.scope is not Scope.LINE
        # "Impression: " behind a sentence opens a section; "Date: " or "CT findings: " among the findings does not.
        if heading.is_exact:
            return heading.scope is not Scope.LINE
        open_name = self._open.heading.name
        if open_name not in CONCLUSIVE and heading.likeness is not Likeness.WORD:
            return heading.likeness is Likeness.MISSPELT or self._runs_on
        concludes = heading.name in CONCLUSIVE and heading.name != open_name
        return concludes and (heading.likeness is Likeness.MISSPELT or open_name not in CONCLUSIVE)

    def _after_a_sentence(self) -> bool:
        return not self._last_line or bool(_SENTENCE_END.search(self._last_line[-8:])) or ":" in self._last_line[:40]

    def _trimmed(self, name: str, start: int, end: int, *, at: datetime | None = None) -> SectionSpan | None:
        start, end = trimmed(self._text, start, end, keeps_emphasis=name == NOTE)
        return SectionSpan(name=name, start=start, end=end, at=at) if start < end else None

    def _cut(self, span: SectionSpan, at: int) -> Iterator[SectionSpan]:
        """A section up to where the text of an image may begin, and the rest as a note."""
        parts = ((span.name, span.start, at), (NOTE, at, span.end))
        yield from (part for part in (self._trimmed(*bounds) for bounds in parts) if part)
