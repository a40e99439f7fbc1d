"""DICOM structured reports as the notes of the studies that they report on."""

from collections.abc import Sequence
from pathlib import Path

from mediscan.diagnosis import Refusal
from mediscan.errors import Code, SourceError
from mediscan.sources.merge import merge
from mediscan.sources.notes.structured_report import StructuredReport, read_structured_report
from mediscan.sources.studies import SourceStudies
from mediscan.study import Study


def read_report_studies(paths: Sequence[Path]) -> SourceStudies:
    """One study for each StudyInstanceUID that the reports name, with the sections of all its reports.

    Complete reports go before incomplete ones; what is wrong with a single report becomes a refusal.
    """
    told: list[SourceStudies] = []
    reports: list[tuple[Path, StructuredReport]] = []
    for path in paths:
        try:
            reports.append((path, read_structured_report(path)))
        except SourceError as error:
            told.append(SourceStudies(studies=(Refusal.of(path.name, error),)))
    for path, report in sorted(reports, key=lambda one: not one[1].is_complete):
        told.append(SourceStudies(studies=(_study(path, report),)))
    return merge(told)


def _study(path: Path, report: StructuredReport) -> Study | Refusal:
    if report.study_uid is None or report.patient.patient_id is None:
        missing = SourceError(
            f"report {path.name} names no study or no patient",
            remedy="Fill StudyInstanceUID and PatientID in.",
            code=Code.INVALID_ROW,
        )
        return Refusal.of(report.study_uid or path.name, missing)
    return Study(
        study_id=report.study_uid,
        patient_id=report.patient.patient_id,
        note=report.sections,
        sex=report.patient.sex,
        age_years=report.patient.age_years,
    )
