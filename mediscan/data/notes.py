"""One text from a note's sections, and the way back from it to the sections."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from mediscan.config import NoteCutoff
from mediscan.data.redaction import NOTHING, Redaction, kept_spans
from mediscan.study import NoteSection, Study

_CLAUSE = re.compile(r"[^.;!?\n]*(?:\.(?=\d)[^.;!?\n]*)*[.;!?\n]*\s*")
_COMMA_CLAUSE = re.compile(r"[^,]*,?\s*")
_LONG_CLAUSE = 60
"""Characters; a longer clause is cut further at its commas, so that a span says one thing."""


_EARLIEST_ZONE = timedelta(hours=12)
"""By how much the clocks of some place are behind UTC at most."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A stretch of the text that comes from a section: characters `[start, end)` of the section lie at `offset`."""

    section: str
    start: int
    end: int
    offset: int


@dataclass(frozen=True, kw_only=True)
class RenderedNote:
    """The text that the encoder reads.

    `later` names the allowed sections that were left out because they were written after the image was acquired.
    """

    text: str
    pieces: tuple[Piece, ...]
    later: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.pieces)


def render_note(
    study: Study,
    sections: Sequence[str],
    *,
    cutoff: NoteCutoff = NoteCutoff.ACQUISITION,
    redaction: Redaction = NOTHING,
) -> RenderedNote:
    """Join the allowed sections, in the order in which they are allowed, each behind its name.

    Args:
        study: The study.
        sections: The allow-list; sections that are not on it never reach the encoder.
        cutoff: Until when a section may have been written.
        redaction: What no section may say; a section of which nothing is left is left out.
    """
    text = ""
    pieces: list[Piece] = []
    allowed = _allowed(study, sections)
    later = _later(study, allowed) if cutoff is NoteCutoff.ACQUISITION else []
    for section in allowed:
        if section in later:
            continue
        kept = [(start, end) for start, end in kept_spans(section.text, redaction) if section.text[start:end].strip()]
        if not kept:
            continue
        text += f"{section.name.replace('_', ' ')}:"
        for start, end in kept:
            text += " "
            pieces.append(Piece(section=section.name, start=start, end=end, offset=len(text)))
            text += section.text[start:end]
        text += "\n"
    return RenderedNote(text=text, pieces=tuple(pieces), later=tuple(section.name for section in later))


def _allowed(study: Study, sections: Sequence[str]) -> list[NoteSection]:
    place = {name: position for position, name in enumerate(sections)}
    return sorted((s for s in study.written_sections if s.name in place), key=lambda section: place[section.name])


def _later(study: Study, sections: Sequence[NoteSection]) -> list[NoteSection]:
    """The sections that are known to be written after the study's first image was acquired."""
    acquired = min((_wall_time(ref.meta.acquired_at) for ref in study.images if ref.meta.acquired_at), default=None)
    if acquired is None:
        return []
    return [section for section in sections if section.at and _is_later(section.at, than=acquired)]


def _is_later(written: datetime, *, than: datetime) -> bool:
    """Whether a section was written after the wall time of an acquisition, as far as both tell."""
    # Servers turn times into UTC; then only what is later in every zone of the world is known to be.
    allowed = _EARLIEST_ZONE if written.utcoffset() == timedelta(0) else timedelta(0)
    written = _wall_time(written)
    # Midnight is how a day without a time is stored; then no more than days can be compared.
    if time.min in (written.time(), than.time()):
        return written.date() > (than + allowed).date()
    return written > than + allowed


def _wall_time(moment: datetime) -> datetime:
    # Headers state the local wall time; a section's time with a zone is taken as written in that place.
    return moment.replace(tzinfo=None)


def clauses(note: RenderedNote) -> tuple[Piece, ...]:
    """Cut a note into clauses: sentences, and the parts of long sentences between commas.

    Returns:
        Pieces that cover every character of the sections once, blank ones left out.
    """
    found = []
    for piece in note.pieces:
        section_text = note.text[piece.offset : piece.offset + piece.end - piece.start]
        for start, end in _clause_spans(section_text):
            stripped = section_text[start:end].strip()
            if stripped:
                first = start + section_text[start:end].index(stripped)
                found.append(
                    Piece(
                        section=piece.section,
                        start=piece.start + first,
                        end=piece.start + first + len(stripped),
                        offset=piece.offset + first,
                    )
                )
    return tuple(found)


def _clause_spans(text: str) -> list[tuple[int, int]]:
    spans = []
    for sentence in _CLAUSE.finditer(text):
        start, end = sentence.span()
        if end - start <= _LONG_CLAUSE:
            spans.append((start, end))
            continue
        spans.extend((start + part.start(), start + part.end()) for part in _COMMA_CLAUSE.finditer(text[start:end]))
    return [(start, end) for start, end in spans if end > start]


def without(note: RenderedNote, piece: Piece) -> str:
    """The note's text with one piece taken away."""
    return note.text[: piece.offset] + note.text[piece.offset + piece.end - piece.start :]
