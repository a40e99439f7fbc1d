"""HL7 v2 files to studies: one study for each accession number."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mediscan.diagnosis import Refusal
from mediscan.errors import Code, IdentityMismatchError, SourceError
from mediscan.sources.boundary import refusing
from mediscan.sources.hl7.report import Report, read_reports
from mediscan.sources.hl7.versions import current_reports
from mediscan.sources.hl7.wire import Message, read_messages
from mediscan.sources.messages.measurements import Measurement, values_before
from mediscan.sources.messages.moments import age_years, sortable
from mediscan.sources.messages.notices import Notices
from mediscan.sources.messages.sections import merge_sections
from mediscan.sources.studies import SourceStudies
from mediscan.study import Study


def read_hl7(paths: Sequence[Path], *, authority: str | None = None) -> SourceStudies:
    """The studies of HL7 v2 messages: results (ORU^R01, R30) and documents (MDM^T02).

    Messages of one accession number are one study. Its id is the StudyInstanceUID (ZDS-1, IPC-3) where the messages
    name just one, and else the accession number, by which a folder's DICOM files join it. Messages that hold only
    measured values are no study of their own; their values go to the patient's studies.

    Whatever is wrong with a file, a message or a study becomes a refusal.

    Args:
        paths: The files.
        authority: The assigning authority (PID-3.4.1) of the id that is the patient's, where patients have several.
    """
    notices = Notices()
    refused: list[Refusal] = []
    told: list[Report] = []
    for path in paths:
        for found in _read(path, authority=authority, notices=notices):
            if isinstance(found, Refusal):
                refused.append(found)
            else:
                told.append(found)
    reports = [one for one in told if not one.only_measures]
    measured: dict[str, list[Measurement]] = {}
    for one in told:
        measured.setdefault(one.patient_id, []).extend(one.measurements)
        if one.only_measures:
            notices.add("Messages with measured values only went to their patient's studies", where=one.where)
    entries: list[Study | Refusal] = []
    for study_id, versions in _by_study(reports).items():
        try:
            entries.append(_study(study_id, versions, measured=measured, notices=notices))
        except SourceError as error:
            entries.append(Refusal.of(study_id, error))
    return SourceStudies(studies=(*entries, *refused), notices=notices.lines())


def _read(path: Path, *, authority: str | None, notices: Notices) -> Iterator[Report | Refusal]:
    try:
        for message in read_messages(path):
            yield from [message] if isinstance(message, Refusal) else _reports(path, message, authority, notices)
    except SourceError as error:
        yield Refusal.of(path.name, error)


def _reports(path: Path, message: Message, authority: str | None, notices: Notices) -> Sequence[Report | Refusal]:
    try:
        with refusing(path, f"{message.where} cannot be read", kind=SourceError, remedy="Send the message again."):
            return read_reports(message, authority=authority, notices=notices)
    except SourceError as error:
        return [Refusal.of(message.where, error)]


def _by_study(reports: Sequence[Report]) -> Mapping[str, list[Report]]:
    uids_of: dict[str | None, set[str]] = {}
    for one in reports:
        if one.study_uid:
            uids_of.setdefault(one.accession, set()).add(one.study_uid)
    studies: dict[str, list[Report]] = {}
    for one in reports:
        uids = {one.study_uid} if one.study_uid else uids_of.get(one.accession, set())
        study_id = next(iter(uids)) if len(uids) == 1 else one.accession
        studies.setdefault(study_id or one.where, []).append(one)
    return studies


def _study(
    study_id: str, versions: Sequence[Report], *, measured: Mapping[str, Sequence[Measurement]], notices: Notices
) -> Study:
    _require_one_patient(study_id, versions)
    held = current_reports(versions)
    if not held:
        raise SourceError(
            f"study {study_id!r}: its report was taken back by {versions[-1].where}",
            remedy="Leave the study out, or add the message that reports it anew.",
            code=Code.INVALID_ROW,
        )
    starts = [one.observed.first for one in held if one.observed]
    start = min(starts, key=sortable, default=None)
    born = next((one.born for one in versions if one.born), None)
    patient = held[-1].patient_id
    reported = [section for one in held for section in one.sections]
    asked = [section for one in versions if one.rank for section in one.asked]
    return Study(
        study_id=study_id,
        patient_id=patient,
        note=merge_sections([*asked, *reported], start=start, where=study_id, notices=notices),
        age_years=age_years(born, start) if born and start else None,
        sex=next((one.sex for one in versions if one.sex), None),
        values=values_before(measured.get(patient, ()), start=start) if start else {},
    )


def _require_one_patient(study_id: str, reports: Sequence[Report]) -> None:
    ids = {one.patient_id for one in reports}
    sexes = {one.sex for one in reports if one.sex}
    births = {one.born for one in reports if one.born}
    if max(len(ids), len(sexes), len(births)) > 1:
        raise IdentityMismatchError(
            f"study {study_id!r}: its {len(reports)} messages name different patients (first: {reports[0].where})",
            remedy="Find out whose report it is; where patients have several ids, name the authority.",
        )
