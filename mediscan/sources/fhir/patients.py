"""Whom a resource is about."""

from collections.abc import Iterable
from dataclasses import dataclass

from mediscan.errors import Code, SourceError
from mediscan.sources.fhir.models import Identifier, Patient, Reference, Resource
from mediscan.sources.fhir.resources import Checked, Resources, mismatch
from mediscan.sources.fhir.text import time_span
from mediscan.sources.messages.moments import TimeSpan
from mediscan.study import Sex

_SEXES = {"male": Sex.MALE, "female": Sex.FEMALE, "other": Sex.OTHER}
_PREFERRED_USE = {"usual": 0, "official": 1, None: 2, "secondary": 3}


@dataclass(frozen=True, kw_only=True)
class Person:
    """A patient, as one Patient resource tells it."""

    patient_id: str
    sex: Sex | None = None
    born: TimeSpan | None = None

    def may_be(self, other: "Person") -> bool:
        """Whether two resources can be about one patient: the same id, and no other sex or birth date."""
        return (
            self.patient_id == other.patient_id
            and (self.sex == other.sex or None in (self.sex, other.sex))
            and (self.born == other.born or None in (self.born, other.born))
        )


class Patients:
    """Finds the patient whom a resource is about.

    A patient's id is the identifier of type MR (HL7 table 0203), or else one without a type, or else `Patient.id`; of
    several the usual one comes first, then the official one; old and temporary ones are passed over.

    Args:
        resources: The input.
        authority: The `system` of the identifiers that are ids; every patient must have one of it.
    """

    def __init__(self, resources: Resources, *, authority: str | None) -> None:

        self._resources = resources
        self._authority = authority
        self._by_identifier: dict[tuple[str | None, str | None], Patient] = {
            (identifier.system, identifier.value): patient
            for _, patient in resources.of(Patient)
            for identifier in patient.identifier or ()
        }

    def subject(self, reference: Reference | None, *, holder: Checked) -> Person:
        """The patient that a resource's subject points to, by address or by identifier.

        Raises:
            SourceError: INVALID_ROW: it is not part of the input, is no patient, or has no id.
        """
        logical = reference.identifier if reference and not reference.reference else None
        found: Resource | None = None
        if logical and logical.value:
            found = self._by_identifier.get((logical.system, logical.value))
        found = found or self._resources.required(reference, holder=holder, name="patient")
        if not isinstance(found, Patient):
            raise _unusable(holder, "its subject is no patient", remedy="Leave it out, or correct its subject.")
        patient_id = self._id_of(found, contained=bool(reference and (reference.reference or "").startswith("#")))
        if patient_id is None:
            raise _unusable(
                holder, "its patient has no id", remedy="Give the patient an identifier; splits are drawn by patient."
            )
        return Person(patient_id=patient_id, sex=_SEXES.get(found.gender or ""), born=time_span(found.birthDate))

    def require_same(self, person: Person, reference: Reference | None, *, holder: Checked, name: str) -> None:
        """Accept a resource that is about a patient too.

        Args:
            person: The patient.
            reference: The subject of the other resource.
            holder: The resource that points to it.
            name: By which element.

        Raises:
            IdentityMismatchError: It is about another patient.
            SourceError: It is about nobody who is part of the input.
        """
        if not self.subject(reference, holder=holder).may_be(person):
            raise mismatch(holder, name)

    def _id_of(self, patient: Patient, *, contained: bool) -> str | None:
        usable = [
            one for one in patient.identifier or () if (one.value or "").strip() and one.use not in ("old", "temp")
        ]
        if self._authority is not None:
            ranked = _ranked(one for one in usable if one.system == self._authority)
        else:
            record_numbers = [one for one in usable if "MR" in _types(one)]
            ranked = _ranked(record_numbers) or _ranked(one for one in usable if not _types(one))
            if not ranked and patient.id and not contained:
                return str(patient.id)
        return str(ranked[0].value).strip() if ranked else None


def _ranked(identifiers: Iterable[Identifier]) -> list[Identifier]:
    return sorted(identifiers, key=lambda one: _PREFERRED_USE.get(one.use, 4))


def _types(identifier: Identifier) -> frozenset[str]:
    concept = identifier.type
    return frozenset(coding.code for coding in ((concept.coding if concept else None) or ()) if coding.code)


def _unusable(holder: Checked, why: str, *, remedy: str) -> SourceError:
    return SourceError(f"{holder.label} ({holder.entry.where}): {why}", remedy=remedy, code=Code.INVALID_ROW)
