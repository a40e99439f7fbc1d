"""Whatever a source holds ends in the manifest or, with a reason, in the ledger."""

import json
import re
import zipfile
from pathlib import Path

import collection_builders
import fhir_builders
import hl7_builders
import numpy as np
import pytest
from dicom_builders import write_dicom
from pyarrow import parquet
from pydicom.uid import CTImageStorage
from sr_builders import code, entry, write_report

from mediscan.errors import Code, ManifestError
from mediscan.manifest import Manifest
from mediscan.sources.columns import TableColumns
from mediscan.sources.ingest import SelectionRules, ingest
from mediscan.sources.notes.text_files import PARENT_FOLDER
from mediscan.study import Sex

NOTE = "INDICATION: Cough.\nFINDINGS: An opacity."


def radiograph(path: Path, **elements: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(len(str(path))).integers(0, 4096, (8, 8)).astype(np.uint16)
    chosen = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": f"1.2.3.{len(path.name)}", "PatientID": "P1"}
    return write_dicom(path, values, **(chosen | elements))


def slices(folder: Path, *, series: int, count: int = 4, **elements: object) -> None:
    for place in range(count):
        radiograph(
            folder / f"s{series}-{place}.dcm",
            **{
                "Modality": "CT",
                "SOPClassUID": CTImageStorage,
                "SeriesInstanceUID": f"1.2.3.{series}",
                "SeriesNumber": series,
                "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
                "PixelSpacing": [1, 1],
                "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
                "ImagePositionPatient": [0, 0, 5 * place],
            }
            | elements,
        )


@pytest.fixture
def gathered(tmp_path):
    """Ingest the folder `in`: (manifest, ledger rows by study, result)."""

    def run(*sources, **options):
        out = tmp_path / "out" / "m.parquet"
        result = ingest(sources or [tmp_path / "in"], out=out, **options)
        ledger = {row["study_id"]: row for row in parquet.read_table(result.ledger).to_pylist()}
        return Manifest.read(out), ledger, result

    return run


def sections(study):
    return {section.name: section.text for section in study.note}


def test_an_hl7_result_becomes_the_note_of_the_images_with_its_accession_number(tmp_path, gathered):
    radiograph(tmp_path / "in" / "a.dcm", AccessionNumber="ACC-1", PatientID="MRN-1", PatientSex="F")
    hl7_builders.write(
        tmp_path / "in", hl7_builders.message(hl7_builders.order(reason="Cough"), hl7_builders.result(NOTE))
    )
    manifest, ledger, _ = gathered()
    study = manifest.study("ACC-1")
    assert len(study.images) == 1
    assert sections(study)["findings"] == "An opacity."
    assert ledger["ACC-1"]["code"] == Code.OK


def test_an_hl7_file_is_known_by_its_content_under_the_name_of_a_text(tmp_path, gathered):
    message = hl7_builders.message(hl7_builders.order(), hl7_builders.result(NOTE))
    (tmp_path / "in").mkdir()
    hl7_builders.write(tmp_path / "in", message, name="result.txt")
    manifest, _, _ = gathered()
    assert sections(manifest.study("ACC-1"))["indication"] == "Cough."


def test_a_fhir_bundle_with_two_reports_meets_its_three_series(tmp_path, gathered):
    uid = fhir_builders.STUDY_UID
    for series in (1, 2, 3):
        slices(tmp_path / "in", series=series, StudyInstanceUID=uid, PatientID="MRN-1", PatientSex="F")
    fhir_builders.write(
        tmp_path / "in",
        fhir_builders.patient(),
        fhir_builders.imaging_study(series=[fhir_builders.series(number) for number in (1, 2, 3)]),
        fhir_builders.report("r1", status="preliminary", text="FINDINGS: No opacity."),
        fhir_builders.report("r2", text=NOTE),
    )
    manifest, ledger, _ = gathered()
    study = manifest.study(uid)
    assert sections(study) == {"indication": "Cough.", "findings": "An opacity."}
    assert (study.patient_id, study.sex, len(study.images)) == ("MRN-1", Sex.FEMALE, 3)
    assert [Path(image.path).name for image in study.images] == [f"in#1.2.3.{number}" for number in (1, 2, 3)]
    assert ledger[uid]["message"].startswith("3 of 3 series used")


def test_json_that_is_no_fhir_is_passed_over_in_a_folder(tmp_path, gathered):
    radiograph(tmp_path / "in" / "a.dcm")
    (tmp_path / "in" / "sidecar.json").write_text('{"RepetitionTime": 2}')
    manifest, _, result = gathered()
    assert (len(manifest), result.refused) == (1, 0)


def test_a_structured_report_becomes_the_note_of_its_study(tmp_path, gathered):
    radiograph(tmp_path / "in" / "a.dcm")
    write_report(
        tmp_path / "in" / "report.dcm", entry("TEXT", code("121070", "DCM", "Findings"), TextValue="An opacity.")
    )
    manifest, _, _ = gathered()
    study = manifest.study("1.2.3")
    assert sections(study) == {"findings": "An opacity."}
    assert len(study.images) == 1


def test_a_text_named_as_an_image_is_its_note_and_the_header_says_whose(tmp_path, gathered):
    radiograph(tmp_path / "in" / "images" / "case7.dcm", PatientID="P7")
    (tmp_path / "in" / "case7.txt").write_text(NOTE)
    (tmp_path / "in" / "README.txt").write_text("Nothing of a patient.")
    manifest, _, result = gathered()
    study = manifest.study("case7")
    assert (study.patient_id, sections(study)["indication"], len(study.images)) == ("P7", "Cough.", 1)
    assert any("1 text files in in are named as none of its studies" in notice for notice in result.notices)


def test_a_note_whose_patient_nobody_names_is_refused_by_the_remedy(tmp_path, gathered):
    radiograph(tmp_path / "other" / "b.dcm")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "case7.txt").write_text(NOTE)
    _, ledger, _ = gathered(tmp_path / "in", tmp_path / "other")
    assert ledger["case7"]["status"] == "refused"
    assert "--note-layout" in ledger["case7"]["message"]


