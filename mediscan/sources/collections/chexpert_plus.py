"""CheXpert Plus: 223,228 chest radiographs of 64,725 patients, with reports in sections.

Source: https://aimi.stanford.edu/datasets/chexpert-plus and https://github.com/Stanford-AIMI/chexpert-plus (Chambon et
al., arXiv 2405.19538, 2024). `df_chexpert_plus_240401.csv` has a row an image, with the report's sections in columns
`section_*`; `chexbert_labels/report_fixed.json` has the labels, one JSON object a line; images are
`PNG/train/patient42142/study5/view1_frontal.png` or the same below `DICOM/` with `.dcm`.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mediscan.errors import ManifestError
from mediscan.sources.collections import facts, labels
from mediscan.sources.collections.collection import Collection
from mediscan.sources.collections.files import csv_names, find, read_json_lines, read_table, require
from mediscan.sources.collections.image_rows import ImageRows
from mediscan.sources.studies import SourceStudies
from mediscan.study import NoteSection, Split

_DOWNLOAD = "CheXpert Plus from Stanford AIMI, https://aimi.stanford.edu/datasets/chexpert-plus"
_TABLE = tuple(reversed(csv_names("df_chexpert_plus_*")))
_COLUMNS = {"path_to_image": "image", "deid_patient_id": "patient_id", "split": "split"}
_ABOUT = {"frontal_lateral": "side", "ap_pa": "projection", "age": "age", "sex": "sex"}
_SECTIONS = {
    "section_clinical_history": "history",
    "section_history": "history",
    "section_comparison": "comparison",
    "section_technique": "technique",
    "section_procedure_comments": "procedure_comments",
    "section_findings": "findings",
    "section_impression": "impression",
    "section_end_of_impression": "impression",
    "section_narrative": "narrative",
    "section_summary": "summary",
}
"""Columns of the table and the sections they become; the accession number is left behind."""

_LABELS = tuple(f"chexbert_labels/{part}_fixed.json" for part in ("report", "impression", "findings"))
"""What was labelled, the whole report first."""

_IMAGES = (
    *(("PNG", ".png"), ("PNG/PNG", ".png"), (".", ".png")),
    *(("DICOM", ".dcm"), ("DICOM/Uncompressed", ".dcm"), ("DICOM/Compressed", ".dcm")),
)
"""Where `train/` and `valid/` lie, and how their files then end; the first is taken for granted where none is there."""

_SPLITS = {"train": Split.TRAIN, "valid": Split.VAL}


def read(root: Path) -> SourceStudies:
    """The studies of CheXpert Plus: `valid` is val; there is no test split.

    Raises:
        ManifestError: The table is missing or has not its original columns, or labels are not what they should be.
    """
    table = require(root, *_TABLE, download=_DOWNLOAD)
    frame = read_table(table, columns=_COLUMNS, optional=_ABOUT | {name: name for name in _SECTIONS})
    study = frame["image"].str.extract(r"(patient\d+)/(study\d+)/[^/]+$")
    ages = facts.ages(frame["age"])
    images = pd.DataFrame(
        {
            "study_id": study[0] + "-" + study[1],
            "patient_id": frame["patient_id"],
            "path": _paths(frame["image"], root=root),
            "view": facts.views(frame["projection"].where(frame["side"] != "Lateral", "LL")),
            "split": facts.splits(frame["split"], _SPLITS),
            "age_years": ages,
            "sex": facts.sexes(frame["sex"]),
        }
    )
    written = [(section, frame[column].tolist()) for column, section in _SECTIONS.items()]
    file = find(root, *_LABELS)
    names = tuple(map(labels.finding_name, labels.CHEXPERT)) if file is not None else ()
    rows = ImageRows(
        frame=images,
        findings=names,
        labels=_labels(frame["image"], file=file),
        note_of=lambda rows: _note(rows[0], written),
    )
    return SourceStudies(
        studies=rows.studies(),
        findings=names,
        split_given=True,
        named=rows.named,
        notices=(
            labels.FROM_REPORT if file is not None else f"There is no {_LABELS[0]}: all labels are unknown.",
            *facts.unread(frame["age"], ages, what="Ages"),
        ),
    )


def _paths(written: pd.Series, *, root: Path) -> pd.Series:
    # The table names images as they were in CheXpert; what is downloaded are PNG or DICOM files in folders of theirs.
    folder, suffix = next((place for place in _IMAGES if find(root / place[0], "train", "valid")), _IMAGES[0])
    base = os.path.abspath(root / folder)  # noqa: PTH100 - joined to 223,000 names, which Path is slow at
    return base + "/" + written.str.replace(r"\.\w+$", suffix, regex=True)


def _note(row: int, written: Sequence[tuple[str, Sequence[object]]]) -> tuple[NoteSection, ...]:
    texts: dict[str, list[str]] = {}
    for section, column in written:
        text = column[row]
        if isinstance(text, str) and text not in texts.setdefault(section, []):
            texts[section].append(text)
    return tuple(NoteSection(name=name, text="\n".join(parts)) for name, parts in texts.items() if parts)


def _labels(images: pd.Series, *, file: Path | None) -> labels.Labels:
    if file is None:
        return np.empty((len(images), 0), dtype=np.int8)
    position = {image: row for row, image in enumerate(images) if isinstance(image, str)}
    matrix = np.full((len(images), len(labels.CHEXPERT)), labels.UNKNOWN, dtype=np.int8)
    for entry in read_json_lines(file):
        row = position.get(str(entry.get("path_to_image")))
        if row is not None:
            matrix[row] = [_label(entry, name, file=file) for name in labels.CHEXPERT]
    return matrix


def _label(entry: Mapping[str, object], name: str, *, file: Path) -> int:
    value = entry.get(name)
    if value is None or value == -1 or value != value:  # noqa: PLR0124 - NaN is how pandas writes "not mentioned"
        return labels.UNKNOWN
    if value in (0, 1):
        return int(value == 1)
    raise ManifestError(
        f"file {file.name} holds a label of {name!r} that is not 1, 0, -1 or null",
        remedy=f"Download it again: {_DOWNLOAD}.",
    )


def _recognises(root: Path) -> bool:
    return find(root, *_TABLE) is not None


CHEXPERT_PLUS = Collection(name="chexpert-plus", title="CheXpert Plus", recognises=_recognises, read=read)
