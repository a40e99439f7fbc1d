import json
import logging
import random
import sys
import warnings
from datetime import UTC, datetime

import pytest
from fhir_builders import (
    LOINC,
    SNOMED,
    STARTED,
    STUDY_UID,
    accession,
    bundle,
    concept,
    condition,
    imaging_study,
    observation,
    patient,
    plain,
    reference,
    report,
    series,
    valid,
    write,
)
from source_results import CANARIES, only_refusal, only_study, sections

from mediscan.diagnosis import Refusal
from mediscan.errors import Code, SourceError
from mediscan.sources.fhir import files, read_fhir
from mediscan.study import Sex, Study

START = datetime(2024, 3, 1, 10, tzinfo=UTC)


def test_a_patient_with_two_reports_and_three_series_becomes_the_right_study(tmp_path):
    left = {"system": SNOMED, "code": "7771000"}
    chest = {"system": SNOMED, "code": "51185008", "display": "Chest"}
    path = write(
        tmp_path,
        patient(),
        patient("p2", mrn="MRN-2", gender="male"),
        imaging_study(
            series=[series(1, laterality=left, bodySite=chest), series(2), series(3, modality={"code": "SR"})]
        ),
        report("r1", status="preliminary", issued="2024-03-01T10:30:00Z", text="FINDINGS: No opacity."),
        report(
            "r2",
            text="INDICATION: Cough and fever.\nFINDINGS: An opacity.\nIMPRESSION: Pneumonia.",
            conclusion="Pneumonia of the left lower lobe.",
        ),
        condition("c1", "233604007", "Asthma of somebody else", subject=reference("Patient", "p2")),
    )
    read = read_fhir([path])
    study = only_study(read)
    assert (study.study_id, study.patient_id, study.sex, study.images) == (STUDY_UID, "MRN-1", Sex.FEMALE, ())
    assert study.age_years == pytest.approx(70.0, abs=0.01)
    assert sections(study) == {
        "indication": "Cough and fever.",
        "findings": "An opacity.",
        "impression": "Pneumonia.\n\nPneumonia of the left lower lobe.",
    }
    told = read.series[study.study_id]
    assert [(one.uid, one.number, one.instances) for one in told] == [(f"{STUDY_UID}.{n}", n, 2) for n in (1, 2, 3)]
    assert [one.meta.modality for one in told] == ["CT", "CT", "SR"]
    assert (told[0].meta.laterality, told[0].meta.body_part, told[0].meta.acquired_at) == ("L", "Chest", START)


@pytest.mark.parametrize(
    ("statuses", "held"),
    [
        (["preliminary", "final"], [1]),
        (["final", "preliminary"], [0]),
        (["final", "amended"], [1]),
        (["corrected", "final"], [0]),
        (["amended", "amended"], [1]),
        (["final", "final"], [0, 1]),
        (["final", "entered-in-error"], [0]),
        (["cancelled", "preliminary"], [1]),
        (["partial", "unknown"], [1]),
    ],
)
def test_of_versions_of_a_report_those_that_supersede_the_others_hold(tmp_path, statuses, held):
    versions = [
        report(f"r{number}", status=status, text=f"FINDINGS: Version {number}.", issued=f"2024-03-01T1{number}:00:00Z")
        for number, status in enumerate(statuses)
    ]
    study = only_study(read_fhir([write(tmp_path, patient(), imaging_study(), *versions)]))
    assert sections(study)["findings"] == "\n\n".join(f"Version {number}." for number in held)


def test_what_was_known_before_the_examination_is_not_as_young_as_the_report_that_repeats_it(tmp_path):
    text = "HISTORY: Smoker.\nFINDINGS: Clear."
    study = only_study(read_fhir([write(tmp_path, patient(), imaging_study(), report(text=text))]))
    times = {section.name: section.at for section in study.note}
    assert times == {"history": None, "findings": datetime(2024, 3, 1, 12, tzinfo=UTC)}


