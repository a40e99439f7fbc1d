import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mediscan.diagnosis import Decision, Diagnosis, FindingResult, Flag, Refusal
from mediscan.errors import Code
from mediscan.results import LEDGER, PREDICTIONS, join_tables, ledger_row, prediction_rows, write_table
from mediscan.study import Availability


def diagnosis(study_id="S1", *, flags=(), findings=("edema", "pneumonia")):
    return Diagnosis(
        study_id=study_id,
        patient_id="P1",
        findings=tuple(
            FindingResult(
                finding=name,
                probability=0.25 * (place + 1),
                lower=0.2,
                upper=0.8,
                threshold=0.4,
                decision=Decision.UNCERTAIN,
            )
            for place, name in enumerate(findings)
        ),
        modalities=Availability.BOTH,
        out_of_distribution=bool(flags),
        flags=tuple(flags),
        bundle_id="bundle-1",
        input_sha256="ab" * 32,
        seconds=0.25,
    )


def flag(code, message="a flag."):
    return Flag(code=code, message=message)


def test_a_clean_record_is_scored_and_ok():
    assert ledger_row(diagnosis()) == {
        "study_id": "S1",
        "status": "scored",
        "code": "ok",
        "message": "",
        "seconds": 0.25,
    }


def test_a_refused_record_keeps_code_message_and_time():
    refusal = Refusal(study_id="S2", code=Code.CONSTANT_IMAGE, message="image a.png is constant.", seconds=0.5)
    row = ledger_row(refusal, [flag(Code.PATIENT_IN_TWO_SPLITS)])
    assert row == {
        "study_id": "S2",
        "status": "refused",
        "code": "constant_image",
        "message": "image a.png is constant.",
        "seconds": 0.5,
    }


def test_a_flagged_record_has_the_code_of_its_first_flag_and_the_messages_of_all():
    scored = diagnosis(flags=[flag(Code.NOTE_TRUNCATED, "cut."), flag(Code.OUT_OF_DISTRIBUTION, "strange.")])
    row = ledger_row(scored, [flag(Code.PATIENT_IN_TWO_SPLITS, "two splits.")])
    assert row["status"] == "scored"
    assert row["code"] == "patient_in_two_splits"
    assert row["message"] == "two splits. cut. strange."


def test_a_flag_of_manifest_and_model_is_told_once():
    row = ledger_row(
        diagnosis(flags=[flag(Code.NO_IMAGE, "scored from its note.")]), [flag(Code.NO_IMAGE, "no image.")]
    )
    assert row["message"] == "scored from its note."


def test_a_diagnosis_makes_a_row_per_finding_that_fills_the_schema():
    rows = prediction_rows(diagnosis())
    assert [row["finding"] for row in rows] == ["edema", "pneumonia"]
    assert [row["probability"] for row in rows] == [0.25, 0.5]
    for row in rows:
        assert list(row) == PREDICTIONS.names
        assert (row["study_id"], row["patient_id"], row["bundle_id"]) == ("S1", "P1", "bundle-1")
        assert (row["decision"], row["modalities"]) == ("uncertain", "image+note")


def test_rows_come_back_from_the_file_with_the_types_of_the_schema(tmp_path):
    path = tmp_path / "predictions.parquet"
    rows = prediction_rows(diagnosis())
    write_table(rows, PREDICTIONS, path)
    table = pq.read_table(path)
    assert table.schema.equals(PREDICTIONS)
    assert table.to_pylist() == rows


def test_a_table_without_rows_still_has_its_columns(tmp_path):
    write_table([], LEDGER, tmp_path / "ledger.parquet")
    table = pq.read_table(tmp_path / "ledger.parquet")
    assert table.schema.equals(LEDGER)
    assert table.num_rows == 0


def test_a_failed_write_leaves_the_former_file_whole(tmp_path):
    path = tmp_path / "ledger.parquet"
    write_table([ledger_row(diagnosis())], LEDGER, path)
    with pytest.raises(pa.ArrowInvalid, match="soon"):
        write_table([{**ledger_row(diagnosis("S2")), "seconds": "soon"}], LEDGER, path)
    assert pq.read_table(path)["study_id"].to_pylist() == ["S1"]


def test_joined_parts_hold_every_row_in_the_order_of_the_parts(tmp_path):
    parts = []
    for number, ids in enumerate((["S1", "S2"], [], ["S3"])):
        parts.append(tmp_path / f"{number}.parquet")
        write_table([ledger_row(diagnosis(study_id)) for study_id in ids], LEDGER, parts[-1])
    join_tables(parts, LEDGER, tmp_path / "ledger.parquet")
    assert pq.read_table(tmp_path / "ledger.parquet")["study_id"].to_pylist() == ["S1", "S2", "S3"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.parquet", "1.parquet", "2.parquet", "ledger.parquet"]


def test_joining_no_parts_makes_an_empty_table(tmp_path):
    join_tables([], PREDICTIONS, tmp_path / "predictions.parquet")
    assert pq.read_table(tmp_path / "predictions.parquet").schema.equals(PREDICTIONS)
