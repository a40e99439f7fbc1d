"""Names and notes of patients are planted in everything that is ingested, and are looked for in everything it says."""

import csv
import json
import os
import subprocess
import sys

import fhir_builders
import hl7_builders
import pyarrow.parquet as pq
import pytest
from dicom_builders import compress, dicom_dataset, smooth
from pydicom import uid

NAME, FIRST, NOTE = "Zwetschgenbaum", "Quirinalia", "Dragonfly-shaped shadow"
CANARIES = tuple(part.lower() for part in (NAME, FIRST, "Dragonfly", "shaped shadow", "19310407", "1931-04-07"))
STORED = smooth((40, 36), bits=12)

# A user's own start-up file: everything that can be logged and warned of is shown.
_LOUD = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
logging.getLogger("pydicom").setLevel(logging.DEBUG)
from mediscan.cli import main
sys.argv[0] = "mediscan"
main()
"""


def run_loudly(*arguments):
    """The exit code and all output of the program, with every warning and every log shown."""
    environment = {**os.environ, "PYTHONWARNINGS": "always", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _LOUD, *map(str, arguments)],
        capture_output=True,
        text=True,
        errors="replace",
        env=environment,
        check=False,
        timeout=200,
    )
    return done.returncode, done.stdout + done.stderr


def found_in(text):
    return [canary for canary in CANARIES if canary in text.lower()]


def messages(ledger):
    return " ".join(row["message"] for row in pq.read_table(ledger).to_pylist())


def plant_dicom(folder):
    """Good files, files that parsers warn of, and broken ones, all of them the same patient's."""
    folder.mkdir()
    planted = {
        "PatientName": f"{NAME}^{FIRST}",
        "PatientBirthDate": "19310407",
        "PatientComments": NOTE,
        "OtherPatientNames": f"{NAME}^{FIRST}",
        "StudyDescription": NOTE,
    }
    contents = {}
    for number, syntax in enumerate((uid.ExplicitVRLittleEndian, uid.RLELossless, uid.JPEG2000Lossless)):
        dataset = dicom_dataset(STORED, StudyInstanceUID=f"1.2.{number}", SeriesInstanceUID=f"1.3.{number}", **planted)
        if syntax.is_compressed:
            compress(dataset, syntax)
        path = folder / f"good-{number}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        contents[number] = path.read_bytes()
    whole, name = contents[0], f"{NAME}^{FIRST}".encode()
    long_value = name + b" " * (len(name) % 2)
    odd = {
        "not-a-number": whole.replace(b"\x28\x00\x10\x00US\x02\x00", b"\x28\x00\x10\x00PN\x02\x00"),
        "name-as-rows": whole.replace(long_value, b"\xff" * 3 + long_value[3:], 1),
        "wrong-kind": whole.replace(b"\x10\x00\x10\x00PN", b"\x10\x00\x10\x00DA", 1),
        "name-as-number": whole.replace(b"\x10\x00\x10\x00PN", b"\x20\x00\x13\x00IS", 1),
        "name-as-frames": whole.replace(b"\x10\x00\x10\x00PN", b"\x28\x00\x08\x00IS", 1),
        "name-as-class": whole.replace(b"\x10\x00\x10\x00PN", b"\x08\x00\x16\x00UI", 1),
        "name-as-colours": whole.replace(b"\x10\x00\x10\x00PN", b"\x28\x00\x04\x00CS", 1),
        "name-as-charset": whole.replace(b"\x10\x00\x10\x00PN", b"\x08\x00\x05\x00CS", 1),
        "name-as-slope": whole.replace(b"\x10\x00\x10\x00PN", b"\x28\x00\x53\x10DS", 1),
        "cut": whole[: whole.index(name) + len(name) + 9],
        "cut-in-the-pixels": whole[:-99],
        "corrupt-runs": contents[1][:-40] + bytes(20),
        "corrupt-codestream": contents[2].replace(b"\xff\x93", b"\xff\x00"),
        "only-a-name": name * 50,
        "polyglot": b"MZ" + name + whole[2 + len(name) :],
    }
    for title, content in odd.items():
        (folder / f"{title}.dcm").write_bytes(content)
    return folder


