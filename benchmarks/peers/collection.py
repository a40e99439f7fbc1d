"""The two real collections as arrays: one row a study, honest inputs only."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediscan.data.images import fit_planes
from mediscan.data.redaction import COVID19, redact
from mediscan.sources.reading import read_image

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
IMAGE_SIZE = 128


@dataclass(frozen=True, kw_only=True, eq=False)  # equal by identity, so that features of it can be kept
class Collection:
    """Studies to diagnose.

    Attributes:
        name: What the collection is called in results.
        classes: The C exclusive classes. Of two, only the second is scored.
        studies: (N,) names.
        patients: (N,) whose study it is; nobody is in two parts of a fold.
        notes: (N,) what was written before anybody knew the answer; may be empty.
        ages: (N,) years, NaN where unknown.
        sexes: (N,) 1 male, 0 female, NaN where unknown.
        labels: (N,) int64 index of the class.
        images: Per study (I, S, S) float32, each standardised.
    """

    name: str
    classes: tuple[str, ...]
    studies: NDArray[np.str_]
    patients: NDArray[np.str_]
    notes: tuple[str, ...]
    ages: NDArray[np.float64]
    sexes: NDArray[np.float64]
    labels: NDArray[np.int64]
    images: tuple[NDArray[np.float32], ...]


def medpix(size: int = IMAGE_SIZE) -> Collection:
    """MedPix 2.0: all images of a case, its history and exam, and one of six etiologies."""
    folder = DATA / "medpix"
    rows = pd.read_csv(folder / "images.csv")
    cases = rows.drop_duplicates("case_id").reset_index(drop=True)
    classes = tuple(sorted(cases["etiology"].unique()))
    images = {case: [folder / path for path in group["image"]] for case, group in rows.groupby("case_id")}
    return Collection(
        name="medpix",
        classes=classes,
        studies=cases["case_id"].to_numpy(np.str_),
        patients=cases["case_id"].to_numpy(np.str_),
        notes=tuple(
            "\n".join(
                f"{section}: {text}"
                for section, text in (("history", row["history"]), ("exam", row["exam"]))
                if isinstance(text, str)
            )
            for _, row in cases.iterrows()
        ),
        ages=cases["age"].to_numpy(np.float64),
        sexes=cases["sex"].map({"male": 1.0, "female": 0.0}).to_numpy(np.float64),
        labels=cases["etiology"].map(classes.index).to_numpy(np.int64),
        images=tuple(_read([*images[case]], size=size) for case in cases["case_id"]),
    )


def covid19(size: int = IMAGE_SIZE) -> Collection:
    """covid-chestxray-dataset: a radiograph, a note without the names of diseases, and whether it is COVID-19."""
    folder = DATA / "covid-cxr"
    rows = pd.read_csv(folder / "studies.csv")
    rows = rows[rows["covid19"].notna()].reset_index(drop=True)
    return Collection(
        name="covid19",
        classes=("absent", "covid19"),
        studies=rows["study_id"].to_numpy(np.str_),
        patients=rows["patient_id"].to_numpy(np.str_),
        notes=tuple(redact(note, COVID19) if isinstance(note, str) else "" for note in rows["note"]),
        ages=rows["age"].to_numpy(np.float64),
        sexes=rows["sex"].map({"M": 1.0, "F": 0.0}).to_numpy(np.float64),
        labels=rows["covid19"].to_numpy(np.int64),
        images=tuple(_read([folder / path], size=size) for path in rows["image"]),
    )


COLLECTIONS: dict[str, Callable[[], Collection]] = {"medpix": medpix, "covid19": covid19}


def _read(paths: list[Path], *, size: int) -> NDArray[np.float32]:
    planes = [fit_planes(read_image(path), size=size, planes=1)[0] for path in paths]
    fitted = [plane.values for plane in planes]  # noqa: PD011  (no table of pandas)
    return np.stack(fitted).astype(np.float32)  # (I, S, S)
