"""What becomes of each DICOM attribute: the standard's tables, and what mediscan does beyond them.

The base is the Basic Application Level Confidentiality Profile as Kitware's dicom-anonymizer keeps it. On top of it
come the standard's options (dates and times are moved and keep their distances), and one rule that it does not ask for:
text that is not known to be technical is emptied, whether or not a table names it.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from pydicom.datadict import DicomDictionary, dictionary_VR, keyword_for_tag
from pydicom.tag import BaseTag

from mediscan.deidentify.technical import TECHNICAL_TEXT
from mediscan.errors import ConfigError

TABLES = "2026c"
"""The edition of DICOM PS3.15 Annex E that the base is taken from."""


class Action(StrEnum):
    """What becomes of an attribute."""

    KEEP = "keep"
    CHECK = "check"  # kept where the value is of the attribute's kind, and none of the record's own identifiers
    REMOVE = "remove"
    EMPTY = "empty"
    CODE = "code"
    UID = "uid"
    SHIFT = "shift"
    VOCABULARY = "vocabulary"
    AGE = "age"
    ITEMS = "items"  # the same rules inside the items of a sequence


class Overlays(StrEnum):
    """What becomes of overlay planes (groups 60xx), which may be drawings or text."""

    REMOVE = "remove"
    KEEP = "keep"


class Descriptors(StrEnum):
    """What becomes of the descriptions of studies, series and protocols."""

    VOCABULARY = "vocabulary"  # words of a list of anatomical and technical terms stay
    REMOVE = "remove"


class Characteristics(StrEnum):
    """What becomes of age (90 at most), sex, size, weight, smoking and pregnancy."""

    REMOVE = "remove"
    KEEP = "keep"


_TEXT = frozenset({"LO", "SH", "ST", "LT", "UC", "UT"})
_MOMENTS = frozenset({"DA", "DT", "TM"})
_BINARY = frozenset({"AT", "FD", "FL", "OB", "OD", "OF", "OL", "OV", "OW", "SL", "SS", "SV", "UL", "US", "UV"})
_KEPT_BYTES = frozenset({"PixelData", "WaveformData", "WaveformPaddingValue"})
_DESCRIPTORS = frozenset(
    {
        "PerformedProcedureStepDescription",
        "ProtocolName",
        "RequestedProcedureDescription",
        "SeriesDescription",
        "StudyDescription",
    }
)
# Ethnic group and the free texts of that option are never kept.
_CHARACTERISTICS = {
    "PatientAge": Action.AGE,
    **dict.fromkeys(("PatientSex", "PatientSize", "PatientWeight", "PregnancyStatus", "SmokingStatus"), Action.CHECK),
}
# The only moments that are not moved: those that tell who somebody is, or where.
_BIRTH = {"PatientBirthDate": Action.EMPTY, "PatientBirthTime": Action.REMOVE, "GPSDateStamp": Action.REMOVE}
_OWN = {
    "PatientID": Action.CODE,
    "PatientName": Action.CODE,
    "AccessionNumber": Action.CODE,
    "DeviceSerialNumber": Action.CODE,
    # Sequences of nothing but references, in which each UID is replaced.
    "ReferencedImageSequence": Action.ITEMS,
    "SourceImageSequence": Action.ITEMS,
    "ReferencedStudySequence": Action.ITEMS,
    "ReferencedPerformedProcedureStepSequence": Action.ITEMS,
    # Not in the tables, because they come from a former de-identification or describe what is removed.
    "SpecificCharacterSet": Action.REMOVE,  # the copy is in UTF-8
    "EncryptedAttributesSequence": Action.REMOVE,
    "DeidentificationMethod": Action.REMOVE,
    "DeidentificationMethodCodeSequence": Action.REMOVE,
    "DeidentificationActionSequence": Action.REMOVE,
    "PrivateDataElementCharacteristicsSequence": Action.REMOVE,
    "MACParametersSequence": Action.REMOVE,
    "ExtendedOffsetTable": Action.KEEP,
    "ExtendedOffsetTableLengths": Action.KEEP,
}
# What the tables say nothing about; numbers and arrays stay.
_BY_VR = {
    "SQ": Action.ITEMS,
    "UI": Action.UID,
    **dict.fromkeys(("CS", "DS", "IS"), Action.CHECK),
    **dict.fromkeys(("PN", "AS"), Action.EMPTY),
    **dict.fromkeys(("AE", "UR", "UN"), Action.REMOVE),
}
_CATEGORIES = {
    "X_TAGS": Action.REMOVE,
    "Z_TAGS": Action.EMPTY,
    "X_Z_TAGS": Action.EMPTY,
    "X_Z_D_TAGS": Action.EMPTY,
    "Z_D_TAGS": Action.EMPTY,
    "X_D_TAGS": Action.CODE,
    "D_TAGS": Action.CODE,
    "U_TAGS": Action.UID,
    "X_Z_U_STAR_TAGS": Action.UID,
}


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What is kept beyond the basic profile, which keeps nothing of a person; moments are always moved.

    Source: DICOM PS3.15 E.2 (basic profile), E.3.5 (clean descriptors), E.3.6 (modified dates), E.3.7 (patient
    characteristics).
    """

    overlays: Overlays = Overlays.REMOVE
    descriptors: Descriptors = Descriptors.VOCABULARY
    characteristics: Characteristics = Characteristics.REMOVE

    @property
    def codes(self) -> tuple[str, ...]:
        """The profile and its options as DICOM codes (PS3.16 CID 7050)."""
        cleaned = ("113105",) if self.descriptors is Descriptors.VOCABULARY else ()
        kept = ("113108",) if self.characteristics is Characteristics.KEEP else ()
        return ("113100", "113107", *cleaned, *kept)

    def action_for(self, tag: BaseTag, vr: str) -> Action:
        """What becomes of an attribute with this tag and, as read, this value representation."""
        keyword = keyword_for_tag(tag)
        if tag.group & 0xFF00 == 0x6000 and self.overlays is Overlays.KEEP and not tag.is_private:
            return Action.EMPTY if vr in _TEXT else Action.KEEP
        if not _is_known(tag) or _is_disguised(tag, vr):
            return Action.REMOVE
        if keyword in _DESCRIPTORS and self.descriptors is Descriptors.VOCABULARY:
            return Action.VOCABULARY
        if keyword in _CHARACTERISTICS and self.characteristics is Characteristics.KEEP:
            return _CHARACTERISTICS[keyword]
        if vr in _MOMENTS:
            return _BIRTH.get(keyword, Action.SHIFT)
        return _OWN.get(keyword) or _by_table(tag, vr) or _by_kind(keyword, vr)


