import json
from pathlib import Path

import pytest

from mediscan.diagnosis import Refusal
from mediscan.errors import Code, ManifestError
from mediscan.sources.notes import json_lines
from mediscan.sources.notes.json_lines import read_json_lines
from mediscan.sources.studies import SourceStudies
from mediscan.study import ImageRef, NoteSection, Sex, Split, Study

_CANARY = "Zebedee Canary"
_IDS = {"study_id": "S1", "patient_id": "P1"}


def _read(tmp_path: Path, *lines: object) -> SourceStudies:
    path = tmp_path / "studies.jsonl"
    written = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(written) + "\n", encoding="utf-8")
    return read_json_lines(path)


def _refusal(tmp_path: Path, line: object) -> Refusal:
    (told,) = _read(tmp_path, line).studies
    assert isinstance(told, Refusal)
    return told


def test_a_line_is_a_study(tmp_path: Path) -> None:
    told = _read(
        tmp_path,
        _IDS
        | {
            "note": "INDICATION: cough. FINDINGS: clear.",
            "images": ["a.dcm", "sub/b.dcm"],
            "age_years": 56,
            "sex": "female",
            "values": {"temperature": 38.2, "weight": None},
            "labels": {"pneumonia": 1, "effusion": False, "mass": None},
            "split": "train",
        },
        "",
        {"study_id": 2, "patient_id": 7},
    )
    first, second = told.studies
    assert first == Study(
        study_id="S1",
        patient_id="P1",
        images=(ImageRef(path=str(tmp_path / "a.dcm")), ImageRef(path=str(tmp_path / "sub" / "b.dcm"))),
        note=(NoteSection(name="indication", text="cough."), NoteSection(name="findings", text="clear.")),
        split=Split.TRAIN,
        age_years=56.0,
        sex=Sex.FEMALE,
        values={"temperature": 38.2},
        labels={"pneumonia": 1, "effusion": 0},
    )
    assert second == Study(study_id="2", patient_id="7")
    assert (told.findings, told.split_given) == (("pneumonia", "effusion"), True)
    assert told.named == {str(tmp_path / "a.dcm"), str(tmp_path / "sub" / "b.dcm")}


def test_sections_may_be_given_with_their_times(tmp_path: Path) -> None:
    sections = {
        "Clinical History": "cough",
        "findings": {"text": "clear", "at": "2024-05-31T14:30"},
        "Lab values": "WBC",
    }
    (study,) = _read(tmp_path, _IDS | {"sections": sections}).studies
    assert isinstance(study, Study)
    assert [(section.name, section.text, str(section.at)) for section in study.note] == [
        ("history", "cough", "None"),
        ("findings", "clear", "2024-05-31 14:30:00"),
        ("lab_values", "WBC", "None"),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1 is not valid JSON"),
        ("[" * 100_000, "line 1 is not valid JSON"),
        ("[]", "line 1 is not a JSON object"),
        ('{"study_id": "S1", "study_id": "S2"}', "line 1 has a field twice"),
        ({"patient_id": "P1"}, "line 1, field 'study_id': there is no id"),
        ({"study_id": "S1"}, "line 1, field 'patient_id': there is no id"),
        ({"study_id": True, "patient_id": "P1"}, "line 1, field 'study_id': there is no id"),
        (_IDS | {"nots": _CANARY}, "line 1 has the unknown field 'nots'"),
        (_IDS | {"note": 3}, "line 1, field 'note': this is not text"),
        (_IDS | {"note": _CANARY, "sections": {}}, "there are both a note and sections"),
        (_IDS | {"sections": [_CANARY]}, "line 1, field 'sections': this is not an object"),
        (_IDS | {"sections": {"history": 3}}, "the text of a section is not text"),
        (_IDS | {"sections": {"history": {"txt": _CANARY}}}, "a section has an unknown field"),
        (_IDS | {"sections": {"history": "a", "Hx": "b"}}, "two names mean the same section"),
        (_IDS | {"sections": {"!": _CANARY}}, "names no section"),
        (_IDS | {"sections": {"written_at": _CANARY}}, "a note section cannot be named 'written_at'"),
        (_IDS | {"sections": {"history": {"text": "", "at": "3/4/2019"}}}, "'3/4/2019' is not a time"),
        (_IDS | {"images": [3]}, "entry 1 of the list is not a path"),
        (_IDS | {"age_years": 300}, "300 is out of range"),
        (_IDS | {"sex": "x"}, "'x' is not a sex"),
        (_IDS | {"split": "dev"}, "this value is not a split"),
        (_IDS | {"values": {"t": "hot"}}, "this value is not a number"),
        (json.dumps(_IDS | {"values": {"t": float("nan")}}), "this value is not a finite number"),
        (_IDS | {"labels": {"pneumonia": 2}}, "'2' is not a label"),
        (_IDS | {"labels": {"images": 1}}, "a finding cannot be named 'images'"),
        (_IDS | {"labels": {}, "findings": {}}, "labels and findings are the same"),
    ],
)
def test_a_bad_line_is_refused_with_its_number_and_without_its_text(tmp_path: Path, line: object, message: str) -> None:
    refusal = _refusal(tmp_path, line)
    assert message in refusal.message
    assert refusal.code is Code.INVALID_ROW
    assert _CANARY not in refusal.message


def test_a_bad_line_does_not_spoil_the_others(tmp_path: Path) -> None:
    told = _read(tmp_path, _IDS, "{", {"study_id": "S3", "patient_id": "P1"}).studies
    assert [entry.study_id for entry in told] == ["S1", "studies.jsonl line 2", "S3"]


def test_an_id_on_two_lines_is_refused_once(tmp_path: Path) -> None:
    (refusal,) = _read(tmp_path, _IDS, _IDS | {"patient_id": "P2"}).studies
    assert isinstance(refusal, Refusal)
    assert (refusal.study_id, refusal.code) == ("S1", Code.DUPLICATE_STUDY_ID)


def test_a_line_that_is_too_long_is_refused_and_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lines, "MAX_LINE_BYTES", 64)
    first, second = _read(tmp_path, _IDS | {"note": "a" * 500}, _IDS).studies
    assert isinstance(first, Refusal)
    assert (first.study_id, first.code) == ("studies.jsonl line 1", Code.FILE_TOO_LARGE)
    assert second == Study(study_id="S1", patient_id="P1")


def test_a_line_that_is_not_in_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "studies.jsonl"
    path.write_bytes(b'{"study_id": "S\xfc"}\n')
    (refusal,) = read_json_lines(path).studies
    assert isinstance(refusal, Refusal)
    assert "line 1 is not in UTF-8" in refusal.message


def test_a_file_that_is_missing_or_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="does not exist"):
        read_json_lines(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(ManifestError, match="holds no line"):
        read_json_lines(tmp_path / "empty.jsonl")
