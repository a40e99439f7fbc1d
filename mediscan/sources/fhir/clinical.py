"""What the record knew before the examination: its reason, the patient's history, measured values, and labels."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from mediscan.sources.fhir.imaging import Imaging
from mediscan.sources.fhir.models import (
    CodeableConcept,
    Condition,
    Encounter,
    Observation,
    ObservationComponent,
    Reference,
    ServiceRequest,
)
from mediscan.sources.fhir.patients import Patients
from mediscan.sources.fhir.read import ConditionCodes
from mediscan.sources.fhir.resources import Resources
from mediscan.sources.fhir.text import concept_codes, concept_text, loinc, period_start, time_span
from mediscan.sources.messages.measurements import BY_LOINC, Measurement
from mediscan.sources.messages.moments import TimeSpan, latest, not_after
from mediscan.sources.messages.notices import Notices
from mediscan.study import NoteSection

_HELD_OBSERVATIONS = frozenset({"preliminary", "final", "amended", "corrected"})
_OVER = frozenset({"inactive", "remission", "resolved"})
_DOUBTED = frozenset({"unconfirmed", "provisional", "differential"})


def indication(study: Imaging, *, resources: Resources, patients: Patients) -> Iterator[NoteSection]:
    """Why the examination was asked for: the reasons of the study, of its requests and of its encounter.

    Raises:
        IdentityMismatchError: The request or the encounter is about another patient.
    """
    started = study.started.first if study.started else None
    yield from _reasons(study.model.reasonCode, at=started)
    references: list[Reference | None] = [*(study.model.basedOn or ()), study.model.encounter]
    for reference in references:
        found = resources.target(reference, holder=study.checked)
        if isinstance(found, ServiceRequest):
            patients.require_same(study.person, found.subject, holder=study.checked, name="basedOn")
            if found.status not in ("entered-in-error", "revoked"):
                asked = time_span(found.authoredOn)
                yield from _reasons(found.reasonCode, at=asked.last if asked else started)
        elif isinstance(found, Encounter):
            if found.subject is not None:
                patients.require_same(study.person, found.subject, holder=study.checked, name="encounter")
            if found.status not in ("entered-in-error", "cancelled"):
                # Reasons may be written at any time of an encounter; at its start only if nothing else is known.
                begun = period_start(found.period)
                yield from _reasons(found.reasonCode, at=begun.last if begun else None)


def history(
    study: Imaging, conditions: Sequence[Condition], *, labels: ConditionCodes, notices: Notices
) -> Iterator[NoteSection]:
    """The patient's conditions that were recorded before the examination.

    Conditions that are refuted, entered in error, or whose codes make labels are left out.
    """
    labelling = {code for codes in labels.values() for code in codes}
    told = [one for one in conditions if not labelling & concept_codes(one.code) and concept_text(one.code)]
    known = []
    for one in told:
        if _verification(one) in ("refuted", "entered-in-error"):
            continue
        recorded = time_span(one.recordedDate)
        if recorded and study.started and not_after(recorded.last, study.started.first):
            known.append((one, recorded.last))
        else:
            notices.add(
                "Conditions not told in the history, since they were not recorded before the study",
                where=study.checked.label,
            )
    lines = dict.fromkeys(_line(one) for one, _ in known)
    if lines:
        yield NoteSection(name="history", text="\n".join(lines), at=latest([recorded for _, recorded in known]))


def condition_labels(
    study: Imaging, conditions: Sequence[Condition], *, codes: ConditionCodes, resources: Resources, notices: Notices
) -> dict[str, int]:
    """1 for a finding that a condition at the time of the study states, 0 for one that is refuted.

    Conditions of the study's encounter count, and those that had begun by the study and were not over. A finding that
    is only suspected, or both stated and refuted, is unknown.
    """
    labels: dict[str, int] = {}
    for finding, wanted in codes.items():
        said = {
            0 if _verification(one) == "refuted" else 1
            for one in conditions
            if concept_codes(one.code) & set(wanted)
            and _verification(one) not in {"entered-in-error", *_DOUBTED}
            and (_of_encounter(one, study, resources) or _holds_at(one, study))
        }
        if len(said) == 1:
            labels[finding] = said.pop()
        elif said:
            notices.add("Findings unknown, since conditions both state and refute them", where=study.checked.label)
    return labels


def measurements(observations: Iterable[tuple[str, Observation]], *, notices: Notices) -> Iterator[Measurement]:
    """The vital signs and laboratory values in observations, blood pressure's components among them.

    Args:
        observations: What names each in a notice, and the resource.
        notices: Where values with unknown units, impossible values and values without a time are noted.
    """
    for where, one in observations:
        if one.status not in _HELD_OBSERVATIONS:
            continue
        taken = time_span(one.effectiveDateTime) or time_span(one.effectiveInstant) or period_start(one.effectivePeriod)
        parts: list[Observation | ObservationComponent] = [one, *(one.component or ())]
        for part in parts:
            measure = next((BY_LOINC[code] for code in loinc([part.code]) if code in BY_LOINC), None)
            quantity = part.valueQuantity
            if measure is None or quantity is None or quantity.value is None:
                continue
            # A comparator says that the value is only a bound ("<5").
            unit = quantity.code if quantity.system == "http://unitsofmeasure.org" else quantity.unit
            value = None if quantity.comparator else measure.read(float(quantity.value), unit)
            if value is None:
                notices.add(f"Values of {measure.name} not used: unknown unit, bound, or out of range", where=where)
            elif taken is None:
                notices.add(f"Values of {measure.name} not used: no time", where=where)
            else:
                yield Measurement(measure=measure, value=value, at=taken.last)


def _reasons(concepts: list[CodeableConcept] | None, *, at: datetime | None) -> Iterator[NoteSection]:
    for text in filter(None, map(concept_text, concepts or ())):
        yield NoteSection(name="indication", text=text, at=at)


def _verification(condition: Condition) -> str | None:
    return _status(condition.verificationStatus)


def _status(concept: CodeableConcept | None) -> str | None:
    codings = (concept.coding if concept else None) or ()
    return next((coding.code for coding in codings if "/condition-" in (coding.system or "/condition-")), None)


def _onset(condition: Condition) -> TimeSpan | None:
    return time_span(condition.onsetDateTime) or period_start(condition.onsetPeriod)


def _line(condition: Condition) -> str:
    onset = _onset(condition)
    doubt = " (not confirmed)" if _verification(condition) in _DOUBTED else ""
    over = ", resolved" if _status(condition.clinicalStatus) in _OVER else ""
    return f"{concept_text(condition.code)}{doubt}{f', since {onset.first.year}' if onset else ''}{over}."


def _of_encounter(condition: Condition, study: Imaging, resources: Resources) -> bool:
    return study.encounter is not None and resources.link(condition.encounter) == study.encounter


def _holds_at(condition: Condition, study: Imaging) -> bool:
    onset = _onset(condition) or time_span(condition.recordedDate)
    if onset is None or study.started is None or not not_after(onset.first, study.started.last):
        return False
    end = time_span(condition.abatementDateTime)
    return not_after(study.started.first, end.last) if end else _status(condition.clinicalStatus) not in _OVER
