import json
import pickle
import re
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from mediscan import schema
from mediscan.errors import Code, ManifestError
from mediscan.findings import FindingSet
from mediscan.manifest import SCHEMA_VERSION, Manifest
from mediscan.study import ImageMeta, ImageRef, NoteSection, Sex, Split, Study

FINDINGS = FindingSet(("pneumonia", "etiology:cyst", "etiology:tumour"))


@pytest.fixture
def studies(tmp_path):
    return [
        Study(
            study_id="s1",
            patient_id="p1",
            images=(
                ImageRef(
                    path=str(tmp_path / "images" / "a.dcm"),
                    meta=ImageMeta(
                        modality="CR",
                        body_part="CHEST",
                        view="PA",
                        laterality="L",
                        spacing_mm=(0.143, 0.143),
                        acquired_at=datetime(2024, 5, 31, 14, 30),  # noqa: DTZ001 - scanners write local times
                        sha256="ab" * 32,
                    ),
                ),
                ImageRef(path="https://pacs.example/studies/1?a=1;b=2"),
            ),
            note=(
                NoteSection(name="history", text='  Cough,\n"dry"; fever. ', at=datetime(2024, 5, 30, 9, tzinfo=UTC)),
                NoteSection(name="exam", text="Rales on the left."),
            ),
            split=Split.TRAIN,
            age_years=43.5,
            sex=Sex.FEMALE,
            values={"temperature_c": 38.9},
            labels={"pneumonia": 1, "etiology:cyst": 0, "etiology:tumour": 1},
        ),
        Study(study_id="s2", patient_id="p2", note=(NoteSection(name="exam", text="Clear."),), labels={"pneumonia": 0}),
    ]


def csv_manifest(folder: Path, *lines: str) -> Manifest:
    path = folder / "m.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Manifest.read(path)


def only_refusal(manifest: Manifest):
    (record,) = manifest.records()
    assert record.study is None
    return record.refusal


def test_studies_come_back_from_a_file_as_they_were(tmp_path, studies):
    written = Manifest.of(studies, findings=FINDINGS, root=tmp_path).write(tmp_path / "m.parquet")
    assert written.studies() == studies
    assert written.findings == FINDINGS
    assert written.note_sections == ("history", "exam")
    assert written.value_names == ("temperature_c",)
    assert len(written) == 2


def test_an_unknown_label_stays_unknown(tmp_path, studies):
    written = Manifest.of(studies, findings=FINDINGS, root=tmp_path).write(tmp_path / "m.parquet")
    assert dict(written.study("s2").labels) == {"pneumonia": 0}


def test_studies_read_from_a_manifest_can_go_to_another_process(tmp_path, studies):
    study = Manifest.of(studies, findings=FINDINGS, root=tmp_path).study("s1")
    assert pickle.loads(pickle.dumps(study)) == study  # noqa: S301 - own bytes


def test_image_paths_are_stored_relative_to_the_manifest(tmp_path, studies):
    path = tmp_path / "runs" / "m.parquet"
    written = Manifest.of(studies, findings=FINDINGS, root=tmp_path).write(path)
    assert parquet.read_table(path)["images"][0].as_py() == [
        "../images/a.dcm",
        "https://pacs.example/studies/1?a=1;b=2",
    ]
    assert written.study("s1").images == studies[0].images


def test_a_folder_moved_with_its_manifest_still_finds_its_images(tmp_path, studies):
    (tmp_path / "old").mkdir()
    image = ImageRef(path=str(tmp_path / "old" / "images" / "a.png"))
    study = Study(study_id="s", patient_id="p", images=(image,))
    Manifest.of([study], findings=FINDINGS, root=tmp_path / "old").write(tmp_path / "old" / "m.parquet")
    (tmp_path / "old").rename(tmp_path / "new")
    (moved,) = Manifest.read(tmp_path / "new" / "m.parquet").studies()
    assert moved.images[0].path == str(tmp_path / "new" / "images" / "a.png")


def test_an_image_that_shares_only_the_file_systems_top_stays_absolute(tmp_path):
    assert schema.relative("/elsewhere/a.png", root=tmp_path) == "/elsewhere/a.png"
    assert schema.relative("/elsewhere/a.png", root=Path("/")) == "elsewhere/a.png"