def test_a_report_finds_its_study_by_accession_number_or_by_the_request(tmp_path):
    request = valid(
        "ServiceRequest",
        id="q1",
        status="active",
        intent="order",
        subject=reference("Patient", "p1"),
        authoredOn="2024-02-29T08:00:00Z",
        reasonCode=[{"text": "Rule out pneumonia"}],
    )
    study = imaging_study(uid=None, identifier=[accession("ACC-7")], basedOn=[reference("ServiceRequest", "q1")])
    by_order = report("r1", text="FINDINGS: A.", basedOn=[reference("ServiceRequest", "q1")])
    by_number = report("r2", text="FINDINGS: B.", identifier=[accession("ACC-7")])
    for one in (by_order, by_number):
        del one["imagingStudy"]
    found = only_study(read_fhir([write(tmp_path, patient(), study, request, by_order, by_number)]))
    assert found.study_id == "ACC-7"
    assert sections(found) == {"indication": "Rule out pneumonia", "findings": "A.\n\nB."}
    assert found.note[0].at == datetime(2024, 2, 29, 8, tzinfo=UTC)


def test_values_are_the_latest_before_the_study_in_one_unit(tmp_path):
    pressure = [
        {"code": concept("8480-6", system=LOINC), "valueQuantity": _quantity(120, "mm[Hg]")},
        {"code": concept("8462-4", system=LOINC), "valueQuantity": _quantity(80, "mm[Hg]")},
    ]
    path = write(
        tmp_path,
        patient(),
        imaging_study(),
        observation("o1", "8310-5", 101.3, "[degF]", at="2024-03-01T09:00:00Z"),
        observation("o2", "8310-5", 36.6, "Cel", at="2024-03-01T08:00:00Z"),
        observation("o3", "8310-5", 40.1, "Cel", at="2024-03-01T10:00:01Z"),
        observation("o4", "85354-9", None, None, at="2024-02-29", component=pressure),
        observation("o5", "1988-5", 4.2, "mg/dL", at="2024-02-28"),
        observation("o6", "6690-2", 11500, "/uL", at="2024-03-01"),
        observation("o7", "8867-4", 300, "/min", at="2020-01-01"),
        observation("o8", "8302-2", 5, "[ft_i]", at="2024-02-01"),
        observation("o9", "29463-7", 70, "kg", at="2024-02-01", status="entered-in-error"),
        observation("o10", "2708-6", 0.97, "1", at="2024-02-29"),
    )
    read = read_fhir([path])
    assert only_study(read).values == pytest.approx(
        {
            "crp_mg_per_l": 42.0,
            "diastolic_mmhg": 80.0,
            "oxygen_saturation_percent": 97.0,
            "systolic_mmhg": 120.0,
            "temperature_celsius": 38.5,
        }
    )
    assert any("height_cm" in notice and "Observation/o8" in notice for notice in read.notices)


def _quantity(value: float, code: str) -> dict:
    return {"value": value, "system": "http://unitsofmeasure.org", "code": code}


def test_observations_inside_a_report_count_and_coded_ones_are_sections(tmp_path):
    inside = observation("inner", "59408-5", 91, "%", at="2024-03-01T09:30:00Z")
    del inside["subject"]
    said = observation("said", "19005-8", None, None, at=STARTED, valueString="No pneumonia.")
    results = [{"reference": "#inner"}, reference("Observation", "said")]
    path = write(tmp_path, patient(), imaging_study(), said, report(contained=[inside], result=results))
    study = only_study(read_fhir([path]))
    assert study.values == {"oxygen_saturation_percent": 91.0}
    assert sections(study) == {"impression": "No pneumonia."}


def test_history_tells_only_conditions_recorded_before_the_study_that_hold(tmp_path):
    path = write(
        tmp_path,
        patient(),
        imaging_study(),
        condition("c1", "195967001", "Asthma", onsetDateTime="2010-04"),
        condition("c2", "233604007", "Pneumonia", recordedDate="2024-03-01T10:30:00Z"),
        condition("c3", "13645005", "COPD", verification="refuted"),
        condition("c4", "44054006", "Diabetes", verification="entered-in-error"),
        condition("c5", "363358000", "Lung cancer", verification="provisional"),
        condition("c6", "38341003", "Hypertension", recordedDate="2024-03-01"),
    )
    study = only_study(read_fhir([path]))
    assert sections(study) == {"history": "Asthma, since 2010.\nLung cancer (not confirmed)."}


