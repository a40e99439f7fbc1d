"""The commands that bring data in and take identity out, as they are typed."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from dicom_builders import write_dicom

from mediscan.console import Exit
from mediscan.manifest import Manifest

NOTE = "INDICATION: Cough.\nFINDINGS: An opacity."


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two radiographs of two patients, one with a note."""
    (tmp_path / "in").mkdir()
    for number in (1, 2):
        stored = np.random.default_rng(number).integers(0, 4096, (16, 24), dtype=np.uint16)
        write_dicom(
            tmp_path / "in" / f"{number}.dcm",
            stored,
            Modality="DX",
            PatientID=f"P{number}",
            PatientName="Qorvath^Zuzelle",
            StudyInstanceUID=f"1.2.{number}",
            SeriesInstanceUID=f"1.2.{number}.1",
        )
    (tmp_path / "in" / "1.txt").write_text(NOTE)
    return tmp_path / "in"


def test_ingest_takes_a_folder_of_images_and_notes(run, folder, tmp_path):
    code, out, err = run("ingest", folder, "--out", tmp_path / "m.parquet", "--json")
    assert (code, json.loads(out)["studies"]) == (Exit.DONE, 2)
    assert {section.name for section in Manifest.read(tmp_path / "m.parquet").study("1").note} == {
        "indication",
        "findings",
    }
    assert "Qorvath" not in out + err


def test_ingest_takes_rules_of_selection(run, folder, tmp_path):
    (tmp_path / "rules.toml").write_text('modalities = ["CT"]\n')
    code, _, err = run("ingest", folder, "--out", tmp_path / "m.parquet", "--select", tmp_path / "rules.toml")
    assert code == Exit.SOME_REFUSED
    assert "no_suitable_series" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--collection", "nonsense"], "there is no collection 'nonsense'"),
        (["--note-layout", "("], "--note-layout is no regular expression"),
        (["--select", "none.toml"], "none.toml cannot be read"),
    ],
)
def test_a_wrong_option_of_ingest_is_wrong_usage(run, folder, tmp_path, options, message):
    code, _, err = run("ingest", folder, "--out", tmp_path / "m.parquet", *options)
    assert code == Exit.USAGE
    assert message in err


def test_deidentify_copies_images_and_notes_and_its_output_can_be_ingested(run, folder, tmp_path):
    (tmp_path / "notes.csv").write_text("mrn,uid,history\nP1,1.2.1,Mrs. Qorvath has a cough.\n")
    arguments = ["--secret", tmp_path / "key", "--notes", tmp_path / "notes.csv", "--note-patient", "mrn"]
    arguments += ["--note-study", "uid", "--note", "history"]
    code, out, err = run("deidentify", folder, "--out", tmp_path / "out", *arguments, "--json")
    told = json.loads(out)
    assert (code, told["deidentified"], told["codes"]) == (Exit.DONE, 4, {"ok": 4})
    copies = sorted((tmp_path / "out").rglob("*.dcm"))
    assert len(copies) == 2
    assert not any(b"Qorvath" in path.read_bytes() for path in copies)
    assert "Qorvath" not in out + err
    (row,) = pq.read_table(tmp_path / "out" / "notes.parquet").to_pylist()
    code, out, _ = run(
        *("ingest", tmp_path / "out", "--table", tmp_path / "out" / "notes.parquet"),
        *("--id", "study_id", "--patient", "patient_id", "--note", "history=history"),
        *("--out", tmp_path / "m.parquet", "--json"),
    )
    assert (code, json.loads(out)["studies"]) == (Exit.DONE, 2)
    study = Manifest.read(tmp_path / "m.parquet").study(row["study_id"])
    assert (study.patient_id, len(study.images), len(study.note)) == (row["patient_id"], 1, 1)


def test_notes_without_a_column_are_wrong_usage(run, folder, tmp_path):
    code, _, err = run("deidentify", folder, "--out", tmp_path / "out", "--notes", tmp_path / "notes.csv")
    assert code == Exit.USAGE
    assert "Add --note COL" in err