def test_the_hash_is_that_of_the_file(tmp_path, studies):
    written = Manifest.of(studies, findings=FINDINGS, root=tmp_path).write(tmp_path / "m.parquet")
    again = Manifest.of(studies, findings=FINDINGS, root=tmp_path).write(tmp_path / "n.parquet")
    other = Manifest.of(studies[:1], findings=FINDINGS, root=tmp_path).write(tmp_path / "o.parquet")
    assert written.path == tmp_path / "m.parquet"
    assert re.fullmatch(r"[0-9a-f]{64}", written.sha256)
    assert written.sha256 == again.sha256 != other.sha256


def test_a_manifest_in_no_file_has_no_path_and_no_hash(tmp_path, studies):
    manifest = Manifest.of(studies, findings=FINDINGS, root=tmp_path)
    for name in ("path", "sha256"):
        with pytest.raises(ManifestError, match="in no file yet"):
            getattr(manifest, name)


def test_a_newer_schema_is_refused_with_a_remedy(tmp_path, studies):
    path = tmp_path / "m.parquet"
    Manifest.of(studies, findings=FINDINGS, root=tmp_path).write(path)
    table = parquet.read_table(path)
    assert table.schema.metadata[schema.VERSION_KEY] == str(SCHEMA_VERSION).encode()
    parquet.write_table(table.replace_schema_metadata({schema.VERSION_KEY: b"2"}), path)
    with pytest.raises(ManifestError, match=r"schema version 2.*Update mediscan"):
        Manifest.read(path)


