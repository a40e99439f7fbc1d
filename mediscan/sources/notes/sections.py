"""A note cut into its sections.

Findings must never be read as history. Whatever could be either is therefore not put into one of the sections of
`headings.LEAKAGE_SAFE`: an unknown heading ends such a section, as does an empty line in a radiology report or a
sentence that describes an image, and what follows goes to the section `note`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from mediscan.sources.notes.headings import ADDENDUM, CONCLUSIVE, NOTE, READERS, Scope
from mediscan.sources.notes.manner import Kind, Manner, manner_of
from mediscan.sources.notes.reading import Opened, Reader
from mediscan.sources.notes.times import DateOrder, latest, written_at
from mediscan.sources.notes.trimming import trimmed
from mediscan.study import NoteSection


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
    read = Reader(text, order=order).read()
    manner = _manner(read)
    if manner.runs_on or _has_open_history(read, manner):
        # Only now it is known where unknown headings may stand, and how far a history may reach.
        read = Reader(text, order=order, manner=manner).read()
    return tuple(_spans(text, read, manner))


def _manner(read: list[tuple[Opened, int]]) -> Manner:
    return manner_of([(opened.heading, opened.mark) for opened, _ in read])


def _has_open_history(read: list[tuple[Opened, int]], manner: Manner) -> bool:
    reach_on = any(opened.heading.is_safe and opened.heading.scope is Scope.OPEN for opened, _ in read)
    return manner.kind is Kind.REPORT and reach_on


def _spans(text: str, read: list[tuple[Opened, int]], manner: Manner) -> Iterator[SectionSpan]:
    """The sections that hold text, each cut where the text of an image may begin; the rest is a note."""
    for opened, end in read:
        name = manner.name_of(opened.heading, opened.mark, text[opened.start : end])
        start, end = trimmed(text, opened.start, end, keeps_emphasis=name == NOTE)  # noqa: PLW2901 - as trimmed
        cut = manner.end_of(opened.heading, text[start:end]) if start < end else None
        parts = [(name, start, end)] if cut is None else [(name, start, start + cut), (NOTE, start + cut, end)]
        for part, first, last in parts:
            first, last = trimmed(text, first, last, keeps_emphasis=part == NOTE)  # noqa: PLW2901 - as trimmed
            if first < last:
                yield SectionSpan(name=part, start=first, end=last, at=opened.at if cut is None else None)
