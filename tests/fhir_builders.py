"""FHIR R4 resources and Bundles for tests, each accepted by fhir.resources before it is written."""

import base64
import json
from pathlib import Path

from fhir.resources.R4B import get_fhir_model_class

STUDY_UID = "1.2.826.0.1.3680043.8.498.1"
STARTED = "2024-03-01T10:00:00Z"
LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
_V3 = "http://terminology.hl7.org/CodeSystem"


def valid(kind: str, **elements) -> dict:
    """A resource, which fhir.resources accepts."""
    resource = {"resourceType": kind, **elements}
    get_fhir_model_class(kind).model_validate(resource)
    return resource


def reference(kind: str, identifier: str) -> dict:
    return {"reference": f"{kind}/{identifier}"}


def concept(code: str, *, system: str = SNOMED, text: str | None = None) -> dict:
    return {"coding": [{"system": system, "code": code}], **({"text": text} if text else {})}


def patient(identifier: str = "p1", /, *, mrn: str = "MRN-1", **elements) -> dict:
    number = {"type": concept("MR", system=f"{_V3}/v2-0203"), "value": mrn}
    told = {"identifier": [number], "gender": "female", "birthDate": "1954-03-01", **elements}
    return valid("Patient", id=identifier, **told)


def series(number: int, **elements) -> dict:
    told = {"modality": {"code": "CT"}, "numberOfInstances": 2, **elements}
    return {"uid": f"{STUDY_UID}.{number}", "number": number, **told}


def imaging_study(identifier: str = "s1", /, *, subject: str = "p1", uid: str | None = STUDY_UID, **elements) -> dict:
    told = {"started": STARTED, "series": [series(1)], **elements}
    if uid:
        told.setdefault("identifier", []).append({"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"})
    status = told.pop("status", "available")
    return valid("ImagingStudy", id=identifier, status=status, subject=reference("Patient", subject), **told)


def accession(value: str) -> dict:
    return {"type": concept("ACSN", system=f"{_V3}/v2-0203"), "value": value}


def plain(text: str | bytes, *, kind: str = "text/plain") -> dict:
    raw = text.encode() if isinstance(text, str) else text
    return {"contentType": kind, "data": base64.b64encode(raw).decode()}


def report(identifier: str = "r1", /, *, text: str | None = None, subject: str = "p1", **elements) -> dict:
    told = {
        "status": "final",
        "code": concept("24627-2", system=LOINC),
        "imagingStudy": [reference("ImagingStudy", "s1")],
        "effectiveDateTime": STARTED,
        "issued": "2024-03-01T12:00:00Z",
        **({"presentedForm": [plain(text)]} if text else {}),
        **elements,
    }
    return valid("DiagnosticReport", id=identifier, subject=reference("Patient", subject), **told)


def observation(identifier: str, code: str, value: float | None, unit: str | None, /, *, at: str, **elements) -> dict:
    told = {"status": "final", "subject": reference("Patient", "p1"), "effectiveDateTime": at, **elements}
    if value is not None:
        told["valueQuantity"] = {"value": value, **({"system": UCUM, "code": unit} if unit else {})}
    return valid("Observation", id=identifier, code=concept(code, system=LOINC), **told)


def condition(identifier: str, code: str, text: str, /, *, verification: str = "confirmed", **elements) -> dict:
    told = {
        "clinicalStatus": concept("active", system=f"{_V3}/condition-clinical"),
        "verificationStatus": concept(verification, system=f"{_V3}/condition-ver-status"),
        "recordedDate": "2020-05-05",
        "subject": reference("Patient", "p1"),
        **elements,
    }
    return valid("Condition", id=identifier, code=concept(code, text=text), **told)


def bundle(*resources: dict, kind: str = "collection", urls: dict[int, str] | None = None) -> dict:
    """A Bundle; `urls` are the entries' full addresses by position."""
    entries = [{"resource": one} for one in resources]
    for position, url in (urls or {}).items():
        entries[position]["fullUrl"] = url
    if kind == "transaction":
        for one in entries:
            one["request"] = {"method": "POST", "url": one["resource"]["resourceType"]}
    return valid("Bundle", type=kind, entry=entries)


def write(folder: Path, *resources: dict, name: str = "bundle.json", **options) -> Path:
    """A file with a Bundle of the resources."""
    path = folder / name
    path.write_text(json.dumps(bundle(*resources, **options)), encoding="utf-8")
    return path
