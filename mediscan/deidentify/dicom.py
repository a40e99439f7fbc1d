"""Identity out of a DICOM data set, at any depth, with the same surrogates every time."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from pydicom import DataElement, Dataset, FileMetaDataset
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, UID, UID_dictionary

from mediscan.deidentify.moments import age_years, shift_date, shift_moment, shift_pairs, shift_time
from mediscan.deidentify.profile import TABLES, Action, Profile, keyword_of
from mediscan.deidentify.record import OwnIdentifiers, values_of
from mediscan.deidentify.surrogates import Surrogates
from mediscan.deidentify.technical import technical_words

Counts = Mapping[tuple[str, str], int]
"""How often each action was taken on each attribute, by its keyword."""

METHOD_CODES = {
    "113100": "Basic Application Confidentiality Profile",
    "113101": "Clean Pixel Data Option",
    "113105": "Clean Descriptors Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
}
"""Codes of what can be declared as done (DICOM PS3.16 CID 7050)."""

_OLDEST_TOLD = 89
_AGE = re.compile(r"(?P<count>\d{3})(?P<unit>[DWMY])", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_PER_YEAR = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}
_TERMS = {"PatientSex": ("F", "M", "O"), "SmokingStatus": ("YES", "NO", "UNKNOWN")}
# Without them an image cannot be shown or found; a patient called Hand or Chest would take them away.
_STRUCTURAL = frozenset({"ImageType", "Modality", "PatientSex", "PhotometricInterpretation"})
_SHIFTS = {"DA": shift_date, "TM": shift_time, "DT": shift_moment}
_UNREADABLE = "unreadable"


def deidentify_dataset(dataset: Dataset, surrogates: Surrogates, profile: Profile) -> Counts:
    """Take identity out of a data set in place, and declare how.

    Pixel data are left as they are. The patient is known by PatientID, or where there is none by the study: dates of
    one patient move by one span, and keep their distances.

    Source: DICOM PS3.15 E.2, E.3; PS3.3 C.7.1.1 (attributes that declare it).
    """
    counts: Counter[tuple[str, str]] = Counter()
    _convert(dataset, counts)
    patient_id = next(iter(values_of(dataset.get("PatientID"))), None) or _nameless(dataset)
    cleaner = _Cleaner(
        surrogates=surrogates,
        patient_id=patient_id,
        span=surrogates.span(patient_id),
        own=OwnIdentifiers.of(dataset),
        profile=profile,
        counts=counts,
    )
    _tell_age(dataset)
    cleaner.clean(dataset)
    dataset.file_meta = _file_meta(dataset)
    dataset.preamble = b"\0" * 128
    declare(dataset, *profile.codes)
    return counts


def declare(dataset: Dataset, *codes: str) -> None:
    """Say in a data set that it was de-identified, by these codes in addition to those it names already."""
    named = {str(item.CodeValue) for item in dataset.get("DeidentificationMethodCodeSequence") or ()}
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientIdentityRemoved = "YES"
    dataset.LongitudinalTemporalInformationModified = "MODIFIED"
    dataset.DeidentificationMethod = f"mediscan, DICOM PS3.15 {TABLES} Annex E"
    dataset.DeidentificationMethodCodeSequence = [_code_item(code) for code in sorted(named | set(codes))]


def _code_item(code: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "DCM", METHOD_CODES[code]
    return item


def _convert(dataset: Dataset, counts: Counter[tuple[str, str]]) -> None:
    """Turn the raw elements of a data set into values, and take out those that are none."""
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
        except Exception:  # noqa: BLE001 - conversion of a broken raw value raises anything; it cannot be judged
            del dataset[tag]
            counts[_UNREADABLE, keyword_of(tag)] += 1
            continue
        if element.VR == "SQ" and not tag.is_private:
            for item in element.value:
                _convert(item, counts)


def _nameless(dataset: Dataset) -> str:
    return f"study {dataset.get('StudyInstanceUID') or dataset.get('SOPInstanceUID') or ''}"


def _tell_age(dataset: Dataset) -> None:
    """The age at the study, where only the date of birth tells it."""
    if not dataset.get("PatientAge"):
        years = age_years(str(dataset.get("PatientBirthDate") or ""), str(dataset.get("StudyDate") or ""))
        if years is not None and years < 1000:
            dataset.PatientAge = f"{years:03d}Y"


def _file_meta(dataset: Dataset) -> FileMetaDataset:
    """A new file meta group: nothing of the old one but the transfer syntax (DICOM PS3.10 7.1)."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(str(dataset.file_meta.TransferSyntaxUID))
    meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    meta.ImplementationVersionName = "MEDISCAN"
    return meta


