"""What all headers of a source know of each patient, for finding it in the patient's notes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mediscan.deidentify.record_names import RecordNames
from mediscan.errors import SourceError
from mediscan.sources.boundary import refusing
from mediscan.sources.dicom.elements import text
from mediscan.sources.dicom.header import open_header

_NAMING = ("StudyInstanceUID", "AccessionNumber", "PatientID")


@dataclass(frozen=True, kw_only=True, repr=False)
class KnownPatients:
    """Patients of a source's DICOM files. Never printed: it holds what is to be removed.

    Args:
        names: PatientID → names, numbers and places that headers state.
        by_name: What a note's file may be called → the patients whose study, accession, id or image has that name.
        by_folder: Folder → the patients whose files lie in it.
    """

    names: Mapping[str, RecordNames] = field(default_factory=dict)
    by_name: Mapping[str, frozenset[str]] = field(default_factory=dict)
    by_folder: Mapping[Path, frozenset[str]] = field(default_factory=dict)

    def of_note(self, path: Path) -> str | None:
        """The one patient after whom a note's file is named, or whose images lie beside it, if there is one."""
        for found in (self.by_name.get(path.stem), self.by_folder.get(path.parent)):
            if found is not None and len(found) == 1:
                return next(iter(found))
        return None


def known_patients(files: Iterable[Path]) -> KnownPatients:
    """Read the headers of DICOM files; what cannot be read tells nothing."""
    names: dict[str, RecordNames] = {}
    by_name: dict[str, set[str]] = {}
    by_folder: dict[Path, set[str]] = {}
    for path in files:
        try:
            header = open_header(path)
            with refusing(path, "has a damaged header", remedy="Export it again."):
                patient_id = text(header.dataset, "PatientID")
                if patient_id is None:
                    continue
                known = RecordNames.from_dataset(header.dataset)
                called = [text(header.dataset, keyword) for keyword in _NAMING]
        except SourceError:
            continue  # the file itself is refused where it is copied
        names[patient_id] = names.get(patient_id, RecordNames()).joined(known)
        by_folder.setdefault(path.parent, set()).add(patient_id)
        for name in (path.stem, *called):
            if name is not None:
                by_name.setdefault(name, set()).add(patient_id)
    return KnownPatients(
        names=names,
        by_name={name: frozenset(found) for name, found in by_name.items()},
        by_folder={folder: frozenset(found) for folder, found in by_folder.items()},
    )
