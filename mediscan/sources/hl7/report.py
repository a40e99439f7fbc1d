"""One message to the reports that it carries: text in sections, measured values, and the names of its study."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from mediscan.errors import Code, SourceError
from mediscan.sources.hl7.patient import patient_facts, patient_id
from mediscan.sources.hl7.times import time_span
from mediscan.sources.hl7.wire import Message, Segment
from mediscan.sources.messages.measurements import BY_LOINC as MEASURES
from mediscan.sources.messages.measurements import Measurement
from mediscan.sources.messages.moments import TimeSpan
from mediscan.sources.messages.notices import Notices
from mediscan.sources.messages.sections import BY_LOINC as SECTIONS
from mediscan.sources.messages.sections import Written, report_sections
from mediscan.sources.notes.headings import NOTE
from mediscan.study import NoteSection, Sex

_EVENTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {"ORU": frozenset({"R01", "R30", "R31", "R32", ""}), "MDM": frozenset({"T02", "T04", "T06", "T08", "T10"})}
)
_SUFFIXES: Mapping[str, str] = MappingProxyType(
    {"GDT": "findings", "IMP": "impression", "ADT": "addendum", "REC": "recommendation"}
)
# HL7 v2.8.2, 7.2.4 (Suffixes for defining observation identifiers for common types of narrative reports).
_TEXT_TYPES = frozenset({"TX", "FT", "ST"})
_CODED_TYPES = frozenset({"CE", "CWE", "CNE"})
_UNREAD_TYPES: Mapping[str, str] = MappingProxyType({"ED": "an encapsulated document", "RP": "a pointer"})
_RANKS: Mapping[str, int] = MappingProxyType({"A": 1, "P": 1, "R": 1, "F": 2, "C": 3, "X": 0})
_NO_REPORT = frozenset({"O", "I", "S", "Y", "Z"})
# HL7 table 0123: received, in process, scheduled, no order, no patient.
_DOCUMENT_RANKS: Mapping[str, int] = MappingProxyType(
    {"DI": 1, "DO": 1, "IP": 1, "IN": 1, "PA": 1, "AU": 2, "LA": 2, "taken back": 0}
)
# HL7 table 0271, from dictated to legally authenticated.
_WITHDRAWN = frozenset({"D", "W", "X", "N"})
# HL7 table 0085: deleted, wrong, cannot be obtained, not asked for.


@dataclass(frozen=True, kw_only=True)
class Report:
    """One report: an OBR and what follows it, or the document of an MDM message.

    Args:
        where: The message, for messages to the reader.
        patient_id: The patient.
        sex: As recorded.
        born: The birth date.
        accession: Accession number, or else the filler's or placer's order number.
        study_uid: StudyInstanceUID.
        code: What was examined; reports of the same are versions of each other.
        rank: Where its status stands: preliminary 1, final 2, corrected 3; 0 where it takes the report back.
        observed: When the examination was made.
        issued: When this version was made.
        asked: What the order says of the patient; it stays true when the report is superseded.
        sections: Its text.
        measurements: Its numbers.
    """

    where: str
    patient_id: str
    sex: Sex | None
    born: TimeSpan | None
    accession: str | None
    study_uid: str | None
    code: str
    rank: int
    observed: TimeSpan | None
    issued: TimeSpan | None
    asked: tuple[NoteSection, ...]
    sections: tuple[NoteSection, ...]
    measurements: tuple[Measurement, ...]

    @property
    def only_adds(self) -> bool:
        """Whether it is an addendum alone, which does not repeat the report that it adds to."""
        return {section.name for section in self.sections} == {"addendum"}

    @property
    def only_measures(self) -> bool:
        """Whether it is a laboratory's or a monitor's: numbers and no text."""
        return bool(self.measurements) and not self.sections


def read_reports(message: Message, *, authority: str | None, notices: Notices) -> list[Report]:
    """The reports of a message.

    Args:
        message: The message.
        authority: Whose patient id is wanted, as in `patient_id`.
        notices: Where what was passed over is noted.

    Raises:
        SourceError: INVALID_ROW: it is of a kind that carries none, or names no patient.
    """
    kind, event = message.header.text(9), message.header.text(9, 2)
    if event not in _EVENTS.get(kind, ()):
        raise _unusable(message, "it is no result (ORU^R01, R30) and no document with its content (MDM^T02)")
    pid = message.first("PID")
    patient = patient_id(pid, authority=authority) if pid else None
    if pid is None or patient is None:
        raise _unusable(message, "it names no patient (PID-3)" + (" of the wanted authority" if authority else ""))
    groups = list(_groups(message))
    if not groups:
        raise _unusable(message, "it has no order (OBR) and no document (TXA)")
    sex, born = patient_facts(pid)
    study_uid = _study_uid(message)
    reports = []
    for group in groups:
        status = _status(group)
        if status in _NO_REPORT:
            notices.add("Orders without a report yet were not used", where=message.where)
            continue
        rank = (_DOCUMENT_RANKS if group[0].name == "TXA" else _RANKS).get(status)
        if rank is None:
            raise _unusable(message, "its status (OBR-25, TXA-17) is unknown")
        observed, issued = _times(group, message)
        written = Written(known=observed.first if observed else None, issued=issued.last if issued else None)
        reports.append(
            Report(
                where=message.where,
                patient_id=patient,
                sex=sex,
                born=born,
                accession=_accession(group),
                study_uid=study_uid,
                code=group[0].text(4) if group[0].name == "OBR" else group[0].text(2),
                rank=rank,
                observed=observed,
                issued=issued,
                asked=tuple(_asked(group, written=written)),
                sections=tuple(_sections(group, written=written, where=message.where, notices=notices)),
                measurements=tuple(_measurements(group, observed, where=message.where, notices=notices)),
            )
        )
    if any(one.accession is None and one.study_uid is None and not one.only_measures for one in reports):
        raise _unusable(message, "it names no study (OBR-18, OBR-3, OBR-2, IPC-1 or ZDS-1)")
    return reports


def _groups(message: Message) -> Iterator[list[Segment]]:
    # An OBR (or, in documents, TXA), with the IPC, OBX and NTE that follow it up to the next one.
    opens = "OBR" if message.header.text(9) == "ORU" else "TXA"
    order = message.first("OBR") if opens == "TXA" else None
    group: list[Segment] = []
    for segment in message.segments:
        if segment.name == opens:
            if group:
                yield group
            group = [segment] if order is None else [segment, order]
        elif group and segment.name in ("OBX", "NTE", "IPC"):
            group.append(segment)
    if group:
        yield group


def _order(group: Sequence[Segment]) -> Segment | None:
    return next((segment for segment in group if segment.name == "OBR"), None)


def _times(group: Sequence[Segment], message: Message) -> tuple[TimeSpan | None, TimeSpan | None]:
    order, sent = _order(group), time_span(message.header.text(7))
    if group[0].name == "TXA":
        # TXA-4 activity, TXA-6 origination, TXA-8 edit.
        written = [time_span(group[0].text(field)) for field in (8, 6)]
        observed = time_span(group[0].text(4)) or (time_span(order.text(7)) if order else None)
        return observed, next(filter(None, written), None) or sent
    observed = time_span(order.text(7)) if order else None
    return observed, (time_span(order.text(22)) if order else None) or sent


def _accession(group: Sequence[Segment]) -> str | None:
    names = [segment.text(1) for segment in group if segment.name == "IPC"]
    order = _order(group)
    if order:
        # IHE RAD TF-2 4.4 sends the accession number in OBR-18; many systems use the order number of OBR-3 or OBR-2.
        names += [order.text(18), order.text(3), order.text(2)]
    if group[0].name == "TXA":
        names += [group[0].text(15), group[0].text(14)]
    return next(filter(None, names), None)


def _study_uid(message: Message) -> str | None:
    named = [(segment, {"ZDS": 1, "IPC": 3}.get(segment.name)) for segment in message.segments]
    found = (segment.text(field) for segment, field in named if field)
    return next((uid for uid in found if uid and set(uid) <= set("0123456789.")), None)


def _status(group: Sequence[Segment]) -> str:
    if group[0].name == "TXA":
        # Availability (TXA-19) of a cancelled or obsolete document; else completion.
        return "taken back" if group[0].text(19) in ("CA", "OB") else group[0].text(17)
    status = group[0].text(25)
    if not status:
        # Left out by some senders, who tell it of every line.
        lines = {segment.text(11) for segment in group if segment.name == "OBX"} - _WITHDRAWN
        status = "C" if "C" in lines else "F" if lines == {"F"} else "P"
    return status


def _asked(group: Sequence[Segment], *, written: Written) -> Iterator[NoteSection]:
    # Relevant clinical information (OBR-13) and reason for study (OBR-31).
    order = _order(group)
    if order:
        for field, name in ((13, "history"), (31, "indication")):
            for one in order.repetitions(field):
                text = order.part(one, 2) or order.part(one)
                if text:
                    yield NoteSection(name=name, text=text, at=written.time_of(name))


def _sections(group: Sequence[Segment], *, written: Written, where: str, notices: Notices) -> Iterator[NoteSection]:
    for name, text in _joined(_pieces(group, where=where, notices=notices)):
        if name in (NOTE, "findings"):
            # Many systems send the whole report, headings and all, as one general description.
            for section in report_sections(text, written=written):
                own = name if section.name == NOTE else section.name
                yield NoteSection(name=own, text=section.text, at=section.at or written.time_of(own))
        else:
            yield NoteSection(name=name, text=text, at=written.time_of(name))


def _pieces(group: Sequence[Segment], *, where: str, notices: Notices) -> Iterator[tuple[str, str]]:
    current = NOTE
    for segment in group:
        if segment.name == "NTE":
            yield current, segment.lines(3)
        elif segment.name == "OBX" and segment.text(11) not in _WITHDRAWN:
            kind = segment.text(2)
            current = _section_name(segment)
            if kind in _TEXT_TYPES:
                yield current, segment.lines(5)
            elif kind in _CODED_TYPES and current != NOTE:
                yield current, "\n".join(segment.part(one, 2) or segment.part(one) for one in segment.repetitions(5))
            elif kind in _UNREAD_TYPES:
                notices.add(f"Results not read, since they are {_UNREAD_TYPES[kind]}", where=where)


def _joined(pieces: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    texts: dict[str, list[str]] = {}
    for name, text in pieces:
        texts.setdefault(name, []).append(text)
    return [(name, "\n".join(lines).strip()) for name, lines in texts.items() if any(map(str.strip, lines))]


def _section_name(segment: Segment) -> str:
    code, suffix, system = segment.text(3), segment.text(3, 1, 2), segment.text(3, 3)
    # Some senders write the suffix as a component of its own (4, with its subcomponent empty before it).
    names = (suffix, segment.text(3, 4, 2), code)
    found = next((_SUFFIXES[name] for name in names if name in _SUFFIXES), None)
    return found or (SECTIONS.get(code, NOTE) if system in ("LN", "") else NOTE)


def _measurements(
    group: Sequence[Segment], observed: TimeSpan | None, *, where: str, notices: Notices
) -> Iterator[Measurement]:
    for segment in group:
        if segment.name != "OBX" or segment.text(2) != "NM" or segment.text(11) in _WITHDRAWN:
            continue
        codes = [(segment.text(3, 1), segment.text(3, 3)), (segment.text(3, 4), segment.text(3, 6))]
        measure = next((MEASURES[code] for code, system in codes if code in MEASURES and system == "LN"), None)
        if measure is None:
            continue
        taken = time_span(segment.text(14)) or observed
        value = measure.read(number, segment.text(6)) if (number := _number(segment.text(5))) is not None else None
        if value is None or taken is None:
            notices.add(f"Values of {measure.name} not used: unknown unit, out of range, or no time", where=where)
        else:
            yield Measurement(measure=measure, value=value, at=taken.last)


def _number(written: str) -> float | None:
    try:
        return float(written)
    except ValueError:
        return None


def _unusable(message: Message, why: str) -> SourceError:
    return SourceError(f"{message.where}: {why}", remedy="Leave the message out, or correct it.", code=Code.INVALID_ROW)
