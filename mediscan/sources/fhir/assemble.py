"""All resources of an input together, study by study."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from mediscan.diagnosis import Refusal
from mediscan.errors import Code, SourceError
from mediscan.sources.boundary import refusing
from mediscan.sources.fhir import clinical, imaging, reports
from mediscan.sources.fhir.files import Entry, read_entries
from mediscan.sources.fhir.imaging import Imaging
from mediscan.sources.fhir.models import (
    Condition,
    DiagnosticReport,
    DocumentReference,
    ImagingStudy,
    Observation,
)
from mediscan.sources.fhir.patients import Patients
from mediscan.sources.fhir.read import ConditionCodes, FhirStudies
from mediscan.sources.fhir.reports import Report, StudyIndex
from mediscan.sources.fhir.resources import Checked, Resources, contained
from mediscan.sources.messages.measurements import values_before
from mediscan.sources.messages.moments import age_years, sortable
from mediscan.sources.messages.notices import Notices
from mediscan.sources.messages.sections import merge_sections
from mediscan.study import NoteSection, Study

_About = TypeVar("_About", Condition, Observation)
_IGNORED = frozenset({"cancelled", "entered-in-error"})


def assemble(paths: Sequence[Path], *, conditions: ConditionCodes, authority: str | None) -> FhirStudies:
    """See `read_fhir`."""
    resources = Resources()
    refused: list[Refusal] = []
    for path in paths:
        try:
            for entry in read_entries(path):
                refused.extend(_added(entry, resources))
        except SourceError as error:
            refused.append(Refusal.of(path.name, error))
    return _Assembly(resources, authority=authority, codes=conditions, refused=refused).studies()


def _added(entry: Entry | Refusal, resources: Resources) -> Iterator[Refusal]:
    if isinstance(entry, Refusal):
        yield entry
        return
    try:
        resources.add(entry)
    except SourceError as error:
        yield Refusal.of(entry.where, error)


@dataclass(frozen=True, kw_only=True)
class _Parts:
    # What the input holds for one study.
    reports: Sequence[Report]
    documents: Sequence[tuple[Checked, DocumentReference]]
    conditions: Sequence[Condition]
    observations: Sequence[tuple[str, Observation]]


class _Assembly:
    def __init__(
        self, resources: Resources, *, authority: str | None, codes: ConditionCodes, refused: list[Refusal]
    ) -> None:
        self._resources = resources
        self._patients = Patients(resources, authority=authority)
        self._codes = codes
        self._notices = Notices()
        self._refused = refused

    def studies(self) -> FhirStudies:
        found = list(self._imaging())
        index = StudyIndex(found, self._resources)
        held, documents = self._reports(index), self._documents(index)
        conditions, observations = self._by_patient(Condition), self._by_patient(Observation)
        entries: list[Study | Refusal] = []
        for one in found:
            of_study = reports.current_reports(held.get(one, ()))
            parts = _Parts(
                reports=of_study,
                documents=documents.get(one, ()),
                conditions=[model for _, model in conditions.get(one.person.patient_id, ())],
                observations=[
                    *observations.get(one.person.patient_id, ()),
                    *((report.checked.label, inner) for report in of_study for inner in _observations_in(report)),
                ],
            )
            try:
                with refusing(
                    one.checked.entry.file,
                    f"{one.checked.label} cannot be read",
                    kind=SourceError,
                    remedy="Export it again as FHIR R4.",
                ):
                    entries.append(self._study(_with_start(one, of_study), parts))
            except SourceError as error:
                entries.append(Refusal.of(one.study_id, error))
        return FhirStudies(
            studies=(*entries, *self._refused),
            findings=tuple(self._codes),
            named=frozenset(image.path for one in found for image in one.images),
            notices=self._notices.lines(),
            series={one.study_id: one.series for one in found},
        )

    def _study(self, study: Imaging, parts: _Parts) -> Study:
        start = study.started.first if study.started else None
        if start is None:
            self._notices.add("Values, ages and histories not used, since the study has no time", where=study.study_id)
        measured = clinical.measurements(parts.observations, notices=self._notices)
        born = study.person.born
        return Study(
            study_id=study.study_id,
            patient_id=study.person.patient_id,
            images=study.images,
            note=merge_sections(self._note(study, parts), start=start, where=study.study_id, notices=self._notices),
            age_years=age_years(born, start) if born and start else None,
            sex=study.person.sex,
            values=values_before(measured, start=start) if start else {},
            labels=clinical.condition_labels(
                study, parts.conditions, codes=self._codes, resources=self._resources, notices=self._notices
            ),
        )

    def _note(self, study: Imaging, parts: _Parts) -> Iterator[NoteSection]:
        resources, patients, notices = self._resources, self._patients, self._notices
        yield from clinical.indication(study, resources=resources, patients=patients)
        yield from clinical.history(study, parts.conditions, labels=self._codes, notices=notices)
        for checked, model in parts.documents:
            yield from reports.document_note(checked, model, study, patients=patients, notices=notices)
        for report in parts.reports:
            yield from reports.report_note(report, study, resources=resources, patients=patients, notices=notices)

    def _imaging(self) -> Iterator[Imaging]:
        used = []
        for checked, model in self._resources.of(ImagingStudy):
            if model.status in _IGNORED:
                self._notices.add("Studies that are cancelled or entered in error were not used", where=checked.label)
            else:
                used.append((checked, model))
        counts = Counter(imaging.study_id(*one) for one in used)
        for checked, model in used:
            name = imaging.study_id(checked, model)
            try:
                _require_unique(checked, count=counts[name])
                yield imaging.read_imaging(
                    checked, model, resources=self._resources, patients=self._patients, notices=self._notices
                )
            except SourceError as error:
                self._refused.append(Refusal.of(name, error))

    def _reports(self, index: StudyIndex) -> Mapping[Imaging, list[Report]]:
        held: dict[Imaging, list[Report]] = {}
        for checked, model in self._resources.of(DiagnosticReport):
            report = Report(checked=checked, model=model)
            if not report.rank:
                self._notices.add("Reports that are cancelled, in error or empty were not used", where=checked.label)
                continue
            try:
                found = index.of_report(checked, model)
            except SourceError as error:
                self._refused.append(Refusal.of(checked.entry.where, error))
                continue
            if not found:
                self._notices.add("Reports of no imaging study were not used", where=checked.label)
            for study in found:
                held.setdefault(study, []).append(report)
        return held

    def _documents(self, index: StudyIndex) -> Mapping[Imaging, list[tuple[Checked, DocumentReference]]]:
        documents: dict[Imaging, list[tuple[Checked, DocumentReference]]] = {}
        everything = list(self._resources.of(DocumentReference))
        for checked, model in reports.current_documents(everything, self._resources):
            found = index.of_document(checked, model)
            if not found:
                self._notices.add("Documents of no imaging study or its encounter were not used", where=checked.label)
            for study in found:
                documents.setdefault(study, []).append((checked, model))
        return documents

    def _by_patient(self, kind: type[_About]) -> Mapping[str, list[tuple[str, _About]]]:
        found: dict[str, list[tuple[str, _About]]] = {}
        for checked, model in self._resources.of(kind):
            try:
                person = self._patients.subject(model.subject, holder=checked)
            except SourceError:
                self._notices.add(
                    f"{checked.kind} resources of no patient in the input were not used", where=checked.label
                )
                continue
            found.setdefault(person.patient_id, []).append((checked.label, model))
        return found


def _require_unique(checked: Checked, *, count: int) -> None:
    if count > 1:
        raise SourceError(
            f"{checked.label} ({checked.entry.where}): {count} studies have its id",
            remedy="Give each ImagingStudy its StudyInstanceUID, or leave out the copies.",
            code=Code.DUPLICATE_STUDY_ID,
        )


def _with_start(study: Imaging, held: Sequence[Report]) -> Imaging:
    # Where the study does not say when it began, the examination's time in its reports does.
    known = [report.effective for report in held if report.effective]
    if study.started or not known:
        return study
    return replace(study, started=min(known, key=lambda span: sortable(span.first)))


def _observations_in(report: Report) -> Iterator[Observation]:
    for one in contained(report.model):
        if isinstance(one, Observation):
            yield one
