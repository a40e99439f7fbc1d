"""From a table with one row an image to studies."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from mediscan import schema
from mediscan.diagnosis import Refusal
from mediscan.errors import ManifestError
from mediscan.sources.collections.labels import UNKNOWN, Labels
from mediscan.study import ImageMeta, ImageRef, NoteSection, Sex, Split, Study

RADIOGRAPH = "DX"
"""DICOM's modality for projection radiographs; most collections do not tell CR from DX."""

_OWN = ("patient_id", "split", "age_years", "sex")


@dataclass(frozen=True, kw_only=True)
class ImageRows:
    """The images of a collection.

    Args:
        frame: One row an image: `study_id`, `patient_id` and `path` (absolute), and, where they are known, `view`,
            `modality`, `acquired_at` (datetime), `split` (a `Split`), `age_years`, `sex` (a `Sex`) and numbers
            `value_NAME`. Several rows of one `study_id` make one study.
        findings: The names of the labels' columns.
        labels: (rows, findings) int8, as `labels.Labels`.
        body_part: DICOM's term for what all of the images show.
        note_of: The note of the study that is made of these rows, by their positions.
    """

    frame: pd.DataFrame
    findings: Sequence[str]
    labels: Labels
    body_part: str | None = "CHEST"
    note_of: Callable[[Sequence[int]], tuple[NoteSection, ...]] = field(default=lambda _: ())

    @property
    def named(self) -> frozenset[str]:
        """All image paths."""
        return frozenset(self.frame["path"].dropna())

    def studies(self) -> tuple[Study | Refusal, ...]:
        """One study, or the reason there is none, per id in the order of their first mention.

        A row without a study, a patient or a file inside the collection is refused by its number, counted from 1.
        """
        needed = self.frame[["study_id", "patient_id", "path"]].notna().all(axis=1)
        # A name such as `../../x.png` would lead out of the collection's folder.
        identified = (needed & ~self.frame["path"].str.contains("/../", regex=False, na=False)).to_numpy(dtype=bool)
        rows = np.flatnonzero(identified)
        codes, ids = pd.factorize(self.frame["study_id"].iloc[rows])
        order = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[order], np.arange(len(ids)))
        told = _Told(self)
        studies = (
            told.study(str(study_id), [int(row) for row in rows[part]])
            for study_id, part in zip(ids, np.split(order, starts[1:]), strict=True)
        )
        refused = (_without_id(int(row)) for row in np.flatnonzero(~identified))
        return (*(studies if len(ids) else ()), *refused)


class _Told:
    # The columns as lists, for cells of a data frame are slow to reach; equal labels and metadata are held once.

    def __init__(self, rows: ImageRows) -> None:
        self._rows = rows
        self._columns = {str(name): _objects(column) for name, column in rows.frame.items()}
        self._values = [name for name in self._columns if name.startswith(schema.VALUE)]
        self._metas: dict[tuple[object, ...], ImageMeta] = {}
        self._labels: dict[bytes, Mapping[str, int]] = {}

    def study(self, study_id: str, rows: Sequence[int]) -> Study | Refusal:
        said = {name: self._said(name, rows) for name in (*_OWN, *self._values) if name in self._columns}
        known = self._rows.labels[rows]
        # Known values are 0 and 1: two rows disagree in a finding where both stand.
        unlike = ((known == 0).any(axis=0) & (known == 1).any(axis=0)).nonzero()[0]
        differing = [
            *(name for name, values in said.items() if len(values) > 1),
            *(self._rows.findings[index] for index in unlike),
        ]
        if differing:
            error = ManifestError(
                f"the images of study {study_id!r} disagree in {', '.join(differing)}",
                remedy="Correct the collection's tables, or leave the study out.",
            )
            return Refusal.of(study_id, error)
        facts: dict[str, Any] = {name: next(iter(values), None) for name, values in said.items()}
        return Study(
            study_id=study_id,
            patient_id=str(facts["patient_id"]),
            images=tuple({self._columns["path"][row]: self._image(row) for row in rows}.values()),
            note=self._rows.note_of(rows),
            # A data frame holds these enumerations as mere text.
            split=Split(facts["split"]) if facts.get("split") else None,
            age_years=facts.get("age_years"),
            sex=Sex(facts["sex"]) if facts.get("sex") else None,
            values={
                name.removeprefix(schema.VALUE): float(facts[name]) for name in self._values if facts[name] is not None
            },
            labels=self._shared_labels(known.max(axis=0)),
        )

    def _said(self, name: str, rows: Sequence[int]) -> Mapping[object, None]:
        column = self._columns[name]
        return dict.fromkeys(column[row] for row in rows if column[row] is not None)

    def _image(self, row: int) -> ImageRef:
        fields = {
            name: self._columns[name][row] for name in ("modality", "view", "acquired_at") if name in self._columns
        }
        key = tuple(fields.values())
        if key not in self._metas:
            self._metas[key] = ImageMeta(**{"modality": RADIOGRAPH, **fields}, body_part=self._rows.body_part)
        return ImageRef(path=self._columns["path"][row], meta=self._metas[key])

    def _shared_labels(self, labels: Labels) -> Mapping[str, int]:
        key = labels.tobytes()
        if key not in self._labels:
            self._labels[key] = {
                name: int(label) for name, label in zip(self._rows.findings, labels, strict=True) if label != UNKNOWN
            }
        return self._labels[key]


def _objects(column: pd.Series) -> list[Any]:
    if pd.api.types.is_datetime64_any_dtype(column):
        return [None if pd.isna(moment) else moment.to_pydatetime() for moment in column]
    return column.astype(object).where(column.notna(), None).tolist()


def _without_id(row: int) -> Refusal:
    error = ManifestError(
        f"image {row + 1} of the collection's table has no study, no patient or no file inside the collection",
        remedy="Download the table again from the collection.",
    )
    return Refusal.of(f"row {row + 1}", error)