def test_a_layout_names_patient_and_study_of_text_notes(tmp_path, gathered):
    (tmp_path / "in" / "P7").mkdir(parents=True)
    (tmp_path / "in" / "P7" / "S9.txt").write_text(NOTE)
    manifest, _, _ = gathered(note_layout=PARENT_FOLDER)
    assert manifest.study("S9").patient_id == "P7"


def test_json_lines_are_studies(tmp_path, gathered):
    lines = [{"study_id": "S1", "patient_id": "P1", "note": NOTE}, {"study_id": "S2"}]
    (tmp_path / "notes.jsonl").write_text("\n".join(map(json.dumps, lines)))
    manifest, ledger, _ = gathered(tmp_path / "notes.jsonl")
    assert sections(manifest.study("S1"))["findings"] == "An opacity."
    assert ledger["S2"]["status"] == "refused"


def test_a_zip_archive_is_unpacked_beside_the_manifest(tmp_path, gathered):
    slices(tmp_path / "made", series=5)
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        for path in sorted((tmp_path / "made").iterdir()):
            archive.write(path, f"DOE_JANE/{path.name}")
    manifest, _, _ = gathered(tmp_path / "study.zip")
    (image,) = manifest.study("1.2.3").images
    assert Path(image.path).is_relative_to(tmp_path / "out" / "m.files")
    assert "DOE" not in image.path
    assert image.meta.spacing_mm == (1.0, 1.0, 5.0)


def test_a_collection_is_read_in_its_own_layout(tmp_path, gathered):
    root = collection_builders.openi_tables(tmp_path / "openi")
    manifest, ledger, result = gathered(root, collection="openi")
    assert result.studies > 0
    assert len(ledger) == result.studies + result.refused
    assert {"indication", "findings"} <= set(manifest.note_sections)


def test_a_table_and_messages_add_up_to_one_study(tmp_path, gathered):
    radiograph(tmp_path / "in" / "a.dcm", AccessionNumber="ACC-1", PatientID="MRN-1")
    hl7_builders.write(tmp_path / "in", hl7_builders.message(hl7_builders.order(), hl7_builders.result(NOTE)))
    (tmp_path / "labels.csv").write_text("id,patient,opacity\nACC-1,MRN-1,1\n")
    manifest, _, _ = gathered(
        tmp_path / "in", table=tmp_path / "labels.csv", columns=TableColumns(findings={"opacity": "opacity"})
    )
    study = manifest.study("ACC-1")
    assert (dict(study.labels), sections(study)["indication"], len(study.images)) == ({"opacity": 1}, "Cough.", 1)


