"""Files: what is written reads back as what was drawn, and the same every time."""

import csv
import json
import subprocess
import sys
import warnings
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pydicom
import pytest

from mediscan.errors import ConfigError
from mediscan.manifest import Manifest
from mediscan.phantom import FINDINGS, PhantomOptions, make_cases, write_studies
from mediscan.phantom.__main__ import main
from mediscan.phantom.forms import FileForm, encode
from mediscan.phantom.image import MAX_VALUE
from mediscan.phantom.sample import TABLE_NAME, write_sample
from mediscan.sources.reading import read_image

SMALL = PhantomOptions(size=96, missing_image_rate=0.1, missing_note_rate=0.1, monochrome1_rate=0.3)


@pytest.fixture(scope="module")
def cases():
    return make_cases(40, seed=19, options=SMALL)


@pytest.fixture(scope="module")
def manifest(cases, tmp_path_factory):
    return write_studies(cases, tmp_path_factory.mktemp("phantom"))


def read(content):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return pydicom.dcmread(BytesIO(content))


@pytest.mark.parametrize("form", [FileForm.DICOM, FileForm.DICOM_RLE, FileForm.DICOM_JPEG_LS, FileForm.DICOM_JPEG_2000])
def test_dicom_reads_back_equal_to_what_was_drawn(cases, form):
    kinds = set()
    for case in cases[:12]:
        for shot in case.shots:
            drawn = case.draw(shot).pixels
            dataset = read(encode(case, shot, drawn, form=form))
            kinds.add(dataset.PhotometricInterpretation)
            stored = dataset.pixel_array
            shown = MAX_VALUE - stored if dataset.PhotometricInterpretation == "MONOCHROME1" else stored
            assert np.array_equal(shown, drawn)
            assert dataset.file_meta.TransferSyntaxUID == form.transfer_syntax
    assert kinds == {"MONOCHROME1", "MONOCHROME2"}


@pytest.mark.parametrize("form", list(FileForm))
def test_every_form_is_the_same_bytes_every_time(cases, form):
    case = cases[0]
    pixels = case.draw(case.shots[0]).pixels
    assert encode(case, case.shots[0], pixels, form=form) == encode(case, case.shots[0], pixels, form=form)


def test_headers_belong_to_the_case(cases):
    for case in cases:
        for shot in case.shots:
            dataset = read(encode(case, shot, case.draw(shot).pixels, form=FileForm.DICOM))
            assert dataset.PatientID == case.patient_id
            assert dataset.PatientSex == case.sex.value
            assert dataset.PatientAge == f"{case.age_years:03d}Y"
            assert dataset.ViewPosition == shot.position.value
            assert dataset.StudyDate == case.acquired_at.strftime("%Y%m%d")


def test_headers_vary_as_those_of_several_machines_do():
    cases = make_cases(150, seed=3, options=PhantomOptions(size=64))
    headers = [
        read(encode(case, shot, np.zeros((64, 64), np.uint16), form=FileForm.DICOM))
        for case in cases
        for shot in case.shots
    ]
    assert 0.03 < np.mean([h.PhotometricInterpretation == "MONOCHROME1" for h in headers]) < 0.2
    assert 0.1 < np.mean(["WindowCenter" not in h for h in headers]) < 0.4
    assert any(h.get("VOILUTFunction") == "SIGMOID" for h in headers)
    assert len({(float(h.RescaleSlope), float(h.RescaleIntercept)) for h in headers if "RescaleSlope" in h}) >= 3
    assert {tuple(h.PatientOrientation) for h in headers} == {("L", "F"), ("P", "F")}
    assert len({h.SOPInstanceUID for h in headers}) == len(headers)
    assert len({h.SeriesDescription for h in headers}) > 6


def test_headers_tell_nothing_of_the_findings(cases):
    for case in cases[:10]:
        text = str(read(encode(case, case.shots[0], np.zeros((96, 96), np.uint16), form=FileForm.DICOM))).lower()
        assert not [name for name in FINDINGS.names if name in text]


