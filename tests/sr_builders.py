"""Tiny DICOM structured reports for tests, written by pydicom itself."""

from pathlib import Path

from pydicom import Dataset, FileMetaDataset
from pydicom.uid import BasicTextSRStorage, ExplicitVRLittleEndian, generate_uid


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """A code sequence's item."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def entry(
    kind: str, concept: Dataset | None, *children: Dataset, relation: str = "CONTAINS", **elements: object
) -> Dataset:
    """A content item (DICOM PS3.3 C.17.3.2)."""
    item = Dataset()
    item.RelationshipType, item.ValueType = relation, kind
    if concept is not None:
        item.ConceptNameCodeSequence = [concept]
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    if kind == "CONTAINER":
        item.ContinuityOfContent = "SEPARATE"
    if children:
        item.ContentSequence = list(children)
    return item


def write_report(path: Path, *children: Dataset, **elements: object) -> Path:
    """A Basic Text SR file of these content items; elements given by keyword replace its own."""
    root = entry("CONTAINER", code("18748-4", "LN", "Diagnostic imaging report"), *children)
    del root.RelationshipType
    root.file_meta = FileMetaDataset()
    root.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    values: dict[str, object] = {
        "SOPClassUID": BasicTextSRStorage,
        "SOPInstanceUID": generate_uid(),
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.9",
        "Modality": "SR",
        "SpecificCharacterSet": "ISO_IR 192",
        "PatientID": "P1",
        "PatientName": "Canary^Name",
        "PatientSex": "F",
        "ContentDate": "20190313",
        "ContentTime": "102233",
        "CompletionFlag": "COMPLETE",
        "VerificationFlag": "VERIFIED",
    } | elements
    for keyword, value in values.items():
        if value is not None:
            setattr(root, keyword, value)
    root.file_meta.MediaStorageSOPClassUID = root.SOPClassUID
    root.file_meta.MediaStorageSOPInstanceUID = root.SOPInstanceUID
    root.save_as(path, enforce_file_format=True)
    return path
