"""What a scores folder says, read whole and checked before any of it reaches the review database."""

import hashlib
import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

import pandas as pd

from mediscan.diagnosis import Decision
from mediscan.errors import Code, ReviewError
from mediscan.findings import GROUP_SEPARATOR
from mediscan.manifest import Manifest
from mediscan.study import Study

_PREDICTION_COLUMNS = (
    *("study_id", "patient_id", "finding", "probability", "lower", "upper", "decision"),
    *("modalities", "out_of_distribution", "bundle_id", "input_sha256"),
)
_LEDGER_COLUMNS = ("study_id", "status", "code", "message")
_AGAIN = "Run `mediscan score` again into a new folder."


class Attention(StrEnum):
    """Why a study stands where it stands in the worklist; the order here is the order of reading."""

    POSITIVE = "positive"  # a finding is likely: the patient may need something now
    UNCERTAIN = "uncertain"  # the model cannot tell: a reader can
    UNFAMILIAR = "unfamiliar"  # the model answered outside what it knows
    REFUSED = "refused"  # there is no answer at all
    CLASSIFIED = "classified"  # only a class group was answered, and clearly
    NEGATIVE = "negative"  # nothing is likely

    @property
    def rank(self) -> int:
        """Position in the reading order, 0 first."""
        return list(Attention).index(self)


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One stored answer; the numbers are calibrated probabilities in [0, 1] and a 95 % interval."""

    finding: str
    probability: float
    lower: float
    upper: float
    decision: Decision
    input_sha256: str


@dataclass(frozen=True, kw_only=True)
class ScoredStudy:
    """One study of a scores folder, with what the manifest knows of its patient."""

    study_id: str
    patient_id: str | None
    refused: bool
    code: str
    message: str
    modalities: str
    out_of_distribution: bool
    age_years: float | None
    sex: str | None
    predictions: tuple[Prediction, ...]

    @property
    def top(self) -> Prediction | None:
        """The answer to see first: likely before uncertain before unlikely, single findings before groups."""
        order = (Decision.POSITIVE, Decision.UNCERTAIN, Decision.NEGATIVE)
        return min(
            self.predictions,
            key=lambda p: (order.index(p.decision), GROUP_SEPARATOR in p.finding, -p.probability, p.finding),
            default=None,
        )

    @property
    def attention(self) -> Attention:
        """The strongest reason to read this study."""
        single = [p for p in self.predictions if GROUP_SEPARATOR not in p.finding]
        decisions = {p.decision for p in self.predictions}
        if self.refused:
            return Attention.REFUSED
        # A class group always has a most likely member, so that alone is no reason to hurry.
        if any(p.decision is Decision.POSITIVE for p in single):
            return Attention.POSITIVE
        if Decision.UNCERTAIN in decisions:
            return Attention.UNCERTAIN
        if self.out_of_distribution:
            return Attention.UNFAMILIAR
        return Attention.CLASSIFIED if Decision.POSITIVE in decisions else Attention.NEGATIVE

    @property
    def priority(self) -> float:
        """Order among studies of the same attention, in [0, 1], highest first."""
        return self.top.probability if self.top else 0.0


@dataclass(frozen=True, kw_only=True)
class Scores:
    """A scores folder as `mediscan score` writes it."""

    run_id: str
    folder: Path
    bundle: Path
    bundle_id: str
    manifest: Path
    manifest_sha256: str
    studies: tuple[ScoredStudy, ...]

    @classmethod
    def read(cls, folder: Path, manifest: Manifest) -> Self:
        """The folder's contents, joined with its manifest.

        Raises:
            ReviewError: The folder is incomplete, contradicts itself, or was made from another manifest.
        """
        run = RunFile.read(folder)
        if manifest.sha256 != run.manifest_sha256:
            raise ReviewError(
                f"manifest {manifest.path} is not the one that {folder} was scored from",
                remedy="It was changed since; run `mediscan score` again, or bring the old manifest back.",
            )
        predictions = _table(folder / "predictions.parquet", _PREDICTION_COLUMNS)
        ledger = _table(folder / "ledger.parquet", _LEDGER_COLUMNS)
        others = sorted(set(predictions["bundle_id"]) - {run.bundle_id})
        if others:
            raise ReviewError(f"{folder} mixes answers of bundles {run.bundle_id} and {others[0]}", remedy=_AGAIN)
        # A refused row may hold no study; then its patient is unknown, and stays so.
        known = {record.study_id: record.study for record in manifest.records() if record.study}
        return cls(
            run_id=run.run_id,
            folder=folder.resolve(),
            bundle=run.bundle,
            bundle_id=run.bundle_id,
            manifest=run.manifest,
            manifest_sha256=run.manifest_sha256,
            studies=tuple(_studies(_records(ledger), _records(predictions), known)),
        )


@dataclass(frozen=True, kw_only=True)
class RunFile:
    """What `run.json` says that a review needs. `run_id` is the file's SHA-256, so each run has its own."""

    run_id: str
    bundle: Path
    bundle_id: str
    manifest: Path
    manifest_sha256: str

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The run of a scores folder.

        Raises:
            ReviewError: There is no such file, or it lacks what is needed.
        """
        path = folder / "run.json"
        try:
            content = path.read_bytes()
            values = json.loads(content)
            return cls(
                run_id=hashlib.sha256(content).hexdigest(),
                bundle=Path(values["bundle"]),
                bundle_id=str(values["bundle_id"]),
                manifest=Path(values["manifest"]),
                manifest_sha256=str(values["manifest_sha256"]),
            )
        except FileNotFoundError:
            raise ReviewError(
                f"{folder} holds no run.json", remedy="Name a folder that `mediscan score` wrote to its end."
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ReviewError(f"{path} cannot be used ({type(error).__name__}: {error})", remedy=_AGAIN) from None


def _table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    try:
        return pd.read_parquet(path, columns=list(columns))
    except FileNotFoundError:
        raise ReviewError(f"{path} is missing", remedy=_AGAIN) from None
    except (OSError, ValueError, KeyError) as error:  # pyarrow's errors are ValueErrors
        raise ReviewError(
            f"{path} cannot be read as a table with columns {', '.join(columns)} ({type(error).__name__})",
            remedy=_AGAIN,
        ) from None


def _records(table: pd.DataFrame) -> dict[str, list[dict[Hashable, object]]]:
    """The rows of each study, in the table's order."""
    records: dict[str, list[dict[Hashable, object]]] = {}
    for row in table.to_dict("records"):
        records.setdefault(str(row["study_id"]), []).append(row)
    return records


