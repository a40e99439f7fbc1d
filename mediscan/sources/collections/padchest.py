"""PadChest: 160,868 chest radiographs of 67,625 patients, with reports in Spanish.

Source: https://bimcv.cipf.es/bimcv-projects/padchest/ (Bustos et al., Medical Image Analysis 66, 2020). One table,
`PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv`, has a row an image; `ImageDir` is the folder, `Labels` a Python
list of what the report says is there, `Report` its findings in lower-case stems of words.
"""

import ast
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from mediscan.diagnosis import Refusal
from mediscan.errors import UnsupportedImageError
from mediscan.sources.collections import facts, labels
from mediscan.sources.collections.collection import Collection
from mediscan.sources.collections.files import csv_names, find, read_table, require
from mediscan.sources.collections.image_rows import RADIOGRAPH, ImageRows
from mediscan.sources.studies import SourceStudies
from mediscan.study import NoteSection

_DOWNLOAD = "https://bimcv.cipf.es/bimcv-projects/padchest/"
_TABLE = csv_names("PADCHEST_chest_x_ray_images_labels_160K*")
_COLUMNS = {"ImageID": "image", "StudyID": "study_id", "PatientID": "patient_id", "Labels": "labels"}
_ABOUT = {
    "ImageDir": "folder",
    "StudyDate_DICOM": "date",
    "PatientBirth": "birth",
    "PatientSex_DICOM": "sex",
    "Projection": "view",
    "Modality_DICOM": "modality",
    "Report": "report",
}
_NO_CHEST = "EXCLUDE"
_UNCLEAR = frozenset({"exclude", "suboptimal study", "unchanged"})
"""Labels that are no findings: the report says too little to tell that anything is absent."""


def read(root: Path) -> SourceStudies:
    """The studies of PadChest; it has no official split.

    An image whose projection is EXCLUDE is left out, and its study refused where it has no other.

    Raises:
        ManifestError: The table is missing or has not its original columns.
    """
    frame = read_table(require(root, *_TABLE, download=_DOWNLOAD), columns=_COLUMNS, optional=_ABOUT)
    excluded = frame["view"] == _NO_CHEST
    kept = frame[~excluded].reset_index(drop=True)
    listed = [_listed(cell) for cell in kept["labels"]]
    written = sorted({label for names in listed for label in names} - _UNCLEAR)
    names = tuple(dict.fromkeys(map(labels.finding_name, written)))
    reports = kept["report"].tolist()
    rows = ImageRows(
        frame=_images(kept, root=root),
        findings=names,
        labels=_labels(listed, written=written, findings=names),
        note_of=lambda rows: _note(reports[rows[0]]),
    )
    studies = rows.studies()
    known = {study.study_id for study in studies}
    left_out = dict.fromkeys(frame.loc[excluded, "study_id"].dropna())
    refused = tuple(_refused(study_id) for study_id in left_out if study_id not in known)
    return SourceStudies(
        studies=(*studies, *refused),
        findings=names,
        named=rows.named | frozenset(_images(frame[excluded], root=root)["path"]),
        notices=(
            labels.FROM_REPORT,
            "Reports are in Spanish, cut to stems of words; their whole text is the section findings.",
            *((f"Images of projection EXCLUDE that were left out: {excluded.sum()}.",) if excluded.any() else ()),
        ),
    )


def _images(frame: pd.DataFrame, *, root: Path) -> pd.DataFrame:
    folders = frame["folder"].str.replace(r"\.0$", "", regex=True).fillna("")
    places = {folder: _place(folder, root=root) for folder in folders.unique()}
    birth = pd.to_numeric(frame["birth"], errors="coerce")
    age = pd.to_numeric(frame["date"].str.slice(0, 4), errors="coerce") - birth
    return pd.DataFrame(
        {
            "study_id": frame["study_id"],
            "patient_id": frame["patient_id"],
            "path": folders.map(places) + frame["image"],
            "view": facts.views(frame["view"]),
            "modality": frame["modality"].fillna(RADIOGRAPH),
            "age_years": age.where(age.between(0, 130)),
            "sex": facts.sexes(frame["sex"]),
        }
    )


def _place(folder: str, *, root: Path) -> str:
    # Many keep all images in `images/`, without the folders of the original.
    flat = not (root / folder).is_dir() and (root / "images").is_dir()
    return f"{root.absolute() / ('images' if flat else folder)}/"


def _labels(listed: Iterable[frozenset[str]], *, written: Iterable[str], findings: tuple[str, ...]) -> labels.Labels:
    words = {label: frozenset(label.split()) for label in written}
    position = {name: index for index, name in enumerate(findings)}

    @cache
    def row(names: frozenset[str]) -> labels.Labels:
        cells = np.zeros(len(findings), dtype=np.int8)
        if not names or names & _UNCLEAR:
            cells[:] = labels.UNKNOWN
        for label in names - _UNCLEAR:
            # "atypical pneumonia" is listed without "pneumonia", which must not be absent then.
            for general, its_words in words.items():
                if its_words < words[label]:
                    cells[position[labels.finding_name(general)]] = labels.UNKNOWN
        for label in names - _UNCLEAR:
            cells[position[labels.finding_name(label)]] = 1
        return cells

    rows = [row(names) for names in listed]
    return np.stack(rows) if rows else np.empty((0, len(findings)), dtype=np.int8)


@lru_cache(maxsize=65536)
def _parsed(cell: str) -> frozenset[str]:
    try:
        value = ast.literal_eval(cell)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return frozenset()
    names = value if isinstance(value, list | tuple) else ()
    return frozenset(str(name).strip().lower() for name in names if labels.finding_name(str(name)))


def _listed(cell: object) -> frozenset[str]:
    return _parsed(cell) if isinstance(cell, str) else frozenset()


def _note(report: object) -> tuple[NoteSection, ...]:
    return (NoteSection(name="findings", text=report),) if isinstance(report, str) else ()


def _refused(study_id: str) -> Refusal:
    error = UnsupportedImageError(
        f"study {study_id!r}: PadChest excludes all of its images as no chest radiographs",
        remedy="Nothing is to be done; the collection holds no other image of it.",
    )
    return Refusal.of(study_id, error)


def _recognises(root: Path) -> bool:
    return find(root, *_TABLE) is not None


PADCHEST = Collection(name="padchest", title="PadChest", recognises=_recognises, read=read)