def test_a_table_of_whole_reports_and_times_is_split_into_sections(tmp_path, gathered):
    (tmp_path / "t.csv").write_text(f'id,patient,report,at\nS1,P1,"{NOTE}",2024-03-01T10:00:00\n')
    columns = TableColumns(report="report", note_times={"indication": "at"})
    manifest, _, _ = gathered(tmp_path / "t.csv", columns=columns)
    times = {section.name: section.at for section in manifest.study("S1").note}
    assert times["indication"].isoformat() == "2024-03-01T10:00:00"
    assert times["findings"] is None


def test_the_ledger_says_which_series_were_chosen_and_why_not_the_others(tmp_path, gathered):
    slices(tmp_path / "in", series=1, count=2, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    slices(tmp_path / "in", series=2)
    slices(tmp_path / "in", series=3, SliceThickness=5)
    manifest, ledger, _ = gathered()
    assert [image.path.rpartition("#")[2] for image in manifest.study("1.2.3").images] == ["1.2.3.2", "1.2.3.3"]
    assert ledger["1.2.3"]["code"] == Code.SERIES_LEFT_OUT
    assert "2 of 3 series used; series 1 of 3 (CT) left out: localizer" in ledger["1.2.3"]["message"]
    manifest, ledger, _ = gathered(rules=SelectionRules(exclude_localizers=False, max_slice_thickness_mm=5))
    assert [image.path.rpartition("#")[2] for image in manifest.study("1.2.3").images] == ["1.2.3.3"]
    assert "slice thickness unknown" in ledger["1.2.3"]["message"]


def test_a_study_of_nothing_suitable_is_refused_unless_it_has_a_note(tmp_path, gathered):
    slices(tmp_path / "in", series=2)
    rules = SelectionRules(modalities=("MR",))
    slices(tmp_path / "in", series=9, StudyInstanceUID="1.2.4", PatientID="P2")
    write_report(
        tmp_path / "in" / "report.dcm", entry("TEXT", code("121070", "DCM", "Findings"), TextValue="An opacity.")
    )
    manifest, ledger, _ = gathered(rules=rules)
    assert (ledger["1.2.4"]["status"], ledger["1.2.4"]["code"]) == ("refused", Code.NO_SUITABLE_SERIES)
    assert manifest.study("1.2.3").images == ()


def test_a_note_of_another_patient_is_a_mismatch_and_no_study(tmp_path, gathered):
    radiograph(tmp_path / "in" / "a.dcm", PatientSex="M", PatientAge="040Y")
    (tmp_path / "in" / "a.txt").write_text("HISTORY: 75-year-old woman with cough.")
    radiograph(tmp_path / "in" / "b.dcm", StudyInstanceUID="1.2.9", PatientID="P9", PatientSex="M")
    manifest, ledger, _ = gathered()
    assert (ledger["a"]["status"], ledger["a"]["code"]) == ("refused", Code.IDENTITY_MISMATCH)
    assert "75" not in ledger["a"]["message"]
    assert [study.study_id for study in manifest.studies()] == ["1.2.9"]


def test_a_report_of_another_patient_than_its_images_is_a_mismatch(tmp_path, gathered):
    radiograph(tmp_path / "in" / "a.dcm", AccessionNumber="ACC-1", PatientID="MRN-2")
    radiograph(tmp_path / "in" / "bb.dcm", StudyInstanceUID="1.2.9", PatientID="P9")
    hl7_builders.write(tmp_path / "in", hl7_builders.message(hl7_builders.order(), hl7_builders.result(NOTE)))
    _, ledger, _ = gathered()
    assert ledger["ACC-1"]["code"] == Code.IDENTITY_MISMATCH


def test_a_table_that_renames_all_patients_is_told_and_one_that_swaps_two_is_refused(tmp_path, gathered):
    for number in (1, 2, 3):
        radiograph(tmp_path / "in" / f"{number * 'x'}.dcm", PatientID=f"P{number}", StudyInstanceUID=f"1.2.{number}")
    columns = TableColumns(image="image")

    def table(*patients: str) -> Path:
        rows = [f"S{number},{patient},in/{number * 'x'}.dcm" for number, patient in enumerate(patients, start=1)]
        (tmp_path / "t.csv").write_text("\n".join(["id,patient,image", *rows]))
        return tmp_path / "t.csv"

    manifest, _, result = gathered(table("A", "B", "C"), columns=columns)
    assert len(manifest) == 3
    assert any("one to one: ids were not compared" in notice for notice in result.notices)
    _, ledger, _ = gathered(table("P1", "P3", "P2"), columns=columns)
    assert {study: row["code"] for study, row in ledger.items()} == {
        "S1": Code.OK,
        "S2": Code.IDENTITY_MISMATCH,
        "S3": Code.IDENTITY_MISMATCH,
    }


def test_two_sources_that_contradict_each_other_refuse_the_study(tmp_path, gathered):
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_text(json.dumps({"study_id": "S1", "patient_id": "P1", "note": NOTE, "sex": "F"}))
    second.write_text(json.dumps({"study_id": "S1", "patient_id": "P1", "note": "PLAN: Rest.", "sex": "M"}))
    third = tmp_path / "c.jsonl"
    third.write_text(json.dumps({"study_id": "S2", "patient_id": "P1", "note": NOTE}))
    _, ledger, _ = gathered(first, second, third)
    assert (ledger["S1"]["status"], ledger["S1"]["code"]) == ("refused", Code.INVALID_ROW)
    assert "disagree in 'sex'" in ledger["S1"]["message"]


def test_sections_that_two_sources_tell_differently_keep_both_texts(tmp_path, gathered):
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_text(json.dumps({"study_id": "S1", "patient_id": "P1", "note": "HISTORY: Cough."}))
    second.write_text(json.dumps({"study_id": "S1", "patient_id": "P1", "note": "HISTORY: Fever."}))
    manifest, _, _ = gathered(first, second)
    assert sections(manifest.study("S1")) == {"history": "Cough.\nFever."}


def test_a_source_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ManifestError, match=re.escape(f"{tmp_path / 'none'} does not exist")):
        ingest([tmp_path / "none"], out=tmp_path / "m.parquet")


