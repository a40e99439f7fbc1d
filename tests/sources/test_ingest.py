import shutil
from collections import Counter
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pyarrow import parquet
from pydicom import Dataset, FileMetaDataset
from pydicom.uid import (
    BasicTextSRStorage,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

from mediscan.errors import Code, ManifestError
from mediscan.manifest import Manifest
from mediscan.sources import describing, read_image
from mediscan.sources.ingest import FindingCount, TableColumns, drawn_split, ingest
from mediscan.study import Sex, Split

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
TABLE = TableColumns(id="id", patient="patient")


def write_dicom(path: Path, *, slice_at=0, pixels=True, **elements: object) -> Path:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    chosen = {
        "SOPClassUID": DigitalXRayImageStorageForPresentation if pixels else BasicTextSRStorage,
        "SOPInstanceUID": generate_uid(),
        "SeriesInstanceUID": generate_uid(),
        "StudyInstanceUID": "1.2.3",
        "PatientID": "P1",
        "PatientName": "CANARY^NAME",
        "Modality": "DX",
    } | elements
    if pixels:
        values = np.arange(16, dtype=np.uint16).reshape(4, 4) + path.name.encode()[0] + slice_at
        chosen |= {
            "Rows": 4,
            "Columns": 4,
            "BitsAllocated": 16,
            "BitsStored": 16,
            "HighBit": 15,
            "PixelRepresentation": 0,
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "PixelSpacing": [0.5, 0.5],
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "ImagePositionPatient": [0, 0, slice_at],
        }
        dataset.PixelData = values.tobytes()
    for keyword, value in chosen.items():
        if value is not None:
            setattr(dataset, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def write_series(folder: Path, *, names=("1.dcm", "2.dcm", "3.dcm"), **elements: object) -> None:
    chosen = {"Modality": "CT", "SOPClassUID": CTImageStorage, "SeriesInstanceUID": "1.2.3.4"} | elements
    for position, name in enumerate(names):
        write_dicom(folder / name, slice_at=position, **chosen)


def write_png(path: Path, grey=0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.arange(64, dtype=np.uint8).reshape(8, 8) + grey
    Image.fromarray(values.astype(np.uint8)).save(path)
    return path


def write_table(path: Path, *lines: str, encoding="utf-8") -> Path:
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def ledger_of(result) -> dict[str, dict]:
    rows = parquet.read_table(result.ledger).to_pylist()
    assert len({row["study_id"] for row in rows}) == len(rows)
    return {row["study_id"]: row for row in rows}


def refusal_of(result):
    (refusal,) = result.refusals
    return refusal


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out" / "m.parquet"


# Tables


def test_rows_of_one_id_make_one_study_of_several_images(tmp_path, out):
    for number, name in enumerate("abc"):
        write_png(tmp_path / f"{name}.png", grey=number)
    table = write_table(
        tmp_path / "t.csv",
        "study_id,patient_id,image,story,years,gender,temp,pcr,kind,split",
        'v1,p1,a.png,"Cough, fever",43,female,38.5,Positive,Benign Tumour,train',
        "v2,p2,b.png,,,,,no,cyst,test",
        f"v1,p1,{tmp_path / 'c.png'},,43,F,,yes,,",
    )
    columns = TableColumns(
        notes={"history": "story"},
        values={"age_years": "years", "sex": "gender", "temperature_c": "temp"},
        findings={"covid": "pcr"},
        classes={"kind": "kind"},
    )
    result = ingest([table], columns=columns, out=out)
    first, second = Manifest.read(out).studies()
    assert [Path(image.path).name for image in first.images] == ["a.png", "c.png"]
    assert all(len(image.meta.sha256) == 64 for image in first.images)
    assert first.note[0].text == "Cough, fever"
    assert (first.age_years, first.sex, dict(first.values)) == (43, Sex.FEMALE, {"temperature_c": 38.5})
    assert first.labels == {"covid": 1, "kind:benign_tumour": 1, "kind:cyst": 0}
    assert second.labels == {"covid": 0, "kind:benign_tumour": 0, "kind:cyst": 1}
    assert (first.split, second.split) == (Split.TRAIN, Split.TEST)
    assert (result.studies, result.refused, result.images, result.flagged) == (2, 0, 3, 1)
    assert result.by_split == {"train": 1, "val": 0, "test": 1}
    assert result.by_finding["covid"] == FindingCount(positive=1, negative=1, unknown=0)
    assert list(result.by_finding) == ["covid", "kind:benign_tumour", "kind:cyst"]


def test_the_ledger_has_one_row_per_record_beside_the_manifest(tmp_path, out):
    write_png(tmp_path / "a.png")
    table = write_table(
        tmp_path / "t.csv",
        "id,patient,image,note",
        "s1,p1,a.png,Cough",
        "s2,p2,gone.png,Cough",
        "s3,p3,a.png,",
        ",p4,a.png,Cough",
        "s5,p5,,",
    )
    result = ingest([table], columns=TableColumns(notes={"history": "note"}), out=out)
    assert result.ledger == out.with_name("m.ledger.parquet")
    ledger = ledger_of(result)
    assert {key: (row["status"], row["code"]) for key, row in ledger.items()} == {
        "s1": ("ingested", "ok"),
        "s2": ("refused", "file_not_found"),
        "s3": ("ingested", "empty_note"),
        "row 4": ("refused", "invalid_row"),
        "s5": ("refused", "no_input"),
    }
    assert "gone.png" in ledger["s2"]["message"]
    assert ledger["s1"]["seconds"] > 0
    assert (result.studies, result.refused, result.flagged) == (2, 3, 1)
    assert [study.study_id for study in Manifest.read(out).studies()] == ["s1", "s3"]


def test_a_study_with_one_broken_image_is_refused_naming_the_file(tmp_path, out):
    write_png(tmp_path / "a.png")
    (tmp_path / "broken.dcm").write_bytes(b"not DICOM at all")
    table = write_table(tmp_path / "t.csv", "id,patient,image", "s1,p1,a.png", "s1,p1,broken.dcm", "s2,p2,a.png")
    result = ingest([table], columns=TABLE, out=out)
    assert (refusal_of(result).study_id, refusal_of(result).code) == ("s1", Code.NOT_DICOM)
    assert "broken.dcm" in refusal_of(result).message
    assert result.studies == 1


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        ("p1,Cough,1,x,train", "p2,Cough,1,x,train", "patient"),
        ("p1,Cough,1,x,train", "p1,Fever,0,x,train", "note, mass"),
        ("p1,Cough,1,x,train", "p1,Cough,1,y,train", "kind"),
        ("p1,Cough,1,x,train", "p1,Cough,1,x,val", "split"),
    ],
)
def test_rows_of_one_id_that_disagree_are_refused_naming_the_columns(tmp_path, out, first, second, named):
    table = write_table(
        tmp_path / "t.csv",
        "id,patient,note,mass,kind,split",
        f"s1,{first}",
        f"s1,{second}",
        "s2,p9,a,0,y,val",
        "s3,p8,a,0,x,val",
    )
    columns = TableColumns(notes={"history": "note"}, findings={"mass": "mass"}, classes={"kind": "kind"})
    result = ingest([table], columns=columns, out=out)
    assert refusal_of(result).code is Code.INVALID_ROW
    assert f"rows of study 's1' (1, 2) disagree in {named}." in refusal_of(result).message
    assert "Cough" not in refusal_of(result).message


def test_an_empty_cell_leaves_the_word_to_the_studys_other_rows(tmp_path, out):
    table = write_table(tmp_path / "t.csv", "id,patient,note,mass", "s1,,Cough,", "s1,p1,,1")
    result = ingest([table], columns=TableColumns(notes={"history": "note"}, findings={"mass": "mass"}), out=out)
    (study,) = Manifest.read(result.manifest).studies()
    assert (study.patient_id, study.note[0].text, study.labels) == ("p1", "Cough", {"mass": 1})


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("1", 1),
        ("TRUE", 1),
        ("Yes", 1),
        ("positive", 1),
        ("Present", 1),
        ("0", 0),
        ("false", 0),
        ("NO", 0),
        ("Negative", 0),
        ("absent", 0),
        ("", None),
    ],
)
def test_a_finding_is_read_in_any_usual_spelling(tmp_path, out, written, label):
    table = write_table(tmp_path / "t.csv", "id,patient,note,mass", f"s1,p1,Cough,{written}")
    ingest([table], columns=TableColumns(notes={"history": "note"}, findings={"mass": "mass"}), out=out)
    assert Manifest.read(out).study("s1").labels.get("mass") == label


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("3o,M,1", "row 1, column 'years': '3o' is not a number"),
        ("30,woman,1", "row 1, column 'gender': this value is not a sex"),
        ("30,M,maybe", "row 1, column 'pcr': this value is not a label"),
        ("200,M,1", "row 1, column 'years': 200 is out of range"),
    ],
)
def test_a_cell_that_cannot_be_converted_refuses_its_row_naming_column_and_value(tmp_path, out, cells, message):
    table = write_table(tmp_path / "t.csv", "id,patient,note,years,gender,pcr", f"s1,p1,Cough,{cells}")
    columns = TableColumns(
        notes={"history": "note"}, values={"age_years": "years", "sex": "gender"}, findings={"covid": "pcr"}
    )
    assert refusal_of(ingest([table], columns=columns, out=out)).message.startswith(message)


