import json
import logging
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pydicom
import pytest
from deident_builders import annex_e, canary, planted_file
from dicom_builders import write_dicom

from mediscan.deidentify.files import DicomRules
from mediscan.deidentify.run import DeidentifyOptions, DeidentifyResult, deidentify
from mediscan.deidentify.secret import ENVIRONMENT, secret_from
from mediscan.deidentify.surrogates import Surrogates
from mediscan.deidentify.table import NoteTable
from mediscan.errors import ConfigError, ManifestError
from mediscan.results import LEDGER
from mediscan.sources import read_image


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two instances of one series of Marlowe, an ultrasound image, and a file that is no DICOM."""
    folder = tmp_path / "in" / "MARLOWE^ADA"
    folder.mkdir(parents=True)
    stored = np.random.default_rng(0).integers(0, 4096, (16, 24), dtype=np.uint16)
    for number in (1, 2):
        write_dicom(
            folder / f"marlowe-{number}.dcm", stored, PatientName="Marlowe^Ada", SOPInstanceUID=f"1.2.3.{number}"
        )
    write_dicom(folder / "us.dcm", stored, Modality="US", SOPInstanceUID="1.2.3.9")
    (folder / "marlowe.dat").write_text("Ada Marlowe", encoding="utf-8")
    return tmp_path / "in"


@pytest.fixture
def options(tmp_path: Path) -> DeidentifyOptions:
    return DeidentifyOptions(secret=tmp_path / "secret")


def files_of(result: DeidentifyResult) -> dict[str, bytes]:
    return {path.relative_to(result.out).as_posix(): path.read_bytes() for path in sorted(result.out.rglob("*.dcm"))}


def test_every_file_has_a_row_of_the_ledger(source: Path, tmp_path: Path, options: DeidentifyOptions) -> None:
    result = deidentify(source, tmp_path / "out", options)
    assert (result.deidentified, result.refused) == (2, 2)
    table = pq.read_table(result.ledger)
    assert table.schema == LEDGER
    rows = table.to_pylist()
    assert [row["code"] for row in rows] == ["ok", "ok", "not_dicom", "not_deidentified"]
    assert [row["status"] for row in rows] == ["deidentified", "deidentified", "refused", "refused"]
    assert [row["study_id"][:7] for row in rows] == ["000001-", "000002-", "000003-", "000004-"]
    report = json.loads(result.report.read_text(encoding="utf-8"))
    assert (report["finished"], report["records"], report["codes"]) == (True, 4, result.codes)
    assert report["attributes"]["code"] == {"PatientID": 2, "PatientName": 2}


def test_copies_lie_by_patient_study_and_series(source: Path, tmp_path: Path, options: DeidentifyOptions) -> None:
    result = deidentify(source, tmp_path / "out", options)
    paths = [Path(name) for name in files_of(result)]
    assert len({path.parent for path in paths}) == 1
    for path in paths:
        copy = pydicom.dcmread(result.out / path)
        place = (copy.PatientID, copy.StudyInstanceUID, copy.SeriesInstanceUID, f"{copy.SOPInstanceUID}.dcm")
        assert path.parts == place
        assert read_image(result.out / path).values.shape == (1, 16, 24)


def test_no_name_path_or_identifier_is_written_or_said(
    tmp_path: Path,
    options: DeidentifyOptions,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    source = tmp_path / "in" / canary(99999)
    source.mkdir(parents=True)
    planted_file(source / f"{canary(99998)}.dcm", annex_e())
    broken = source / f"{canary(99997)}.dcm"
    broken.write_bytes((source / f"{canary(99998)}.dcm").read_bytes()[:900])
    result = deidentify(tmp_path / "in", tmp_path / "out", options)
    assert (result.deidentified, result.refused) == (1, 1)
    shown = capfd.readouterr()
    said = "".join((caplog.text, shown.out, shown.err, repr(result)))
    names = "".join(path.as_posix() for path in result.out.rglob("*"))
    assert "ZQX" not in said + names
    for path in (file for file in result.out.rglob("*") if file.is_file()):
        assert b"ZQX" not in path.read_bytes()


def test_running_again_gives_the_same_bytes(source: Path, tmp_path: Path, options: DeidentifyOptions) -> None:
    first = files_of(deidentify(source, tmp_path / "out", options))
    (tmp_path / "out" / ".parts").mkdir()
    (tmp_path / "out" / ".parts" / "7.dcm").write_bytes(b"of a run that was stopped")
    assert files_of(deidentify(source, tmp_path / "out", options)) == first
    assert files_of(deidentify(source, tmp_path / "elsewhere", options)) == first
    assert not (tmp_path / "out" / ".parts").exists()


@pytest.mark.slow
def test_two_workers_give_the_same_bytes_as_one(source: Path, tmp_path: Path, options: DeidentifyOptions) -> None:
    one = deidentify(source, tmp_path / "one", options)
    two = deidentify(source, tmp_path / "two", DeidentifyOptions(secret=options.secret, workers=2))
    assert files_of(one) == files_of(two)
    assert one.codes == two.codes


def test_another_secret_or_other_rules_need_another_folder(
    source: Path, tmp_path: Path, options: DeidentifyOptions
) -> None:
    deidentify(source, tmp_path / "out", options)
    for other in (
        DeidentifyOptions(secret=tmp_path / "another"),
        DeidentifyOptions(secret=options.secret, dicom=DicomRules(clean_modalities=frozenset({"US"}))),
    ):
        with pytest.raises(ConfigError, match="made with another secret or other options"):
            deidentify(source, tmp_path / "out", other)


def test_of_two_files_with_one_instance_uid_the_second_is_refused(
    source: Path, tmp_path: Path, options: DeidentifyOptions
) -> None:
    folder = source / "MARLOWE^ADA"
    (folder / "a copy.dcm").write_bytes((folder / "marlowe-1.dcm").read_bytes())
    write_dicom(folder / "z.dcm", np.ones((4, 4), np.uint16), PatientName="Marlowe^Ada", SOPInstanceUID="1.2.3.1")
    result = deidentify(source, tmp_path / "out", options)
    rows = pq.read_table(result.ledger).to_pylist()
    assert [row["code"] for row in rows] == ["ok", "ok", "ok", "not_dicom", "not_deidentified", "not_deidentified"]
    assert "SOPInstanceUID" in rows[-1]["message"]
    assert len(files_of(result)) == 2


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_a_hostile_uid_or_patient_id_names_no_path(tmp_path: Path, options: DeidentifyOptions) -> None:
    (tmp_path / "in").mkdir()
    elements = {"PatientID": "../../../escape", "StudyInstanceUID": "../..", "SeriesInstanceUID": "/etc"}
    write_dicom(tmp_path / "in" / "a.dcm", np.arange(16, dtype=np.uint16).reshape(4, 4), **elements)
    result = deidentify(tmp_path / "in", tmp_path / "out", options)
    assert result.deidentified == 1
    (name,) = files_of(result)
    assert ".." not in name
    assert len(Path(name).parts) == 4


def test_nested_sequences_without_end_are_refused(tmp_path: Path, options: DeidentifyOptions) -> None:
    (tmp_path / "in").mkdir()
    path = write_dicom(tmp_path / "in" / "a.dcm", np.arange(16, dtype=np.uint16).reshape(4, 4))
    opening = b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    closing = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    raw = path.read_bytes()
    at = raw.index(b"\x10\x00\x10\x00PN")
    path.write_bytes(raw[:at] + opening * 2000 + closing * 2000 + raw[at:])
    result = deidentify(tmp_path / "in", tmp_path / "out", options)
    assert (result.deidentified, result.refused) == (0, 1)


@pytest.mark.parametrize("out", ["in/out", ".", "in"])
def test_source_and_output_must_not_lie_in_one_another(
    source: Path, tmp_path: Path, options: DeidentifyOptions, out: str
) -> None:
    with pytest.raises(ConfigError, match="lie in one another"):
        deidentify(source, tmp_path / out, options)


def test_a_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "secret"
    secret = secret_from(path, apart_from=())
    assert len(secret) == 64
    assert secret_from(path, apart_from=()) == secret
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("0" * 64, encoding="ascii")
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="others can read"):
        secret_from(path, apart_from=())


def test_a_secret_beside_the_copies_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="lies in the folder"):
        deidentify(source, tmp_path / "out", DeidentifyOptions(secret=tmp_path / "out" / "secret"))
    assert not (tmp_path / "out").exists()


def test_the_environment_may_hold_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, "from the environment")
    assert secret_from(None, apart_from=()) == b"from the environment"


def test_without_a_secret_one_is_drawn_for_the_run_and_the_result_says_so(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    first, second = (deidentify(source, tmp_path / name) for name in ("a", "b"))
    assert "in this run only" in first.notices[0]
    assert not set(files_of(first)) & set(files_of(second))
    assert len({path.split("/")[0] for path in files_of(first)}) == 1


def test_a_short_secret_is_refused(source: Path, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("guess", encoding="ascii")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="could be guessed"):
        deidentify(source, tmp_path / "out", DeidentifyOptions(secret=path))


def test_notes_get_the_codes_and_the_dates_of_the_images(
    source: Path, tmp_path: Path, options: DeidentifyOptions
) -> None:
    table = tmp_path / "notes.csv"
    table.write_text(
        "mrn,uid,who,history,age,secret\n"
        "P1,1.2.3,Ada Marlowe,Mrs. Marlowe seen on 2020-03-02 with cough.,61,x\n"
        ",1.2.4,Bo Nemo,fever,40,y\n",
        encoding="utf-8",
    )
    notes = NoteTable(path=table, patient="mrn", study="uid", names=("who",), notes=("history",), keep=("age",))
    result = deidentify(source, tmp_path / "out", replace(options, notes=notes))
    (row,) = pq.read_table(tmp_path / "out" / "notes.parquet").to_pylist()
    place = Path(next(iter(files_of(result)))).parts
    assert (row["patient_id"], row["study_id"], row["age"]) == (place[0], place[1], "61")
    assert set(row) == {"patient_id", "study_id", "history", "age"}
    days = Surrogates(secret_from(options.secret, apart_from=())).days("P1")
    assert (date(2020, 3, 2) + timedelta(days=days)).isoformat() in row["history"]
    assert "Marlowe" not in row["history"]
    assert row["history"].endswith("with cough.")
    ledger = pq.read_table(result.ledger).to_pylist()
    assert [(one["study_id"], one["code"]) for one in ledger[-2:]] == [
        ("note-000001", "ok"),
        ("note-000002", "invalid_row"),
    ]


def test_a_missing_column_of_the_notes_is_named(source: Path, tmp_path: Path, options: DeidentifyOptions) -> None:
    (tmp_path / "notes.csv").write_text("mrn,history\nP1,cough\n", encoding="utf-8")
    notes = NoteTable(path=tmp_path / "notes.csv", patient="mrn", notes=("histori",))
    with pytest.raises(ManifestError, match="histori"):
        deidentify(source, tmp_path / "out", replace(options, notes=notes))


def test_names_that_only_the_image_headers_know_leave_the_notes(tmp_path: Path, options: DeidentifyOptions) -> None:
    stored = np.random.default_rng(0).integers(0, 4096, (16, 24), dtype=np.uint16)
    (tmp_path / "in").mkdir()
    write_dicom(tmp_path / "in" / "a.dcm", stored, PatientName="Qorvath^Zuzelle", ReferringPhysicianName="Ulmquist^B")
    (tmp_path / "in" / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"broken")
    table = tmp_path / "notes.csv"
    table.write_text('mrn,history\nP1,"cough since monday, says qorvath. as ulmquist wrote"\n', encoding="utf-8")
    notes = NoteTable(path=table, patient="mrn", notes=("history",))
    deidentify(tmp_path / "in", tmp_path / "out", replace(options, notes=notes))
    (row,) = pq.read_table(tmp_path / "out" / "notes.parquet").to_pylist()
    assert "qorvath" not in row["history"].lower()
    assert "ulmquist" not in row["history"].lower()
    assert row["history"].startswith("cough since monday, says ")


def test_text_notes_among_the_images_are_copied_without_identifiers(tmp_path: Path, options: DeidentifyOptions) -> None:
    stored = np.random.default_rng(0).integers(0, 4096, (16, 24), dtype=np.uint16)
    for patient, name in (("P1", "Qorvath^Zuzelle"), ("P2", "Ulmquist^Bo")):
        (tmp_path / "in" / patient).mkdir(parents=True)
        write_dicom(tmp_path / "in" / patient / "a.dcm", stored, PatientName=name, PatientID=patient)
        (tmp_path / "in" / patient / f"{name}.txt").write_text("seen on 2020-03-02, says qorvath or ulmquist", "utf-8")
    (tmp_path / "in" / "alone.txt").write_text("Mr. Smith seen on 2020-03-02.", encoding="utf-8")
    (tmp_path / "in" / "no.txt").write_bytes(b"%PDF-1.7")
    result = deidentify(tmp_path / "in", tmp_path / "out", options)
    assert (result.deidentified, result.refused) == (5, 1)
    secret = secret_from(options.secret, apart_from=())
    texts = {path.parts[-3]: path.read_text() for path in (tmp_path / "out").rglob("*.txt")}
    folders = {Surrogates(secret).patient(patient): patient for patient in ("P1", "P2")}
    assert len(texts) == 3
    assert set(folders) < set(texts)
    for folder, note in texts.items():
        assert "Smith" not in note
        if folder in folders:
            days = Surrogates(secret).days(folders[folder])
            assert (date(2020, 3, 2) + timedelta(days=days)).isoformat() in note
            assert {"P1": "qorvath", "P2": "ulmquist"}[folders[folder]] not in note
    everything = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert b"Qorvath^" not in everything