def plant_notes(folder):
    """The same patient's notes in every form, each good and broken."""
    folder.mkdir()
    text = f"INDICATION: {NAME}, {FIRST}. {NOTE}.\nIMPRESSION: {NOTE}."
    (folder / "one.txt").write_text(text, encoding="utf-8")
    (folder / "two.txt").write_bytes(text.encode("utf-16") + b"\x00")
    (folder / "three.txt").write_bytes(text.encode() + b"\x81\xff\x00")
    line = {"study_id": "L1", "patient_id": "P9", "note": text}
    lines = [json.dumps(line), json.dumps({**line, "study_id": "L2", "age_years": NAME}), json.dumps(line), text]
    lines.append(json.dumps({**line, "study_id": "L3", "sex": NAME}))
    lines.append(json.dumps({**line, "study_id": "L4", "note_history_at": NAME})[:-1])
    (folder / "lines.jsonl").write_text("\n".join(lines), encoding="utf-8")
    named = fhir_builders.patient(name=[{"family": NAME, "given": [FIRST]}])
    fhir_builders.write(folder, named, fhir_builders.imaging_study(), fhir_builders.report(text=text))
    bundle = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    bundle["entry"][0]["resource"]["birthDate"] = NAME
    bundle["entry"][2]["resource"]["effectiveDateTime"] = NOTE
    (folder / "broken.json").write_text(json.dumps(bundle), encoding="utf-8")
    (folder / "cut.json").write_text(json.dumps(bundle)[:-30], encoding="utf-8")
    patient = f"PID|1||MRN-1^^^HOSP^MR||{NAME}^{FIRST}||{NAME}|F"
    told = hl7_builders.message(patient, hl7_builders.order(observed=NAME), hl7_builders.result(NOTE))
    (folder / "results.hl7").write_text(told, encoding="utf-8")
    (folder / "broken.hl7").write_text(told.replace("OBX", NAME).replace("|", "^", 7), encoding="utf-8")
    (folder / "none.hl7").write_text(text, encoding="utf-8")
    return folder


def write_table(folder):
    path = folder / "table.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "patient", "image", "history", "age", "finding"])
        for number, (age, finding) in enumerate([("70", "1"), (NAME, "1"), ("70", NAME), ("-5", NOTE)]):
            writer.writerow([f"s{number}", f"p{number}", "dicom/good-0.dcm", f"{NAME}: {NOTE}", age, finding])
    return path


def require_silence(output, ledger):
    assert "Traceback" not in output
    assert found_in(output) == []
    assert found_in(messages(ledger)) == []


@pytest.mark.parametrize("plant", [plant_dicom, plant_notes])
def test_no_name_and_no_note_is_said_while_a_folder_is_ingested(tmp_path, plant):
    source = plant(tmp_path / "in")
    code, output = run_loudly("ingest", source, "--out", tmp_path / "m.parquet", "--json")
    assert code == 4
    require_silence(output, tmp_path / "m.ledger.parquet")


def test_no_name_and_no_note_is_said_while_a_table_is_ingested(tmp_path):
    plant_dicom(tmp_path / "dicom")
    columns = ("--id=id", "--patient=patient", "--image=image", "--note=history=history", "--value=age_years=age")
    table = write_table(tmp_path)
    code, output = run_loudly("ingest", table, *columns, "--finding=x=finding", "--out", tmp_path / "m.parquet")
    assert code == 4
    require_silence(output, tmp_path / "m.ledger.parquet")


@pytest.mark.parametrize("name", ["broken.json", "cut.json", "broken.hl7", "none.hl7", "lines.jsonl", "three.txt"])
def test_no_name_and_no_note_is_said_of_a_broken_file_that_is_named_alone(tmp_path, name):
    source = plant_notes(tmp_path / "in")
    _, output = run_loudly("ingest", source / name, "--out", tmp_path / "m.parquet")
    assert "Traceback" not in output
    assert found_in(output) == []


def test_no_name_and_no_note_is_said_while_it_is_taken_out(tmp_path):
    source = plant_dicom(tmp_path / "in")
    out = tmp_path / "out"
    code, output = run_loudly("deidentify", source, "--out", out, "--secret", tmp_path / "secret", "--json")
    assert code == 4
    require_silence(output, out / "ledger.parquet")
    assert found_in((out / "report.json").read_text(encoding="utf-8")) == []
    for path in out.rglob("*"):
        assert found_in(path.relative_to(out).as_posix()) == []
        assert not path.is_file() or found_in(path.read_bytes().decode("latin-1")) == []


def test_the_sweep_would_find_what_it_looks_for(tmp_path):
    plant_dicom(tmp_path / "in")
    planted = b"".join(path.read_bytes() for path in (tmp_path / "in").iterdir())
    assert len(found_in(planted.decode("latin-1"))) == len(CANARIES) - 1  # all but the other way to write the date