def test_conditions_make_labels_only_where_the_caller_maps_them(tmp_path):
    path = write(
        tmp_path,
        patient(),
        imaging_study(encounter=reference("Encounter", "e1")),
        condition("c1", "233604007", "Pneumonia", recordedDate="2024-03-02", encounter=reference("Encounter", "e1")),
        condition("c2", "13645005", "COPD", verification="refuted", onsetDateTime="2015"),
        condition("c3", "363358000", "Lung cancer", verification="provisional", onsetDateTime="2015"),
        condition("c4", "195967001", "Asthma", onsetDateTime="2025"),
    )
    assert only_study(read_fhir([path])).labels == {}
    codes = {
        "pneumonia": ("233604007",),
        "copd": (f"{SNOMED}|13645005",),
        "cancer": ("363358000",),
        "asthma": ("195967001",),
    }
    read = read_fhir([path], conditions=codes)
    study = only_study(read)
    assert study.labels == {"pneumonia": 1, "copd": 0}
    assert read.findings == ("pneumonia", "copd", "cancer", "asthma")
    assert "history" not in sections(study)  # Else the note would tell the labels.


def test_references_are_found_in_every_form(tmp_path):
    uuid = "urn:uuid:5d0f8f5e-5f9c-4b0e-8f2e-7a1f0a4c0001"
    server = "https://fhir.example.org/r4"
    without_id = patient()
    del without_id["id"]
    study = imaging_study()
    study["subject"] = {"reference": uuid}
    own = report("r1", text="FINDINGS: A.", imagingStudy=[{"reference": f"{server}/ImagingStudy/s1/_history/2"}])
    own["subject"] = {"reference": uuid}
    urls = {0: uuid, 1: f"{server}/ImagingStudy/s1"}
    found = only_study(read_fhir([write(tmp_path, without_id, study, own, urls=urls, kind="transaction")]))
    assert (found.patient_id, sections(found)) == ("MRN-1", {"findings": "A."})


def test_a_contained_patient_and_an_identifier_alone_name_the_patient(tmp_path):
    held = patient("inner")
    study = imaging_study(contained=[held])
    study["subject"] = {"reference": "#inner"}
    own = report(text="FINDINGS: A.")
    own["subject"] = {"identifier": {"value": "MRN-1"}}
    assert only_study(read_fhir([write(tmp_path, patient(), study, own)])).patient_id == "MRN-1"


def test_the_same_id_on_another_server_is_another_resource(tmp_path):
    own = report(text="FINDINGS: A.", imagingStudy=[{"reference": "https://b.example.org/ImagingStudy/s1"}])
    path = write(tmp_path, patient(), imaging_study(), own, urls={1: "https://a.example.org/ImagingStudy/s1"})
    refusal = only_refusal(read_fhir([path]))
    assert (refusal.code, refusal.study_id) == (Code.INVALID_ROW, "bundle.json entry 3")
    assert "DiagnosticReport/r1 (bundle.json entry 3): its imagingStudy is not part" in refusal.message


def test_a_report_of_another_patient_refuses_the_study(tmp_path):
    path = write(tmp_path, patient(), patient("p2", mrn="MRN-2"), imaging_study(), report(subject="p2", text="x"))
    refusal = only_refusal(read_fhir([path]))
    assert (refusal.study_id, refusal.code) == (STUDY_UID, Code.IDENTITY_MISMATCH)
    assert "DiagnosticReport/r1" in refusal.message
    assert "MRN" not in refusal.message


@pytest.mark.parametrize(
    ("told", "refused"),
    [
        ({"birthDate": "1990-01-01"}, True),
        ({"gender": "male"}, True),
        ({"birthDate": None, "gender": "unknown"}, False),
    ],
)
def test_one_record_number_with_two_birth_dates_or_sexes_is_two_patients(tmp_path, told, refused):
    twin = patient("p2", **told)
    read = read_fhir([write(tmp_path, patient(), twin, imaging_study(), report(subject="p2", text="FINDINGS: A."))])
    assert [isinstance(entry, Refusal) for entry in read.studies] == [refused]


def test_a_result_of_another_patient_refuses_the_study(tmp_path):
    foreign = observation("o1", "8310-5", 37, "Cel", at=STARTED, subject=reference("Patient", "p2"))
    own = report(text="x", result=[reference("Observation", "o1")])
    path = write(tmp_path, patient(), patient("p2", mrn="MRN-2"), imaging_study(), foreign, own)
    assert only_refusal(read_fhir([path])).code is Code.IDENTITY_MISMATCH


def test_a_study_of_a_patient_who_is_not_there_is_refused(tmp_path):
    refusal = only_refusal(read_fhir([write(tmp_path, imaging_study())]))
    assert (refusal.code, refusal.study_id) == (Code.INVALID_ROW, STUDY_UID)


