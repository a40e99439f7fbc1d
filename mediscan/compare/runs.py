"""Train one configuration on one part of the studies, and keep what it says of the others."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import pyarrow.parquet as pq

from mediscan.config import RunConfig
from mediscan.diagnosis import Diagnosis
from mediscan.manifest import Manifest
from mediscan.predict import Diagnoser
from mediscan.progress import Progress
from mediscan.results import PREDICTIONS, prediction_rows, write_table
from mediscan.study import Study
from mediscan.train.loop import train

_ANSWERS, _COST = "predictions.parquet", "cost.json"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a run took.

    Attributes:
        train_seconds: Wall time of training, reading included.
        predict_ms: Wall time of a prediction, reading included, averaged over the studies.
        parameters: Weights of the network.
        trained_parameters: Those that training changed.
        bundle_mib: Size of the bundle.
    """

    train_seconds: float
    predict_ms: float
    parameters: int
    trained_parameters: int
    bundle_mib: float


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run gave: study → finding → calibrated probability, and its cost."""

    answers: dict[str, dict[str, float]]
    cost: Cost

    @classmethod
    def read(cls, folder: Path) -> Self:
        """A run that is done."""
        answers: dict[str, dict[str, float]] = {}
        table = pq.read_table(folder / _ANSWERS, columns=["study_id", "finding", "probability"])
        for row in table.to_pylist():
            answers.setdefault(row["study_id"], {})[row["finding"]] = row["probability"]
        return cls(answers=answers, cost=Cost(**json.loads((folder / _COST).read_text(encoding="utf-8"))))


def run_once(
    manifest: Manifest, config: RunConfig, *, tested: Sequence[Study], folder: Path, progress: Progress
) -> Run:
    """Train, then answer for the tested studies; a run that is already in the folder is read from it.

    Args:
        manifest: Whose splits `train` and `val` are trained on.
        config: The run's.
        tested: The studies to answer for, none of which is in those splits.
        folder: Where runs lie, each under a name that follows from configuration and manifest.
        progress: Told of every stage.
    """
    own = folder / _run_name(manifest, config)
    if not (own / _COST).is_file():
        own.mkdir(parents=True, exist_ok=True)
        bundle = own / "bundle"
        if not (bundle / "config.json").is_file():
            train(manifest, config, bundle, resume=True, progress=progress)
        diagnoser = Diagnoser.load(bundle)
        started = time.perf_counter()
        rows: list[dict[str, object]] = []
        for done, outcome in enumerate(diagnoser.predict_many(tested), start=1):
            rows += prediction_rows(outcome) if isinstance(outcome, Diagnosis) else []
            progress("predict", done, len(tested))
        cost = Cost(
            train_seconds=diagnoser.bundle.provenance["train_seconds"],
            predict_ms=1e3 * (time.perf_counter() - started) / max(len(tested), 1),
            parameters=diagnoser.bundle.provenance["parameters"],
            trained_parameters=diagnoser.bundle.provenance["trained_parameters"],
            bundle_mib=sum(file.stat().st_size for file in bundle.rglob("*") if file.is_file()) / (1 << 20),
        )
        write_table(rows, PREDICTIONS, own / _ANSWERS)
        part = own / f"{_COST}.part"
        part.write_text(json.dumps(asdict(cost)), encoding="utf-8")
        part.replace(own / _COST)  # last: it says that the run is done
    return Run.read(own)


def _run_name(manifest: Manifest, config: RunConfig) -> str:
    return hashlib.sha256(f"{manifest.sha256} {config.model_dump_json()}".encode()).hexdigest()[:16]
