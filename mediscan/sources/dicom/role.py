"""What part a DICOM object plays in a study: a diagnostic image, a localizer, a derived picture, or no image."""

from enum import StrEnum

import pydicom
from pydicom.uid import UID

from mediscan.sources.dicom.elements import text, texts
from mediscan.sources.dicom.header import Header
from mediscan.sources.dicom.objects import other_object

STACKED = frozenset({"CT", "MR", "PT"})
"""Modalities whose files are slices of a volume."""

_LOCALIZER = ("LOCALIZER", "SCOUT", "TOPOGRAM")
_REFORMATTED = ("MPR", "MIP", "MINIP", "MIN IP", "CSA MPR", "CSA MIP", "CSA 3D", "PROJECTION", "REFORMATTED", "VOLREN")
_SCREENS = ("SCREEN SAVE", "SCREEN SNAPSHOT", "VXTL STATE", "DOSE")
NO_IMAGE_MODALITIES = frozenset(
    {
        *("SR", "PR", "KO", "DOC", "SEG", "REG", "FID", "ECG", "HD", "PLAN"),
        *("RTSTRUCT", "RTPLAN", "RTDOSE", "RTRECORD", "RWV", "M3D"),
    }
)
"""Modalities of reports, presentation states, key objects, documents, segmentations, waveforms and treatment plans."""


class Role(StrEnum):
    """What part an object plays; the value is how a message names it."""

    IMAGE = "image"
    LOCALIZER = "localizer"
    DERIVED = "derived image"
    NO_IMAGE = "object without an image"


def role(header: Header) -> Role:
    """The role that the header states.

    Derived are screen saves, dose screens, and (for CT, MR and PET) reformats, projections and whatever else is
    derived and secondary. A radiograph that is derived and secondary is still a picture of the patient: exporting and
    converting writes that. Derived and primary (a quantitative map, a processed radiograph) is an image.

    Source: DICOM PS3.3 C.7.6.1.1.2 (image type), C.8.2.1.1.1 (CT), C.8.3.1.1.1 (MR).
    """
    dataset = header.dataset
    modality = (text(dataset, "Modality") or "").upper()
    if modality in NO_IMAGE_MODALITIES or other_object(text(dataset, "SOPClassUID") or ""):
        return Role.NO_IMAGE
    if not header.has_pixels and not _should_hold_pixels(dataset):
        return Role.NO_IMAGE
    kinds = _image_type(dataset)
    if any(kind.startswith(_LOCALIZER) for kind in kinds[2:]):
        return Role.LOCALIZER
    derived, secondary = kinds[:1] == ("DERIVED",), kinds[1:2] == ("SECONDARY",)
    stacked = modality in STACKED
    reformatted = derived and stacked and any(kind.startswith(_REFORMATTED) for kind in kinds[2:])
    if reformatted or (derived and secondary and stacked) or any(kind.startswith(_SCREENS) for kind in kinds[2:]):
        return Role.DERIVED
    return Role.IMAGE


def _should_hold_pixels(dataset: pydicom.Dataset) -> bool:
    # A file with rows that ends before its pixels is a broken image, which its reader refuses.
    return "Rows" in dataset or "Image Storage" in UID(text(dataset, "SOPClassUID") or "").name


def _image_type(dataset: pydicom.Dataset) -> tuple[str, ...]:
    """The values of ImageType in capitals; empty where there are none."""
    return tuple(kind.upper() for kind in texts(dataset, "ImageType"))