def test_a_named_column_that_is_missing_is_answered_with_the_nearest_and_the_list(tmp_path, out):
    table = write_table(tmp_path / "t.csv", "id,patient,history_text", "s,p,x")
    match = r"table t.csv has no column 'history_txt'. Did you mean 'history_text'\? .*id, patient, history_text"
    with pytest.raises(ManifestError, match=match):
        ingest([table], columns=TableColumns(notes={"history": "history_txt"}), out=out)


@pytest.mark.parametrize(("header", "role"), [("id,person,note", "patient"), ("number,patient,note", "id")])
def test_a_table_without_id_or_patient_is_an_error(tmp_path, out, header, role):
    table = write_table(tmp_path / "t.csv", header, "a,b,c")
    with pytest.raises(ManifestError, match=rf"no column for the {role} .*--{role}"):
        ingest([table], columns=TableColumns(notes={"history": "note"}), out=out)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (TableColumns(findings={"sex": "mass"}), "finding cannot be named 'sex'"),
        (TableColumns(findings={"a:b": "mass"}), "'a:b' holds ':'"),
        (TableColumns(notes={"seen_at": "note"}), "section cannot be named 'seen_at'"),
        (TableColumns(classes={"kind": "mass"}), "class group 'kind' holds 1 values"),
    ],
)
def test_names_that_cannot_become_columns_are_refused(tmp_path, out, columns, message):
    table = write_table(tmp_path / "t.csv", "id,patient,note,mass", "s,p,x,1")
    with pytest.raises(ManifestError, match=message):
        ingest([table], columns=columns, out=out)


