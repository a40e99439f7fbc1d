"""CheXpert: 224,316 chest radiographs of 65,240 patients, without reports.

Source: CheXpert-v1.0 and CheXpert-v1.0-small, https://stanfordmlgroup.github.io/competitions/chexpert/ (Irvin et al.,
AAAI 2019). `train.csv` and `valid.csv` name images as `CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg`;
labels are 1, 0, -1 (uncertain) or empty (not mentioned in the report).
"""

import os
from pathlib import Path

import pandas as pd

from mediscan.sources.collections import facts, labels
from mediscan.sources.collections.collection import Collection
from mediscan.sources.collections.files import find, has_columns, read_table, require
from mediscan.sources.collections.image_rows import ImageRows
from mediscan.sources.studies import SourceStudies
from mediscan.study import Split

_DOWNLOAD = "CheXpert-v1.0 (or -small) from Stanford AIMI, https://stanfordaimi.azurewebsites.net"
_PATH = "Path"
_ABOUT = {"Sex": "sex", "Age": "age", "Frontal/Lateral": "side", "AP/PA": "projection"}
_PARTS = r"(?P<path>[^/]+/(?P<patient_id>patient\d+)/(?P<study>study\d+)/[^/]+)$"
_UNLABELLED = (
    "Labels of the training images were derived from reports that are not part of this collection; uncertain and "
    "unmentioned findings are unknown. Those of the validation images were set by radiologists."
)


def read(root: Path) -> SourceStudies:
    """The studies of CheXpert: `train.csv` is train, `valid.csv` is val, and `test.csv`, where it is there, is test.

    Raises:
        ManifestError: A table is missing or has not its original columns and labels.
    """
    tables = {
        Split.TRAIN: require(root, "train.csv", download=_DOWNLOAD),
        Split.VAL: require(root, "valid.csv", download=_DOWNLOAD),
        Split.TEST: find(root, "test.csv", "test_labels.csv"),
    }
    frames = {split: _table(path) for split, path in tables.items() if path is not None}
    frame = pd.concat([table.assign(split=split) for split, table in frames.items()], ignore_index=True)
    parts = frame["written"].str.extract(_PARTS)
    base = os.path.abspath(root)  # noqa: PTH100 - joined to 224,000 names, which Path is slow at
    ages = facts.ages(frame["age"])
    images = pd.DataFrame(
        {
            "study_id": parts["patient_id"] + "-" + parts["study"],
            "patient_id": parts["patient_id"],
            "path": base + "/" + parts["path"],
            "view": facts.views(frame["projection"].where(frame["side"] != "Lateral", "LL")),
            "split": frame["split"],
            "age_years": ages,
            "sex": facts.sexes(frame["sex"]),
        }
    )
    names = tuple(map(labels.finding_name, labels.CHEXPERT))
    rows = ImageRows(
        frame=images, findings=names, labels=labels.ternary(frame[list(names)], file="train.csv and valid.csv")
    )
    return SourceStudies(
        studies=rows.studies(),
        findings=names,
        split_given=True,
        named=rows.named,
        notices=(_UNLABELLED, *facts.unread(frame["age"], ages, what="Ages")),
    )


def _table(path: Path) -> pd.DataFrame:
    columns = {_PATH: "written"} | {name: labels.finding_name(name) for name in labels.CHEXPERT}
    return read_table(path, columns=columns, optional=_ABOUT)


def _recognises(root: Path) -> bool:
    return has_columns(find(root, "train.csv"), _PATH, *_ABOUT)


CHEXPERT = Collection(name="chexpert", title="CheXpert", recognises=_recognises, read=read)
