"""Bytes to messages, segments and fields."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from mediscan.diagnosis import Refusal
from mediscan.errors import Code, SourceError
from mediscan.sources.boundary import refusing
from mediscan.sources.hl7.escapes import Delimiters, decode

SUFFIXES = frozenset({".hl7", ".txt"})
"""File names that are read."""

MAX_BYTES = 256 << 20
"""No file may be longer."""

_HEADER = re.compile(rb"(?:^|(?<=[\r\n\x0b]))MSH(?=[^\w\s])")
_FRAME = re.compile(rb"[\x0b\x1c]")  # MLLP: HL7 v2.8.2 appendix C, "Minimal Lower Layer Message Transport protocol"
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")
_BATCH = frozenset({"FHS", "BHS", "BTS", "FTS"})
_CONTROL_ID = re.compile(r"[A-Za-z0-9.-]{1,20}")


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A segment; fields are counted as HL7 does, from 1, and MSH-1 is the field separator.

    Args:
        name: Three letters.
        fields: The name and then the fields, as they stand.
        delimiters: Those of the message.
    """

    name: str
    fields: tuple[str, ...]
    delimiters: Delimiters

    def raw(self, field: int) -> str:
        """A field as it stands; empty where the segment ends before it, or where it is told to be null."""
        written = self.fields[field] if field < len(self.fields) else ""
        return "" if written == '""' else written

    def repetitions(self, field: int) -> tuple[str, ...]:
        """A field's repetitions as they stand."""
        return tuple(filter(None, self.raw(field).split(self.delimiters.repetition)))

    def text(self, field: int, component: int = 1, subcomponent: int = 1) -> str:
        """A subcomponent of a field's first repetition."""
        first = self.raw(field).partition(self.delimiters.repetition)[0]
        return self.part(first, component, subcomponent)

    def part(self, repetition: str, component: int = 1, subcomponent: int = 1) -> str:
        """A subcomponent of a repetition, without escapes and without space around it."""
        found = _nth(_nth(repetition, self.delimiters.component, component), self.delimiters.subcomponent, subcomponent)
        return self.delimiters.unescape(found).strip()

    def lines(self, field: int) -> str:
        """A text field: each repetition is a line, and components have no meaning."""
        return "\n".join(map(self.delimiters.unescape, self.raw(field).split(self.delimiters.repetition)))


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message; `segments` begin with MSH."""

    where: str
    segments: tuple[Segment, ...]

    @property
    def header(self) -> Segment:
        """MSH."""
        return self.segments[0]

    def first(self, name: str) -> Segment | None:
        """The first segment of a name."""
        return next((segment for segment in self.segments if segment.name == name), None)


def read_messages(path: Path) -> Iterator[Message | Refusal]:
    """The messages of a file, or why one cannot be read: alone, in a batch, or framed as they were sent.

    Segments may end with CR, LF or both. A line that does not begin as a segment goes on with the one before it.

    Raises:
        SourceError: The whole file cannot be read. No message repeats content.
    """
    with refusing(path, "is not HL7 v2", kind=SourceError, remedy="Export it again as HL7 v2 (ER7)."):
        if path.stat().st_size > MAX_BYTES:
            raise SourceError(
                f"{path.name} is longer than {MAX_BYTES >> 20} MiB",
                remedy="Split it between messages.",
                code=Code.FILE_TOO_LARGE,
            )
        raw = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        starts = [found.start() for found in _HEADER.finditer(raw)]
        if not starts:
            raise SourceError(f"{path.name} holds no HL7 v2 message (MSH)", remedy="Name the file that does.")
    for number, (start, end) in enumerate(pairwise([*starts, len(raw)]), start=1):
        where = f"{path.name} message {number}"
        try:
            with refusing(path, f"message {number} is not HL7 v2", kind=SourceError, remedy="Send it again."):
                message = _message(_FRAME.sub(b"", raw[start:end]), where)
        except SourceError as error:
            yield Refusal.of(where, error)
        else:
            yield message


def _message(raw: bytes, where: str) -> Message:
    header = re.split(rb"[\r\n]", raw, maxsplit=1)[0].decode("latin-1")
    charset = (header.split(header[3]) + [""] * 18)[17].partition("~")[0]
    try:
        text, codec = decode(raw, charset)
        delimiters = Delimiters.of(header, codec=codec)
    except (LookupError, UnicodeDecodeError):
        raise _unusable(where, "its character set (MSH-18) is unknown, or its bytes are not in it") from None
    except ValueError:
        raise _unusable(where, "its delimiters (MSH-1, MSH-2) cannot be told apart") from None
    joined: list[list[str]] = []
    for line in re.split(r"\r\n|\r|\n", text):
        if _SEGMENT.match(line) and line[3:4] in ("", delimiters.field):
            joined.append([line])
        elif line.strip() and joined:
            joined[-1].append(line)
    segments = [delimiters.repetition.join(lines).split(delimiters.field) for lines in joined]
    segments[0].insert(1, delimiters.field)
    kept = [one for one in segments if one[0] not in _BATCH]
    made = tuple(Segment(name=one[0], fields=tuple(one), delimiters=delimiters) for one in kept)
    control = made[0].text(10)
    shown = f"{where} ({control})" if _CONTROL_ID.fullmatch(control) else where
    return Message(where=shown, segments=made)


def _unusable(where: str, why: str) -> SourceError:
    return SourceError(
        f"{where}: {why}", remedy="Correct the header, or send the message again.", code=Code.INVALID_ROW
    )


def _nth(text: str, delimiter: str, position: int) -> str:
    return (text.split(delimiter, position) + [""] * position)[position - 1]