def test_the_manifest_says_what_the_cases_say(cases, manifest):
    studies = Manifest.read(manifest).studies()
    assert [study.study_id for study in studies] == [case.study_id for case in cases]
    for study, case in zip(studies, cases, strict=True):
        assert (study.patient_id, study.split, study.sex) == (case.patient_id, case.split, case.sex)
        assert study.age_years == case.age_years
        assert dict(study.labels) == dict(case.labels)
        assert len(study.images) == (len(case.shots) if case.has_image else 0)
        notes = {section.name: section.text for section in study.note}
        assert notes == (case.note.sections if case.has_note else {})
    assert any(not study.images for study in studies)
    assert any(not study.note for study in studies)


def test_images_are_named_by_hash_and_read_by_the_readers(cases, manifest):
    by_id = {case.study_id: case for case in cases}
    for study in Manifest.read(manifest).studies():
        for image, shot in zip(study.images, by_id[study.study_id].shots, strict=study.images != ()):
            pixels = read_image(image.path, expected_sha256=image.meta.sha256)
            assert pixels.values.shape == (1, 96, 96)
            assert pixels.meta.view == image.meta.view == shot.position.value
            assert pixels.inverted == shot.monochrome1
            drawn = by_id[study.study_id].draw(shot).pixels.ravel()
            # However it is stored, windowed or inverted: dense tissue is shown bright.
            assert np.corrcoef(drawn, pixels.grey().ravel())[0, 1] > 0.9
            assert image.meta.sha256 == sha256(Path(image.path).read_bytes()).hexdigest()


def test_the_truth_is_beside_the_manifest_and_not_in_it(cases, manifest):
    columns = set(pq.read_schema(manifest).names)
    assert not columns & {"patterns", "contexts", "pain_side", "phrases", "findings"}
    rows = pq.read_table(manifest.parent / "truth.parquet").to_pylist()
    assert [row["study_id"] for row in rows] == [case.study_id for case in cases]
    for row, case in zip(rows, cases, strict=True):
        assert set(json.loads(row["patterns"])) == case.patterns
        assert set(json.loads(row["contexts"])) == case.contexts
        assert json.loads(row["findings"]) == case.truth
        for phrase in json.loads(row["phrases"]):
            assert case.note.sections[phrase["section"]][phrase["start"] : phrase["stop"]] == phrase["text"]
        for image, shot in zip(json.loads(row["images"]), case.shots, strict=False):
            assert (manifest.parent / image["path"]).is_file()
            boxes = [region["box"] for region in image["regions"]]
            assert boxes == [list(region.box) for region in case.draw(shot).regions]


def test_files_are_the_same_every_time_and_with_every_number_of_workers(tmp_path):
    cases = make_cases(70, seed=2, options=PhantomOptions(size=64))
    files = {}
    for workers in (1, 2):
        out = tmp_path / str(workers)
        write_studies(cases, out, workers=workers)
        files[workers] = {str(p.relative_to(out)): sha256(p.read_bytes()).hexdigest() for p in out.rglob("*.*")}
    assert files[1] == files[2]
    assert len(files[1]) > 70


def test_progress_is_told_up_to_the_end(cases, tmp_path):
    calls = []
    write_studies(cases[:5], tmp_path, progress=lambda *told, **_: calls.append(told[1:]))
    total = sum(case.has_image for case in cases[:5])
    assert calls == [(done, total) for done in range(1, total + 1)]


def test_a_form_whose_codec_is_missing_is_refused_before_anything_is_written(cases, tmp_path, monkeypatch):
    monkeypatch.setattr("pydicom.pixels.encoders.base.Encoder.is_available", property(lambda _: False))
    with pytest.raises(ConfigError, match=r"'dicom-jpeg-ls' needs a codec .* Install mediscan\[codecs\]"):
        write_studies(cases[:2], tmp_path / "out", forms=(FileForm.DICOM_JPEG_LS,))
    assert not (tmp_path / "out").exists()


