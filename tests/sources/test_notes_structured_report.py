from datetime import datetime
from pathlib import Path

import pytest
from pydicom.uid import EncapsulatedCDAStorage, EncapsulatedPDFStorage, XRayRadiationDoseSRStorage
from sr_builders import code, entry, write_report

from mediscan.errors import Code, NotDicomError, SourceError
from mediscan.sources.notes.structured_report import read_structured_report
from mediscan.study import Sex

_HISTORY = code("121060", "DCM", "History")
_FINDINGS = code("121070", "DCM", "Findings")
_FINDING = code("121071", "DCM", "Finding")
_CONCLUSION = code("121077", "DCM", "Conclusion")


def _texts(path: Path) -> dict[str, str]:
    return {section.name: section.text for section in read_structured_report(path).sections}


def test_a_basic_text_report_becomes_sections(tmp_path: Path) -> None:
    path = write_report(
        tmp_path / "sr.dcm",
        entry("CONTAINER", _HISTORY, entry("TEXT", _HISTORY, TextValue="Cough. Ärger seit gestern.")),
        entry("CONTAINER", _FINDINGS, entry("TEXT", _FINDING, TextValue="Clear lungs."),
              entry("TEXT", _FINDING, TextValue="Normal heart.")),
        entry("CONTAINER", code("121076", "DCM", "Conclusions"), entry("TEXT", _CONCLUSION, TextValue="Normal.")),
    )  # fmt: skip
    report = read_structured_report(path)
    assert {section.name: section.text for section in report.sections} == {
        "history": "Cough. Ärger seit gestern.",
        "findings": "Clear lungs.\nNormal heart.",
        "impression": "Normal.",
    }
    assert (report.study_uid, report.patient.patient_id, report.patient.sex) == ("1.2.3", "P1", Sex.FEMALE)
    assert report.is_complete
    assert report.is_verified


def test_what_the_reader_wrote_has_the_time_of_the_document_and_the_history_none(tmp_path: Path) -> None:
    path = write_report(
        tmp_path / "sr.dcm",
        entry("TEXT", _HISTORY, TextValue="Cough."),
        entry("TEXT", _FINDING, TextValue="Clear."),
    )
    times = {section.name: section.at for section in read_structured_report(path).sections}
    assert times == {"history": None, "findings": datetime(2019, 3, 13, 10, 22, 33)}  # noqa: DTZ001 - wall time


@pytest.mark.parametrize(
    ("value", "scheme", "meaning", "section"),
    [
        ("18785-6", "LN", "Indications for Procedure", "indication"),
        ("55115-0", "LN", "Request", "indication"),
        ("11329-0", "LN", "History", "history"),
        ("59776-5", "LN", "Findings", "findings"),
        ("19005-8", "LN", "Impressions", "impression"),
        ("121111", "DCM", "Summary", "impression"),
        ("X-1", "99LOCAL", "Clinical history", "history"),
        ("X-2", "99LOCAL", "Something of ours", "note"),
    ],
)
def test_concepts_name_the_section(tmp_path: Path, value: str, scheme: str, meaning: str, section: str) -> None:
    path = write_report(tmp_path / "sr.dcm", entry("TEXT", code(value, scheme, meaning), TextValue="Words."))
    assert list(_texts(path)) == [section]


def test_codes_and_measurements_are_written_out_with_their_units(tmp_path: Path) -> None:
    measured = entry("NUM", code("81827009", "SCT", "Diameter"), relation="HAS PROPERTIES")
    value = code("1", "X", "unused")
    value.NumericValue, value.MeasurementUnitsCodeSequence = "12.5", [code("mm", "UCUM", "millimeter")]
    measured.MeasuredValueSequence = [value]
    side = entry("CODE", code("272741003", "SCT", "Laterality"), relation="HAS CONCEPT MOD",
                 ConceptCodeSequence=[code("7771000", "SCT", "Left")])  # fmt: skip
    nodule = entry("CODE", _FINDING, measured, side, ConceptCodeSequence=[code("27925004", "SCT", "Nodule")])
    seen = entry("DATETIME", code("X", "99", "Seen at"), DateTime="20190312101112")
    path = write_report(tmp_path / "sr.dcm", entry("CONTAINER", _FINDINGS, nodule, seen))
    assert _texts(path)["findings"] == "Nodule\nDiameter: 12.5 mm\nLaterality: Left\nSeen at: 2019-03-12 10:11:12"