@pytest.mark.parametrize(
    ("kind", "broken"),
    [
        ("ImagingStudy", {"status": "bogus"}),
        ("DiagnosticReport", {"status": "bogus"}),
        ("DiagnosticReport", {"effectiveDateTime": "ADLERFLYCHT"}),
        ("DiagnosticReport", {"ADLERFLYCHT": 1}),
        ("Patient", {"gender": "bogus"}),
        ("Patient", {"birthDate": 7}),
        ("Condition", {"verificationStatus": {"coding": [{"code": "bogus"}]}}),
        ("Observation", {"status": None}),
    ],
)
def test_a_resource_that_is_not_valid_is_refused_by_type_and_id(tmp_path, kind, broken):
    resources = [
        patient(),
        imaging_study(),
        report(text="x"),
        condition("c1", "1", "x"),
        observation("o1", "8310-5", 37, "Cel", at=STARTED),
    ]
    path = tmp_path / "bundle.json"
    told = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}
    for one in resources:
        if one["resourceType"] == kind:
            one.update(broken)
    path.write_text(json.dumps(told))
    refusals = [entry for entry in read_fhir([path]).studies if isinstance(entry, Refusal)]
    assert any(f"{kind}/" in one.message and "not valid FHIR R4" in one.message for one in refusals)
    assert not any(canary in one.message for one in refusals for canary in CANARIES)


def test_a_resource_twice_is_one_and_of_two_versions_the_newer_holds(tmp_path):
    older = report(text="FINDINGS: Old.", meta={"lastUpdated": "2024-03-01T12:00:00Z"})
    newer = report(text="FINDINGS: New.", meta={"lastUpdated": "2024-03-02T12:00:00Z"})
    path = write(tmp_path, patient(), patient(), imaging_study(), newer, older)
    assert sections(only_study(read_fhir([path]))) == {"findings": "New."}


def test_two_resources_with_one_id_and_no_version_are_both_refused(tmp_path):
    path = write(tmp_path, patient(), patient(mrn="MRN-2"), imaging_study())
    messages = [entry.message for entry in read_fhir([path]).studies if isinstance(entry, Refusal)]
    assert any("Patient/p1 (bundle.json entry 2) is there more than once" in message for message in messages)
    assert any("its patient is not part of the input" in message for message in messages)


def test_two_studies_with_one_id_are_both_refused(tmp_path):
    read = read_fhir([write(tmp_path, patient(), imaging_study("s1"), imaging_study("s2"))])
    assert [entry.code for entry in read.studies] == [Code.DUPLICATE_STUDY_ID] * 2


def test_a_bulk_export_is_read_line_by_line_over_its_files(tmp_path):
    for name, resources in {
        "Patient.ndjson": [patient()],
        "ImagingStudy.ndjson": [imaging_study(), imaging_study("s2", uid="1.2.3")],
        "DiagnosticReport.ndjson": [report(text="FINDINGS: A.")],
    }.items():
        (tmp_path / name).write_text("\n".join(map(json.dumps, resources)) + "\n\n{broken\n")
    read = read_fhir(sorted(tmp_path.iterdir()))
    assert [entry.study_id for entry in read.studies if isinstance(entry, Study)] == [STUDY_UID, "1.2.3"]
    refused = {entry.study_id: entry.code for entry in read.studies if isinstance(entry, Refusal)}
    assert refused["Patient.ndjson line 3"] is Code.FILE_UNREADABLE
    assert len(refused) == 3


@pytest.mark.parametrize("kind", ["collection", "searchset", "document", "transaction"])
def test_every_kind_of_bundle_is_read(tmp_path, kind):
    study = imaging_study()
    resources = [patient(), study, report(text="FINDINGS: A.")]
    if kind == "document":
        composition = {
            "status": "final",
            "type": concept("1"),
            "date": STARTED,
            "title": "x",
            "author": [{"display": "x"}],
        }
        resources.insert(0, valid("Composition", **composition))
    assert only_study(read_fhir([write(tmp_path, *resources, kind=kind)])).study_id == STUDY_UID


def test_what_an_attachment_holds_is_read_as_text_or_named(tmp_path):
    forms = [
        plain("FINDINGS: Ödem.".encode("latin-1"), kind="text/plain; charset=ISO-8859-1"),
        plain(b"%PDF-1.7", kind="application/pdf"),
        plain(b"<p>x</p>", kind="text/html"),
        {"contentType": "text/plain", "url": "https://example.org/report.txt"},
    ]
    read = read_fhir([write(tmp_path, patient(), imaging_study(), report(presentedForm=forms))])
    assert sections(only_study(read)) == {"findings": "Ödem."}
    for part in ("application/pdf", "text/html", "lies at an address"):
        assert any(part in notice and "DiagnosticReport/r1" in notice for notice in read.notices)