def test_the_sample_is_small_mixed_and_has_a_table_of_its_images(tmp_path):
    cases = make_cases(24, seed=7, options=PhantomOptions(size=128))
    path = write_sample(cases, tmp_path)
    studies = Manifest.read(path).studies()
    suffixes = {image.path.rpartition(".")[2] for study in studies for image in study.images}
    assert suffixes == {"dcm", "png", "gz"}
    for study in studies:
        for image in study.images:
            assert read_image(image.path).values.shape == (1, 128, 128)
    with (tmp_path / TABLE_NAME).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["study"] for row in rows} == {study.study_id for study in studies}
    assert [row["image"] for row in rows if row["image"]] == [
        image.path.removeprefix(f"{tmp_path}/") for study in studies for image in study.images
    ]


def test_the_sample_in_the_repository_is_what_its_command_makes():
    root = Path(__file__).parents[2] / "sample_data"
    cases = make_cases(36, seed=7, options=PhantomOptions(size=192))
    studies = Manifest.read(root / "manifest.parquet").studies()
    for case, study in zip(cases, studies, strict=True):
        assert (study.study_id, study.split, dict(study.labels)) == (case.study_id, case.split, dict(case.labels))
        assert {s.name: s.text for s in study.note} == (case.note.sections if case.has_note else {})
        for image, shot in zip(study.images, case.shots, strict=True):
            pixels = read_image(image.path, expected_sha256=image.meta.sha256)
            # Another processor may round a value the other way; the picture must be the same.
            shown = pixels.values[0] * (-1 if pixels.inverted else 1)
            assert np.corrcoef(shown.ravel(), case.draw(shot).pixels.ravel())[0, 1] > 0.9999


@pytest.mark.parametrize("form", [FileForm.PNG, FileForm.NIFTI])
def test_other_formats_show_the_image_the_same_way_up(cases, tmp_path, form):
    case = cases[0]
    drawn = case.draw(case.shots[0]).pixels
    path = tmp_path / f"image{form.suffix}"
    path.write_bytes(encode(case, case.shots[0], drawn, form=form))
    values = read_image(path).values[0]
    assert np.array_equal(values, drawn.astype(np.float32) * (16 if form is FileForm.PNG else 1))


def test_the_command_writes_a_data_set(tmp_path):
    command = [sys.executable, "-m", "mediscan.phantom", "--out", str(tmp_path), "--studies", "3", "--size", "64"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == str(tmp_path / "manifest.parquet")
    assert len(Manifest.read(tmp_path / "manifest.parquet")) == 3


@pytest.mark.parametrize(
    ("task", "finding", "section"),
    [
        ("laterality", "laterality_agrees", "history"),
        ("volumes", "pulmonary_embolism", "history"),
        ("alignment", "nodule", "impression"),
    ],
)
def test_the_command_writes_every_task(tmp_path, monkeypatch, capsys, task, finding, section):
    arguments = ["phantom", "--out", str(tmp_path), "--task", task, "--studies", "3", "--size", "64"]
    monkeypatch.setattr(sys, "argv", arguments)
    assert main() == 0
    manifest = Manifest.read(Path(capsys.readouterr().out.strip()))
    assert finding in manifest.findings.names
    assert section in manifest.note_sections
    for study in manifest.studies():
        for image in study.images:
            assert read_image(image.path, expected_sha256=image.meta.sha256).values.shape[1:] == (64, 64)


def test_the_command_has_no_sample_of_other_tasks(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["phantom", "--out", str(tmp_path / "out"), "--task", "volumes", "--sample"])
    assert main() == 1
    assert "no sample of task 'volumes'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_command_refuses_what_cannot_be_drawn(tmp_path):
    command = [sys.executable, "-m", "mediscan.phantom", "--out", str(tmp_path), "--studies", "3", "--size", "8"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "size is 8" in done.stderr
