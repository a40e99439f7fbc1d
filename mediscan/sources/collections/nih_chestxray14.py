"""NIH ChestX-ray14: 112,120 frontal chest radiographs of 30,805 patients, without reports.

Source: https://nihcc.app.box.com/v/ChestXray-NIHCC (Wang et al., CVPR 2017). `Data_Entry_2017.csv` or its correction
`Data_Entry_2017_v2020.csv` lists the findings of each image with `|` between them; `train_val_list.txt` and
`test_list.txt` are the official split; images lie in `images_001/images/` to `images_012/images/`, or all in `images/`.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from mediscan.errors import ManifestError
from mediscan.sources.collections import facts, labels
from mediscan.sources.collections.collection import Collection
from mediscan.sources.collections.files import by_name, find, has_columns, read_table, require
from mediscan.sources.collections.image_rows import ImageRows
from mediscan.sources.studies import SourceStudies
from mediscan.study import Split

_DOWNLOAD = "https://nihcc.app.box.com/v/ChestXray-NIHCC"
_TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017*.csv", "Data_Entry_2017*.csv.gz")
_COLUMNS = {
    "Image Index": "image",
    "Finding Labels": "listed",
    "Patient ID": "patient_id",
    "Patient Age": "age",
    "View Position": "view",
}
_SEX = {"Patient Gender": "gender", "Patient Sex": "sex"}
_FINDINGS = (
    *("No Finding", "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion", "Emphysema", "Fibrosis"),
    *("Hernia", "Infiltration", "Mass", "Nodule", "Pleural_Thickening", "Pneumonia", "Pneumothorax"),
)
_VAL_SHARE = 1 / 8
_MINED = (
    "Labels were mined from reports that are not part of this collection. An image was labelled for all fourteen "
    "findings, so one that is not listed is absent."
)


def read(root: Path) -> SourceStudies:
    """The studies of ChestX-ray14, one an image.

    `test_list.txt` is test; of the patients of `train_val_list.txt` an eighth, drawn by id, is val and the rest train.

    Raises:
        ManifestError: A table or list is missing, or a finding is not one of the fourteen.
    """
    table = require(root, *_TABLES, download=_DOWNLOAD)
    lists = [require(root, f"{name}_list.txt", download=_DOWNLOAD) for name in ("train_val", "test")]
    frame = read_table(table, columns=_COLUMNS, optional=_SEX)
    train_val, test = (set(path.read_text(encoding="utf-8").split()) for path in lists)
    places = by_name([*sorted(root.glob("images_*/images")), *root.glob("images")])
    ages = facts.ages(frame["age"])
    images = pd.DataFrame(
        {
            "study_id": frame["image"].str.replace(r"\.\w+$", "", regex=True),
            "patient_id": frame["patient_id"],
            "path": frame["image"].map(
                lambda name: places.get(name, f"{root.absolute()}/images/{name}"), na_action="ignore"
            ),
            "view": facts.views(frame["view"]),
            "split": [
                Split.TEST if image in test else _train_or_val(patient) if image in train_val else None
                for image, patient in zip(frame["image"], frame["patient_id"], strict=True)
            ],
            "age_years": ages,
            "sex": facts.sexes(frame["sex"].fillna(frame["gender"])),
        }
    )
    names = tuple(map(labels.finding_name, _FINDINGS))
    rows = ImageRows(
        frame=images,
        findings=names,
        labels=labels.listed([_listed(cell, file=table.name) for cell in frame["listed"]], findings=names),
    )
    unlisted = int(images["split"].isna().sum())
    return SourceStudies(
        studies=rows.studies(),
        findings=names,
        split_given=True,
        named=rows.named,
        notices=(
            _MINED,
            *facts.unread(frame["age"], ages, what="Ages"),
            *((f"Images that stand in neither list and have no split: {unlisted}.",) if unlisted else ()),
        ),
    )


def _train_or_val(patient_id: object) -> Split:
    digest = hashlib.sha256(f"nih-chestxray14 {patient_id}".encode()).digest()
    return Split.VAL if int.from_bytes(digest[:8], "big") / 2**64 < _VAL_SHARE else Split.TRAIN


def _listed(cell: object, *, file: str) -> Iterable[str] | None:
    if not isinstance(cell, str):
        return None
    written = cell.split("|")
    if unknown := sorted(set(written) - set(_FINDINGS)):
        raise ManifestError(
            f"table {file} holds {len(unknown)} finding that is none of the fourteen in one row",
            remedy=f"Download it again: {_DOWNLOAD}.",
        )
    return map(labels.finding_name, written)


def _recognises(root: Path) -> bool:
    return has_columns(find(root, *_TABLES), *_COLUMNS)


NIH_CHESTXRAY14 = Collection(name="nih-chestxray14", title="NIH ChestX-ray14", recognises=_recognises, read=read)
