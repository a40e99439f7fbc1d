"""FHIR R4: Bundles and bulk exports to studies.

- `read`: files to studies
- `files`: JSON to raw resources, with caps
- `resources`: raw resources to checked ones, and the references between them (`models` are those of fhir.resources)
- `patients`: whom a resource is about
- `imaging`: ImagingStudy: ids, times and series (`series` is what is kept of them)
- `reports`: DiagnosticReport and DocumentReference to note sections (`text` decodes what they hold)
- `clinical`: Condition, Observation, ServiceRequest and Encounter to history, values, indication and labels
- `assemble`: all of it together, study by study
"""

from mediscan.sources.fhir.read import FhirStudies, read_fhir
from mediscan.sources.fhir.series import SeriesDescription

__all__ = ["FhirStudies", "SeriesDescription", "read_fhir"]