def phases(folder: Path, *, series: int) -> None:
    """A series of two phases at each place, with pixels of their own."""
    for phase in (1, 2):
        slices(folder / ("phase" * phase), series=series, TemporalPositionIdentifier=phase, SliceThickness=1)


def test_a_series_that_makes_no_volume_is_left_out_with_its_reason_where_others_do(tmp_path, gathered):
    slices(tmp_path / "in" / "1", series=1)
    phases(tmp_path / "in" / "2", series=2)
    manifest, ledger, _ = gathered()
    assert [Path(image.path).name for image in manifest.study("1.2.3").images] == ["1"]
    assert ledger["1.2.3"]["code"] == Code.SERIES_LEFT_OUT
    assert (
        "series 2 of 2 (CT) left out: holds several images of the same place, told apart by Temporal"
        in (ledger["1.2.3"]["message"])
    )


def test_a_preferred_series_that_makes_no_volume_gives_way_to_the_next(tmp_path, gathered):
    slices(tmp_path / "in" / "1", series=1, SliceThickness=5)
    phases(tmp_path / "in" / "2", series=2)
    manifest, _, _ = gathered(rules=SelectionRules(max_series=1))
    assert [Path(image.path).name for image in manifest.study("1.2.3").images] == ["1"]


def test_a_lone_series_that_makes_no_volume_is_refused_unless_there_is_a_note(tmp_path, gathered):
    phases(tmp_path / "in", series=1)
    _, ledger, _ = gathered()
    assert ledger["1.2.3"]["code"] == Code.MIXED_SERIES
    (tmp_path / "in" / "1.2.3.txt").write_text(NOTE)
    manifest, ledger, _ = gathered()
    assert manifest.study("1.2.3").images == ()
    assert "0 of 1 series used" in ledger["1.2.3"]["message"]


def test_damage_refuses_the_study_whatever_else_it_has(tmp_path, gathered):
    slices(tmp_path / "in" / "1", series=1)
    broken = radiograph(tmp_path / "in" / "dx.dcm", Modality="DX")
    broken.write_bytes(broken.read_bytes()[:-140])  # all of its pixels
    _, ledger, _ = gathered()
    assert ledger["1.2.3"]["code"] == Code.PIXEL_DATA