def test_a_failed_write_leaves_the_old_manifest_and_no_remains(tmp_path, studies, monkeypatch):
    path = tmp_path / "m.parquet"
    Manifest.of(studies[:1], findings=FINDINGS, root=tmp_path).write(path)
    before = path.read_bytes()

    def full(table, where):
        where.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(schema.parquet, "write_table", full)
    with pytest.raises(ManifestError, match="No space left on device"):
        Manifest.of(studies, findings=FINDINGS, root=tmp_path).write(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.parquet"]


def test_a_manifest_with_a_wrong_row_is_not_written(tmp_path):
    manifest = csv_manifest(tmp_path, "study_id,patient_id,images,sex", "s1,p1,a.png,woman")
    with pytest.raises(ManifestError, match=r"1 of 1 rows cannot be used: row 1, column 'sex': this value is"):
        manifest.write(tmp_path / "m.parquet")
    assert not (tmp_path / "m.parquet").exists()


def test_csv_and_parquet_say_the_same(tmp_path, studies):
    meta = json.dumps([{"modality": "CR", "spacing_mm": [0.1, 0.2], "acquired_at": "2024-05-31"}, None])
    quoted = meta.replace('"', '""')
    read = csv_manifest(
        tmp_path,
        "\ufeffstudy_id,patient_id,split,images,image_meta,note_history,note_history_at,age_years,sex,value_t,mass",
        f's1,p1,train,a.png; b.png,"{quoted}","one\ntwo, three",2024-05-30T09:00+02:00,43,Female,38.5,1',
        's2,p2,TEST,"[""sub/c;d.png""]",,,,,,,0.0',
    )
    first, second = read.studies()
    assert [image.path for image in first.images] == [str(tmp_path / "a.png"), str(tmp_path / "b.png")]
    assert first.images[0].meta.spacing_mm == (0.1, 0.2)
    assert first.images[0].meta.acquired_at == datetime(2024, 5, 31)  # noqa: DTZ001 - as written
    assert first.note[0].text == "one\ntwo, three"
    assert first.note[0].at == datetime.fromisoformat("2024-05-30T09:00+02:00")
    assert second.images[0].path == str(tmp_path / "sub" / "c;d.png")
    assert (second.split, second.labels) == (Split.TEST, {"mass": 0})
    assert read.write(tmp_path / "m.parquet").studies() == [first, second]


def test_a_table_written_by_pandas_is_understood(tmp_path):
    frame = pd.DataFrame(
        {
            "study_id": [11, 12],
            "patient_id": pd.Categorical(["a", "b"]),
            "images": [["x.png"], None],
            "note_exam": [None, "Clear."],
            "note_exam_at": pd.to_datetime(["2024-01-02", "2024-01-03"]),
            "age_years": [float("nan"), 40],
            "mass": [1.0, float("nan")],
            "effusion": [True, False],
        }
    )
    frame.to_parquet(tmp_path / "m.parquet")
    first, second = Manifest.read(tmp_path / "m.parquet").studies()
    assert (first.study_id, first.patient_id, first.age_years) == ("11", "a", None)
    assert first.labels == {"mass": 1, "effusion": 1}
    assert second.labels == {"effusion": 0}
    assert second.note[0].at == datetime(2024, 1, 3)  # noqa: DTZ001 - as written


def test_nan_in_a_file_is_unknown(tmp_path):
    nan = pa.array([1.0, float("nan")])
    columns = {"study_id": ["a", "b"], "patient_id": ["p", "q"], "note_x": ["x", "y"], "mass": nan, "value_t": nan}
    parquet.write_table(pa.table(columns), tmp_path / "m.parquet")
    known, unknown = Manifest.read(tmp_path / "m.parquet").studies()
    assert (known.labels, dict(known.values)) == ({"mass": 1}, {"t": 1.0})
    assert (unknown.labels, dict(unknown.values)) == ({}, {})


@pytest.mark.parametrize("name", ["study_id", "patient_id"])
def test_a_missing_required_column_is_named_with_the_nearest(tmp_path, name):
    header = "study_id,patient_id,images".replace(name, name.replace("_", ""))
    with pytest.raises(ManifestError, match=rf"no column '{name}'. Did you mean '{name.replace('_', '')}'\?"):
        csv_manifest(tmp_path, header, "s,p,a.png")


def test_a_stray_column_is_an_error_that_names_row_column_and_remedy(tmp_path):
    with pytest.raises(ManifestError, match=r"row 2, column 'ward': .* no finding.*note_ward"):
        csv_manifest(tmp_path, "study_id,patient_id,images,ward", "s1,p1,a,", "s2,p2,b,B3")


def test_a_stray_column_does_not_show_long_text(tmp_path):
    with pytest.raises(ManifestError) as caught:
        csv_manifest(tmp_path, "study_id,patient_id,images,text", "s1,p1,a,Patient was admitted with John Doe disease")
    assert "John Doe" not in str(caught.value)


def test_a_stray_column_of_lists_is_an_error(tmp_path):
    table = pa.table({"study_id": ["s"], "patient_id": ["p"], "images": [["a"]], "boxes": [[1, 2]]})
    parquet.write_table(table, tmp_path / "m.parquet")
    with pytest.raises(ManifestError, match="row 1, column 'boxes'"):
        Manifest.read(tmp_path / "m.parquet")


def test_a_slip_in_a_finding_column_refuses_its_row_only(tmp_path):
    manifest = csv_manifest(
        tmp_path, "study_id,patient_id,images,mass", "s1,p1,a,1", "s2,p2,b,0", "s3,p3,c,2", "s4,p4,d,"
    )
    refused = [record.refusal for record in manifest.records() if record.refusal]
    assert [refusal.study_id for refusal in refused] == ["s3"]
    assert refused[0].code is Code.INVALID_ROW
    assert refused[0].message.startswith("row 3, column 'mass': '2' is not a label")


@pytest.mark.parametrize(
    ("header", "cells", "message"),
    [
        ("split", "training", r"row 1, column 'split': this value is not a split\. Write train, val or test"),
        ("sex", "x", r"row 1, column 'sex': 'x' is not a sex"),
        ("age_years", "old", r"row 1, column 'age_years': this value is not a number"),
        ("age_years", "131", r"row 1, column 'age_years': 131 is out of range\. Write a number from 0 to 130"),
        ("age_years", "-1", r"-1 is out of range"),
        ("value_t", "nan", r"row 1, column 'value_t': this value is not a finite number"),
        ("image_meta", "{", r"row 1, column 'image_meta': this is not valid JSON"),
        ("image_meta", "[]", r"there are 0 entries for 1 images"),
        ("image_meta", '"[{""modalitty"": ""CT""}]"', r"unknown field 'modalitty'"),
        ("image_meta", '"[{""spacing_mm"": 3}]"', r"spacing_mm is not a list"),
        ("image_meta", '"[{""spacing_mm"": [-3]}]"', r"-3 is out of range"),
        ("image_meta", '"[{""acquired_at"": ""May""}]"', r"this value is not a time"),
        ("note_exam,note_exam_at", "Clear.,yesterday", r"row 1, column 'note_exam_at': this value is not a time"),
    ],
)
def test_an_invalid_cell_refuses_its_row_naming_column_value_and_remedy(tmp_path, header, cells, message):
    refusal = only_refusal(csv_manifest(tmp_path, f"study_id,patient_id,images,{header}", f"s,p,a.png,{cells}"))
    assert (refusal.study_id, refusal.code) == ("s", Code.INVALID_ROW)
    assert re.search(message, refusal.message)


@pytest.mark.parametrize("cell", ['"[""a.png"", 3]"', '"[""a.png"", """"]"', '"[""a.png"""'])
def test_malformed_images_refuse_their_row(tmp_path, cell):
    refusal = only_refusal(csv_manifest(tmp_path, "study_id,patient_id,images", f"s,p,{cell}"))
    assert refusal.code is Code.INVALID_ROW
    assert "row 1, column 'images'" in refusal.message


@pytest.mark.parametrize(
    ("written", "sex"),
    [("m", Sex.MALE), ("Female", Sex.FEMALE), ("OTHER", Sex.OTHER), ("N/A", None), ("unknown", None), ("", None)],
)
def test_sex_is_read_in_any_usual_spelling(tmp_path, written, sex):
    (study,) = csv_manifest(tmp_path, "study_id,patient_id,images,sex", f"s,p,a.png,{written}").studies()
    assert study.sex is sex


def test_a_row_without_ids_is_refused_under_its_number(tmp_path):
    manifest = csv_manifest(tmp_path, "study_id,patient_id,images", "s1,p1,a", " ,p2,b", "s3,,c")
    records = list(manifest.records())
    assert [(record.row, record.study_id) for record in records] == [(1, "s1"), (2, "row 2"), (3, "s3")]
    assert records[1].refusal.message.startswith("row 2, column 'study_id': there is no id")
    assert records[2].refusal.message.startswith("row 3, column 'patient_id': there is no patient")


def test_every_row_of_a_doubled_id_is_refused(tmp_path):
    manifest = csv_manifest(tmp_path, "study_id,patient_id,images", "s1,p1,a", "s2,p2,b", "s1,p1,c")
    refused = [record for record in manifest.records() if record.refusal]
    assert [record.row for record in refused] == [1, 3]
    assert {record.refusal.code for record in refused} == {Code.DUPLICATE_STUDY_ID}
    assert "stands in rows 1, 3" in refused[0].refusal.message
    with pytest.raises(ManifestError, match="stands in rows 1, 3"):
        manifest.study("s1")


@pytest.mark.parametrize(("one_hot", "ones"), [("0,0", 0), ("1,1", 2), ("0,", 0)])
def test_a_class_group_without_exactly_one_value_is_refused(tmp_path, one_hot, ones):
    refusal = only_refusal(csv_manifest(tmp_path, "study_id,patient_id,images,e:a,e:b", f"s,p,a,{one_hot}"))
    assert refusal.code is Code.INVALID_ROW
    assert f"{ones} values of class group 'e' are 1" in refusal.message


def test_a_class_group_may_be_unknown_as_a_whole(tmp_path):
    (study,) = csv_manifest(tmp_path, "study_id,patient_id,images,e:a,e:b", "s,p,a,,").studies()
    assert study.labels == {}


def test_a_class_group_of_one_value_is_an_error(tmp_path):
    with pytest.raises(ManifestError, match="class group 'e' has the single value"):
        csv_manifest(tmp_path, "study_id,patient_id,images,e:a", "s,p,a,1")


def test_a_row_with_neither_image_nor_note_is_refused(tmp_path):
    refusal = only_refusal(csv_manifest(tmp_path, "study_id,patient_id,images,note_exam", 's,p,," "'))
    assert refusal.code is Code.NO_INPUT


def test_what_a_row_lacks_is_flagged(tmp_path):
    manifest = csv_manifest(tmp_path, "study_id,patient_id,images,note_exam", "s1,p1,a,", "s2,p2,,Clear.", "s3,p3,a,b")
    flags = [[flag.code for flag in record.flags] for record in manifest.records()]
    assert flags == [[Code.EMPTY_NOTE], [Code.NO_IMAGE], []]


def test_no_note_is_missed_where_no_row_could_have_one(tmp_path):
    (record,) = csv_manifest(tmp_path, "study_id,patient_id,images", "s,p,a").records()
    assert record.flags == ()


def test_a_patient_in_two_splits_is_flagged_and_stops_training(tmp_path):
    manifest = csv_manifest(
        tmp_path, "study_id,patient_id,images,split", "s1,p1,a,train", "s2,p1,b,test", "s3,p2,c,train", "s4,p1,d,"
    )
    crossing = [record.study_id for record in manifest.records() if record.flags]
    assert crossing == ["s1", "s2", "s4"]
    for split in (None, Split.TRAIN, Split.VAL):
        with pytest.raises(ManifestError, match=r"3 rows belong to patients in more than one split: row 1 \(s1\)"):
            manifest.studies(split)


def test_studies_are_those_of_the_split_in_the_tables_order(tmp_path):
    manifest = csv_manifest(
        tmp_path, "study_id,patient_id,images,split", "s2,p2,a,val", "s1,p1,b,train", "s0,p0,c,val", "s4,p4,d,"
    )
    assert [study.study_id for study in manifest.studies(Split.VAL)] == ["s2", "s0"]
    assert len(manifest.studies()) == 4


def test_studies_list_the_first_few_wrong_rows_and_their_number(tmp_path):
    rows = [f"s{number},p{number},a,{'x' if number != 3 else 'M'}" for number in range(9)]
    manifest = csv_manifest(tmp_path, "study_id,patient_id,images,sex", *rows)
    with pytest.raises(ManifestError, match=r"8 of 9 rows cannot be used: row 1.*row 2.*and 3 more\. Correct"):
        manifest.studies()


def test_an_unknown_study_is_answered_with_the_nearest(tmp_path):
    manifest = csv_manifest(tmp_path, "study_id,patient_id,images", "case-17,p,a")
    with pytest.raises(ManifestError, match=r"no study 'case_17'. Did you mean 'case-17'\?"):
        manifest.study("case_17")


def test_no_record_is_lost_in_a_table_of_many_batches(tmp_path):
    count = 3000
    lines = [f"s{row},p{row},{'' if row % 7 == 0 else 'a'}" for row in range(count)]
    records = list(csv_manifest(tmp_path, "study_id,patient_id,images", *lines).records())
    assert [record.study_id for record in records] == [f"s{row}" for row in range(count)]
    assert [record.row for record in records] == list(range(1, count + 1))
    assert all((record.study is None) != (record.refusal is None) for record in records)
    assert sum(record.refusal is not None for record in records) == len(range(0, count, 7))


def test_messages_never_repeat_a_note(tmp_path):
    manifest = csv_manifest(
        tmp_path,
        "study_id,patient_id,images,note_exam,age_years,mass",
        "s1,p1,a,CANARY,500,1",
        "s1,p1,a,CANARY,5,1",
        ",p1,a,CANARY,5,0",
    )
    records = list(manifest.records())
    assert all(record.refusal for record in records)
    assert not any("CANARY" in record.refusal.message for record in records)


def test_a_line_with_too_few_cells_is_named_without_its_text(tmp_path):
    with pytest.raises(ManifestError, match="line 3 has 2 cells and not 3") as caught:
        csv_manifest(tmp_path, "study_id,patient_id,note_exam", "s1,p1,Clear.", "s2,CANARY")
    assert "CANARY" not in str(caught.value)


def test_a_very_long_note_is_read_whole(tmp_path):
    text = "word " * 500_000
    (study,) = csv_manifest(tmp_path, "study_id,patient_id,note_exam", f"s1,p1,{text}").studies()
    assert study.note[0].text == text


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("study_id,patient_id,images,images", "has column 'images' twice"),
        ("study_id,patient_id,images,note_exam_at", "times 'note_exam_at' of a note that is not there"),
    ],
)
def test_columns_that_contradict_each_other_are_refused(tmp_path, header, message):
    with pytest.raises(ManifestError, match=message):
        csv_manifest(tmp_path, header, "s,p,a,")


