"""DICOM structured reports: what their content tree says, as sections of a note.

Source: DICOM PS3.3 C.17.3 (content tree), PS3.16 CID 7001 and 7002 (headings).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydicom import Dataset
from pydicom.uid import (
    UID,
    BasicTextSRStorage,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EncapsulatedCDAStorage,
    EncapsulatedPDFStorage,
    EnhancedSRStorage,
    ExtensibleSRStorage,
)

from mediscan.errors import Code, SourceError
from mediscan.sources.boundary import refusing
from mediscan.sources.description import PatientFacts
from mediscan.sources.dicom.elements import text
from mediscan.sources.dicom.header import open_header
from mediscan.sources.dicom.meta import parse_moment, patient_facts
from mediscan.sources.notes.encodings import clean_text
from mediscan.sources.notes.headings import CONCLUSIVE, LEAKAGE_SAFE, NOTE, READERS, exact_heading_of
from mediscan.sources.notes.sections import split_sections
from mediscan.study import NoteSection

_READ = frozenset(
    {BasicTextSRStorage, EnhancedSRStorage, ComprehensiveSRStorage, Comprehensive3DSRStorage, ExtensibleSRStorage}
)
_ENCAPSULATED = {EncapsulatedPDFStorage: "PDF", EncapsulatedCDAStorage: "CDA"}
_DEEPEST, _MOST_ITEMS = 32, 20_000
_REMEDY = "Export the report again from its origin."

_SECTIONS = {
    "indication": "121062 121109 121110 18785-6 55115-0 59768-2 42349-1 10154-3 55108-5 46239-0 29299-5",
    "history": "121060 11329-0 11348-0 10164-2 10157-6 29762-2 11322-7 55752-0",
    "exam": "29545-1 10210-3",
    "vitals": "8716-3",
    "technique": "121064 121065 55111-9 55753-8 73569-6",
    "comparison": "121066 121068 121069 18834-2 55114-3",
    "findings": "121070 121071 18782-3 59776-5",
    "impression": "121072 121073 121076 121077 121111 19005-8 55110-1 55112-7 29308-4",
    "recommendation": "121074 121075 18783-1",
    "addendum": "121078 55107-7",
    "medications": "10160-0 29549-3",
    "allergies": "48765-2",
    "labs": "30954-2",
    "hospital_course": "8648-8",
    "assessment": "51848-0 51847-2",
    "plan": "18776-5",
}  # DICOM PS3.16 CID 7001 and 7002, and LOINC's document sections, by code value
_BY_CODE = {code: name for name, codes in _SECTIONS.items() for code in codes.split()}
_WHOLE = frozenset({"text", "report", "report text", "narrative"})
# Who observed whom and with what is no part of the note, and holds names.
_CONTEXT = frozenset({"HAS OBS CONTEXT", "HAS ACQ CONTEXT"})


@dataclass(frozen=True, kw_only=True)
class StructuredReport:
    """What a structured report says.

    Args:
        study_uid: StudyInstanceUID of the study that it reports on.
        patient: Of whom; for joining and comparing only.
        sections: Its text. No person's name that the report marks as one is in it.
        written_at: Content Date and Time, local wall time.
        is_complete: Whether its author calls it complete (Completion Flag).
        is_verified: Whether somebody answers for it (Verification Flag).
    """

    study_uid: str | None
    patient: PatientFacts
    sections: tuple[NoteSection, ...]
    written_at: datetime | None
    is_complete: bool
    is_verified: bool


def read_structured_report(path: Path) -> StructuredReport:
    """A Basic Text, Enhanced, Comprehensive, Comprehensive 3D or Extensible SR document.

    What the reader of the images wrote has the time of the document; the history that it repeats has none.

    Raises:
        NotDicomError: The file is not DICOM.
        SourceError: It is another object (an encapsulated PDF or CDA document is named, and never read), is damaged,
            or nests deeper than any report does.
    """
    header = open_header(path)
    dataset = header.dataset
    _require_report(path, UID(text(dataset, "SOPClassUID") or ""))
    with refusing(path, "has a damaged content tree", kind=SourceError, remedy=_REMEDY):
        written_at = parse_moment((text(dataset, "ContentDate") or "") + (text(dataset, "ContentTime") or ""))
        return StructuredReport(
            study_uid=text(dataset, "StudyInstanceUID"),
            patient=patient_facts(header),
            sections=report_sections(dataset, path=path, written_at=written_at),
            written_at=written_at,
            is_complete=text(dataset, "CompletionFlag") == "COMPLETE",
            is_verified=text(dataset, "VerificationFlag") == "VERIFIED",
        )


def is_structured_report(dataset: Dataset) -> bool:
    """Whether a header is of a document that `read_structured_report` reads."""
    return UID(text(dataset, "SOPClassUID") or "") in _READ


def report_sections(dataset: Dataset, *, path: Path, written_at: datetime | None = None) -> tuple[NoteSection, ...]:
    """The text of a content tree by section, in the order of its mention; `path` is for messages.

    Text under a concept that is no known section is in the section of what it is nested in, or else is split as any
    note is.

    Raises:
        SourceError: The tree is deeper or longer than any report's.
    """
    lines: dict[str, list[str]] = {}
    for number, (section, line) in enumerate(_walk(dataset, section=NOTE, depth=0, path=path)):
        if number >= _MOST_ITEMS:
            raise SourceError(f"{path} has more than {_MOST_ITEMS} entries", remedy=_REMEDY, code=Code.FILE_TOO_LARGE)
        for name, part in _split(section, line):
            lines.setdefault(name, []).append(part)
    return tuple(
        NoteSection(name=name, text="\n".join(parts), at=written_at if name in READERS else None)
        for name, parts in lines.items()
    )


def _require_report(path: Path, storage: UID) -> None:
    if storage in _ENCAPSULATED:
        raise SourceError(
            f"{path} is an encapsulated {_ENCAPSULATED[storage]} document, whose text is not read",
            remedy="Send the report as text, HL7, FHIR or DICOM SR.",
        )
    if storage not in _READ:
        raise SourceError(
            f"{path} is no structured report with text ({storage.name or 'no SOP class'})",
            remedy="Send Basic Text, Enhanced or Comprehensive SR.",
        )


def _split(section: str, line: str) -> Iterator[tuple[str, str]]:
    # Some sites write the whole report into one entry.
    parts = split_sections(line) if section == NOTE or section in LEAKAGE_SAFE else ()
    if section == NOTE or any(part.name in CONCLUSIVE for part in parts):
        yield from ((section if part.name == NOTE else part.name, part.text) for part in parts)
    else:
        yield section, line


def _walk(item: Dataset, *, section: str, depth: int, path: Path) -> Iterator[tuple[str, str]]:
    if depth > _DEEPEST:
        raise SourceError(f"{path} nests its content deeper than {_DEEPEST} levels", remedy=_REMEDY)
    for child in item.get("ContentSequence") or ():
        if text(child, "RelationshipType") in _CONTEXT or "ReferencedContentItemIdentifier" in child:
            continue  # a reference names an entry of this tree, which is read where it stands
        if depth == 0 and text(child, "RelationshipType") == "HAS CONCEPT MOD":
            continue  # the language of the document, and the like
        own = _section_of(child) or section
        if text(child, "ValueType") == "TEXT" and child.get("TextValue") and text(child, "TextValue") is None:
            raise SourceError(f"{path} has a text that is too long or not readable", remedy=_REMEDY)
        line = _line(child, is_titled=_section_of(child) is not None)
        if line:
            yield own, line
        yield from _walk(child, section=own, depth=depth + 1, path=path)


def _section_of(item: Dataset) -> str | None:
    concept = _code(item, "ConceptNameCodeSequence")
    meaning = (text(concept, "CodeMeaning") if concept else None) or ""
    if concept is None or meaning.lower() in _WHOLE:
        return None
    heading = exact_heading_of(meaning)
    return _BY_CODE.get(text(concept, "CodeValue") or "") or (heading.name if heading else None)


def _line(item: Dataset, *, is_titled: bool) -> str | None:
    """An entry as a line of text; a container is none, nor is anything that holds a person's name."""
    value = _value(item)
    if value is None:
        return None
    concept = _code(item, "ConceptNameCodeSequence")
    title = (text(concept, "CodeMeaning") if concept else None) or ""
    if is_titled or not title or title.lower() in _WHOLE:
        return value
    return f"{title}: {value}"


def _value(item: Dataset) -> str | None:
    match text(item, "ValueType"):
        case "TEXT":
            written = text(item, "TextValue")
            return clean_text(written).strip() or None if written else None
        case "CODE":
            concept = _code(item, "ConceptCodeSequence")
            return text(concept, "CodeMeaning") if concept else None
        case "NUM":
            return _measurement(item)
        case "DATETIME":
            return _moment(text(item, "DateTime"))
        case "DATE":
            return _moment(text(item, "Date"))
        case _:
            return None


def _measurement(item: Dataset) -> str | None:
    measured = _code(item, "MeasuredValueSequence")
    number = text(measured, "NumericValue") if measured else None
    if measured is None or number is None:
        return None
    unit = _code(measured, "MeasurementUnitsCodeSequence")
    shown = text(unit, "CodeValue") if unit else None
    return number if shown in {None, "1"} or str(shown).startswith("{") else f"{number} {shown}"


def _moment(stamp: str | None) -> str | None:
    moment = parse_moment(stamp or "")
    return moment.isoformat(sep=" ").removesuffix(" 00:00:00") if moment else None


def _code(item: Dataset, keyword: str) -> Dataset | None:
    items: Sequence[Dataset] = item.get(keyword) or []
    return items[0] if items else None
