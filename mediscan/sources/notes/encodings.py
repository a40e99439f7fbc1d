"""Bytes of a note to its text, whatever program wrote them."""

import codecs
import re
from dataclasses import dataclass

from mediscan.errors import Code, SourceError
from mediscan.sources.notes.markup import html_text, is_html, is_rtf, rtf_text

MAX_NOTE_BYTES = 4 << 20
"""No note may be longer; a long discharge summary has about 50 kB."""

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_OTHERS = ((b"%PDF", "PDF"), (b"PK\x03\x04", "a Word or zip file"), (b"\xd0\xcf\x11\xe0", "an old Word file"))
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff\ufeff]")


@dataclass(frozen=True, kw_only=True)
class DecodedNote:
    """A note's text: its lines end in line feeds, control characters are taken out, HTML and RTF are plain text.

    `encoding` is what the bytes were read as.
    """

    text: str
    encoding: str

    @property
    def was_guessed(self) -> bool:
        """Whether the bytes were no Unicode, so that letters with accents may be wrong."""
        return self.encoding in {"cp1252", "latin-1"}


def decode_note(raw: bytes, *, what: str = "the note") -> DecodedNote:
    """The text of a note.

    UTF-8 is tried first, then Windows-1252, then Latin-1, in which all bytes mean something; UTF-16 is read where a
    byte order mark tells it.

    Args:
        raw: The bytes, of plain text, HTML or RTF.
        what: How a message names the note.

    Raises:
        SourceError: The note is too long (FILE_TOO_LARGE), or is a document of another format.
    """
    if len(raw) > MAX_NOTE_BYTES:
        raise SourceError(
            f"{what} has more than {MAX_NOTE_BYTES >> 20} MiB",
            remedy="Give each study a note of its own.",
            code=Code.FILE_TOO_LARGE,
        )
    for magic, name in _OTHERS:
        if raw.startswith(magic):
            raise SourceError(f"{what} is {name}, not text", remedy="Export the note as plain text.")
    text, encoding = _decoded(raw, what=what)
    if is_rtf(text):
        text = rtf_text(text)
    elif is_html(text):
        text = html_text(text)
    return DecodedNote(text=clean_text(text), encoding=encoding)


def clean_text(text: str) -> str:
    """Text whose lines end in line feeds, without control characters; a form feed ends a line, too."""
    return _CONTROL.sub("", re.sub(r"\r\n?|\f", "\n", text))


def _decoded(raw: bytes, *, what: str) -> tuple[str, str]:
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            try:
                return raw[len(mark) :].decode(encoding), encoding
            except UnicodeDecodeError:
                raise SourceError(f"{what} begins as {encoding} but is not", remedy="Save it again as UTF-8.") from None
    for encoding in ("utf-8", "cp1252"):
        try:
            return raw.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1"), "latin-1"
