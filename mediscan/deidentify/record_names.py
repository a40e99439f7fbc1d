"""What a record's own header knows of its people: the surest list of what must not be in its notes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date

from pydicom import Dataset

from mediscan.deidentify.moments import date_of

_NUMBERS = (
    *("PatientID", "AccessionNumber", "IssuerOfPatientID", "AdmissionID", "StudyID", "ServiceEpisodeID"),
    *("PlacerOrderNumberImagingServiceRequest", "FillerOrderNumberImagingServiceRequest", "RequestedProcedureID"),
    *("MilitaryRank", "MedicalRecordLocator", "DeviceSerialNumber", "DeviceID", "InsurancePlanIdentification"),
)
_PHONES = ("PatientTelephoneNumbers", "PersonTelephoneNumbers", "ReferringPhysicianTelephoneNumbers")
_PLACES = ("PatientAddress", "PersonAddress", "InstitutionAddress", "ReferringPhysicianAddress")
_INSTITUTIONS = ("InstitutionName", "InstitutionalDepartmentName", "RequestingService", "StationName")


@dataclass(frozen=True, kw_only=True, repr=False)
class RecordNames:
    """What is known of a patient and of those who treat them. Never printed: the repr holds counts only.

    Args:
        persons: Names of patient, relatives and staff, as `Family^Given^Middle` or as written.
        numbers: Record, accession and serial numbers.
        phones: Telephone and fax numbers.
        places: Addresses, whole or in parts.
        institutions: Hospitals, departments, practices.
        birth_date: The patient's.
    """

    persons: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    institutions: tuple[str, ...] = ()
    birth_date: date | None = None

    def __repr__(self) -> str:
        """How many values there are, and none of them."""
        counts = ", ".join(
            f"{field.name}={len(value)}"
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), tuple)
        )
        return f"RecordNames({counts})"

    def joined(self, other: "RecordNames") -> "RecordNames":
        """What either knows, each once; of two birth dates the first."""
        lists = {
            field.name: tuple(dict.fromkeys((*value, *getattr(other, field.name))))
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), tuple)
        }
        return RecordNames(**lists, birth_date=self.birth_date or other.birth_date)

    @classmethod
    def from_dataset(cls, dataset: Dataset) -> "RecordNames":
        """Everything that a DICOM header says, in its sequences too.

        Source: DICOM PS3.15 E.1.1 (which attributes identify); PS3.5 6.2 (PN, DA).
        """
        values: dict[str, list[str]] = {"persons": [], "numbers": [], "phones": [], "places": [], "institutions": []}
        keywords = {"numbers": _NUMBERS, "phones": _PHONES, "places": _PLACES, "institutions": _INSTITUTIONS}
        lists = {keyword: name for name, group in keywords.items() for keyword in group}
        lists |= {"OtherPatientIDs": "numbers", "OtherPatientNames": "persons"}
        for element in dataset.iterall():
            name = "persons" if element.VR == "PN" else lists.get(element.keyword)
            if name is not None:
                values[name] += list(_texts(element.value))
        return cls(
            **{name: tuple(dict.fromkeys(texts)) for name, texts in values.items()},
            birth_date=date_of(str(dataset.get("PatientBirthDate", ""))),
        )


def _texts(value: object) -> Iterator[str]:
    several = isinstance(value, Sequence) and not isinstance(value, str)
    for one in value if isinstance(value, Sequence) and several else [value]:
        if one is not None and str(one).strip():
            yield str(one).strip()
