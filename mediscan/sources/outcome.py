"""What became of an ingest: counts, and the ledger with one row per record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from mediscan import schema
from mediscan.diagnosis import Flag, Refusal
from mediscan.errors import Code
from mediscan.manifest import Manifest
from mediscan.results import LEDGER
from mediscan.study import Split, Study

INGESTED, REFUSED = "ingested", "refused"


@dataclass(frozen=True, kw_only=True)
class FindingCount:
    """How many ingested studies have a finding, do not have it, and do not say."""

    positive: int
    negative: int
    unknown: int


@dataclass(frozen=True, kw_only=True)
class IngestResult:
    """What an ingest did.

    Args:
        manifest: Where the manifest was written.
        ledger: Where the ledger was written.
        studies: Number of studies in the manifest.
        refused: Number of records that are not.
        flagged: Number of studies in the manifest that the ledger has a word on.
        images: Number of images of the studies in the manifest.
        by_split: Number of studies per split; `none` for those without.
        by_finding: Counts per finding, in the manifest's order.
        refusals: Why each of the refused records was refused.
        notices: What the reader should know of the whole, such as a table's encoding.
    """

    manifest: Path
    ledger: Path
    studies: int
    refused: int
    flagged: int
    images: int
    by_split: Mapping[str, int]
    by_finding: Mapping[str, FindingCount]
    refusals: tuple[Refusal, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one record.

    Args:
        entry: The study, or why there is none.
        flags: What the reader should know of it, beside what its manifest row tells.
        remarks: Sentences for the ledger that need no code, such as which series were chosen.
        seconds: How long its images took to describe.
    """

    entry: Study | Refusal
    flags: tuple[Flag, ...] = ()
    remarks: tuple[str, ...] = ()
    seconds: float = 0.0

    def row(self, more: Sequence[Flag] = ()) -> dict[str, object]:
        """The record's row in the ledger; `more` are the flags of its manifest row."""
        if isinstance(self.entry, Refusal):
            status, code, message = REFUSED, self.entry.code, self.entry.message
        else:
            flags = [*self.flags, *more]
            status, code = INGESTED, flags[0].code if flags else Code.OK
            message = " ".join([*(flag.message for flag in flags), *self.remarks])
        return {
            "study_id": self.entry.study_id,
            "status": status,
            "code": str(code),
            "message": message,
            "seconds": self.seconds,
        }


def report(manifest: Manifest, outcomes: Sequence[Outcome], *, notices: Sequence[str]) -> IngestResult:
    """Write the ledger beside the manifest, and count."""
    flags_of = {record.study_id: record.flags for record in manifest.records()}
    studies = [one.entry for one in outcomes if isinstance(one.entry, Study)]
    ledger = manifest.path.with_name(f"{manifest.path.stem}.ledger.parquet")
    rows = [one.row(flags_of.get(one.entry.study_id, ())) for one in outcomes]
    schema.write_parquet(pa.Table.from_pylist(rows, schema=LEDGER), ledger)
    splits = {split.value: sum(study.split is split for study in studies) for split in Split}
    unassigned = sum(study.split is None for study in studies)
    refusals = tuple(one.entry for one in outcomes if isinstance(one.entry, Refusal))
    return IngestResult(
        manifest=manifest.path,
        ledger=ledger,
        studies=len(studies),
        refused=len(refusals),
        flagged=sum(row["status"] == INGESTED and row["code"] != Code.OK for row in rows),
        images=sum(len(study.images) for study in studies),
        by_split=splits | ({"none": unassigned} if unassigned else {}),
        by_finding={name: _count(studies, name) for name in manifest.findings.names},
        refusals=refusals,
        notices=tuple(notices),
    )


def _count(studies: Sequence[Study], name: str) -> FindingCount:
    labels = [study.labels.get(name) for study in studies]
    return FindingCount(positive=labels.count(1), negative=labels.count(0), unknown=labels.count(None))
