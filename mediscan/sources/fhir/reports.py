"""DiagnosticReport and DocumentReference: which belong to a study, which of them hold, and what they say."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from mediscan.sources.fhir.imaging import Imaging, accessions
from mediscan.sources.fhir.models import DiagnosticReport, DocumentReference, Observation, Reference
from mediscan.sources.fhir.patients import Patients
from mediscan.sources.fhir.resources import Checked, Resources
from mediscan.sources.fhir.text import (
    attachment_text,
    concept_codes,
    concept_text,
    loinc,
    narrative_text,
    period_start,
    time_span,
)
from mediscan.sources.messages.moments import TimeSpan, sortable
from mediscan.sources.messages.notices import Notices
from mediscan.sources.messages.sections import BY_LOINC, Written, report_sections
from mediscan.study import NoteSection

_RANKS: Mapping[str, int] = MappingProxyType(
    {"partial": 1, "preliminary": 1, "unknown": 1, "final": 2, "amended": 3, "corrected": 3, "appended": 3}
)
# What has no rank says nothing: registered, cancelled, entered in error.


@dataclass(frozen=True, kw_only=True, eq=False)
class Report:
    """A DiagnosticReport of a study."""

    checked: Checked
    model: DiagnosticReport

    @property
    def rank(self) -> int:
        """Where its status stands: preliminary 1, final 2, amended 3; 0 where it says nothing."""
        return _RANKS.get(self.model.status or "", 0)

    @property
    def effective(self) -> TimeSpan | None:
        """When the examination was made."""
        return time_span(self.model.effectiveDateTime) or period_start(self.model.effectivePeriod)

    @property
    def issued(self) -> TimeSpan | None:
        """When this version was made available."""
        return time_span(self.model.issued)


class StudyIndex:
    """Finds the studies that a report speaks of: by address, accession number, or the request that both fulfil."""

    def __init__(self, studies: Sequence[Imaging], resources: Resources) -> None:
        self._resources = resources
        self._by_model = {id(one.model): one for one in studies}
        self._by_accession = _index((number, one) for one in studies for number in one.accessions)
        self._by_order = _index((order, one) for one in studies for order in one.orders)

    def of_report(self, checked: Checked, model: DiagnosticReport) -> list[Imaging]:
        """The studies of a DiagnosticReport; those that it names decide, then accession numbers, then requests.

        Raises:
            SourceError: INVALID_ROW: it names a study that is not part of the input.
        """
        named = [
            self._by_model.get(id(self._resources.required(reference, holder=checked, name="imagingStudy")))
            for reference in model.imagingStudy or ()
        ]
        if named:
            return [one for one in named if one]
        numbers = accessions(model.identifier)
        return _found(self._by_accession, numbers) or self._of_orders(model.basedOn)

    def of_document(self, checked: Checked, model: DocumentReference) -> list[Imaging]:
        """The studies of a DocumentReference: those that its context is related to, or those of its encounter.

        Without a link to an encounter it belongs to no study.
        """
        related = (model.context.related if model.context else None) or []
        targets = (self._by_model.get(id(self._resources.target(one, holder=checked))) for one in related)
        named = [one for one in targets if one] or self._of_orders(related)
        if named:
            return named
        encounters = set(
            filter(None, map(self._resources.link, (model.context.encounter if model.context else None) or ()))
        )
        return [one for one in self._by_model.values() if one.encounter in encounters]

    def _of_orders(self, references: list[Reference] | None) -> list[Imaging]:
        return _found(self._by_order, filter(None, map(self._resources.link, references or ())))


def current_reports(reports: Iterable[Report]) -> list[Report]:
    """The reports that hold, oldest first.

    Of reports of one kind (same code) a final one supersedes preliminary ones, an amended, corrected or appended one
    supersedes final ones, and of several amended ones the last issued holds. Several final ones all hold.
    """
    families: dict[object, list[Report]] = {}
    for report in reports:
        if report.rank:
            code = report.model.code
            families.setdefault(concept_codes(code) or concept_text(code), []).append(report)
    held: list[Report] = []
    for family in families.values():
        top = max(report.rank for report in family)
        best = sorted((report for report in family if report.rank == top), key=_issued)
        held.extend(best if top == 2 else best[-1:])
    return sorted(held, key=_issued)


def report_note(
    report: Report, study: Imaging, *, resources: Resources, patients: Patients, notices: Notices
) -> Iterator[NoteSection]:
    """The sections of a report: its text, its coded observations, and its conclusion.

    Raises:
        IdentityMismatchError: It, or an observation in it, is about another patient.
    """
    checked, model = report.checked, report.model
    patients.require_same(study.person, model.subject, holder=checked, name="subject")
    written = _written(report, study)
    texts = [attachment_text(one, where=checked.label, notices=notices) for one in model.presentedForm or ()]
    found = [text for text in texts if text and text.strip()]
    if not found:
        found = [text for text in [narrative_text(model.text, where=checked.label, notices=notices)] if text]
    sections = [section for text in found for section in report_sections(text, written=written)]
    yield from sections
    for result in _results(report, study, resources=resources, patients=patients, notices=notices):
        name = next((BY_LOINC[code] for code in loinc([result.code]) if code in BY_LOINC), None)
        if name and result.valueString:
            yield NoteSection(name=name, text=result.valueString, at=written.time_of(name))
    said = "\n".join(section.text for section in sections)
    conclusion = [model.conclusion, *map(concept_text, model.conclusionCode or ())]
    for text in dict.fromkeys(filter(None, conclusion)):
        if text.strip() and text.strip() not in said:
            yield NoteSection(name="impression", text=text, at=written.time_of("impression"))


def document_note(
    checked: Checked, model: DocumentReference, study: Imaging, *, patients: Patients, notices: Notices
) -> Iterator[NoteSection]:
    """The sections of a document, with the time at which it was written.

    Raises:
        IdentityMismatchError: It is about another patient.
    """
    patients.require_same(study.person, model.subject, holder=checked, name="subject")
    dated = time_span(model.date)
    for content in model.content or ():
        text = attachment_text(content.attachment, where=checked.label, notices=notices)
        if text:
            yield from report_sections(text, written=Written(issued=dated.last if dated else None))


def current_documents(
    documents: Sequence[tuple[Checked, DocumentReference]], resources: Resources
) -> list[tuple[Checked, DocumentReference]]:
    """The documents that hold, oldest first: current, not in error, and replaced by none that holds."""
    held = [
        (checked, model)
        for checked, model in documents
        if model.status == "current" and model.docStatus != "entered-in-error"
    ]
    replaced = {
        id(resources.target(relation.target, holder=checked))
        for checked, model in held
        for relation in model.relatesTo or ()
        if relation.code in ("replaces", "transforms")
    }
    return sorted((one for one in held if id(one[1]) not in replaced), key=lambda one: _order(time_span(one[1].date)))


def _results(
    report: Report, study: Imaging, *, resources: Resources, patients: Patients, notices: Notices
) -> Iterator[Observation]:

    for reference in report.model.result or ():
        found = resources.target(reference, holder=report.checked)
        if not isinstance(found, Observation):
            notices.add("Results that are not part of the input were not read", where=report.checked.label)
            continue
        if found.subject is not None:
            patients.require_same(study.person, found.subject, holder=report.checked, name="result")
        if _RANKS.get(found.status or ""):
            yield found


def _written(report: Report, study: Imaging) -> Written:
    known = [span.first for span in (report.effective, study.started) if span]
    issued = report.issued or report.effective
    return Written(known=min(known, key=sortable, default=None), issued=issued.last if issued else None)


def _issued(report: Report) -> datetime:
    return _order(report.issued or report.effective)


def _order(span: TimeSpan | None) -> datetime:
    return sortable(span.last if span else None)


def _index(pairs: Iterable[tuple[str, Imaging]]) -> dict[str, list[Imaging]]:
    index: dict[str, list[Imaging]] = {}
    for key, study in pairs:
        index.setdefault(key, []).append(study)
    return index


def _found(index: Mapping[str, list[Imaging]], keys: Iterable[str]) -> list[Imaging]:
    return list(dict.fromkeys(study for key in keys for study in index.get(key, ())))
