"""The reports of one study: which of them hold."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from mediscan.sources.hl7.report import Report
from mediscan.sources.messages.moments import sortable


def current_reports(reports: Iterable[Report]) -> list[Report]:
    """The reports that hold, oldest first; none where the last of a kind takes them back.

    A message carries the whole report as it then stands. So of reports with the same code a final one supersedes
    preliminary ones, a corrected one supersedes final ones, and of several of one status the last holds, whatever the
    order in which they arrived. An addendum that comes alone is added to the report, not put in its place.
    """
    families: dict[str, list[Report]] = {}
    for report in reports:
        families.setdefault(report.code, []).append(report)
    held = [report for family in families.values() for report in _held(sorted(family, key=_issued))]
    return sorted(held, key=_issued)


def _held(family: Sequence[Report]) -> list[Report]:
    if family[-1].rank == 0:
        return []
    since = max((position for position, report in enumerate(family) if report.rank == 0), default=-1) + 1
    living = family[since:]
    whole = [report for report in living if not report.only_adds]
    added = [report for report in living if report.only_adds]
    best = max(whole, key=lambda report: (report.rank, _issued(report)), default=None)
    return [*([best] if best else []), *added]


def _issued(report: Report) -> datetime:
    span = report.issued or report.observed
    return sortable(span.last if span else None)