@pytest.mark.parametrize(
    ("name", "content", "message", "code"),
    [
        ("m.parquet", b"not parquet", "not a Parquet file", Code.INVALID_ROW),
        ("m.csv", b"", "cannot be parsed", Code.INVALID_ROW),
        ("m.csv", b"study_id,patient_id,note_x\ns,p,caf\xe9\n", "not in UTF-8", Code.INVALID_ROW),
        ("m.xlsx", b"", "neither .parquet nor .csv", Code.INVALID_ROW),
        ("m.csv", None, "does not exist", Code.FILE_NOT_FOUND),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(tmp_path, name, content, message, code):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ManifestError, match=message) as caught:
        Manifest.read(tmp_path / name)
    assert caught.value.code is code


@pytest.mark.parametrize("name", ["sex", "note_x", "value_x"])
def test_a_finding_cannot_take_a_reserved_name(tmp_path, studies, name):
    with pytest.raises(ManifestError, match=f"cannot be named '{name}'"):
        Manifest.of(studies, findings=FindingSet((name,)), root=tmp_path)


def test_a_note_section_cannot_be_named_like_a_time(tmp_path):
    study = Study(study_id="s", patient_id="p", note=(NoteSection(name="seen_at", text="x"),))
    with pytest.raises(ManifestError, match="section cannot be named 'seen_at'"):
        Manifest.of([study], findings=FINDINGS, root=tmp_path)
