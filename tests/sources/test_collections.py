"""Each public collection is read from a tiny copy of its original layout, with the awkward cases of the real one."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from pathlib import Path

import collection_builders as build
import pandas as pd
import pytest

from mediscan import schema
from mediscan.diagnosis import Refusal
from mediscan.errors import Code, ConfigError, ManifestError
from mediscan.findings import FindingSet
from mediscan.sources.collections import COLLECTIONS, detect, read_collection
from mediscan.sources.collections.openi import _labels as openi_labels
from mediscan.sources.studies import SourceStudies
from mediscan.study import Sex, Split, Study

BUILDERS: Mapping[str, tuple[str, Callable[[Path], Path]]] = {
    "openi": ("openi", build.openi_xml),
    "openi on Kaggle": ("openi", build.openi_tables),
    "mimic-cxr": ("mimic-cxr", build.mimic_cxr_dicom),
    "mimic-cxr-jpg": ("mimic-cxr-jpg", build.mimic_cxr),
    "chexpert": ("chexpert", build.chexpert),
    "chexpert-plus": ("chexpert-plus", build.chexpert_plus),
    "padchest": ("padchest", build.padchest),
    "nih-chestxray14": ("nih-chestxray14", build.nih_chestxray14),
    "covid-chestxray": ("covid-chestxray", build.covid_chestxray),
    "medpix2": ("medpix2", build.medpix),
    "bids": ("bids", build.bids),
    "nifti": ("nifti", build.nifti_folder),
}
EACH = pytest.mark.parametrize(("name", "builder"), BUILDERS.values(), ids=BUILDERS)


def studies(told: SourceStudies) -> dict[str, Study]:
    return {entry.study_id: entry for entry in told.studies if isinstance(entry, Study)}


def refusals(told: SourceStudies) -> dict[str, Refusal]:
    return {entry.study_id: entry for entry in told.studies if isinstance(entry, Refusal)}


def views(study: Study) -> list[str | None]:
    return [image.meta.view for image in study.images]


def note(study: Study) -> dict[str, str]:
    return {section.name: section.text for section in study.note}


# What holds for every collection.


def test_every_collection_is_tested_on_a_copy_of_its_layout():
    assert {name for name, _ in BUILDERS.values()} == set(COLLECTIONS)


@EACH
def test_a_collection_is_detected_by_its_files(name, builder, tmp_path):
    assert detect(builder(tmp_path)) == name


def test_a_folder_of_anything_else_is_no_collection(tmp_path):
    build.write_png(tmp_path / "images" / "a.png")
    build.write_table(tmp_path / "train.csv", [{"id": "1", "text": "house"}])
    build.write_table(tmp_path / "metadata.csv", [{"id": "1"}])
    assert detect(tmp_path) is None


@EACH
def test_studies_can_become_a_manifest(name, builder, tmp_path):
    told = read_collection(name, builder(tmp_path))
    found = studies(told)
    assert len({entry.study_id for entry in told.studies}) == len(told.studies)
    table = schema.table_of(list(found.values()), findings=FindingSet(told.findings), root=tmp_path)
    assert table.num_rows == len(found) > 0
    for study in found.values():
        assert set(study.labels) <= set(told.findings)
        assert set(study.labels.values()) <= {0, 1}
        assert study.split is None or type(study.split) is Split
        assert study.sex is None or type(study.sex) is Sex
        assert all(section.text.strip() for section in study.note)
        assert len({section.name for section in study.note}) == len(study.note)


@EACH
def test_image_paths_are_absolute_and_named(name, builder, tmp_path, monkeypatch):
    builder(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    told = read_collection(name, Path("data"))
    paths = [image.path for study in studies(told).values() for image in study.images]
    assert paths
    assert all(path.startswith(f"{tmp_path}/data/") for path in paths)
    assert set(paths) <= told.named


@EACH
def test_all_images_but_the_missing_ones_are_where_the_study_says(name, builder, tmp_path):
    missing = {
        "e084de3b.jpg",  # MIMIC-CXR
        "view1_frontal.jpg",  # CheXpert, study 2
        "00000003_000.png",  # ChestX-ray14
        "c.nii.gz",  # covid-chestxray
        "MPX1035_synpic4.png",  # MedPix
    }
    told = read_collection(name, builder(tmp_path))
    paths = [Path(image.path) for study in studies(told).values() for image in study.images]
    assert {path.name for path in paths if not path.is_file()} <= missing
    assert any(path.is_file() for path in paths)


@EACH
def test_no_split_is_claimed_where_no_study_has_one(name, builder, tmp_path):
    told = read_collection(name, builder(tmp_path))
    assert told.split_given == any(study.split is not None for study in studies(told).values())


@EACH
def test_no_patient_is_in_two_splits(name, builder, tmp_path):
    of: dict[str, set[Split]] = {}
    for study in studies(read_collection(name, builder(tmp_path))).values():
        if study.split is not None:
            of.setdefault(study.patient_id, set()).add(study.split)
    assert all(len(splits) == 1 for splits in of.values())


@pytest.mark.parametrize("name", COLLECTIONS)
def test_an_empty_folder_is_refused_with_a_remedy(name, tmp_path):
    with pytest.raises(ManifestError, match=f"folder {re.escape(str(tmp_path))} holds no ") as refused:
        read_collection(name, tmp_path)
    assert refused.value.remedy


def test_an_unknown_collection_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"no collection 'mimic'.*mimic-cxr-jpg"):
        read_collection("mimic", Path())


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(ManifestError, match="does not exist") as refused:
        read_collection("chexpert", tmp_path / "none")
    assert refused.value.code is Code.FILE_NOT_FOUND


@pytest.mark.parametrize(
    ("builder", "name", "file"),
    [
        (build.openi_tables, "openi", "indiana_projections.csv"),
        (build.mimic_cxr, "mimic-cxr-jpg", "mimic-cxr-2.*-split.csv.gz"),
        (build.mimic_cxr, "mimic-cxr-jpg", "mimic-cxr-2.*-chexpert.csv.gz"),
        (build.chexpert, "chexpert", "valid.csv"),
        (build.nih_chestxray14, "nih-chestxray14", "test_list.txt"),
        (build.medpix, "medpix2", "Descriptions.json"),
    ],
)
def test_a_missing_file_is_named_with_where_to_download_it(builder, name, file, tmp_path):
    for path in builder(tmp_path).glob(file):
        path.unlink()
    with pytest.raises(ManifestError, match=f"holds no {re.escape(file)}.*Download it: ") as refused:
        read_collection(name, tmp_path)
    assert refused.value.code is Code.FILE_NOT_FOUND


def test_a_table_that_lost_a_column_is_refused_by_name(tmp_path):
    build.nih_chestxray14(tmp_path)
    table = tmp_path / "Data_Entry_2017_v2020.csv"
    table.write_text(table.read_text().replace("Patient ID", "Person"))
    with pytest.raises(ManifestError, match=r"Data_Entry_2017_v2020.csv has no column 'Patient ID'"):
        read_collection("nih-chestxray14", tmp_path)


def test_a_table_that_cannot_be_parsed_is_refused_without_its_content(tmp_path):
    build.covid_chestxray(tmp_path)
    with (tmp_path / "metadata.csv").open("a") as file:
        file.write("CANARY,one cell too few\n")
    with pytest.raises(ManifestError, match=r"metadata.csv cannot be parsed") as refused:
        read_collection("covid-chestxray", tmp_path)
    assert "CANARY" not in str(refused.value)


@pytest.mark.parametrize(("rows", "kept"), [(1, 60), (20_000, 30_000)], ids=["in its header", "in its rows"])
def test_an_archive_that_is_cut_off_is_refused(rows, kept, tmp_path):
    build.mimic_cxr(tmp_path)
    ids = [{"dicom_id": f"{row * 7919:x}", "split": "train"} for row in range(rows)]
    table = build.write_table(tmp_path / "mimic-cxr-2.0.0-split.csv.gz", ids)
    content = table.read_bytes()
    assert len(content) > kept
    table.write_bytes(content[:kept])
    with pytest.raises(ManifestError, match=r"mimic-cxr-2.0.0-split.csv.gz (is empty or damaged|cannot be unpacked)"):
        read_collection("mimic-cxr-jpg", tmp_path)


def test_a_table_in_another_encoding_is_refused_and_not_misread(tmp_path):
    build.covid_chestxray(tmp_path)
    table = tmp_path / "metadata.csv"
    table.write_bytes(table.read_bytes().replace(b"Fever", "Fièvre".encode("latin-1")))
    with pytest.raises(ManifestError, match=r"metadata.csv cannot be parsed as CSV in UTF-8"):
        read_collection("covid-chestxray", tmp_path)


def test_tables_without_rows_give_no_studies(tmp_path):
    build.chexpert(tmp_path)
    for name in ("train.csv", "valid.csv"):
        header, *_ = (tmp_path / name).read_text().splitlines()
        (tmp_path / name).write_text(f"{header}\n")
    assert read_collection("chexpert", tmp_path).studies == ()


def test_an_image_outside_of_the_collection_is_refused(tmp_path):
    build.covid_chestxray(tmp_path / "covid")
    table = tmp_path / "covid" / "metadata.csv"
    table.write_text(table.read_text().replace("d.png", "../../secret.png"))
    told = read_collection("covid-chestxray", tmp_path / "covid")
    assert "no file inside the collection" in refusals(told)["row 4"].message
    build.medpix(tmp_path / "medpix")
    cases = tmp_path / "medpix" / "Case_topic.json"
    cases.write_text(cases.read_text().replace("MPX1024_synpic3", "../../secret"))
    assert "outside images/" in refusals(read_collection("medpix2", tmp_path / "medpix"))["MPX1024"].message
    build.openi_xml(tmp_path / "openi")
    report = tmp_path / "openi" / "ecgen-radiology" / "2.xml"
    report.write_text(report.read_text().replace("CXR2_IM-0652-1001", "../../secret"))
    image = studies(read_collection("openi", tmp_path / "openi"))["CXR2"].images[0]
    assert image.path == str(tmp_path / "openi" / "images" / "secret.png")


def test_a_label_of_another_kind_is_refused(tmp_path):
    build.chexpert(tmp_path)
    table = tmp_path / "valid.csv"
    table.write_text(table.read_text().replace("0.0", "2.0"))
    with pytest.raises(ManifestError, match=r"'cardiomegaly'.*not 1, 0, -1 or empty"):
        read_collection("chexpert", tmp_path)


# Open-i.


def test_openi_reports_keep_their_sections_and_images(tmp_path):
    found = studies(read_collection("openi", build.openi_xml(tmp_path)))
    assert list(found) == ["CXR1", "CXR2", "CXR3", "CXR4"]
    assert note(found["CXR1"]) == {
        "indication": "Chest pain.",
        "comparison": "None.",
        "findings": "Seen.",
        "impression": "Known.",
    }
    assert [Path(image.path).name for image in found["CXR1"].images] == [
        "CXR1_IM-0001-3001.png",
        "CXR1_IM-0001-4001.png",
    ]
    assert found["CXR4"].images == ()


def test_openi_borderline_and_uncoded_findings_are_unknown(tmp_path):
    found = studies(read_collection("openi", build.openi_xml(tmp_path)))
    assert "cardiomegaly" not in found["CXR1"].labels
    assert found["CXR1"].labels["pleural_effusion"] == 1
    assert found["CXR1"].labels["fracture"] == 0
    assert found["CXR2"].labels["normal"] == 1
    assert found["CXR2"].labels["cardiomegaly"] == 0
    assert found["CXR3"].labels == {}


def test_openi_report_that_is_cut_off_is_refused(tmp_path):
    refused = refusals(read_collection("openi", build.openi_xml(tmp_path)))
    assert refused["5"].code is Code.FILE_UNREADABLE
    assert "5.xml is not XML" in refused["5"].message


def test_openi_report_that_defines_entities_is_refused(tmp_path):
    build.openi_xml(tmp_path)
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><eCitation>&b;</eCitation>'
    build.write_text(tmp_path / "ecgen-radiology" / "6.xml", bomb)
    assert "defines entities" in refusals(read_collection("openi", tmp_path))["6"].message


def test_openi_tables_join_reports_and_projections(tmp_path):
    found = studies(read_collection("openi", build.openi_tables(tmp_path)))
    assert views(found["CXR1"]) == ["FRONTAL", "LL"]
    assert note(found["CXR1"])["indication"] == "Pain,\nleft"
    assert found["CXR1"].labels["opacity"] == 1
    assert found["CXR2"].images == ()
    assert found["CXR9"].note == ()
    assert found["CXR9"].labels == {}


@pytest.mark.real_data
def test_openi_vocabulary_covers_the_real_headings(shared_data):
    reports = pd.read_csv(shared_data / "openi-reports" / "reports.csv")
    labelled = [openi_labels(cell.split(";")) for cell in reports["mesh"]]
    counts = pd.DataFrame(labelled).sum()
    assert counts["normal"] == 1020
    assert (counts >= 10).all()
    assert sum(not labels for labels in labelled) < 200


# MIMIC-CXR.


@pytest.mark.parametrize("packed", [True, False])
def test_mimic_tables_may_be_packed_or_not(packed, tmp_path):
    told = read_collection("mimic-cxr-jpg", build.mimic_cxr(tmp_path, packed=packed))
    found = studies(told)
    first = found["s50414267"]
    assert first.patient_id == found["s53189527"].patient_id == "p10000032"
    assert views(first) == ["PA", "LL"]
    assert first.images[0].path == str(tmp_path / "files/p10/p10000032/s50414267/02aa804e.jpg")
    assert [study.split for study in found.values()] == [Split.TRAIN, Split.TRAIN, Split.VAL]


def test_mimic_times_that_lost_their_zeros_are_read(tmp_path):
    found = studies(read_collection("mimic-cxr-jpg", build.mimic_cxr(tmp_path)))
    times = {name: study.images[0].meta.acquired_at for name, study in found.items()}
    assert times == {
        "s50414267": datetime(2180, 5, 6, 21, 30, 14),  # noqa: DTZ001 - de-identified times have no zone
        "s53189527": datetime(2180, 6, 26, 0, 55, 56),  # noqa: DTZ001
        "s53911762": None,
    }
    assert type(times["s50414267"]) is datetime


def test_mimic_uncertain_and_unmentioned_findings_are_unknown(tmp_path):
    told = read_collection("mimic-cxr-jpg", build.mimic_cxr(tmp_path))
    found = studies(told)
    assert found["s50414267"].labels == {"pleural_effusion": 1, "pneumonia": 0}
    assert found["s53189527"].labels == {}
    assert any("labels were derived from the findings and impression" in notice for notice in told.notices)
    assert "Studies with labels but without an image in the tables: 1." in told.notices


def test_mimic_reports_are_split_into_sections_and_missing_ones_counted(tmp_path):
    told = read_collection("mimic-cxr-jpg", build.mimic_cxr(tmp_path))
    found = studies(told)
    assert note(found["s50414267"])["indication"] == "Cough."
    assert found["s53189527"].note == ()
    assert "Studies without a report file: 1 of 3." in told.notices


def test_mimic_reports_may_lie_in_the_folder_of_their_archive(tmp_path):
    build.mimic_cxr(tmp_path)
    moved = tmp_path / "mimic-cxr-reports" / "files" / "p10" / "p10000032" / "s50414267.txt"
    moved.parent.mkdir(parents=True)
    (tmp_path / "files" / "p10" / "p10000032" / "s50414267.txt").rename(moved)
    assert note(studies(read_collection("mimic-cxr-jpg", tmp_path))["s50414267"])["indication"] == "Cough."


def test_mimic_dicom_alone_has_neither_labels_nor_splits(tmp_path):
    told = read_collection("mimic-cxr", build.mimic_cxr_dicom(tmp_path))
    study = studies(told)["s50414267"]
    assert study.images[0].path.endswith("/s50414267/02aa804e.dcm")
    assert (told.findings, told.split_given, study.labels) == ((), False, {})


def test_mimic_dicom_takes_views_labels_and_splits_of_the_jpg_tables(tmp_path):
    build.mimic_cxr_dicom(tmp_path)
    build.mimic_cxr(tmp_path, suffix=".dcm")
    study = studies(read_collection("mimic-cxr", tmp_path))["s50414267"]
    assert views(study) == ["PA"]
    assert study.split is Split.TRAIN
    assert study.labels == {"pleural_effusion": 1, "pneumonia": 0}


# CheXpert and CheXpert Plus.


def test_chexpert_views_of_a_study_are_one_study(tmp_path):
    found = studies(read_collection("chexpert", build.chexpert(tmp_path)))
    assert {name: views(study) for name, study in found.items()} == {
        "patient00001-study1": ["AP", "LL"],
        "patient00001-study2": ["PA"],
        "patient64541-study1": ["AP"],
    }
    assert found["patient00001-study1"].sex is Sex.FEMALE
    assert found["patient00001-study1"].age_years == 68.0
    assert found["patient64541-study1"].split is Split.VAL


def test_chexpert_uncertain_and_blank_labels_are_unknown(tmp_path):
    found = studies(read_collection("chexpert", build.chexpert(tmp_path)))
    assert found["patient00001-study1"].labels == {"pleural_effusion": 1, "fracture": 0}
    assert found["patient00001-study2"].labels == {}


def test_chexpert_test_table_is_the_test_split(tmp_path):
    build.chexpert(tmp_path)
    labels = dict.fromkeys(build.CHEXPERT_LABELS, "0.0")
    build.write_table(tmp_path / "test.csv", [{"Path": "test/patient64741/study1/view1_frontal.jpg"} | labels])
    assert studies(read_collection("chexpert", tmp_path))["patient64741-study1"].split is Split.TEST


def test_chexpert_views_that_disagree_are_refused(tmp_path):
    build.chexpert(tmp_path)
    table = tmp_path / "train.csv"
    lines = table.read_text().splitlines()
    lines[2] = lines[2].replace("68", "70").replace(",1.0,", ",0.0,")
    table.write_text("\n".join(lines) + "\n")
    refused = refusals(read_collection("chexpert", tmp_path))["patient00001-study1"]
    assert refused.code is Code.INVALID_ROW
    assert "disagree in age_years, pleural_effusion" in refused.message


def test_a_row_without_a_study_is_refused_by_its_number(tmp_path):
    build.chexpert(tmp_path)
    table = tmp_path / "train.csv"
    table.write_text(table.read_text().replace("patient00001/study2", "elsewhere"))
    assert refusals(read_collection("chexpert", tmp_path))["row 3"].code is Code.INVALID_ROW


def test_chexpert_plus_sections_become_the_note_without_the_accession_number(tmp_path):
    study = studies(read_collection("chexpert-plus", build.chexpert_plus(tmp_path)))["patient42142-study5"]
    assert note(study) == {
        "history": "Shortness of breath.\nSmoker.",
        "findings": "Seen,\nin two lines.",
        "impression": "Known.",
    }
    assert "CANARY" not in str(study)


def test_chexpert_plus_labels_that_are_null_nan_or_uncertain_are_unknown(tmp_path):
    found = studies(read_collection("chexpert-plus", build.chexpert_plus(tmp_path)))
    assert found["patient42142-study5"].labels == {"edema": 1, "fracture": 0}
    assert found["patient64541-study1"].labels == {"no_finding": 1}
    assert found["patient64541-study1"].sex is None
    assert found["patient64541-study1"].split is Split.VAL


@pytest.mark.parametrize(
    ("folder", "suffix"), [("PNG", ".png"), (".", ".png"), ("DICOM", ".dcm"), ("DICOM/Uncompressed", ".dcm")]
)
def test_chexpert_plus_images_are_found_in_either_format(folder, suffix, tmp_path):
    build.chexpert_plus(tmp_path)
    for part in ("train", "valid"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "PNG" / part).rename(tmp_path / folder / part)
    study = studies(read_collection("chexpert-plus", tmp_path))["patient42142-study5"]
    assert study.images[0].path == str(tmp_path / folder / f"train/patient42142/study5/view1_frontal{suffix}")


def test_chexpert_plus_without_labels_says_so(tmp_path):
    build.chexpert_plus(tmp_path)
    (tmp_path / "chexbert_labels" / "report_fixed.json").unlink()
    told = read_collection("chexpert-plus", tmp_path)
    assert told.findings == ()
    assert any("all labels are unknown" in notice for notice in told.notices)


# PadChest.


def test_padchest_labels_hold_for_all_views_of_a_study(tmp_path):
    study = studies(read_collection("padchest", build.padchest(tmp_path)))["S1"]
    assert views(study) == ["PA", "LL"]
    assert study.labels["atypical_pneumonia"] == study.labels["pleural_effusion"] == 1
    assert study.labels["normal"] == 0
    assert (study.age_years, study.sex) == (84.0, Sex.FEMALE)
    assert note(study) == {"findings": "derram pleural"}


def test_padchest_general_finding_is_not_absent_where_a_special_one_is_listed(tmp_path):
    found = studies(read_collection("padchest", build.padchest(tmp_path)))
    assert "pneumonia" not in found["S1"].labels
    assert found["S3"].labels["pneumonia"] == 0


def test_padchest_unclear_and_blank_labels_leave_the_rest_unknown(tmp_path):
    told = read_collection("padchest", build.padchest(tmp_path))
    assert studies(told)["S2"].labels == {"pneumonia": 1}
    assert studies(told)["S5"].labels == {}
    assert told.findings == ("atypical_pneumonia", "normal", "pleural_effusion", "pneumonia")


def test_padchest_excluded_images_and_rows_without_a_patient_are_refused(tmp_path):
    refused = refusals(read_collection("padchest", build.padchest(tmp_path)))
    assert {name: entry.code for name, entry in refused.items()} == {
        "row 6": Code.INVALID_ROW,
        "S4": Code.UNSUPPORTED_IMAGE,
    }


def test_padchest_images_may_lie_in_one_folder(tmp_path):
    build.padchest(tmp_path)
    (tmp_path / "0").rename(tmp_path / "images")
    study = studies(read_collection("padchest", tmp_path))["S1"]
    assert study.images[0].path == str(tmp_path / "images" / "a.png")


# ChestX-ray14.


def test_nih_findings_that_are_not_listed_are_absent(tmp_path):
    found = studies(read_collection("nih-chestxray14", build.nih_chestxray14(tmp_path)))
    labels = found["00000001_000"].labels
    assert len(labels) == 15
    assert {name for name, label in labels.items() if label} == {"cardiomegaly", "pleural_thickening"}
    assert found["00000001_001"].labels["no_finding"] == 1


def test_nih_official_test_list_is_the_test_split(tmp_path):
    told = read_collection("nih-chestxray14", build.nih_chestxray14(tmp_path))
    found = studies(told)
    assert found["00000002_000"].split is Split.TEST
    assert found["00000001_000"].split is found["00000001_001"].split is not Split.TEST
    assert found["00000003_000"].split is None
    assert "Images that stand in neither list and have no split: 1." in told.notices


def test_nih_ages_of_both_releases_are_read_and_impossible_ones_unknown(tmp_path):
    told = read_collection("nih-chestxray14", build.nih_chestxray14(tmp_path))
    ages = [study.age_years for study in studies(told).values()]
    assert ages == [58.0, None, 80.0, 74.0]
    assert "Ages that could not be read and are unknown: 1." in told.notices


def test_nih_validation_patients_are_an_eighth_and_drawn_by_patient(tmp_path):
    build.nih_chestxray14(tmp_path)
    header, *_ = (tmp_path / "Data_Entry_2017_v2020.csv").read_text().splitlines()
    names = [f"{patient:08d}_{follow_up:03d}.png" for patient in range(2000) for follow_up in range(2)]
    rows = [f"{name},No Finding,0,{int(name[:8])},50,F,PA,1,1,1,1," for name in names]
    build.write_text(tmp_path / "Data_Entry_2017_v2020.csv", "\n".join([header, *rows]) + "\n")
    build.write_text(tmp_path / "train_val_list.txt", "\n".join(names))
    build.write_text(tmp_path / "test_list.txt", "")
    found = studies(read_collection("nih-chestxray14", tmp_path))
    val = {study.patient_id for study in found.values() if study.split is Split.VAL}
    train = {study.patient_id for study in found.values() if study.split is Split.TRAIN}
    assert not val & train
    assert 200 < len(val) < 300


# covid-chestxray-dataset.


def test_covid_rows_of_one_day_are_one_study(tmp_path):
    found = studies(read_collection("covid-chestxray", build.covid_chestxray(tmp_path)))
    assert views(found["2-0"]) == ["PA", "LL"]
    assert found["2-5"].images[0].path == str(tmp_path / "volumes" / "c.nii.gz")
    assert found["2-5"].images[0].meta.modality == "CT"
    assert views(found["3-d"]) == ["AP"]
    assert found["2-0"].values == {"temperature_c": 38.5}  # noqa: PD011 - numbers of a study, not of a frame


def test_covid_finding_is_present_up_to_its_name_and_unknown_below(tmp_path):
    found = studies(read_collection("covid-chestxray", build.covid_chestxray(tmp_path)))
    of = {
        name: {finding: study.labels.get(finding) for finding in ("no_finding", "pneumonia", "covid_19")}
        for name, study in found.items()
    }
    assert of["2-0"] == {"no_finding": 0, "pneumonia": 1, "covid_19": 1}
    assert of["3-d"] == {"no_finding": 0, "pneumonia": 1, "covid_19": None}
    assert of["4-1"] == {"no_finding": None, "pneumonia": None, "covid_19": None}
    assert of["5-1"] == {"no_finding": 1, "pneumonia": 0, "covid_19": 0}


def test_covid_outcome_that_is_blank_is_unknown(tmp_path):
    labels = studies(read_collection("covid-chestxray", build.covid_chestxray(tmp_path)))["2-0"].labels
    assert labels["survival"] == 1
    assert "went_icu" not in labels


# MedPix 2.0.


def test_medpix_case_has_all_of_its_images_and_no_placeholder_text(tmp_path):
    found = studies(read_collection("medpix2", build.medpix(tmp_path)))
    case = found["MPX1009"]
    assert [(image.meta.modality, image.meta.view) for image in case.images] == [("CT", "AXIAL")] * 2
    assert (case.age_years, case.sex) == (73.0, Sex.MALE)
    assert note(case) == {"history": "Pain.", "findings": "Seen."}
    assert found["MPX1024"].images[0].meta.body_part == "CHEST"


def test_medpix_category_is_a_class_group_and_unsure_is_unknown(tmp_path):
    told = read_collection("medpix2", build.medpix(tmp_path))
    found = studies(told)
    assert found["MPX1009"].labels == {"category:diverticulum": 1, "category:neoplasm_carcinoma": 0}
    assert found["MPX1035"].labels == {}
    assert [study.split for study in found.values()] == [Split.TRAIN, Split.VAL, Split.TEST]


def test_medpix_case_without_text_is_refused(tmp_path):
    refused = refusals(read_collection("medpix2", build.medpix(tmp_path)))
    assert refused["MPX1036"].code is Code.INVALID_ROW


def test_medpix_file_that_is_no_list_is_refused(tmp_path):
    build.medpix(tmp_path)
    (tmp_path / "Descriptions.json").write_text(json.dumps({"a": 1}))
    with pytest.raises(ManifestError, match=r"Descriptions.json is not a list of objects"):
        read_collection("medpix2", tmp_path)


# BIDS and NIfTI.


def test_bids_sessions_are_studies_of_one_participant(tmp_path):
    found = studies(read_collection("bids", build.bids(tmp_path)))
    assert {name: study.patient_id for name, study in found.items()} == {
        "sub-01_ses-a": "sub-01",
        "sub-01_ses-b": "sub-01",
        "sub-02": "sub-02",
    }
    assert len(found["sub-01_ses-b"].images) == 2
    assert (found["sub-02"].age_years, found["sub-02"].sex) == (89.0, None)
    assert found["sub-01_ses-a"].labels == {"group:control": 0, "group:patient": 1}


def test_bids_sidecar_and_scans_table_describe_the_image(tmp_path):
    meta = studies(read_collection("bids", build.bids(tmp_path)))["sub-01_ses-a"].images[0].meta
    assert (meta.modality, meta.body_part) == ("MR", "BRAIN")
    assert meta.acquired_at == datetime(2019, 3, 1, 10, 20, 30)  # noqa: DTZ001 - BIDS gives local time
    assert all(getattr(meta, field.name) is None for field in fields(meta) if field.name in ("view", "sha256"))


def test_bids_participants_without_a_structural_image_are_refused(tmp_path):
    told = read_collection("bids", build.bids(tmp_path))
    assert {name: entry.code for name, entry in refusals(told).items()} == {
        "sub-03": Code.NO_INPUT,
        "sub-04": Code.NO_INPUT,
    }
    assert "Volumes that are no structural images and were left out: 3." in told.notices


def test_nifti_folders_name_patients_and_studies(tmp_path):
    told = read_collection("nifti", build.nifti_folder(tmp_path))
    assert {name: (study.patient_id, len(study.images)) for name, study in studies(told).items()} == {
        "alone": ("alone", 1),
        "P1/first": ("P1", 2),
        "P1/second": ("P1", 1),
        "imagesTr/lung_001": ("lung_001", 1),
    }
    assert "Segmentations that were left out: 2." in told.notices