def test_a_table_in_windows_1252_is_read_and_said_to_be(tmp_path, out):
    lines = ("id,patient,note", "s1,p1,Œdème 38°")
    table = write_table(tmp_path / "t.csv", *lines, encoding="cp1252")
    result = ingest([table], columns=TableColumns(notes={"history": "note"}), out=out)
    assert Manifest.read(out).study("s1").note[0].text == "Œdème 38°"
    assert any("t.csv" in notice and "Windows-1252" in notice for notice in result.notices)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_table_in_utf8_is_read_without_a_word(tmp_path, out, encoding):
    table = write_table(tmp_path / "t.csv", "id,patient,note", "s1,p1,Fièvre", encoding=encoding)
    result = ingest([table], columns=TableColumns(notes={"history": "note"}), out=out)
    assert Manifest.read(out).study("s1").note[0].text == "Fièvre"
    assert not any("Windows" in notice for notice in result.notices)


def test_tsv_and_parquet_tables_say_the_same_as_csv(tmp_path, out):
    frame = pd.DataFrame({"id": ["s1", "s2"], "patient": ["p1", "p2"], "note": ["Cough, dry", None], "mass": [1, 0]})
    write_png(tmp_path / "a.png")
    frame["image"] = "a.png"
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_csv(tmp_path / "t.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "t.parquet")
    columns = TableColumns(notes={"history": "note"}, findings={"mass": "mass"})
    read = []
    for suffix in ("csv", "tsv", "parquet"):
        ingest([], table=tmp_path / f"t.{suffix}", columns=columns, out=out)
        read.append(Manifest.read(out).studies())
    assert read[0] == read[1] == read[2]
    assert len(read[0]) == 2


def test_the_same_image_content_is_kept_once_per_study(tmp_path, out):
    write_png(tmp_path / "a.png")
    shutil.copy(tmp_path / "a.png", tmp_path / "copy.png")
    write_png(tmp_path / "b.png", grey=1)
    table = write_table(
        tmp_path / "t.csv", "id,patient,image", "s1,p1,a.png", "s1,p1,copy.png", "s1,p1,b.png", "s2,p2,copy.png"
    )
    ingest([table], columns=TABLE, out=out)
    images = [[Path(image.path).name for image in study.images] for study in Manifest.read(out).studies()]
    assert images == [["a.png", "b.png"], ["copy.png"]]


def test_a_url_is_kept_and_not_opened(tmp_path, out):
    table = write_table(tmp_path / "t.csv", "id,patient,image", "s1,p1,https://pacs.invalid/1")
    ingest([table], columns=TABLE, out=out)
    assert Manifest.read(out).study("s1").images[0].path == "https://pacs.invalid/1"


# Splits


def test_splits_are_drawn_by_patient_whatever_the_order_of_rows(tmp_path, out):
    rows = [f"s{number},p{number // 3},Cough" for number in range(90)]
    columns = TableColumns(notes={"history": "note"})
    drawn = []
    for order in (rows, rows[::-1], rows[:45]):
        table = write_table(tmp_path / "t.csv", "id,patient,note", *order)
        result = ingest([table], columns=columns, out=out)
        drawn.append({study.study_id: study.split for study in Manifest.read(out).studies()})
    assert drawn[0] == drawn[1]
    assert drawn[2].items() <= drawn[0].items()
    assert set(drawn[0].values()) == set(Split)
    assert any("70 % train" in notice for notice in result.notices)


def test_drawn_splits_hold_their_shares():
    counts = Counter(drawn_split(f"patient {number}") for number in range(20_000))
    assert counts[Split.TRAIN] / 20_000 == pytest.approx(0.70, abs=0.01)
    assert counts[Split.VAL] / 20_000 == pytest.approx(0.15, abs=0.01)
    assert counts[Split.TEST] / 20_000 == pytest.approx(0.15, abs=0.01)


def test_drawn_splits_never_change():
    # A change would move patients from train to test between two ingests of growing data.
    pinned = {"p1": Split.TEST, "p2": Split.TRAIN, "p12": Split.VAL}
    assert {patient: drawn_split(patient) for patient in pinned} == pinned


def test_a_patient_in_two_given_splits_is_kept_and_flagged(tmp_path, out):
    table = write_table(
        tmp_path / "t.csv", "id,patient,note,split", "s1,p1,a,train", "s2,p1,b,test", "s3,p2,c,train", "s4,p3,d,"
    )
    result = ingest([table], columns=TableColumns(notes={"history": "note"}), out=out)
    codes = {key: row["code"] for key, row in ledger_of(result).items()}
    assert codes == {
        "s1": "patient_in_two_splits",
        "s2": "patient_in_two_splits",
        "s3": "no_image",
        "s4": "no_image",
    }
    assert result.by_split == {"train": 2, "val": 0, "test": 1, "none": 1}
    with pytest.raises(ManifestError, match="more than one split"):
        Manifest.read(out).studies()


# Folders


def test_a_folder_is_grouped_into_studies_by_its_headers(tmp_path, out):
    folder = tmp_path / "archive"
    write_dicom(folder / "x" / "a.dcm")
    write_dicom(folder / "y" / "b")
    write_dicom(folder / "y" / "c.dcm", StudyInstanceUID="1.2.9", PatientID="P2")
    write_png(folder / "photo.png")
    nibabel.Nifti1Image(np.arange(27, dtype=np.int16).reshape(3, 3, 3), np.eye(4)).to_filename(folder / "head.nii.gz")
    (folder / "readme.txt").write_text("nothing to see")
    write_png(folder / ".hidden" / "no.png")
    result = ingest([folder], columns=TableColumns(), out=out)
    found = {
        study.study_id: (study.patient_id, [Path(image.path).name for image in study.images])
        for study in Manifest.read(out).studies()
    }
    assert found == {
        "1.2.3": ("P1", ["a.dcm", "b"]),
        "1.2.9": ("P2", ["c.dcm"]),
        "photo": ("photo", ["photo.png"]),
        "head": ("head", ["head.nii.gz"]),
    }
    assert (result.refused, result.images) == (0, 5)


def test_slices_of_one_series_in_a_folder_of_their_own_stay_one_image(tmp_path, out):
    write_series(tmp_path / "ct" / "series")
    ingest([tmp_path / "ct"], columns=TableColumns(), out=out)
    (study,) = Manifest.read(out).studies()
    (image,) = study.images
    assert image.path == str(tmp_path / "ct" / "series")
    assert image.meta.modality == "CT"
    assert image.meta.spacing_mm == (0.5, 0.5, 1.0)


def test_series_that_share_a_folder_are_images_of_their_own(tmp_path, out):
    write_series(tmp_path / "ct")
    write_dicom(tmp_path / "ct" / "single.dcm", Modality="CT", SOPClassUID=CTImageStorage)
    ingest([tmp_path / "ct"], columns=TableColumns(), out=out)
    (study,) = Manifest.read(out).studies()
    assert [Path(image.path).name for image in study.images] == ["single.dcm", "ct#1.2.3.4"]
    assert read_image(study.images[1].path).grey().shape == (3, 4, 4)


def test_a_broken_slice_is_refused_and_the_series_is_read_without_it(tmp_path, out):
    write_series(tmp_path / "ct")
    (tmp_path / "ct" / "4.dcm").write_bytes(b"broken")
    result = ingest([tmp_path / "ct"], columns=TableColumns(), out=out)
    (image,) = Manifest.read(out).study("1.2.3").images
    assert Path(image.path).name == "ct#1.2.3.4"
    assert refusal_of(result).study_id == "4.dcm"
    assert ledger_of(result)["1.2.3"]["code"] == Code.SERIES_LEFT_OUT


def test_radiographs_of_one_series_are_no_volume(tmp_path, out):
    write_series(tmp_path / "cr", Modality="DX", SOPClassUID=DigitalXRayImageStorageForPresentation)
    ingest([tmp_path / "cr"], columns=TableColumns(), out=out)
    assert len(Manifest.read(out).study("1.2.3").images) == 3


def test_a_broken_dicom_file_in_a_folder_is_in_the_ledger(tmp_path, out):
    write_dicom(tmp_path / "in" / "a.dcm")
    (tmp_path / "in" / "sub").mkdir()
    (tmp_path / "in" / "sub" / "b.dcm").write_bytes(b"\0" * 400)
    result = ingest([tmp_path / "in"], columns=TableColumns(), out=out)
    assert (refusal_of(result).study_id, refusal_of(result).code) == ("sub/b.dcm", Code.NOT_DICOM)
    assert result.studies == 1


def test_a_study_cut_off_before_its_pixels_is_refused(tmp_path, out):
    path = write_dicom(tmp_path / "in" / "a.dcm")
    path.write_bytes(path.read_bytes()[:-44])
    result = ingest([tmp_path / "in"], columns=TableColumns(), out=out)
    assert (refusal_of(result).study_id, refusal_of(result).code) == ("1.2.3", Code.PIXEL_DATA)
    assert "a.dcm" in refusal_of(result).message


def test_a_report_is_no_image_and_a_study_of_reports_is_refused(tmp_path, out):
    write_dicom(tmp_path / "in" / "image.dcm")
    write_dicom(tmp_path / "in" / "report.dcm", pixels=False)
    write_dicom(tmp_path / "in" / "other.dcm", pixels=False, StudyInstanceUID="1.2.9")
    result = ingest([tmp_path / "in"], columns=TableColumns(), out=out)
    assert [Path(image.path).name for image in Manifest.read(out).study("1.2.3").images] == ["image.dcm"]
    assert (refusal_of(result).study_id, refusal_of(result).code) == ("1.2.9", Code.NO_INPUT)


def test_a_study_without_a_patient_is_refused(tmp_path, out):
    write_dicom(tmp_path / "in" / "a.dcm", PatientID=None)
    result = ingest([tmp_path / "in"], columns=TableColumns(), out=out)
    assert "no PatientID" in refusal_of(result).message


def test_a_study_of_two_patients_is_refused(tmp_path, out):
    write_dicom(tmp_path / "in" / "a.dcm")
    write_dicom(tmp_path / "in" / "b.dcm", PatientID="P2")
    result = ingest([tmp_path / "in"], columns=TableColumns(), out=out)
    assert refusal_of(result).code is Code.IDENTITY_MISMATCH


def test_files_of_one_name_are_both_refused(tmp_path, out):
    write_png(tmp_path / "in" / "x" / "1.png")
    write_png(tmp_path / "in" / "y" / "1.png", grey=1)
    result = ingest([tmp_path / "in"], columns=TableColumns(), out=out)
    assert [refusal.code for refusal in result.refusals] == [Code.DUPLICATE_STUDY_ID] * 2
    assert parquet.read_table(result.ledger).num_rows == 2


def test_a_folder_given_twice_is_ingested_once(tmp_path, out):
    write_png(tmp_path / "in" / "x" / "1.png")
    result = ingest([tmp_path / "in", tmp_path / "in" / "x"], columns=TableColumns(), out=out)
    assert (result.studies, result.refused) == (1, 0)


# A table and a folder


def test_rows_join_the_folders_studies_by_uid_accession_and_file_name(tmp_path, out):
    folder = tmp_path / "in"
    write_dicom(folder / "a.dcm", StudyInstanceUID="1.2.1", PatientID="p1")
    write_dicom(folder / "b.dcm", StudyInstanceUID="1.2.2", PatientID="p2", AccessionNumber="A77")
    write_dicom(folder / "c.dcm", StudyInstanceUID="1.2.4", PatientID="p3")
    write_png(folder / "d.png")
    write_png(folder / "alone.png", grey=1)
    table = write_table(
        tmp_path / "t.csv", "id,patient,note", "1.2.1,p1,one", "A77,p2,two", "c,p3,three", "d,p4,four", "e,p5,five"
    )
    result = ingest([folder], table=table, columns=TableColumns(notes={"history": "note"}), out=out)
    found = {
        study.study_id: (study.patient_id, [Path(image.path).name for image in study.images], len(study.note))
        for study in Manifest.read(out).studies()
    }
    assert found == {
        "1.2.1": ("p1", ["a.dcm"], 1),
        "A77": ("p2", ["b.dcm"], 1),
        "c": ("p3", ["c.dcm"], 1),
        "d": ("p4", ["d.png"], 1),
        "e": ("p5", [], 1),
        "alone": ("alone", ["alone.png"], 0),
    }
    codes = {key: row["code"] for key, row in ledger_of(result).items()}
    assert (codes["e"], codes["alone"], codes["d"]) == ("no_image", "empty_note", "ok")


def test_note_and_image_of_different_patients_are_never_joined(tmp_path, out):
    write_dicom(tmp_path / "in" / "a.dcm", PatientID="P1")
    table = write_table(tmp_path / "t.csv", "id,patient,note", "1.2.3,P2,Cough")
    result = ingest([tmp_path / "in"], table=table, columns=TableColumns(notes={"history": "note"}), out=out)
    assert refusal_of(result).code is Code.IDENTITY_MISMATCH
    assert result.studies == 0


def test_a_row_that_fits_two_studies_is_refused(tmp_path, out):
    write_dicom(tmp_path / "in" / "x" / "I1", StudyInstanceUID="1.2.1")
    write_dicom(tmp_path / "in" / "y" / "I1", StudyInstanceUID="1.2.2")
    table = write_table(tmp_path / "t.csv", "id,patient,note", "I1,P1,Cough")
    result = ingest([tmp_path / "in"], table=table, columns=TableColumns(notes={"history": "note"}), out=out)
    assert "'I1': its id is the file name of 2 studies" in refusal_of(result).message


def test_two_rows_never_share_an_image(tmp_path, out):
    write_dicom(tmp_path / "in" / "a.dcm", AccessionNumber="A1")
    table = write_table(tmp_path / "t.csv", "id,patient,note", "1.2.3,P1,Cough", "A1,P1,Fever")
    result = ingest([tmp_path / "in"], table=table, columns=TableColumns(notes={"history": "note"}), out=out)
    assert (refusal_of(result).study_id, result.studies) == ("A1", 1)
    assert "already belong to another row" in refusal_of(result).message


def test_a_refused_row_does_not_come_back_as_a_study_without_its_note(tmp_path, out):
    write_png(tmp_path / "in" / "d.png")
    table = write_table(tmp_path / "t.csv", "id,patient,note,sex", "d,p1,Cough,woman")
    columns = TableColumns(notes={"history": "note"}, values={"sex": "sex"})
    result = ingest([tmp_path / "in"], table=table, columns=columns, out=out)
    assert (result.studies, result.refused) == (0, 1)


@pytest.mark.parametrize("sex", ["F", "woman"])
def test_an_image_that_a_row_names_is_no_second_study(tmp_path, out, sex):
    write_png(tmp_path / "in" / "d.png")
    table = write_table(tmp_path / "t.csv", "id,patient,image,sex", f"s1,p1,in/d.png,{sex}")
    columns = TableColumns(values={"sex": "sex"})
    result = ingest([tmp_path / "in", table], columns=columns, out=out)
    assert [row["study_id"] for row in parquet.read_table(result.ledger).to_pylist()] == ["s1"]


# The whole


def test_many_images_are_described_by_processes_in_their_order(tmp_path, out, monkeypatch):
    monkeypatch.setattr(describing, "_WORTH_A_POOL", 4)
    monkeypatch.setattr(describing, "_AT_ONCE", 2)
    lines = []
    for number in range(12):
        write_png(tmp_path / f"{number}.png", grey=number)
        lines.append(f"s{number},p{number},{number}.png")
    (tmp_path / "5.png").unlink()
    table = write_table(tmp_path / "t.csv", "id,patient,image", *lines)
    told = []
    result = ingest([table], columns=TABLE, out=out, progress=lambda _, done, total: told.append((done, total)))
    assert (refusal_of(result).study_id, refusal_of(result).code) == ("s5", Code.FILE_NOT_FOUND)
    assert told == [(done, 12) for done in range(1, 13)]
    monkeypatch.setattr(describing, "_WORTH_A_POOL", 100)
    pooled = Manifest.read(out).studies()
    ingest([table], columns=TABLE, out=out)
    assert Manifest.read(out).studies() == pooled
    assert len({study.images[0].meta.sha256 for study in pooled}) == 11


def test_no_patient_name_reaches_manifest_or_ledger(tmp_path, out):
    write_dicom(tmp_path / "in" / "a.dcm")
    write_dicom(tmp_path / "in" / "b.dcm", PatientID="P2")
    write_dicom(tmp_path / "in" / "c.dcm", StudyInstanceUID="1.2.9")
    result = ingest([tmp_path / "in"], columns=TableColumns(), out=out)
    assert (result.studies, result.refused) == (1, 1)
    rows = [*parquet.read_table(out).to_pylist(), *parquet.read_table(result.ledger).to_pylist()]
    assert "CANARY" not in repr(rows)


@pytest.mark.parametrize(
    ("sources", "out_name", "message"),
    [
        (["gone"], "m.parquet", "gone does not exist"),
        (["gone.csv"], "m.parquet", "gone.csv does not exist"),
        (["empty"], "m.parquet", "no study in the sources"),
        (["a.csv", "b.tsv"], "m.parquet", "2 tables are given: a.csv, b.tsv"),
        (["a.csv"], "m.csv", "m.csv must be .parquet"),
    ],
)
def test_sources_that_make_no_manifest_are_refused_before_anything_is_written(tmp_path, sources, out_name, message):
    (tmp_path / "empty").mkdir()
    for name in ("a.csv", "b.tsv"):
        write_table(tmp_path / name, "id,patient,note", "s,p,x")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ManifestError, match=message):
        ingest([tmp_path / name for name in sources], columns=TableColumns(), out=tmp_path / "out" / out_name)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.real_data
