"""Score a manifest: every record is scored or refused with a reason, and a stopped run goes on where it was."""

import json
import shutil
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch

from mediscan.data.examples import ExampleReader
from mediscan.diagnosis import Diagnosis, Refusal
from mediscan.errors import ConfigError
from mediscan.manifest import Manifest, Record
from mediscan.predict import Diagnoser
from mediscan.progress import Progress, silent
from mediscan.results import LEDGER, PREDICTIONS, join_tables, ledger_row, prediction_rows, write_table
from mediscan.study import Study
from mediscan.version import __version__

_PART = 256
"""Records of a part: the most that a stop in the middle can cost."""


@dataclass(frozen=True, kw_only=True)
class ScoreResult:
    """Where the results lie, and how many records met which fate (`codes`: ledger code → records)."""

    out: Path
    scored: int
    refused: int
    codes: dict[str, int]


def score(
    diagnoser: Diagnoser,
    manifest: Manifest,
    out: Path,
    *,
    bundle: Path,
    resume: bool = False,
    workers: int = 0,
    command: str = "",
    progress: Progress = silent,
) -> ScoreResult:
    """Write predictions.parquet, ledger.parquet and run.json.

    Args:
        diagnoser: The model.
        manifest: The records.
        out: The folder for the results.
        bundle: Where the model lies, for run.json.
        resume: Keep the finished parts of a stopped run.
        workers: Processes that decode images.
        command: The command line, for run.json.
        progress: Told of every record.

    Raises:
        ConfigError: The stopped run was of another bundle or manifest.
    """
    started = datetime.now(UTC)
    parts = Parts(out / "parts")
    parts.prepare(identity=f"{diagnoser.bundle_id} {manifest.sha256}", resume=resume)
    finished = parts.finished()
    pending = (record for record in manifest.records() if _part_of(record) not in finished)
    done = min(len(finished) * _PART, len(manifest))
    with ExampleReader(diagnoser.bundle.config.data, workers=workers) as reader:
        # Part by part, so that a study meets the same others in its batch, and gets the same last bit, after a resume.
        for number, records in groupby(pending, key=_part_of):
            rows = []
            for row in _answer(diagnoser, records, reader):
                rows.append(row)
                done += 1
                progress("score", done, len(manifest))
            parts.write(number, rows)
    run = {
        "command": command,
        "versions": {"mediscan": __version__, "torch": torch.__version__},
        "bundle": str(bundle.resolve()),
        "bundle_id": diagnoser.bundle_id,
        "manifest": str(manifest.path.resolve()),
        "manifest_sha256": manifest.sha256,
        "start": started.isoformat(timespec="seconds"),
    }
    return _finish(parts, out, run)


def _part_of(record: Record) -> int:
    return (record.row - 1) // _PART


def _answer(
    diagnoser: Diagnoser, records: Iterable[Record], reader: ExampleReader
) -> Iterator[tuple[Record, Diagnosis | Refusal]]:
    """Every record with its outcome, in order; those that the manifest refuses pass the model by."""
    waiting: deque[Record] = deque()

    def studies() -> Iterator[Study]:
        for record in records:
            waiting.append(record)
            if record.study is not None:
                yield record.study

    for outcome in diagnoser.answer(studies(), reader):
        while (refusal := waiting[0].refusal) is not None:
            yield waiting.popleft(), refusal
        yield waiting.popleft(), outcome
    for record in waiting:
        if record.refusal is not None:
            yield record, record.refusal


class Parts:
    """The finished parts of a run, which a stopped run goes on from.

    Args:
        folder: Where they lie until the run is whole.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self, *, identity: str, resume: bool) -> None:
        """Make room for a run, or keep the parts of the same one.

        Args:
            identity: Bundle and manifest of the run.
            resume: Whether to keep parts.

        Raises:
            ConfigError: The parts are of another run.
        """
        marker = self._folder / "identity"
        if resume and marker.is_file():
            if marker.read_text(encoding="utf-8") != identity:
                raise ConfigError(
                    f"the stopped run in {self._folder.parent} was of another bundle or manifest",
                    remedy="Choose another --out, or start again without --resume.",
                )
            return
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        marker.write_text(identity, encoding="utf-8")

    def finished(self) -> set[int]:
        """Numbers of the parts that are whole."""
        return {int(path.name.split(".")[0]) for path in self._ledgers()}

    def write(self, number: int, rows: list[tuple[Record, Diagnosis | Refusal]]) -> None:
        """Keep a part. Its ledger is written last: where that is, the part is whole."""
        lines = [line for _, outcome in rows if isinstance(outcome, Diagnosis) for line in prediction_rows(outcome)]
        write_table(lines, PREDICTIONS, self._folder / f"{number:06d}.predictions.parquet")
        ledger = [ledger_row(outcome, record.flags) for record, outcome in rows]
        write_table(ledger, LEDGER, self._folder / f"{number:06d}.ledger.parquet")

    def join(self, out: Path) -> None:
        """Write the two tables of the whole run and forget the parts."""
        join_tables(sorted(self._folder.glob("*.predictions.parquet")), PREDICTIONS, out / "predictions.parquet")
        join_tables(self._ledgers(), LEDGER, out / "ledger.parquet")
        shutil.rmtree(self._folder)

    def _ledgers(self) -> list[Path]:
        return sorted(self._folder.glob("*.ledger.parquet"))


def _finish(parts: Parts, out: Path, run: dict[str, Any]) -> ScoreResult:
    parts.join(out)
    ledger = pq.read_table(out / "ledger.parquet", columns=["status", "code"])
    statuses = Counter(ledger["status"].to_pylist())
    codes = Counter(ledger["code"].to_pylist())
    result = ScoreResult(
        out=out, scored=statuses["scored"], refused=statuses["refused"], codes=dict(sorted(codes.items()))
    )
    run["end"] = datetime.now(UTC).isoformat(timespec="seconds")
    run["counts"] = {"records": ledger.num_rows, "scored": result.scored, "refused": result.refused, **result.codes}
    (out / "run.json").write_text(json.dumps(run, indent=1), encoding="utf-8")
    return result
