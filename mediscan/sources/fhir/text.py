"""Text in resources: attachments, narratives, codes and times."""

import re
from collections.abc import Iterable
from datetime import date, datetime, time, timezone
from html.entities import name2codepoint
from typing import NoReturn
from xml.parsers import expat

from mediscan.sources.fhir.models import Attachment, CodeableConcept, Narrative, Period
from mediscan.sources.messages.moments import TimeSpan
from mediscan.sources.messages.notices import Notices

_UNREAD = ("application/pdf", "application/rtf", "text/html", "text/rtf", "application/xhtml+xml", "image/jpeg")
_CHARSET = re.compile(r';\s*charset\s*=\s*"?([\w.:-]{1,40})', re.IGNORECASE)
_PARTIAL = re.compile(r"(\d{4})(?:-(\d\d))?")
_ENTITY = re.compile(r"&(\w{2,8});")
_XML_ENTITIES = frozenset({"amp", "lt", "gt", "quot", "apos"})
_BLOCKS = frozenset(
    {"address", "blockquote", "br", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p"}
    | {"pre", "table", "tbody", "tr", "ul"}
)
_CELLS = frozenset({"td", "th"})
_UNSEEN = frozenset({"head", "script", "style", "title"})


def attachment_text(attachment: Attachment, *, where: str, notices: Notices) -> str | None:
    """The text of a plain-text attachment; None, with a notice, for any other.

    Without a charset, bytes that are no UTF-8 are taken for Windows-1252.
    """
    kind = (attachment.contentType or "").lower()
    media = kind.partition(";")[0].strip()
    raw = attachment.data  # fhir.resources decodes base64
    if media != "text/plain":
        shown = media if media in _UNREAD else "neither text/plain nor another known type"
        notices.add(f"Attachments not read, since their content is {shown}", where=where)
    elif raw is None:
        notices.add("Attachments not read, since their text lies at an address", where=where)
    else:
        charset = _CHARSET.search(kind)
        for encoding in [charset[1]] if charset else ["utf-8-sig", "cp1252"]:
            try:
                return raw.decode(encoding)
            except (LookupError, ValueError):
                continue
        notices.add("Attachments not read, since their bytes are not in the character set that they name", where=where)
    return None


def narrative_text(narrative: Narrative | None, *, where: str, notices: Notices) -> str | None:
    """What a reader of a narrative sees, without its markup; None where it is empty or not well-formed XHTML.

    Source: FHIR R4 2.4 (Narrative): XHTML, without scripts, styles in the body, or a document type of its own.
    """
    if narrative is None or narrative.status == "empty":
        return None
    # R4 allows HTML's named entities, which XML does not know.
    source = _ENTITY.sub(_character, narrative.div or "")
    seen = _Seen()
    parser = expat.ParserCreate()
    parser.StartElementHandler = seen.start
    parser.EndElementHandler = seen.end
    parser.CharacterDataHandler = seen.text
    parser.StartDoctypeDeclHandler = _refuse_doctype  # No entities of its own, so none that grow.
    try:
        parser.Parse(source.encode(errors="replace"), True)  # noqa: FBT003 - not a keyword there
    except (expat.ExpatError, ValueError):
        notices.add("Narratives not read, since they are not well-formed XHTML", where=where)
        return None
    return seen.joined() or None


class _Seen:
    # A parser's events, as the text that they show.

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._unseen = 0

    def start(self, name: str, _: dict[str, str]) -> None:
        self._unseen += name in _UNSEEN
        self._break(name)

    def end(self, name: str) -> None:
        self._unseen -= name in _UNSEEN
        self._break(name)

    def _break(self, name: str) -> None:
        if name in _BLOCKS:
            self._parts.append("\n")
        elif name in _CELLS:
            self._parts.append(" ")

    def text(self, text: str) -> None:
        if not self._unseen:
            self._parts.append(re.sub(r"\s", " ", text))

    def joined(self) -> str:
        lines = (" ".join(line.split()) for line in "".join(self._parts).split("\n"))
        return "\n".join(line for line in lines if line)


def _character(found: re.Match[str]) -> str:
    if found[1] in _XML_ENTITIES or found[1] not in name2codepoint:
        return found[0]
    return chr(name2codepoint[found[1]])


def _refuse_doctype(*_: object) -> NoReturn:
    raise ValueError


def concept_text(concept: CodeableConcept | None) -> str | None:
    """A code in words: its text, or the first display of its codings."""
    if concept is None:
        return None
    return concept.text or next((coding.display for coding in concept.coding or () if coding.display), None)


def concept_codes(concept: CodeableConcept | None) -> frozenset[str]:
    """A concept's codes, each alone and as `system|code`."""
    codings = [coding for coding in ((concept.coding if concept else None) or ()) if coding.code]
    alone = {str(coding.code) for coding in codings}
    return frozenset(alone | {f"{coding.system}|{coding.code}" for coding in codings})


def loinc(concepts: Iterable[CodeableConcept | None]) -> tuple[str, ...]:
    """The LOINC codes of concepts, in their order."""
    return tuple(
        coding.code
        for concept in concepts
        for coding in ((concept.coding if concept else None) or ())
        if coding.system == "http://loinc.org" and coding.code
    )


def time_span(value: object) -> TimeSpan | None:
    """A dateTime, instant or date as fhir.resources gives it: a datetime, a date, or text for a year or month."""
    if isinstance(value, datetime):
        # With an offset of the standard library, since a study goes between processes.
        offset = value.utcoffset()
        return TimeSpan.at(value.replace(tzinfo=None if offset is None else timezone(offset)))
    if isinstance(value, date):
        return TimeSpan(first=datetime.combine(value, time.min), last=datetime.combine(value, time.max))
    found = _PARTIAL.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    try:
        return TimeSpan.of(int(found[1]), int(found[2]) if found[2] else None)
    except ValueError:
        return None


def period_start(period: Period | None) -> TimeSpan | None:
    """When a period begins."""
    return time_span(period.start) if period else None
