"""How many sections of notes are found, and whether what an image shows is ever read as history.

Run over composed reports of known truth, in the wording that the splitter was adjusted on, in one that was written
afterwards and four that were written without having seen the splitter, and over the Open-i reports, laid out as that
collection lays them out.
"""

import csv
import random
import time
from collections import Counter
from pathlib import Path

from benchmarks.blind_wording import BLIND
from benchmarks.composed_reports import UNSCORED, Report, compose_discharge_summary, compose_report
from benchmarks.fresh_wording import FRESH
from benchmarks.held_out_wording import HELD_OUT
from benchmarks.report_wordings import TUNED, Wording
from benchmarks.second_fresh_wording import SECOND_FRESH
from benchmarks.unseen_wording import UNSEEN
from mediscan.sources.notes.headings import LEAKAGE_SAFE
from mediscan.sources.notes.sections import split_sections

_REPORTS, _SUMMARIES, _SEED = 1500, 300, 20261124
_OPENI = Path(__file__).parents[2] / "shared" / "data" / "openi-reports" / "reports.csv"
_OPENI_SECTIONS = ("indication", "comparison", "findings", "impression")


def run() -> dict[str, object]:
    result: dict[str, object] = {"command": "python -m benchmarks sections"}
    for name, wording, seed in (
        ("tuned", TUNED, _SEED),
        ("held_out", HELD_OUT, _SEED + 1),
        ("blind", BLIND, _SEED + 2),
        ("unseen", UNSEEN, _SEED + 3),
        ("fresh", FRESH, _SEED + 4),
        ("second_fresh", SECOND_FRESH, _SEED + 5),
    ):
        result[name] = _composed(wording, random.Random(seed))  # noqa: S311 - the draws are a simulation
    return result | ({"openi": _openi()} if _OPENI.is_file() else {})


def _composed(wording: Wording, draw: random.Random) -> dict[str, object]:
    reports = [compose_report(draw, wording) for _ in range(_REPORTS)]
    reports += [compose_discharge_summary(draw, wording) for _ in range(_SUMMARIES)]
    right = wrong = leaking = 0
    by_layout: Counter[str] = Counter()
    started = time.perf_counter()
    for report in reports:
        found = {section.name: section.text for section in split_sections(report.text)}
        names = (set(found) | set(report.truth)) - UNSCORED
        misses = [name for name in names if not _same(found.get(name), report.truth.get(name))]
        right, wrong = right + len(names) - len(misses), wrong + len(misses)
        by_layout[report.layout] += len(misses)
        leaking += _leaks(report, found)
    return {
        "seconds": round(time.perf_counter() - started, 2),
        "reports": len(reports),
        "sections": right + wrong,
        "share_right": round(right / (right + wrong), 4),
        "reports_with_leakage": leaking,
        "misses_by_layout": {layout: misses for layout, misses in by_layout.most_common() if misses},
    }


def _same(found: str | None, truth: list[str] | None) -> bool:
    return " ".join((found or "").split()) == " ".join(" ".join(truth or []).split())


def _leaks(report: Report, found: dict[str, str]) -> bool:
    """Whether any sentence of what the image shows stands in a section that training reads."""
    read = " ".join(" ".join(text.split()) for name, text in found.items() if name in LEAKAGE_SAFE)
    sentences = {
        " ".join(sentence.split())
        for body in report.hidden
        for sentence in body.replace("\n", ". ").split(". ")
        if len(sentence.split()) > 1
    }
    allowed = " ".join(" ".join(texts) for name, texts in report.truth.items() if name in LEAKAGE_SAFE)
    return any(sentence in read and sentence not in allowed for sentence in sentences)


def _openi() -> dict[str, object]:
    """Whether each Open-i report, laid out with the collection's headings, is split back into its sections."""
    with _OPENI.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    agree = leaking = sections = sections_right = 0
    for row in rows:
        truth = {name: row[name].strip() for name in _OPENI_SECTIONS if row[name].strip()}
        text = "\n\n".join(f"{name.upper()}: {row[name]}" for name in _OPENI_SECTIONS)
        found = {section.name: section.text for section in split_sections(text)}
        matching = [name for name in truth if _same(found.get(name), [truth[name]])]
        agree += len(matching) == len(truth) == len(found)
        sections, sections_right = sections + len(truth), sections_right + len(matching)
        leaking += any(
            truth[name] in found.get(safe, "")
            for name in ("findings", "impression")
            if name in truth
            for safe in LEAKAGE_SAFE
            if truth[name] not in truth.get("indication", "")
        )
    return {
        "reports": len(rows),
        "share_of_reports_exact": round(agree / len(rows), 4),
        "share_of_sections_exact": round(sections_right / sections, 4),
        "reports_with_leakage": leaking,
    }