def _is_known(tag: BaseTag) -> bool:
    """Whether the standard's dictionary has the tag; groups of commands, file sets and lengths are no data."""
    return int(tag) in DicomDictionary and tag.group > 0x0004 and tag.element != 0


def _is_disguised(tag: BaseTag, vr: str) -> bool:
    """Whether a value is of another kind than its attribute has: text as numbers would pass unread."""
    stated, proper = (kinds.split(" or ")[0] for kinds in (vr, dictionary_VR(tag)))
    return (stated in _BINARY) != (proper in _BINARY) or (stated == "SQ") != (proper == "SQ")


def _by_table(tag: BaseTag, vr: str) -> Action | None:
    action = table().get(int(tag))
    if vr == "SQ" and action is Action.CODE:
        return Action.REMOVE
    # What has no identifier that a code could stand for is emptied: free text, names, other kinds of values.
    codable = {Action.UID: ("UI",), Action.CODE: ("SH", "LO", "UC", "UI")}
    if action in codable and vr not in codable[action]:
        return Action.EMPTY
    return action


def _by_kind(keyword: str, vr: str) -> Action:
    if vr in _TEXT:
        return Action.CHECK if keyword in TECHNICAL_TEXT else Action.EMPTY
    if vr.startswith("OB"):
        return Action.KEEP if keyword in _KEPT_BYTES else Action.REMOVE
    return _BY_VR.get(vr, Action.KEEP)


@cache
def table() -> dict[int, Action]:
    """The base action of every tag of Annex E; repeating groups are left out, being removed as unknown.

    Raises:
        ConfigError: dicom-anonymizer is not installed.
    """
    try:
        from dicomanonymizer import dicomfields_selector  # type: ignore[import-untyped] # noqa: PLC0415 - optional
    except ImportError:
        raise ConfigError(
            "the tables of DICOM PS3.15 are not installed", remedy="pip install 'mediscan[deidentify]'"
        ) from None
    categories = dicomfields_selector.dicom_anonymization_database_selector(f"dicomfields_{TABLES}")
    return {
        (tag[0] << 16) | tag[1]: action
        for category, action in _CATEGORIES.items()
        for tag in categories[category]
        if len(tag) == 2
    }


def keyword_of(tag: BaseTag) -> str:
    """How a report names an attribute: by the standard's keyword, never by anything that a file says."""
    if tag.is_private:
        return "private"
    return keyword_for_tag(tag) or "unknown"