def test_a_narrative_becomes_what_its_reader_sees(tmp_path):
    div = (
        '<div xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script>'
        "<p>FINDINGS:&nbsp;An <b>opacity</b> &lt;2 cm</p>"
        "<table><tr><td>IMPRESSION:</td><td>Pneumonia</td></tr></table></div>"
    )
    own = report(text=None)
    own["text"] = {"status": "generated", "div": div}
    study = only_study(read_fhir([write(tmp_path, patient(), imaging_study(), own)]))
    assert sections(study) == {"findings": "An opacity <2 cm", "impression": "Pneumonia"}


@pytest.mark.parametrize(
    "div",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><div>&b;</div>',
        "<div>" + "<a " * 100_000,
        "<div>" + "<b>" * 100_000,
    ],
)
def test_a_hostile_narrative_costs_no_time_and_no_study(tmp_path, div):
    own = report(text=None)
    own["text"] = {"status": "generated", "div": div}
    read = read_fhir([write(tmp_path, patient(), imaging_study(), own)])
    assert only_study(read).note == ()
    assert any("not well-formed XHTML" in notice for notice in read.notices)


def test_a_document_of_the_encounter_is_told_and_a_replaced_one_is_not(tmp_path):
    def document(identifier: str, text: str, **elements) -> dict:
        return valid(
            "DocumentReference",
            id=identifier,
            status="current",
            subject=reference("Patient", "p1"),
            date="2024-03-01T08:00:00Z",
            content=[{"attachment": plain(text)}],
            context={"encounter": [reference("Encounter", "e1")]},
            **elements,
        )

    replaces = [{"code": "replaces", "target": reference("DocumentReference", "d1")}]
    path = write(
        tmp_path,
        patient(),
        imaging_study(encounter=reference("Encounter", "e1")),
        document("d1", "HISTORY: Old words."),
        document("d2", "HISTORY: New words.", relatesTo=replaces),
    )
    (section,) = only_study(read_fhir([path])).note
    assert (section.name, section.text, section.at) == ("history", "New words.", datetime(2024, 3, 1, 8, tzinfo=UTC))


def test_the_authority_chooses_the_patient_id(tmp_path):
    numbers = [{"system": "urn:a", "value": "A1", "use": "old"}, {"system": "urn:b", "value": "B1"}]
    path = write(tmp_path, patient(identifier=numbers), imaging_study())
    assert only_study(read_fhir([path])).patient_id == "B1"
    assert only_study(read_fhir([path], authority="urn:b")).patient_id == "B1"
    assert "its patient has no id" in only_refusal(read_fhir([path], authority="urn:a")).message


def test_a_series_lies_only_beside_its_message(tmp_path):
    def endpoint(identifier: str, address: str) -> dict:
        return valid(
            "Endpoint",
            id=identifier,
            status="active",
            connectionType={"code": "direct-project"},
            payloadType=[{"text": "x"}],
            address=address,
        )

    path = write(
        tmp_path,
        patient(),
        imaging_study(
            series=[series(n, endpoint=[reference("Endpoint", f"n{n}")]) for n in (1, 2, 3)],
        ),
        endpoint("n1", "series/one"),
        endpoint("n2", "file:///etc/passwd"),
        endpoint("n3", "https://pacs.example.org/wado"),
    )
    read = read_fhir([path])
    assert [image.path for image in only_study(read).images] == [str(tmp_path / "series" / "one")]
    assert len(read.notices) == 2


