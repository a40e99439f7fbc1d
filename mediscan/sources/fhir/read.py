"""FHIR R4 files to studies: one study for each ImagingStudy, with all that the input says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from mediscan.sources.fhir.series import SeriesDescription
from mediscan.sources.studies import SourceStudies

ConditionCodes = Mapping[str, Sequence[str]]
"""The codes of Conditions that stand for each finding, alone or as `system|code`."""


@dataclass(frozen=True, kw_only=True)
class FhirStudies(SourceStudies):
    """Studies, and the series that their ImagingStudy resources describe.

    Args:
        series: The series of each study by its id; their files are found elsewhere.
    """

    series: Mapping[str, tuple[SeriesDescription, ...]] = field(default_factory=dict)


def read_fhir(
    paths: Sequence[Path], *, conditions: ConditionCodes = MappingProxyType({}), authority: str | None = None
) -> FhirStudies:
    """The studies of FHIR R4 Bundles and single resources (`.json`), and of bulk exports (`.ndjson`).

    All files are read as one server's view: references reach from one to another. A study has the id of its images
    (StudyInstanceUID, or else the accession number), by which a folder's DICOM files join it.

    Args:
        paths: The files.
        conditions: Codes of Conditions that label a finding; without them there are no labels.
        authority: The `system` of the Patient.identifier that is the patient's id, where patients have several.

    Raises:
        SourceError: fhir.resources is not installed. Whatever is wrong with a file, a resource or a study becomes a
            refusal.
    """
    from mediscan.sources.fhir.assemble import assemble  # noqa: PLC0415 - needs an extra, and 0.4 s to import

    return assemble(paths, conditions=conditions, authority=authority)
