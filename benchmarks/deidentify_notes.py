"""How many planted identifiers of notes are found, and what else is taken: two halves of templates, two settings.

The held-out half was written before the patterns; the patterns were adjusted on the other half. False removals are
counted on reports whose identities were taken out before they were published, so that what is removed is wrong.
"""

import csv
import time
from pathlib import Path

from mediscan.deidentify.notes import NoteDeidentifier
from mediscan.deidentify.surrogates import Surrogates
from tests.note_identity_builders import Half, tally

REPORTS = Path(__file__).resolve().parents[2] / "shared" / "data" / "openi-reports" / "reports.csv"
_SECTIONS = ("indication", "comparison", "findings", "impression")
_DRAWS = 25


def run() -> dict[str, object]:
    started = time.perf_counter()
    result: dict[str, object] = {"command": "python -m benchmarks deidentify_notes"}
    for half in Half:
        for setting, header_known in (("header known", True), ("note alone", False)):
            counts = tally(half, header_known=header_known, draws=_DRAWS)
            result[f"{half}, {setting}"] = {
                "n_identifiers": counts.identifiers.total(),
                "recall": round(counts.recall, 4),
                "precision": round(counts.precision, 4),
                "recall_by_kind": counts.by_kind,
                "wrongly_removed": {str(kind): number for kind, number in counts.wrongly.items() if number},
            }
    if REPORTS.is_file():
        result["openi-reports"] = _false_removals(REPORTS)
    result["seconds"] = round(time.perf_counter() - started, 1)
    return result


def _false_removals(reports: Path) -> dict[str, object]:
    deidentifier = NoteDeidentifier(Surrogates(b"a secret for benchmarks"), patient_id="P1")
    words, kinds, number = 0, dict[str, int](), 0
    with reports.open(encoding="utf-8", newline="") as lines:
        for number, report in enumerate(csv.DictReader(lines), 1):  # noqa: B007 - the last number is the count
            text = "\n".join(report[section] for section in _SECTIONS)
            words += len(text.split())
            for kind, count in deidentifier.clean(text).counts.items():
                kinds[kind] = kinds.get(kind, 0) + count
    return {
        "n_reports": number,
        "n_words": words,
        "removed_per_1000_words": round(1000 * sum(kinds.values()) / words, 3),
        "removed": kinds,
    }
