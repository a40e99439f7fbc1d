"""A note read line by line: where each section opens and where it ends.

An unknown heading ends a section of `headings.LEAKAGE_SAFE`, as does an empty line; what follows is a `note`.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from mediscan.sources.notes.addenda import addendum_time
from mediscan.sources.notes.headings import (
    ADDENDUM,
    CONCLUSIVE,
    NOTE,
    SIGNATURE,
    Heading,
    Likeness,
    Scope,
    exact_heading_of,
    is_abbreviation,
    is_subheading,
    speaks_of_images,
    tells_a_reading,
)
from mediscan.sources.notes.manner import Kind, Manner
from mediscan.sources.notes.mark import Below, Case, Mark, Stand
from mediscan.sources.notes.marks import marks_in
from mediscan.sources.notes.prose import names_a_sign
from mediscan.sources.notes.signatures import continues_signature
from mediscan.sources.notes.times import DateOrder

_FREE = Heading(name=NOTE, scope=Scope.OPEN)
_LONGEST_ABBREVIATION = 4
_FOLLOWING = 120  # characters behind an unknown heading that are searched for a sign of an image
_LINES = re.compile(r"([^\r\n]*)(\r\n|\r|\n|$)")
# Three underscores are a word taken out for de-identification, four or more a line drawn across the page.
_RULE = re.compile(r"[ \t]*(?:(?:[-=*~#+][ \t]?){3,}|==|_{4,})[ \t]*")
_SHORT_RULE = re.compile(r"-{2,3}|_{2,3}|={2,3}|~{2,3}")
_SENTENCE_END = re.compile(r"[.!?:;)\]*]\s*$")


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A section that is open: what opened it, where its text starts, and its own time."""

    heading: Heading
    start: int
    mark: Mark | None = None
    at: datetime | None = None


