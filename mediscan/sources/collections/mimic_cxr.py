"""MIMIC-CXR and MIMIC-CXR-JPG: 377,110 chest radiographs of 227,835 studies, with reports.

Source: MIMIC-CXR 2.1.0 (https://physionet.org/content/mimic-cxr/2.1.0/) and MIMIC-CXR-JPG 2.1.0
(https://physionet.org/content/mimic-cxr-jpg/2.1.0/; Johnson et al., Sci Data 6, 317, 2019). Images lie in
`files/p10/p10000032/s50414267/`, reports beside that folder as `s50414267.txt`; patient, study, view, time, split and
labels stand in tables. MIMIC-CXR itself has neither views nor splits nor labels: they are taken from the tables of
MIMIC-CXR-JPG, where these lie in the same folder.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mediscan.sources.collections import facts, labels
from mediscan.sources.collections.collection import Collection
from mediscan.sources.collections.files import csv_names, find, read_table, require
from mediscan.sources.collections.image_rows import ImageRows
from mediscan.sources.notes.sections import split_sections
from mediscan.sources.studies import SourceStudies
from mediscan.study import NoteSection, Split

_IDS = {"dicom_id": "image", "study_id": "study", "subject_id": "subject"}
_META = {"ViewPosition": "view", "StudyDate": "date", "StudyTime": "time"}
_SPLITS = {"train": Split.TRAIN, "validate": Split.VAL, "test": Split.TEST}
_METADATA = csv_names("mimic-cxr-2.*-metadata")
_SPLIT = csv_names("mimic-cxr-2.*-split")
_CHEXPERT, _NEGBIO = csv_names("mimic-cxr-2.*-chexpert"), csv_names("mimic-cxr-2.*-negbio")


@dataclass(frozen=True, kw_only=True)
class _Layout:
    # What tells the two collections apart: the images, and the table without which there is nothing to read.
    suffix: str
    images: tuple[str, ...]
    needed: tuple[tuple[str, ...], ...]
    download: str


_DICOM = _Layout(
    suffix=".dcm",
    images=(*csv_names("cxr-record-list"), *_METADATA),
    needed=(),
    download="https://physionet.org/content/mimic-cxr/2.1.0/",
)
_JPG = _Layout(
    suffix=".jpg",
    images=_METADATA,
    needed=(_SPLIT, (*_CHEXPERT, *_NEGBIO)),
    download="https://physionet.org/content/mimic-cxr-jpg/2.1.0/",
)


def _reader(layout: _Layout) -> Callable[[Path], SourceStudies]:
    def read(root: Path) -> SourceStudies:
        """The studies of MIMIC-CXR: the split file's `validate` is val; labels of CheXpert, else of NegBio.

        Raises:
            ManifestError: A table is missing or has not its original columns and labels.
        """
        return _studies(root, layout)

    return read


def _studies(root: Path, layout: _Layout) -> SourceStudies:
    table = require(root, *layout.images, download=layout.download)
    for names in layout.needed:
        require(root, *names, download=layout.download)
    frame = read_table(table, columns=_IDS, optional=_META)
    if (metadata := find(root, *_METADATA)) not in (None, table):
        told = read_table(metadata, columns={"dicom_id": "image"}, optional=_META)
        frame = frame.drop(columns=list(_META.values())).merge(told.drop_duplicates("image"), on="image", how="left")
    split_file = find(root, *_SPLIT)
    if split_file is not None:
        split = read_table(split_file, columns={"dicom_id": "image", "split": "split"})
        frame = frame.merge(split.drop_duplicates("image"), on="image", how="left")
    labelled = _labelled(root)
    frame = frame.merge(labelled, on="study", how="left")
    names = tuple(map(labels.finding_name, labels.CHEXPERT))
    reports = _Reports(root=root, subjects=frame["subject"].tolist(), studies=frame["study"].tolist())
    rows = ImageRows(
        frame=_images(frame, root=root, suffix=layout.suffix),
        findings=names,
        labels=labels.ternary(frame[list(names)], file="the label table"),
        note_of=reports.note,
    )
    studies = rows.studies()
    unseen = set(labelled["study"]) - set(frame["study"])
    return SourceStudies(
        studies=studies,
        findings=names if len(labelled) else (),
        split_given=split_file is not None,
        named=rows.named,
        notices=(
            *((labels.FROM_REPORT,) if len(labelled) else ("There is no table of labels: all are unknown.",)),
            *((f"Studies without a report file: {reports.missing} of {len(studies)}.",) if reports.missing else ()),
            *((f"Studies with labels but without an image in the tables: {len(unseen)}.",) if unseen else ()),
        ),
    )


def _labelled(root: Path) -> pd.DataFrame:
    names = {name: labels.finding_name(name) for name in labels.CHEXPERT}
    path = find(root, *_CHEXPERT, *_NEGBIO)
    if path is None:
        return pd.DataFrame(columns=["study", *names.values()], dtype="str")
    return read_table(path, columns={"study_id": "study", **names}).drop_duplicates("study")


def _images(frame: pd.DataFrame, *, root: Path, suffix: str) -> pd.DataFrame:
    subject, study = frame["subject"], frame["study"]
    base = os.path.abspath(root)  # noqa: PTH100 - joined to 377,000 names, which Path is slow at
    folder = base + "/files/p" + subject.str.slice(0, 2) + "/p" + subject + "/s" + study + "/"
    images = pd.DataFrame(
        {
            "study_id": "s" + study,
            "patient_id": "p" + subject,
            "path": folder + frame["image"] + suffix,
            "view": facts.views(frame["view"]),
            "acquired_at": facts.moments(frame["date"], frame["time"]),
        }
    )
    return images.assign(split=facts.splits(frame["split"], _SPLITS)) if "split" in frame else images


class _Reports:
    # Reads a study's report when the study is made, and counts those that are not there.

    def __init__(self, *, root: Path, subjects: Sequence[str], studies: Sequence[str]) -> None:
        folders = (root / "mimic-cxr-reports" / "files", root / "reports" / "files", root / "files")
        self._folders = [folder for folder in folders if folder.is_dir()]
        self._subjects, self._studies = subjects, studies
        self.missing = 0

    def note(self, rows: Sequence[int]) -> tuple[NoteSection, ...]:
        subject, study = self._subjects[rows[0]], self._studies[rows[0]]
        for folder in self._folders:
            path = folder / f"p{subject[:2]}" / f"p{subject}" / f"s{study}.txt"
            try:
                return split_sections(path.read_text(encoding="utf-8", errors="replace"))
            except FileNotFoundError:
                continue
        self.missing += 1
        return ()


def _has_dicom(root: Path) -> bool:
    return find(root, *_DICOM.images) is not None and _first_suffix(root) == _DICOM.suffix


def _has_jpg(root: Path) -> bool:
    return find(root, *_JPG.images) is not None and _first_suffix(root) != _DICOM.suffix


def _first_suffix(root: Path) -> str | None:
    # Stops at the first image: the whole tree has half a million entries.
    suffixes = (path.suffix for path in root.glob("files/p1?/p*/s*/*.*"))
    return next((suffix for suffix in suffixes if suffix in (_DICOM.suffix, _JPG.suffix)), None)


MIMIC_CXR = Collection(name="mimic-cxr", title="MIMIC-CXR", recognises=_has_dicom, read=_reader(_DICOM))
MIMIC_CXR_JPG = Collection(name="mimic-cxr-jpg", title="MIMIC-CXR-JPG", recognises=_has_jpg, read=_reader(_JPG))