def _studies(
    ledger: Mapping[str, list[dict[Hashable, object]]],
    predictions: Mapping[str, list[dict[Hashable, object]]],
    known: Mapping[str, Study],
) -> Iterable[ScoredStudy]:
    unlisted = sorted(set(predictions) - set(ledger))
    if unlisted:
        raise ReviewError(f"study {unlisted[0]!r} has predictions but no row in the ledger", remedy=_AGAIN)
    for study_id, listed in ledger.items():
        # Several records may claim one id; the scored one leads, and the others' messages stay readable.
        rows = sorted(listed, key=lambda row: row["status"] != "scored")
        refused = rows[0]["status"] != "scored"
        answers = [] if refused else predictions.get(study_id, [])
        if not refused and not answers:
            raise ReviewError(f"study {study_id!r} is scored in the ledger but has no predictions", remedy=_AGAIN)
        if not refused and study_id not in known:
            raise ReviewError(f"study {study_id!r} is scored but not in the manifest", remedy=_AGAIN)
        study = known.get(study_id)
        yield ScoredStudy(
            study_id=study_id,
            patient_id=study.patient_id if study else None,
            refused=refused,
            code=str(rows[0]["code"] or Code.OK),
            message=" ".join(str(row["message"]) for row in rows if row["message"]),
            modalities=str(answers[0]["modalities"]) if answers else (study.availability if study else "none"),
            out_of_distribution=any(bool(row["out_of_distribution"]) for row in answers),
            age_years=study.age_years if study else None,
            sex=study.sex if study else None,
            predictions=tuple(_prediction(study_id, row) for row in answers),
        )


def _prediction(study_id: str, row: Mapping[Hashable, object]) -> Prediction:
    finding = str(row["finding"])
    try:
        decision = Decision(str(row["decision"]))
        probability, lower, upper = (float(str(row[name])) for name in ("probability", "lower", "upper"))
    except ValueError as error:
        raise ReviewError(
            f"finding {finding!r} of study {study_id!r} is not readable: {error}", remedy=_AGAIN
        ) from None
    if not 0.0 <= probability <= 1.0:  # also catches NaN
        raise ReviewError(f"finding {finding!r} of study {study_id!r} has the probability {probability}", remedy=_AGAIN)
    return Prediction(
        finding=finding,
        probability=probability,
        lower=lower,
        upper=upper,
        decision=decision,
        input_sha256=str(row["input_sha256"]),
    )
