"""ImagingStudy: what it is called, when it was made, and its series."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from mediscan.sources.fhir.models import Coding, Identifier, ImagingStudy, ImagingStudySeries, Reference
from mediscan.sources.fhir.patients import Patients, Person
from mediscan.sources.fhir.resources import Checked, Resources
from mediscan.sources.fhir.series import SeriesDescription
from mediscan.sources.fhir.text import time_span
from mediscan.sources.messages.moments import TimeSpan
from mediscan.sources.messages.notices import Notices
from mediscan.study import ImageMeta, ImageRef

_UID = re.compile(r"[0-9.]{1,64}")
_LATERALITY = {"7771000": "L", "24028007": "R", "51440002": "B", **{side: side for side in ("L", "R", "B")}}
# SNOMED CT: left, right, right and left; beside them DICOM's own values.


@dataclass(frozen=True, kw_only=True, eq=False)
class Imaging:
    """An ImagingStudy that becomes a study.

    Args:
        checked: The resource.
        model: The same, typed.
        study_id: StudyInstanceUID, or else the accession number, or else `ImagingStudy.id`.
        person: The patient.
        accessions: Its accession numbers.
        orders: The requests that it fulfils.
        encounter: The encounter during which it was made, where known.
        started: When it began, where known.
        series: Its series.
    """

    checked: Checked
    model: ImagingStudy
    study_id: str
    person: Person
    accessions: frozenset[str]
    orders: frozenset[str]
    encounter: str | None
    started: TimeSpan | None
    series: tuple[SeriesDescription, ...]

    @property
    def images(self) -> tuple[ImageRef, ...]:
        """Those of its series whose place is known."""
        return tuple(ImageRef(path=one.path, meta=one.meta) for one in self.series if one.path)


def read_imaging(
    checked: Checked, model: ImagingStudy, *, resources: Resources, patients: Patients, notices: Notices
) -> Imaging:
    """An ImagingStudy and its patient.

    Raises:
        SourceError: INVALID_ROW: its patient is not known.
    """
    person = patients.subject(model.subject, holder=checked)
    starts = [span for span in (time_span(one.started) for one in (model, *(model.series or ()))) if span]
    return Imaging(
        checked=checked,
        model=model,
        study_id=study_id(checked, model),
        person=person,
        accessions=accessions(model.identifier),
        orders=frozenset(filter(None, map(resources.link, model.basedOn or ()))),
        encounter=resources.link(model.encounter),
        started=starts[0] if starts else None,
        series=tuple(_series(checked, model, resources=resources, notices=notices)),
    )


def study_id(checked: Checked, model: ImagingStudy) -> str:
    """StudyInstanceUID, or else the accession number, or else the resource's id or place."""
    uids = (_uid(one) for one in model.identifier or () if one.system == "urn:dicom:uid")
    numbers = sorted(accessions(model.identifier))
    return next(filter(None, uids), None) or (numbers[0] if numbers else model.id or checked.entry.where)


def accessions(identifiers: list[Identifier] | None) -> frozenset[str]:
    """The accession numbers among identifiers: those of type ACSN (HL7 table 0203)."""
    return frozenset(
        str(one.value).strip()
        for one in identifiers or ()
        if one.value and one.type and any(coding.code == "ACSN" for coding in one.type.coding or ())
    )


def _uid(identifier: Identifier) -> str | None:
    value = (identifier.value or "").removeprefix("urn:oid:")
    return value if _UID.fullmatch(value) else None


def _series(
    checked: Checked, model: ImagingStudy, *, resources: Resources, notices: Notices
) -> Iterator[SeriesDescription]:
    for one in model.series or ():
        endpoints = [*(one.endpoint or ())] or ([*(model.endpoint or ())] if len(model.series or ()) == 1 else [])
        started = time_span(one.started) or time_span(model.started)
        yield SeriesDescription(
            uid=str(one.uid),
            number=one.number,
            instances=one.numberOfInstances,
            meta=ImageMeta(
                modality=_code(one.modality),
                body_part=_body_part(one),
                laterality=_LATERALITY.get(_code(one.laterality) or ""),
                acquired_at=started.first if started else None,
            ),
            path=_folder(endpoints, checked=checked, resources=resources, notices=notices),
        )


def _code(coding: Coding | None) -> str | None:
    return coding.code if coding else None


def _body_part(series: ImagingStudySeries) -> str | None:
    site = series.bodySite
    return (site.display or site.code) if site else None


def _folder(endpoints: list[Reference], *, checked: Checked, resources: Resources, notices: Notices) -> str | None:
    for reference in endpoints:
        address = getattr(resources.target(reference, holder=checked), "address", None)
        parts = urlsplit(address) if address else None
        if parts is None or parts.scheme not in ("", "file") or parts.netloc:
            notices.add(
                "Series at a network address were not fetched; join their files by a folder", where=checked.label
            )
            continue
        root = checked.entry.file.parent.resolve()
        path = (root / unquote(parts.path)).resolve()
        if path.is_relative_to(root) and path != root:
            return str(path)
        notices.add("Endpoints outside the folder of their message were not used", where=checked.label)
    return None
