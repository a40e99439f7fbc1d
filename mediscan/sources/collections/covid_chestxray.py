"""covid-chestxray-dataset: chest radiographs and CT slices of COVID-19 and other pneumonias, with clinical notes.

Source: https://github.com/ieee8023/covid-chestxray-dataset (Cohen et al., arXiv 2006.11988, 2020; columns in its
SCHEMA.md). `metadata.csv` has a row an image; `folder` and `filename` say where it lies; `finding` is a path such as
`Pneumonia/Viral/COVID-19`.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from mediscan.sources.collections import facts, labels
from mediscan.sources.collections.collection import Collection
from mediscan.sources.collections.files import find, has_columns, read_table, require
from mediscan.sources.collections.image_rows import RADIOGRAPH, ImageRows
from mediscan.sources.notes.sections import split_sections
from mediscan.sources.studies import SourceStudies
from mediscan.study import NoteSection

_DOWNLOAD = "https://github.com/ieee8023/covid-chestxray-dataset"
_TABLE = "metadata.csv"
_COLUMNS = {"patientid": "patient_id", "finding": "finding", "filename": "file"}
_ABOUT = {
    name: name for name in ("offset", "sex", "age", "view", "modality", "folder", "clinical_notes", "clinical notes")
}
_OUTCOMES = ("survival", "intubated", "went_icu", "needed_supplemental_O2", "extubated")
_VALUES = {
    "temperature": "value_temperature_c",
    "pO2_saturation": "value_po2_saturation_percent",
    "leukocyte_count": "value_leukocytes_1e9_per_l",
    "neutrophil_count": "value_neutrophils_1e9_per_l",
    "lymphocyte_count": "value_lymphocytes_1e9_per_l",
}
_OPEN = frozenset({"", "todo", "unknown"})
_YES_NO = {"Y": 1, "N": 0}
_TELLING = (
    "Clinical notes often name the disease, describe the image or state the result of a test, and outcomes were known "
    "later than the image: a model that is fed these notes reads its answer."
)

_Path = tuple[str, ...]


def read(root: Path) -> SourceStudies:
    """The studies of covid-chestxray-dataset, one per patient and day; it has no official split.

    Raises:
        ManifestError: The table is missing or has not its original columns.
    """
    table = require(root, _TABLE, download=_DOWNLOAD)
    optional = _ABOUT | {name: labels.finding_name(name) for name in _OUTCOMES} | _VALUES
    frame = read_table(table, columns=_COLUMNS, optional=optional)
    ages = facts.ages(frame["age"])
    images = pd.DataFrame(
        {
            "study_id": frame["patient_id"] + "-" + frame["offset"].fillna(frame["file"].map(_stem)),
            "patient_id": frame["patient_id"],
            "path": str(root.absolute()) + "/" + frame["folder"].fillna("images") + "/" + frame["file"],
            "view": facts.views(frame["view"]),
            "modality": frame["modality"].where(frame["modality"] == "CT", RADIOGRAPH),
            "age_years": ages,
            "sex": facts.sexes(frame["sex"]),
            **{name: pd.to_numeric(frame[name], errors="coerce") for name in _VALUES.values()},
        }
    )
    paths = _whole([_paths(cell) for cell in frame["finding"]])
    told = {labels.finding_name(name): frame[labels.finding_name(name)].str.upper().map(_YES_NO) for name in _OUTCOMES}
    outcomes = {name: column.fillna(labels.UNKNOWN) for name, column in told.items() if column.notna().any()}
    tree = sorted({path[: depth + 1] for row in paths for path in row for depth in range(len(path))})
    notes = frame["clinical_notes"].fillna(frame["clinical notes"]).tolist()
    rows = ImageRows(
        frame=images,
        findings=(*map(_name, tree), *outcomes),
        labels=np.column_stack([_labels(paths, tree), *outcomes.values()]).astype(np.int8),
        note_of=lambda rows: _note([notes[row] for row in rows]),
    )
    return SourceStudies(
        studies=rows.studies(),
        findings=tuple(rows.findings),
        named=rows.named,
        notices=(_TELLING, *facts.unread(frame["age"], ages, what="Ages")),
    )


def _stem(file: object) -> str | None:
    return PurePosixPath(file).stem if isinstance(file, str) else None


def _paths(cell: object) -> tuple[_Path, ...]:
    # An older release lists several diseases with a comma between them.
    written = str(cell).split(",") if isinstance(cell, str) else []
    paths = (tuple(part.strip() for part in path.split("/") if part.strip()) for path in written)
    return tuple(path for path in paths if path and path[0].lower() not in _OPEN)


def _name(path: _Path) -> str:
    # "Viral" alone says too little; the collection's own loader calls it viral pneumonia.
    words = [path[-1], path[0]] if len(path) == 2 else [path[-1]]
    return labels.finding_name(" ".join(words))


def _whole(rows: Sequence[tuple[_Path, ...]]) -> Sequence[tuple[_Path, ...]]:
    # An older release writes the end of a path alone, as "COVID-19".
    longest = {path[-1]: path for path in sorted({path for row in rows for path in row}, key=len)}
    return [tuple(dict.fromkeys(longest[path[-1]] for path in row)) for row in rows]


def _labels(rows: Sequence[tuple[_Path, ...]], tree: Sequence[_Path]) -> labels.Labels:
    cells = [_label(node, paths) for paths in rows for node in tree]
    return np.array(cells, dtype=np.int8).reshape(len(rows), len(tree))


def _label(node: _Path, paths: Sequence[_Path]) -> int:
    """Present on a path, unknown below its end (a pneumonia of unnamed cause may be any), else absent."""
    if any(path[: len(node)] == node for path in paths):
        return 1
    is_open = not paths or any(node[: len(path)] == path for path in paths)
    return labels.UNKNOWN if is_open else 0


def _note(texts: Sequence[object]) -> tuple[NoteSection, ...]:
    written = dict.fromkeys(text for text in texts if isinstance(text, str))
    return split_sections("\n\n".join(written)) if written else ()


def _recognises(root: Path) -> bool:
    return has_columns(find(root, _TABLE), *_COLUMNS)


COVID_CHESTXRAY = Collection(name="covid-chestxray", title="covid-chestxray-dataset", recognises=_recognises, read=read)