@dataclass(frozen=True, kw_only=True)
class _Cleaner:
    surrogates: Surrogates
    patient_id: str
    span: timedelta
    own: OwnIdentifiers
    profile: Profile
    counts: Counter[tuple[str, str]] = field(repr=False)

    def clean(self, dataset: Dataset) -> None:
        pairs = dict(shift_pairs(dataset, self.span))
        for tag in list(dataset.keys()):
            element = dataset[tag]
            action = self.profile.action_for(tag, element.VR)
            done = self._apply(action, element, paired=pairs.get(tag))
            if done is Action.REMOVE:
                del dataset[tag]
            elif done is Action.EMPTY:
                element.clear()
            if done not in (Action.KEEP, Action.ITEMS):
                self.counts[str(done), keyword_of(tag)] += 1

    def _apply(self, action: Action, element: DataElement, *, paired: str | None) -> Action:
        """Change an element's value; returns what was done, or is still to be done, with it."""
        texts = [] if element.VR == "SQ" else values_of(element.value)
        match action:
            case Action.ITEMS:
                for item in element.value:
                    self.clean(item)
                return action
            case Action.CHECK:
                return Action.KEEP if self._is_harmless(element, texts) else Action.EMPTY
            case Action.SHIFT if paired is not None:
                new: list[str | None] = [paired]
            case Action.SHIFT:
                new = [_SHIFTS[element.VR](text, self.span) for text in texts]
            case Action.CODE | Action.UID | Action.AGE | Action.VOCABULARY:
                new = list(self._replaced(action, element, texts))
            case _:
                return action
        return _set(element, new, action)

    def _replaced(self, action: Action, element: DataElement, texts: list[str]) -> Iterator[str | None]:
        for text in texts:
            if action is Action.AGE:
                yield capped_age(text)
            elif action is Action.VOCABULARY:
                words = technical_words(text)
                yield None if self.own.occur_in(words) else words or None
            elif element.VR == "UI":
                yield self._uid(text)
            elif element.keyword == "PatientName":
                yield self.surrogates.patient(self.patient_id)
            elif element.keyword == "PatientID":
                yield self.surrogates.patient(text)
            else:
                yield self.surrogates.code(element.keyword, text)

    def _uid(self, uid: str) -> str:
        """A surrogate, but for UIDs that the standard itself registers: classes, transfer syntaxes, code schemes."""
        return uid if uid in UID_dictionary else self.surrogates.uid(uid)

    def _is_harmless(self, element: DataElement, texts: list[str]) -> bool:
        if element.keyword in _TERMS:
            return all(text in _TERMS[element.keyword] for text in texts)
        if element.VR in ("DS", "IS"):
            return all(_NUMBER.fullmatch(text) for text in texts)  # pydicom keeps text where it finds no number
        if element.keyword in _STRUCTURAL:
            return True
        return not any(self.own.occur_in(text) for text in texts)


def capped_age(text: str) -> str | None:
    """An AS value, no higher than 90 years; None if it is none.

    Source: 45 CFR 164.514(b)(2)(i)(C): all ages over 89 are one.
    """
    age = _AGE.fullmatch(text)
    if age is None:
        return None
    too_old = int(age["count"]) / _PER_YEAR[age["unit"]] >= _OLDEST_TOLD + 1
    return f"{_OLDEST_TOLD + 1:03d}Y" if too_old else text


def _set(element: DataElement, new: list[str | None], action: Action) -> Action:
    values = [text for text in new if text is not None]
    if len(values) < len(new):  # one value that is none makes the others doubtful
        return Action.EMPTY
    if values == values_of(element.value):
        return Action.KEEP
    element.value = values[0] if len(values) == 1 else values
    return action