def test_a_missing_extra_is_named_with_its_remedy(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fhir.resources.R4B", None)
    for name in [name for name in sys.modules if name.startswith("mediscan.sources.fhir.")]:
        if not name.endswith((".read", ".series")):
            monkeypatch.delitem(sys.modules, name)
    with pytest.raises(SourceError, match=r"pip install 'mediscan\[messages\]'"):
        read_fhir([write(tmp_path, patient())])


def test_size_and_depth_are_capped(tmp_path, monkeypatch):
    deep = tmp_path / "deep.json"
    deep.write_text('{"resourceType":"Bundle","entry":' + "[" * 100 + "]" * 100 + "}")
    deeper = tmp_path / "deeper.json"
    deeper.write_text("[" * 100_000)
    refusals = {entry.study_id: entry for entry in read_fhir([deep, deeper]).studies}
    assert "nested deeper than 64 levels" in refusals["deep.json"].message
    assert refusals["deeper.json"].code is Code.FILE_UNREADABLE
    monkeypatch.setattr(files, "MAX_BYTES", 100)
    assert only_refusal(read_fhir([write(tmp_path, patient())])).code is Code.FILE_TOO_LARGE


def test_a_file_that_is_not_there_is_refused(tmp_path):
    assert only_refusal(read_fhir([tmp_path / "nothing.json"])).study_id == "nothing.json"


def everything() -> list[dict]:
    """One resource of each kind, with canaries where names and notes stand."""
    name, word = "ADLERFLYCHT", "hemoptysis-canary"
    own = report(text=f"HISTORY: {word}\nFINDINGS: {name}", conclusion=word, result=[reference("Observation", "o1")])
    own["text"] = {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{name}</div>'}
    return [
        patient(name=[{"family": name, "given": ["QUIRINA"]}]),
        imaging_study(reasonCode=[{"text": word}], encounter=reference("Encounter", "e1")),
        own,
        condition("c1", "195967001", word, onsetDateTime="2010"),
        observation("o1", "8310-5", 37, "Cel", at="2024-03-01T09:00:00Z"),
        valid(
            "Encounter",
            id="e1",
            status="finished",
            **{"class": {"code": "AMB"}},
            subject=reference("Patient", "p1"),
            reasonCode=[{"text": word}],
        ),
        valid(
            "DocumentReference",
            id="d1",
            status="current",
            subject=reference("Patient", "p1"),
            content=[{"attachment": plain(word)}],
            context={"encounter": [reference("Encounter", "e1")]},
        ),
    ]


def mutants(draw: random.Random, count: int) -> list[bytes]:
    made = []
    for _ in range(count):
        document = bundle(*everything())
        for _ in range(draw.randrange(3)):
            _change(document, draw)
        raw = bytearray(json.dumps(document).encode())
        how = draw.randrange(4)
        if how == 0:
            del raw[draw.randrange(len(raw)) :]
        elif how == 1:
            for _ in range(draw.randrange(1, 6)):
                raw[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
        made.append(bytes(raw))
    return made


def _change(node: object, draw: random.Random) -> None:
    """Put something of another kind, or far too deep, into a random place."""
    for _ in range(draw.randrange(2, 12)):
        children = list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
        if not children:
            return
        key = draw.choice(children)
        if not isinstance(node[key], dict | list) or not draw.randrange(6):
            deep: object = "ADLERFLYCHT"
            for _ in range(draw.choice((1, 50, 400))):
                deep = [deep]
            node[key] = draw.choice((None, 7, -1e308, "", "ADLERFLYCHT\x00", [], {}, {"QUIRINA": 1}, deep, True))
            return
        node = node[key]


def test_mutated_bundles_are_read_or_refused_and_never_repeat_content(tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    draw, path, refused, studies = random.Random(7), tmp_path / "mutant.json", 0, 0
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for raw in mutants(draw, 300):
            path.write_bytes(raw)
            read = read_fhir([path], conditions={"asthma": ("195967001",)})
            messages = [entry.message for entry in read.studies if isinstance(entry, Refusal)]
            refused += bool(messages)
            studies += any(isinstance(entry, Study) for entry in read.studies)
            assert not any(canary in text for text in (*messages, *read.notices) for canary in CANARIES), messages
    assert min(refused, studies) > 50
    written = capfd.readouterr()
    seen = [caplog.text, written.out, written.err, *(str(one.message) for one in warned)]
    assert not any(canary in text for text in seen for canary in CANARIES)


def test_each_of_many_patients_gets_the_own_report(tmp_path):
    resources = []
    for number in range(300):
        resources += [
            patient(f"p{number}", mrn=f"MRN-{number}"),
            imaging_study(f"s{number}", subject=f"p{number}", uid=f"1.2.{number}"),
            report(
                f"r{number}",
                subject=f"p{number}",
                imagingStudy=[reference("ImagingStudy", f"s{number}")],
                text=f"FINDINGS: {number}.",
            ),
        ]
    path = tmp_path / "many.json"
    path.write_text(
        json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]})
    )
    told = {
        entry.patient_id: sections(entry)["findings"] for entry in read_fhir([path]).studies if isinstance(entry, Study)
    }
    assert told == {f"MRN-{number}": f"{number}." for number in range(300)}
