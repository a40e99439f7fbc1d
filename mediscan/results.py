"""The tables that commands write: predictions, one row per study and finding, and the ledger, one row per record."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mediscan.diagnosis import Diagnosis, Flag, Refusal
from mediscan.errors import Code

PREDICTIONS = pa.schema(
    [
        ("study_id", pa.string()),
        ("patient_id", pa.string()),
        ("finding", pa.string()),
        ("probability", pa.float64()),
        ("lower", pa.float64()),
        ("upper", pa.float64()),
        ("decision", pa.string()),
        ("modalities", pa.string()),
        ("out_of_distribution", pa.bool_()),
        ("bundle_id", pa.string()),
        ("input_sha256", pa.string()),
    ]
)

LEDGER = pa.schema(
    [
        ("study_id", pa.string()),
        ("status", pa.string()),
        ("code", pa.string()),
        ("message", pa.string()),
        ("seconds", pa.float64()),
    ]
)


def ledger_row(outcome: Diagnosis | Refusal, flags: Sequence[Flag] = ()) -> dict[str, object]:
    """One record's fate: a scored record carries the code of its first flag, and every flag's message.

    Args:
        outcome: What became of it.
        flags: What its manifest row is marked with.
    """
    if isinstance(outcome, Refusal):
        status, code, message = "refused", outcome.code, outcome.message
    else:
        once = list({flag.code: flag for flag in (*flags, *outcome.flags)}.values())
        status, code = "scored", once[0].code if once else Code.OK
        message = " ".join(flag.message for flag in once)
    return {
        "study_id": outcome.study_id,
        "status": status,
        "code": str(code),
        "message": message,
        "seconds": outcome.seconds,
    }


def prediction_rows(diagnosis: Diagnosis) -> list[dict[str, object]]:
    """A diagnosis as rows of the predictions table."""
    return [
        {
            "study_id": diagnosis.study_id,
            "patient_id": diagnosis.patient_id,
            "finding": result.finding,
            "probability": result.probability,
            "lower": result.lower,
            "upper": result.upper,
            "decision": str(result.decision),
            "modalities": str(diagnosis.modalities),
            "out_of_distribution": diagnosis.out_of_distribution,
            "bundle_id": diagnosis.bundle_id,
            "input_sha256": diagnosis.input_sha256,
        }
        for result in diagnosis.findings
    ]


def write_table(rows: Sequence[dict[str, object]], schema: pa.Schema, path: Path) -> None:
    """Write rows as Parquet; the file appears whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), part)
    part.replace(path)


def join_tables(parts: Sequence[Path], schema: pa.Schema, path: Path) -> None:
    """Join Parquet parts into one file, one part in memory at a time."""
    whole = path.with_name(f"{path.name}.part")
    with pq.ParquetWriter(whole, schema) as writer:
        for part in parts:
            writer.write_table(pq.read_table(part, schema=schema))
    whole.replace(path)
