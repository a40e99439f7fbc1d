"""What a header itself says of who the patient is, and who took part: searched for in all text that is to stay."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from pydicom import Dataset
from pydicom.multival import MultiValue

from mediscan.deidentify.moments import date_of

_IDENTIFIERS = (
    "AccessionNumber",
    "AdmissionID",
    "DeviceSerialNumber",
    "InstitutionAddress",
    "InstitutionName",
    "IssuerOfPatientID",
    "MedicalRecordLocator",
    "OtherPatientIDs",
    "PatientAddress",
    "PatientID",
    "PatientTelephoneNumbers",
    "ReferringPhysicianAddress",
    "ReferringPhysicianTelephoneNumbers",
    "StationName",
    "StudyID",
)
_LEAST_IDENTIFIER = 4
_LEAST_NAME = 2
_BIRTH_FORMATS = ("%Y%m%d", "%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d%m%Y", "%m%d%Y")
_NAME_PART = re.compile(r"[^\W\d_]+")


class OwnIdentifiers:
    """The identifiers that a record holds of itself; they are never shown.

    Args:
        names: Names of persons, in any order of their parts.
        identifiers: Numbers, codes, dates, addresses.
    """

    def __init__(self, *, names: Iterable[str] = (), identifiers: Iterable[str] = ()) -> None:
        parts = {part for name in names for part in _NAME_PART.findall(_folded(name)) if len(part) >= _LEAST_NAME}
        whole = {value for text in identifiers if len(value := _folded(text).strip()) >= _LEAST_IDENTIFIER}
        alternatives = [
            # Names stand alone as words; a number may be part of a longer word.
            *(rf"(?<![^\W\d_]){re.escape(part)}(?![^\W\d_])" for part in sorted(parts, key=len, reverse=True)),
            *(re.escape(value) for value in sorted(whole, key=len, reverse=True)),
        ]
        self._pattern = re.compile("|".join(alternatives)) if alternatives else None

    @classmethod
    def of(cls, dataset: Dataset) -> "OwnIdentifiers":
        """Those of a data set whose elements can all be converted."""
        written = str(dataset.get("PatientBirthDate") or "")
        born = date_of(written)
        dates = [written, *(f"{born:{form}}" for form in _BIRTH_FORMATS)] if born else [written]
        values = [text for keyword in _IDENTIFIERS for text in values_of(dataset.get(keyword))]
        return cls(names=_person_names(dataset), identifiers=[*values, *dates])

    def __repr__(self) -> str:
        return "OwnIdentifiers(…)"

    def occur_in(self, text: str) -> bool:
        """Whether any of them stands in a text, in whatever case and with whatever accents."""
        return self._pattern is not None and self._pattern.search(_folded(text)) is not None


def values_of(value: object) -> list[str]:
    """An element's value or values as texts, without those that are empty."""
    many = value if isinstance(value, (MultiValue, list, tuple)) else [value]  # a PersonName iterates over letters
    return [text for one in many if one is not None and (text := str(one).strip("\0 "))]


def _person_names(dataset: Dataset) -> Iterator[str]:
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from _person_names(item)
        elif element.VR == "PN":
            yield from values_of(element.value)


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).casefold()