@pytest.mark.skipif(not (DATA / "covid-cxr").is_dir(), reason="the collection covid-cxr is not here")
def test_the_covid_collection_is_ingested_without_losing_a_record(out):
    columns = TableColumns(
        id="study_id",
        patient="patient_id",
        image="image",
        notes={"history": "note"},
        values={"age_years": "age", "sex": "sex"},
        findings={"covid19": "covid19", "went_icu": "went_icu"},
        split="split",
    )
    result = ingest([DATA / "covid-cxr" / "studies.csv"], columns=columns, out=out)
    assert result.studies + result.refused == 374
    # Of four, the rows carry different notes; of one, the note is of a man 34 years younger than table and header say.
    assert Counter(refusal.code for refusal in result.refusals) == {Code.INVALID_ROW: 4, Code.IDENTITY_MISMATCH: 1}
    assert all("disagree in note" in one.message or "different ages" in one.message for one in result.refusals)
    studies = Manifest.read(out).studies()
    assert len(studies) == 369
    assert {image.meta.modality for study in studies for image in study.images} <= {"CR", "DX"}
    icu = result.by_finding["went_icu"]
    assert icu.positive + icu.negative + icu.unknown == 369
    assert icu.unknown > 100


@pytest.mark.real_data
@pytest.mark.skipif(not (DATA / "medpix").is_dir(), reason="the collection medpix is not here")
def test_the_medpix_collection_becomes_one_study_per_case(out):
    columns = TableColumns(
        id="case_id", patient="case_id", notes={"history": "history", "exam": "exam"}, classes={"etiology": "etiology"}
    )
    result = ingest([DATA / "medpix" / "images.csv"], columns=columns, out=out)
    assert (result.studies, result.refused, result.images) == (363, 0, 1108)
    assert len(result.by_finding) == 6
    assert all(count.positive + count.negative == 363 for count in result.by_finding.values())
    assert sum(count.positive for count in result.by_finding.values()) == 363
    assert len(Manifest.read(out).studies(Split.TRAIN)) == result.by_split["train"]
