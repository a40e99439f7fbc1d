"""The few-cases method on the real collections, trained and scored by the product on the folds of the peers.

`python -m benchmarks.few_cases medpix --out DIR` stores out-of-fold probabilities where `python -m benchmarks.peers
compare medpix --out DIR` finds them. A fold's training part is split once more by patient: seven eighths are learned
from, one eighth calibrates. Note and image alone are the parts of the fused model; this method fits each by itself.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.peers.collection import COLLECTIONS, DATA, Collection
from benchmarks.peers.folds import folds
from benchmarks.peers.scores import save
from mediscan.config import RunConfig
from mediscan.data.examples import Example, ExampleReader
from mediscan.data.redaction import COVID19, redact
from mediscan.findings import FindingSet
from mediscan.manifest import Manifest
from mediscan.model.inference import ALL_PATTERNS
from mediscan.predict import Diagnoser
from mediscan.study import Availability, ImageRef, NoteSection, Split, Study
from mediscan.train.loop import train

VAL_PARTS = 8
NAMES = {Availability.BOTH: "mediscan", Availability.NOTE: "mediscan-note", Availability.IMAGE: "mediscan-image"}
KNOWLEDGE = {"medpix": "lab_descriptions.toml", "covid19": "lab_descriptions_covid19.toml"}
ABSENT = "absent"
"""The class that is the absence of the others, and no finding of the model."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.few_cases", description=__doc__)
    parser.add_argument("collection", choices=list(COLLECTIONS))
    parser.add_argument("--seeds", type=int, default=3, help="cross-validations, each on its own folds (default: 3)")
    parser.add_argument("--knowledge", choices=["file", "none"], default="file", help="whether texts are learned from")
    parser.add_argument("--out", type=Path, required=True, help="where out-of-fold predictions lie")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    collection = COLLECTIONS[given.collection]()
    suffix = "" if given.knowledge == "file" else "-no-knowledge"
    predictions = out_of_fold(collection, seeds=range(given.seeds), knowledge=given.knowledge == "file")  # a CLI choice
    for pattern, by_seed in predictions.items():
        save(given.out / f"{collection.name}__{NAMES[pattern]}{suffix}.parquet", collection, by_seed)
    return 0


def out_of_fold(
    collection: Collection, *, seeds: Sequence[int], knowledge: bool
) -> dict[Availability, dict[int, NDArray[np.float64]]]:
    """Per pattern and seed (N, C) probabilities, each by a model that never saw the patient."""
    knows = [f"train.knowledge={Path(__file__).parent / KNOWLEDGE[collection.name]}"] if knowledge else []
    shape = (len(collection.labels), len(collection.classes))
    found = {pattern: {seed: np.full(shape, np.nan) for seed in seeds} for pattern in ALL_PATTERNS}
    config = RunConfig.load(Path("few-cases"), overrides=["train.workers=0", *knows])
    studies = studies_of(collection)
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            for fold, (learn, held_out) in enumerate(folds(collection, seed=seed)):
                start = time.monotonic()
                bundle = Path(folder) / f"{seed}-{fold}"
                _train(collection, studies, learn, seed=seed, config=config, bundle=bundle)
                answers = _answers(bundle, [studies[row] for row in held_out], _findings(collection))
                for pattern, values in answers.items():
                    found[pattern][seed][held_out] = values
                print(f"{collection.name} seed {seed} fold {fold}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    return found


def _findings(collection: Collection) -> tuple[str, ...]:
    """The model's finding of each class; "" for the absence of the others."""
    if ABSENT in collection.classes:
        return tuple("" if name == ABSENT else name for name in collection.classes)
    return tuple(f"etiology:{name}" for name in collection.classes)


def studies_of(collection: Collection) -> list[Study]:
    """The collection's studies in its order, as the product knows them; notes that name a disease are redacted."""
    folder = DATA / ("medpix" if collection.name == "medpix" else "covid-cxr")
    if collection.name == "medpix":
        rows = pd.read_csv(folder / "images.csv")
        cases = dict(list(rows.groupby("case_id")))
        inputs = [(cases[name]["image"], cases[name].iloc[0][["history", "exam"]]) for name in collection.studies]
    else:
        rows = pd.read_csv(folder / "studies.csv").dropna(subset="covid19")
        notes = rows["note"].map(lambda note: redact(note, COVID19), na_action="ignore")
        inputs = [([image], {"history": note}) for image, note in zip(rows["image"], notes, strict=True)]
    findings = _findings(collection)
    return [
        Study(
            study_id=f"{collection.studies[row]} {row}",  # rows of covid19 share names
            patient_id=str(collection.patients[row]),
            images=tuple(ImageRef(path=str(folder / image)) for image in images),
            note=tuple(
                NoteSection(name=name, text=text)
                for name, text in sections.items()
                if isinstance(text, str) and text.strip()
            ),
            labels={name: int(collection.labels[row] == place) for place, name in enumerate(findings) if name},
        )
        for row, (images, sections) in enumerate(inputs)
    ]


def _train(
    collection: Collection,
    studies: list[Study],
    learn: NDArray[np.int64],
    *,
    seed: int,
    config: RunConfig,
    bundle: Path,
) -> None:
    _, validate = next(folds(collection, seed=seed, rows=learn, parts=VAL_PARTS))
    split = [
        *(replace(studies[row], split=Split.TRAIN) for row in np.setdiff1d(learn, validate)),
        *(replace(studies[row], split=Split.VAL) for row in validate),
    ]
    path = bundle.with_suffix(".parquet")
    findings = FindingSet(tuple(filter(None, _findings(collection))))
    Manifest.of(split, findings=findings, root=bundle.parent).write(path)
    train(Manifest.read(path), config, bundle)


def _answers(bundle: Path, studies: list[Study], findings: tuple[str, ...]) -> dict[Availability, NDArray[np.float64]]:
    """(N, C) calibrated probabilities by pattern; what a study lacks is answered from what it has.

    A study that the product refuses, as where note and image are of two patients, gets the mean answer.
    """
    diagnoser = Diagnoser.load(bundle)
    with ExampleReader(diagnoser.bundle.config.data) as reader:
        entries = list(reader.read(studies))
    readable = [row for row, entry in enumerate(entries) if isinstance(entry, Example)]
    inferred = diagnoser.infer([entry for entry in entries if isinstance(entry, Example)], patterns=ALL_PATTERNS)
    answers = {}
    for pattern in ALL_PATTERNS:
        value = diagnoser.bundle.calibration.apply(inferred.logits[pattern], pattern).value  # (N, F)
        present = {name: value[:, diagnoser.findings.index(name)] for name in findings if name}
        absent = 1 - sum(present.values())
        answered = np.stack([present.get(name, absent) for name in findings], axis=1)  # (N, C)
        answers[pattern] = np.tile(answered.mean(axis=0), (len(studies), 1))
        answers[pattern][readable] = answered
    return answers


if __name__ == "__main__":
    sys.exit(main())
