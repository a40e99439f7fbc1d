"""Tables as spreadsheets and data frames leave them."""

import pandas as pd
import pytest

from mediscan.diagnosis import Refusal
from mediscan.errors import Code, ManifestError
from mediscan.sources.columns import TableColumns
from mediscan.sources.table import read_studies

HEADER = ("study_id", "patient_id", "history", "age", "mass")
ROWS = (("S1", "00123", "Fièvre, toux", "065Y", "1"), ("S2", "124", "Fall; pain", "6 months", ""))
COLUMNS = TableColumns(notes={"history": "history"}, values={"age_years": "age"}, findings={"mass": "mass"})


def written(path, *, delimiter, encoding, rows=ROWS, header=HEADER):
    """A table with every cell of text in quotes, as spreadsheets write those that hold the delimiter."""
    lines = [header, *([f'"{cell}"' for cell in row] for row in rows)]
    path.write_bytes("\r\n".join(delimiter.join(line) for line in lines).encode(encoding))
    return path


def aged(path, age):
    written(path, delimiter=",", encoding="utf-8", rows=[("S1", "P1", "Cough", age, "1")])
    (entry,) = read_studies(path, COLUMNS).studies
    return entry


@pytest.mark.parametrize(
    ("delimiter", "encoding", "told"),
    [
        (",", "utf-8", []),
        (";", "utf-8-sig", ["semicolons"]),
        (";", "cp1252", ["Windows-1252", "semicolons"]),
        ("\t", "utf-16", ["tabs"]),
        (",", "utf-16", []),
    ],
)
def test_a_table_is_read_as_the_spreadsheet_saved_it(tmp_path, delimiter, encoding, told):
    found = read_studies(written(tmp_path / "t.csv", delimiter=delimiter, encoding=encoding), COLUMNS)
    assert [(one.study_id, one.patient_id, one.note[0].text) for one in found.studies] == [row[:3] for row in ROWS]
    assert [one.labels for one in found.studies] == [{"mass": 1}, {}]
    assert len(found.notices) == len(told)
    assert all(word in notice for word, notice in zip(told, found.notices, strict=True))


def test_semicolons_in_the_texts_of_a_table_with_commas_stand_for_nothing(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('study_id,patient_id,"history; and; more"\nS1,P1,a;b;c;d\n')
    (study,) = read_studies(path, TableColumns(notes={"history": "history; and; more"})).studies
    assert study.note[0].text == "a;b;c;d"


def test_a_table_of_other_bytes_is_refused(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"study_id,patient_id\n\x81,\x8d\n")
    with pytest.raises(ManifestError, match=r"t\.csv is in none of UTF-8, UTF-16 and Windows-1252"):
        read_studies(tmp_path / "t.csv", COLUMNS)


@pytest.mark.parametrize("names", [("Study ID", "PatientID"), ("STUDY_ID", "patient-id"), ("Id", "Patient")])
def test_columns_are_guessed_in_any_spelling(tmp_path, names):
    path = written(tmp_path / "t.csv", delimiter=",", encoding="utf-8", header=(*names, "history", "age", "mass"))
    assert [one.study_id for one in read_studies(path, COLUMNS).studies] == ["S1", "S2"]


@pytest.mark.parametrize(
    ("written_age", "years"),
    [("65", 65), ("065Y", 65), ("65 years", 65), ("65 yrs old", 65), ("65y", 65), ("006M", 0.5), ("26 weeks", 0.498)],
)
def test_an_age_may_be_written_with_its_unit(tmp_path, written_age, years):
    assert aged(tmp_path / "t.csv", written_age).age_years == pytest.approx(years, abs=0.001)


@pytest.mark.parametrize("written_age", ["65M", "1959-01-01", "999Y", "sixty", "65,5"])
def test_an_age_that_could_be_something_else_is_refused(tmp_path, written_age):
    refusal = aged(tmp_path / "t.csv", written_age)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, "column 'age'" in refusal.message) == (Code.INVALID_ROW, True)


def test_whole_numbers_that_a_data_frame_made_floats_are_ids_without_a_point(tmp_path):
    frame = pd.DataFrame({"study_id": [7.0, None], "patient_id": [12.0, 13.0], "history": ["a", "b"]})
    frame.to_parquet(tmp_path / "t.parquet")
    study, refusal = read_studies(tmp_path / "t.parquet", TableColumns(notes={"history": "history"})).studies
    assert (study.study_id, study.patient_id) == ("7", "12")
    assert refusal.study_id == "row 2"


def test_a_column_of_whole_reports_named_as_history_is_told(tmp_path):
    report = "HISTORY: Cough.\nFINDINGS: An opacity.\nIMPRESSION: Pneumonia."
    path = written(tmp_path / "t.csv", delimiter=",", encoding="utf-8", rows=[("S1", "P1", report, "65", "1"), ROWS[1]])
    (notice,) = read_studies(path, COLUMNS).notices
    assert notice.startswith("1 of 2 texts in column 'history' hold findings or an impression")
    assert "--report" in notice
    assert not read_studies(path, TableColumns(report="history")).notices