class Reader:
    """Reads a note line by line and remembers which section is open.

    Args:
        text: The note.
        order: How dates in digits are written.
        manner: How it is written, where an earlier reading told it: unknown headings may stand within a line, and a
            history in a report on images does not have several paragraphs.
    """

    def __init__(self, text: str, *, order: DateOrder, manner: Manner | None = None) -> None:
        self._text = text
        self._order = order
        self._runs_on = manner is not None and manner.runs_on
        self._is_report = manner is not None and manner.kind is Kind.REPORT
        letters = [character for character in text[:20_000] if character.isalpha()]
        self._all_upper = sum(map(str.isupper, letters)) > 0.9 * len(letters)
        self._closed: list[tuple[Opened, int]] = []
        self._open = Opened(heading=_FREE, start=0)
        self._has_text = False
        self._concluded = False
        self._last_line = ""
        self._short_rule = -1

    def read(self) -> list[tuple[Opened, int]]:
        """The sections in their order, each with where it ends."""
        lines = [found.span(1) for found in _LINES.finditer(self._text)]
        for (start, end), (below, below_end) in pairwise((*lines, (len(self._text), len(self._text)))):
            self._read_line(start, end, below=self._below(below, below_end, line=self._text[start:end].strip()))
        self._close(_FREE, start=len(self._text), body=len(self._text))
        return self._closed

    def _below(self, start: int, end: int, *, line: str) -> Below:
        if start < end and _RULE.fullmatch(self._text, start, end):
            return Below.RULE
        drawn = self._text[start:end].strip()
        if len(drawn) == len(line) > 1 and _SHORT_RULE.fullmatch(drawn) and exact_heading_of(line):
            self._short_rule = start  # below "CC" or "O/E"
            return Below.RULE
        return Below.WORDS if self._text[start:end].strip() else Below.NOTHING

    def _read_line(self, start: int, end: int, *, below: Below) -> None:
        written = self._text[start:end]
        line = written.strip()
        if not line or _RULE.fullmatch(line) or start == self._short_rule:
            if self._has_text and self._scope is Scope.PARAGRAPH:
                self._close(_FREE, start=start, body=end)
            elif line and not self._has_text:
                self._open = replace(self._open, start=end)  # the rule below a heading
            self._last_line = ""
            return
        start += len(written) - len(written.lstrip())
        if self._scope is Scope.LINE and self._has_text and not self._is_signed_on(line):
            self._close(_FREE, start=start, body=start)
        body = 0
        for mark in marks_in(line, all_upper=self._all_upper, below=below, is_first=not self._last_line):
            heading = self._opens(mark, followed_by=line[mark.body : mark.body + _FOLLOWING])
            if heading:
                self._has_text = self._has_text or bool(line[body : mark.start].strip())
                # "FINAL REPORT" with nothing directly below it is a title, as "CHEST RADIOGRAPH" is.
                is_title = heading.name == NOTE and below is Below.NOTHING and not self._closed
                kept = mark.start if heading is _FREE or is_title else mark.body
                self._close(heading, start=start + mark.start, body=start + kept, mark=mark)
                body = kept
        self._has_text = self._has_text or bool(line[body:].strip())
        self._last_line = line

    @property
    def _scope(self) -> Scope:
        heading = self._open.heading
        return Scope.PARAGRAPH if self._is_report and heading.is_safe else heading.scope

    def _is_signed_on(self, line: str) -> bool:
        return self._open.heading.name == SIGNATURE.name and continues_signature(line)

    def _close(self, heading: Heading, *, start: int, body: int, mark: Mark | None = None) -> None:
        self._closed.append((self._open, start))
        self._concluded = self._concluded or heading.name in {"findings", "impression"}
        self._has_text = False
        at = addendum_time(self._text, start, body, order=self._order) if mark and heading is ADDENDUM else None
        self._open = Opened(heading=heading, start=body, mark=mark, at=at)

    def _opens(self, mark: Mark, *, followed_by: str) -> Heading | None:
        # What a mark opens where it stands; None where it is part of the text.
        section, heading = self._open.heading, mark.heading
        guessed = heading is not None and heading.likeness is Likeness.WORD and heading.name not in CONCLUSIVE
        if heading is None or (guessed and (section.is_safe or self._is_first_line_below_heading(mark))):
            is_first = self._is_first_line_below_heading(mark)
            ends = not is_first and self._is_ended_by_unknown(mark, followed_by=followed_by)
            return (heading or _FREE) if ends else None
        if section is ADDENDUM and self._concluded and heading is not ADDENDUM:
            # What follows the report is all of the addendum, whatever headings it has of its own.
            return heading if heading.name in {NOTE, "signature"} and mark.stand is Stand.LINE else None
        is_part = self._is_part_of_open(mark, heading)
        return heading if not is_part and self._stands_out(mark, heading) else None

    def _is_first_line_below_heading(self, mark: Mark) -> bool:
        if not mark.plain or self._has_text or self._open.mark is None:
            return False
        named = self._open.heading.name == "exam"  # "CTA CHEST W WO CONTRAST"
        return not (tells_a_reading(mark.phrase) if named else speaks_of_images(mark.phrase))

    def _is_ended_by_unknown(self, mark: Mark, *, followed_by: str) -> bool:
        section, phrase = self._open.heading, mark.phrase.strip()
        if is_subheading(phrase, of=section.name):
            return False
        if mark.bare or mark.stand is Stand.RUN_ON:
            ends = self._is_ended_by_bare(mark) if mark.bare else self._runs_into(mark, followed_by)
            return ends and section.is_safe and self._scope is Scope.PARAGRAPH
        capitals = mark.case is Case.UPPER and not self._all_upper
        styled_alike = self._is_styled_alike(mark)
        is_weak = (mark.drawn and not capitals) or (mark.case is Case.LOWER and not mark.alone)
        if is_weak and not styled_alike:
            return False
        in_case = self._open.mark is not None and self._open.mark.case is mark.case
        stands_alike = styled_alike or (self._runs_on and mark.stand is Stand.SENTENCE and in_case)
        shows = speaks_of_images(phrase) or names_a_sign(followed_by)
        if not section.is_safe:
            told = speaks_of_images(phrase) if self._scope is Scope.PARAGRAPH else tells_a_reading(phrase)
            in_capitals = capitals and (mark.stand is Stand.LINE or " " in phrase)
            stands_alike = stands_alike or self._is_below_empty_line(mark)
            return (stands_alike and told) or (self._scope is Scope.PARAGRAPH and in_capitals)
        if self._scope is Scope.PARAGRAPH:
            return capitals or stands_alike or shows
        in_capitals = capitals and mark.stand is Stand.LINE and (" " in phrase or styled_alike)
        return in_capitals or (styled_alike and (mark.drawn or shows))

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
        both = (self._open.mark, mark)
        opened, found = [(each.stand, each.alone, each.drawn) for each in both]
        cases = {each.case for each in both}
        # "HPI" is in capitals wherever it stands.
        same_case = len(cases) == 1 or (Case.LOWER not in cases and any(each.is_abbreviated for each in both))
        led_alike = self._open.heading.scope is not Scope.OPEN or self._open.mark.lead == mark.lead
        return opened == found and same_case and led_alike

    def _is_below_empty_line(self, mark: Mark) -> bool:
        return mark.stand is Stand.LINE and self._has_text and not self._last_line and mark.case is not Case.LOWER

    def _is_part_of_open(self, mark: Mark, heading: Heading) -> bool:
        section = self._open.heading
        if heading.name == section.name and (not heading.is_exact or is_subheading(mark.phrase, of=section.name)):
            return not mark.alone or is_subheading(mark.phrase, of=section.name)
        opened = self._open.mark
        in_list = heading.likeness is Likeness.WORD and not section.is_safe  # "Sulfa drugs: rash" among allergies
        in_findings = section.name in CONCLUSIVE and mark.numbered and not mark.alone  # "2. Follow-up: in a year."
        if (opened and in_list and not self._is_styled_alike(mark)) or (
            in_findings and not (opened and opened.numbered)
        ):
            return True
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
            and self._scope is Scope.OPEN
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
        if self._runs_on and heading.name == "recommendation" and heading.likeness is Likeness.COMPOSED:
            return heading.name != open_name
        concludes = heading.name in CONCLUSIVE and heading.name != open_name
        return concludes and (heading.likeness is Likeness.MISSPELT or open_name not in CONCLUSIVE)

    def _after_a_sentence(self) -> bool:
        return not self._last_line or bool(_SENTENCE_END.search(self._last_line[-8:])) or ":" in self._last_line[:40]
