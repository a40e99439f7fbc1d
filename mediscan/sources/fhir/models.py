"""The models of fhir.resources that are used; this is the one place that imports it.

Its R4B models serve for R4 too: of the resources read here R4B changed none (http://hl7.org/fhir/R4B/diff.html).

Raises:
    SourceError: When this module is imported and fhir.resources is not installed.
"""

from mediscan.errors import SourceError

try:
    from fhir.resources.R4B import get_fhir_model_class
    from fhir.resources.R4B.attachment import Attachment
    from fhir.resources.R4B.codeableconcept import CodeableConcept
    from fhir.resources.R4B.coding import Coding
    from fhir.resources.R4B.condition import Condition
    from fhir.resources.R4B.diagnosticreport import DiagnosticReport
    from fhir.resources.R4B.documentreference import DocumentReference
    from fhir.resources.R4B.encounter import Encounter
    from fhir.resources.R4B.endpoint import Endpoint
    from fhir.resources.R4B.identifier import Identifier
    from fhir.resources.R4B.imagingstudy import ImagingStudy, ImagingStudySeries
    from fhir.resources.R4B.narrative import Narrative
    from fhir.resources.R4B.observation import Observation, ObservationComponent
    from fhir.resources.R4B.patient import Patient
    from fhir.resources.R4B.period import Period
    from fhir.resources.R4B.reference import Reference
    from fhir.resources.R4B.resource import Resource
    from fhir.resources.R4B.servicerequest import ServiceRequest
except ImportError:
    raise SourceError(
        "fhir.resources is not installed, so FHIR cannot be read", remedy="Run `pip install 'mediscan[messages]'`."
    ) from None

__all__ = [
    "Attachment",
    "CodeableConcept",
    "Coding",
    "Condition",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "Endpoint",
    "Identifier",
    "ImagingStudy",
    "ImagingStudySeries",
    "Narrative",
    "Observation",
    "ObservationComponent",
    "Patient",
    "Period",
    "Reference",
    "Resource",
    "ServiceRequest",
    "get_fhir_model_class",
]
