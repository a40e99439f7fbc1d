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
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.command import run_command
from benchmarks.peers.collection import COLLECTIONS, Collection
from benchmarks.peers.folds import folds
from benchmarks.peers.scores import save
from benchmarks.real_data import DATA
from mediscan.config import RunConfig
from mediscan.data.examples import Example, ExampleReader
from mediscan.data.redaction import COVID19, redact
from mediscan.manifest import Manifest
from mediscan.model.inference import ALL_PATTERNS
from mediscan.predict import Diagnoser
from mediscan.study import Availability, NoteSection, Split, Study
from mediscan.train.loop import train

VAL_PARTS = 8
MEDPIX_COLUMNS = (
    *("--id", "case_id", "--patient", "case_id", "--image", "image", "--note", "history=history"),
    *("--note", "exam=exam", "--classes", "etiology=etiology", "--split-column", "split"),
)
COVID19_COLUMNS = (
    *("--id", "study_id", "--patient", "patient_id", "--image", "image", "--note", "history=note"),
    *("--finding", "covid19=covid19", "--split-column", "split"),
)
NAMES = {Availability.BOTH: "mediscan", Availability.NOTE: "mediscan-note", Availability.IMAGE: "mediscan-image"}
HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Task:
    """Where a collection lies, and what to learn of it.

    Attributes:
        table: Its table.
        columns: Options of `mediscan ingest`.
        findings: The model's findings of the collection's classes; "" for the class that is the absence of the others.
        knowledge: A file of texts about them.
    """

    table: Path
    columns: tuple[str, ...]
    findings: tuple[str, ...]
    knowledge: Path


def task(collection: Collection) -> Task:
    if collection.name == "medpix":
        return Task(
            table=DATA / "medpix" / "images.csv",
            columns=MEDPIX_COLUMNS,
            findings=tuple(f"etiology:{name}" for name in collection.classes),
            knowledge=HERE / "lab_descriptions.toml",
        )
    return Task(
        table=DATA / "covid-cxr" / "studies.csv",
        columns=COVID19_COLUMNS,
        findings=("", "covid19"),
        knowledge=HERE / "lab_descriptions_covid19.toml",
    )


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
    its = task(collection)
    shape = (len(collection.labels), len(collection.classes))
    found = {pattern: {seed: np.full(shape, np.nan) for seed in seeds} for pattern in ALL_PATTERNS}
    config = RunConfig.load(
        Path("few-cases"),
        overrides=["train.workers=0", *([f"train.knowledge={its.knowledge}"] if knowledge else [])],
    )
    with tempfile.TemporaryDirectory() as folder:
        studies = _studies(collection, its, Path(folder))
        for seed in seeds:
            for fold, (learn, held_out) in enumerate(folds(collection, seed=seed)):
                start = time.monotonic()
                bundle = Path(folder) / f"{seed}-{fold}"
                _train(collection, studies, learn, seed=seed, config=config, bundle=bundle)
                for pattern, values in _answers(bundle, [studies[row] for row in held_out], its.findings).items():
                    found[pattern][seed][held_out] = values
                print(f"{collection.name} seed {seed} fold {fold}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    return found


def _studies(collection: Collection, its: Task, folder: Path) -> list[Study]:
    """The collection's studies in its order, as the product ingests them; notes that name a disease redacted."""
    manifest = folder / "manifest.parquet"
    run_command(["ingest", str(its.table), "--out", str(manifest), *its.columns], accept=(0, 4))
    read = {study.study_id: study for split in Split for study in Manifest.read(manifest).studies(split)}
    if collection.name != "covid19":
        return [read[name] for name in collection.studies]
    return [_redacted(read[name]) for name in collection.studies]


def _redacted(study: Study) -> Study:
    sections = (NoteSection(name=one.name, text=redact(one.text, COVID19), at=one.at) for one in study.note)
    return replace(study, note=tuple(section for section in sections if section.text.strip()))


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
    findings = Manifest.read(bundle.parent / "manifest.parquet").findings
    Manifest.of(split, findings=findings, root=bundle.parent).write(path)
    train(Manifest.read(path), config, bundle)


def _answers(bundle: Path, studies: list[Study], findings: tuple[str, ...]) -> dict[Availability, NDArray[np.float64]]:
    """(N, C) calibrated probabilities by pattern; what a study lacks is answered from what it has."""
    diagnoser = Diagnoser.load(bundle)
    with ExampleReader(diagnoser.bundle.config.data) as reader:
        examples = [entry for entry in reader.read(studies) if isinstance(entry, Example)]
    if len(examples) != len(studies):
        raise SystemExit("a study of the fold cannot be read")
    inferred = diagnoser.infer(examples, patterns=ALL_PATTERNS)
    answers = {}
    for pattern in ALL_PATTERNS:
        value = diagnoser.bundle.calibration.apply(inferred.logits[pattern], pattern).value  # (N, F)
        places = [diagnoser.findings.index(name) if name else -1 for name in findings]
        present = np.stack([value[:, place] for place in places if place >= 0], axis=1)
        absent = [1 - present.sum(axis=1, keepdims=True)] if -1 in places else []
        answers[pattern] = np.concatenate([*absent, present], axis=1)
    return answers


if __name__ == "__main__":
    sys.exit(main())
