import re
from pathlib import Path

import pytest

from mediscan.diagnosis import Refusal
from mediscan.errors import Code, ManifestError
from mediscan.sources.notes.text_files import FILE_NAME, PARENT_FOLDER, read_text_files
from mediscan.sources.studies import UNKNOWN_PATIENT, SourceStudies
from mediscan.study import Study

_CANARY = "Zebedee Canary"


def _write(root: Path, name: str, text: str | bytes = "HISTORY: cough.\nFINDINGS: clear.") -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def _read(root: Path, *, layout: re.Pattern[str] = PARENT_FOLDER) -> SourceStudies:
    return read_text_files(sorted(root.rglob("*.txt")), root=root, layout=layout)


def test_the_layout_of_mimic_cxr_is_read(tmp_path: Path) -> None:
    _write(tmp_path, "files/p10/p10000032/s50414267.txt")
    _write(tmp_path, "files/p10/p10000032/s53189527.txt", "IMPRESSION: normal.")
    _write(tmp_path, "README.md")
    studies = _read(tmp_path).studies
    assert [(study.study_id, study.patient_id) for study in studies if isinstance(study, Study)] == [
        ("s50414267", "p10000032"),
        ("s53189527", "p10000032"),
    ]
    assert isinstance(studies[0], Study)
    assert {section.name: section.text for section in studies[0].note} == {"history": "cough.", "findings": "clear."}


def test_a_layout_can_take_both_from_the_name(tmp_path: Path) -> None:
    _write(tmp_path, "P7_S9.txt")
    (study,) = _read(tmp_path, layout=re.compile(r"(?P<patient>\w+)_(?P<study>\w+)")).studies
    assert isinstance(study, Study)
    assert (study.study_id, study.patient_id) == ("S9", "P7")


def test_a_layout_without_a_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="names no study"):
        _read(tmp_path, layout=re.compile(r"(?P<patient>.+)"))


def test_without_a_layout_the_patient_is_left_to_the_images(tmp_path: Path) -> None:
    _write(tmp_path, "notes/S1.txt")
    (study,) = _read(tmp_path, layout=FILE_NAME).studies
    assert isinstance(study, Study)
    assert (study.study_id, study.patient_id) == ("S1", UNKNOWN_PATIENT)


def test_a_note_without_a_patient_is_refused_and_the_others_are_read(tmp_path: Path) -> None:
    _write(tmp_path, "stray.txt")
    _write(tmp_path, "P1/S1.txt")
    refusal, study = sorted(_read(tmp_path).studies, key=lambda told: isinstance(told, Study))
    assert isinstance(refusal, Refusal)
    assert isinstance(study, Study)
    assert (refusal.study_id, refusal.code) == ("stray.txt", Code.INVALID_ROW)


def test_one_name_for_two_studies_is_refused_once(tmp_path: Path) -> None:
    _write(tmp_path, "P1/S1.txt")
    _write(tmp_path, "P2/S1.txt")
    (refusal,) = _read(tmp_path).studies
    assert isinstance(refusal, Refusal)
    assert (refusal.study_id, refusal.code) == ("S1", Code.DUPLICATE_STUDY_ID)


def test_what_is_no_text_is_refused_without_a_word_of_it(tmp_path: Path) -> None:
    _write(tmp_path, "P1/S1.txt", f"%PDF-1.7 {_CANARY}")
    _write(tmp_path, "P1/S2.txt", b"a" * (5 << 20))
    first, second = _read(tmp_path).studies
    assert isinstance(first, Refusal)
    assert isinstance(second, Refusal)
    assert "is PDF, not text" in first.message
    assert _CANARY not in first.message
    assert second.code is Code.FILE_TOO_LARGE


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, "outside.txt")
    (tmp_path / "notes" / "P1").mkdir(parents=True)
    (tmp_path / "notes" / "P1" / "S1.txt").symlink_to(tmp_path / "outside.txt")
    (refusal,) = _read(tmp_path / "notes").studies
    assert isinstance(refusal, Refusal)
    assert "is a link out of its folder" in refusal.message


def test_notes_that_are_no_unicode_are_counted(tmp_path: Path) -> None:
    _write(tmp_path, "P1/S1.txt", "HISTORY: 38 °C".encode("cp1252"))
    _write(tmp_path, "P1/S2.txt")
    told = _read(tmp_path)
    assert told.notices == ("1 of 2 notes are not in UTF-8 and were read as Windows-1252.",)
    assert isinstance(told.studies[0], Study)
    assert told.studies[0].note[0].text == "38 °C"