def test_images_that_a_table_names_are_used_whatever_the_rules_and_refused_if_they_make_no_volume(tmp_path, gathered):
    slices(tmp_path / "in" / "1", series=1, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    slices(tmp_path / "in" / "2", series=2)
    phases(tmp_path / "in" / "3", series=3)
    table = tmp_path / "t.csv"
    table.write_text("id,patient,image\ns1,P1,in/1\ns2,P1,in/2;in/3#1.2.3.3\n")
    manifest, ledger, _ = gathered(tmp_path / "in", table=table)
    assert [Path(image.path).name for image in manifest.study("s1").images] == ["1"]
    assert ledger["s2"]["code"] == Code.MIXED_SERIES


def test_ids_that_a_spreadsheet_changed_are_told_and_never_joined(tmp_path, gathered):
    for number in (1, 2):
        radiograph(
            tmp_path / "in" / f"{number}.dcm",
            StudyInstanceUID=f"1.2.{number}",
            AccessionNumber=f"00{number}7",
            PatientID=f"P{number}",
        )
    table = tmp_path / "t.csv"
    table.write_text("id,patient,note\n17.0,P1,Cough\nP2,P2,Fall\nelse,P3,Fever\n")
    manifest, _, result = gathered(tmp_path / "in", table=table, columns=TableColumns(notes={"history": "note"}))
    assert not manifest.study("17.0").images
    (notice,) = (one for one in result.notices if "found no image" in one)
    assert notice.startswith("3 studies of tables, notes or messages found no image, and 2 images no such study")
    assert "1 would fit but for capitals, signs, leading zeros or a trailing '.0'." in notice
    assert "1 are PatientIDs" in notice


def test_a_patient_whose_leading_zeros_were_lost_is_a_mismatch_that_says_so(tmp_path, gathered):
    radiograph(tmp_path / "in" / "1.dcm", PatientID="00123")
    radiograph(tmp_path / "in" / "2.dcm", PatientID="00124", StudyInstanceUID="1.2.4")
    table = tmp_path / "t.csv"
    table.write_text("id,patient,note\n1,123,Cough\n2,125,Cough\n")
    _, ledger, _ = gathered(tmp_path / "in", table=table, columns=TableColumns(notes={"history": "note"}))
    assert {ledger[one]["code"] for one in "12"} == {Code.IDENTITY_MISMATCH}
    assert "leading zeros" in ledger["1"]["message"]
    assert "leading zeros" not in ledger["2"]["message"]


def test_bad_lines_of_one_number_in_two_files_are_two_records(tmp_path, gathered):
    (tmp_path / "in").mkdir()
    for name in "ab":
        line = json.dumps({"study_id": name, "patient_id": "P1", "note": "Cough."})
        (tmp_path / "in" / f"{name}.jsonl").write_text(f"{line}\nno JSON\n")
    _, ledger, result = gathered()
    assert result.refused == 2
    assert {"a.jsonl line 2", "b.jsonl line 2"} <= set(ledger)


def test_age_and_sex_come_from_the_headers_where_the_source_tells_none(tmp_path, gathered):
    radiograph(tmp_path / "in" / "a.dcm", PatientSex="F", PatientAge="061Y")
    radiograph(tmp_path / "in" / "ccc.dcm", StudyInstanceUID="1.2.8", PatientID="P8", PatientAge="140Y")
    radiograph(
        tmp_path / "in" / "bb.dcm",
        StudyInstanceUID="1.2.9",
        PatientID="P9",
        PatientBirthDate="19540301",
        AcquisitionDate="20240301",
    )
    (tmp_path / "t.csv").write_text("id,patient,years\n1.2.3,P1,62\n")
    manifest, _, _ = gathered(
        tmp_path / "in", table=tmp_path / "t.csv", columns=TableColumns(values={"age_years": "years"})
    )
    told, dated = manifest.study("1.2.3"), manifest.study("1.2.9")
    assert (told.age_years, told.sex) == (62, Sex.FEMALE)
    assert manifest.study("1.2.8").age_years is None  # older than anybody: the header is wrong
    assert (round(dated.age_years or 0), dated.sex) == (70, None)


def test_an_age_that_nobody_reaches_in_a_report_does_not_end_the_ingest(tmp_path, gathered):
    radiograph(tmp_path / "in" / "a.dcm")
    finding = entry("TEXT", code("121070", "DCM", "Findings"), TextValue="An opacity.")
    write_report(tmp_path / "in" / "report.dcm", finding, PatientAge="140Y")
    manifest, _, _ = gathered()
    assert manifest.study("1.2.3").age_years is None
