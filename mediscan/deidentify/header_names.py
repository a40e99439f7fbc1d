"""What all headers of a source know of each patient, for finding it in the patient's notes."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from mediscan.deidentify.record_names import RecordNames
from mediscan.errors import SourceError
from mediscan.sources.boundary import refusing
from mediscan.sources.dicom.header import open_header, text


def names_by_patient(files: Iterable[Path]) -> Mapping[str, RecordNames]:
    """Names, numbers and places of each patient's DICOM headers, by PatientID; what cannot be read tells nothing."""
    known: dict[str, RecordNames] = {}
    for path in files:
        try:
            header = open_header(path)
            with refusing(path, "has a damaged header", remedy="Export it again."):
                patient_id = text(header.dataset, "PatientID")
                if patient_id is not None:
                    names = RecordNames.from_dataset(header.dataset)
                    known[patient_id] = known.get(patient_id, RecordNames()).joined(names)
        except SourceError:
            continue  # the file itself is refused where it is copied
    return known