def test_names_of_persons_and_the_observers_context_stay_out(tmp_path: Path) -> None:
    path = write_report(
        tmp_path / "sr.dcm",
        entry("PNAME", code("121008", "DCM", "Person Observer Name"), PersonName="Canary^Doctor"),
        entry("TEXT", code("121029", "DCM", "Subject Name"), relation="HAS OBS CONTEXT", TextValue="Canary Name"),
        entry("TEXT", _FINDING, TextValue="Clear."),
    )
    assert _texts(path) == {"findings": "Clear."}


def test_a_whole_report_in_one_entry_is_split(tmp_path: Path) -> None:
    whole = "INDICATION: cough.\r\n\r\nFINDINGS: Clear.\r\n\r\nIMPRESSION: Normal."
    path = write_report(tmp_path / "sr.dcm", entry("TEXT", code("X", "99", "Report"), TextValue=whole))
    assert _texts(path) == {"indication": "cough.", "findings": "Clear.", "impression": "Normal."}


def test_findings_written_into_the_history_entry_are_not_history(tmp_path: Path) -> None:
    path = write_report(tmp_path / "sr.dcm", entry("TEXT", _HISTORY, TextValue="Cough. FINDINGS: Opacity."))
    assert _texts(path) == {"history": "Cough.", "findings": "Opacity."}


def test_a_reference_to_another_entry_is_not_followed(tmp_path: Path) -> None:
    circle = entry("TEXT", _FINDING, TextValue="Clear.")
    back = entry("TEXT", None, relation="INFERRED FROM")
    del back.ValueType
    back.ReferencedContentItemIdentifier = [1, 1]
    circle.ContentSequence = [back]
    assert _texts(write_report(tmp_path / "sr.dcm", circle)) == {"findings": "Clear."}


def test_content_nested_deeper_than_any_report_is_refused(tmp_path: Path) -> None:
    item = entry("TEXT", _FINDING, TextValue="Deep.")
    for _ in range(40):
        item = entry("CONTAINER", _FINDINGS, item)
    with pytest.raises(SourceError, match="nests its content deeper than 32 levels"):
        read_structured_report(write_report(tmp_path / "sr.dcm", item))


@pytest.mark.parametrize(
    ("storage", "message"),
    [
        (EncapsulatedPDFStorage, "is an encapsulated PDF document, whose text is not read"),
        (EncapsulatedCDAStorage, "is an encapsulated CDA document, whose text is not read"),
        (XRayRadiationDoseSRStorage, r"no structured report with text \(X-Ray Radiation Dose SR Storage\)"),
    ],
)
def test_other_documents_are_refused_by_name(tmp_path: Path, storage: str, message: str) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        read_structured_report(write_report(tmp_path / "sr.dcm", SOPClassUID=storage))
    assert caught.value.code is Code.FILE_UNREADABLE
    assert "Canary" not in str(caught.value)


def test_a_text_file_is_no_structured_report(tmp_path: Path) -> None:
    path = tmp_path / "sr.dcm"
    path.write_text("FINDINGS: clear" * 20, encoding="utf-8")
    with pytest.raises(NotDicomError, match="is not DICOM"):
        read_structured_report(path)


def test_incomplete_and_unverified_reports_say_so(tmp_path: Path) -> None:
    path = write_report(tmp_path / "sr.dcm", CompletionFlag="PARTIAL", VerificationFlag="UNVERIFIED", ContentDate=None)
    report = read_structured_report(path)
    assert (report.is_complete, report.is_verified, report.written_at) == (False, False, None)
