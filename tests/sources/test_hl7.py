import logging
import random
import warnings
from datetime import UTC, datetime, timedelta, timezone

import hl7
import pytest
from hl7_builders import ISSUED, STUDY_UID, header, message, order, patient, result, write
from source_results import CANARIES, only_refusal, only_study, sections

from mediscan.diagnosis import Refusal
from mediscan.errors import Code
from mediscan.sources.hl7 import read_hl7, wire
from mediscan.sources.hl7.escapes import Delimiters
from mediscan.sources.hl7.times import time_span
from mediscan.study import Sex, Study

START = datetime(2024, 3, 1, 10, tzinfo=UTC)
WHOLE = "INDICATION: Cough.~FINDINGS: An opacity.~IMPRESSION: Pneumonia."


def test_a_result_becomes_a_study_with_its_sections_and_times(tmp_path):
    path = write(
        tmp_path,
        message(order(history="R07.9^Chest pain", reason="^Rule out pneumonia"), result(WHOLE), f"ZDS|{STUDY_UID}^RIS"),
    )
    study = only_study(read_hl7([path]))
    assert (study.study_id, study.patient_id, study.sex) == (STUDY_UID, "MRN-1", Sex.FEMALE)
    assert study.age_years == pytest.approx(70.0, abs=0.01)
    assert sections(study) == {
        "history": "Chest pain",
        "indication": "Rule out pneumonia\n\nCough.",
        "findings": "An opacity.",
        "impression": "Pneumonia.",
    }
    times = {section.name: section.at for section in study.note}
    assert times["indication"] is times["history"] is None
    assert times["findings"] >= datetime(2024, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("accession", "placer", "filler"), "A"),
        (("placer", "filler"), "F"),
        (("placer",), "P"),
    ],
)
def test_the_study_is_named_by_the_accession_number_or_else_by_the_order(tmp_path, names, expected):
    numbers = dict.fromkeys(("accession", "placer", "filler"), "") | {name: name[0].upper() for name in names}
    assert only_study(read_hl7([write(tmp_path, message(order(**numbers), result(WHOLE)))])).study_id == expected


def test_a_message_that_names_no_study_is_refused(tmp_path):
    path = write(tmp_path, message(order(accession="", placer="", filler=""), result(WHOLE)))
    refusal = only_refusal(read_hl7([path]))
    assert (refusal.study_id, refusal.code) == ("results.hl7 message 1 (M1)", Code.INVALID_ROW)


def test_lines_are_joined_by_the_section_that_their_identifier_names(tmp_path):
    lines = [
        result("First line.", identifier="71020&GDT^CHEST"),
        result("Second line.", identifier="71020&GDT^CHEST"),
        "NTE|1||A comment.",
        result("Pneumonia.", identifier="71020&IMP^CHEST", kind="FT"),
        result("J18.9^Pneumonia, unspecified^I10", identifier="71020&IMP", kind="CWE"),
        result("Seen by a second reader.", identifier="71020&ADT"),
        result("Follow up.", identifier="71020&REC"),
        result("Smoker.", identifier="11329-0^History^LN"),
        result("Withdrawn.", identifier="71020&GDT", status="D"),
        result("Wrong patient.", identifier="71020&IMP", status="W"),
    ]
    study = only_study(read_hl7([write(tmp_path, message(order(), *lines))]))
    assert sections(study) == {
        "findings": "First line.\nSecond line.\nA comment.",
        "impression": "Pneumonia.\nPneumonia, unspecified",
        "addendum": "Seen by a second reader.",
        "recommendation": "Follow up.",
        "history": "Smoker.",
    }


def test_a_whole_report_in_one_general_description_is_split(tmp_path):
    study = only_study(read_hl7([write(tmp_path, message(order(), result(WHOLE, identifier="71020&GDT")))]))
    assert sections(study) == {"indication": "Cough.", "findings": "An opacity.", "impression": "Pneumonia."}


@pytest.mark.parametrize(
    ("statuses", "held"),
    [("PF", 1), ("FP", 0), ("FC", 1), ("CF", 0), ("FF", 1), ("CC", 1), ("AR", 1), ("SF", 1), ("FXF", 2)],
)
def test_of_versions_of_a_report_one_holds(tmp_path, statuses, held):
    versions = [
        message(order(status=status, issued=f"2024030112{number:02}"), result(f"FINDINGS: Version {number}."))
        for number, status in enumerate(statuses)
    ]
    for arrived in (versions, versions[::-1]):
        study = only_study(read_hl7([write(tmp_path, *arrived)]))
        assert sections(study) == {"findings": f"Version {held}."}


def test_a_report_that_was_taken_back_refuses_the_study(tmp_path):
    path = write(tmp_path, message(order(), result(WHOLE)), message(order(status="X", issued="20240302"), result("x")))
    refusal = only_refusal(read_hl7([path]))
    assert (refusal.study_id, refusal.code) == ("ACC-1", Code.INVALID_ROW)


def test_an_addendum_alone_does_not_take_the_reports_place(tmp_path):
    later = message(order(status="C", issued="20240302"), result("Also a nodule.", identifier="71020&ADT"))
    study = only_study(read_hl7([write(tmp_path, message(order(), result("FINDINGS: Clear.")), later)]))
    assert sections(study) == {"findings": "Clear.", "addendum": "Also a nodule."}


def test_what_the_order_says_stays_when_the_report_is_superseded(tmp_path):
    first = message(order(status="P", reason="^Cough", issued="202403011100"), result("FINDINGS: Nothing yet."))
    study = only_study(read_hl7([write(tmp_path, first, message(order(), result("FINDINGS: Opacity.")))]))
    assert sections(study) == {"indication": "Cough", "findings": "Opacity."}


def test_values_come_from_every_message_of_the_patient_before_the_study(tmp_path):
    at = "20240301090000+0000"
    vitals = [
        result("101.3", identifier="8310-5^Temp^LN", kind="NM", units="[degF]^Fahrenheit^UCUM", at=at),
        result("99", identifier="^^^8867-4^HR^LN", kind="NM", units="bpm", at=at),
        result("120", identifier="8480-6^BP^LN", kind="NM", units="furlongs", at=at),
        result("37", identifier="8310-5^Temp^LN", kind="NM", units="Cel", at="20240301110000+0000"),
        result("80", identifier="8462-4^BP^L", kind="NM", units="mmHg", at=at),
    ]
    path = write(tmp_path, message(order(), result(WHOLE)), message(order(accession="LAB-9", code="VITALS"), *vitals))
    read = read_hl7([path])
    assert only_study(read).values == {"heart_rate_per_minute": 99.0, "temperature_celsius": 38.5}
    assert any("systolic_mmhg" in notice for notice in read.notices)


def test_messages_of_two_patients_under_one_accession_are_refused(tmp_path):
    other = message(patient(ids="MRN-2^^^HOSP^MR"), order(), result(WHOLE))
    refusal = only_refusal(read_hl7([write(tmp_path, message(order(), result(WHOLE)), other)]))
    assert (refusal.study_id, refusal.code) == ("ACC-1", Code.IDENTITY_MISMATCH)
    assert "MRN" not in refusal.message


@pytest.mark.parametrize(("authority", "expected"), [(None, "MRN-1"), ("CITY", "C-9"), ("HOSP", "V-1")])
def test_the_authority_chooses_the_patient_id(tmp_path, authority, expected):
    ids = "123456789^^^USA^SS~V-1^^^HOSP^VN~C-9^^^CITY~MRN-1^^^HOSP^MR"
    path = write(tmp_path, message(patient(ids=ids), order(), result(WHOLE)))
    assert only_study(read_hl7([path], authority=authority)).patient_id == expected


@pytest.mark.parametrize("ids", ["", '""', "123456789^^^USA^SS"])
def test_a_message_without_a_patients_id_is_refused(tmp_path, ids):
    refusal = only_refusal(read_hl7([write(tmp_path, message(patient(ids=ids), order(), result(WHOLE)))]))
    assert (refusal.code, "names no patient" in refusal.message) == (Code.INVALID_ROW, True)


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("framed", ["alone", "mllp", "batch"])
def test_segment_ends_frames_and_batches_make_no_difference(tmp_path, end, framed):
    one = message(order(), result(WHOLE), end=end)
    two = message(order(accession="ACC-2"), result(WHOLE), end=end)
    if framed == "mllp":
        one, two = (f"\x0b{text}\x1c\r" for text in (one, two))
    if framed == "batch":
        one, two = f"FHS|^~\\&|RIS{end}BHS|^~\\&|RIS{end}{one}", f"{two}BTS|2{end}FTS|1{end}"
    read = read_hl7([write(tmp_path, one, two)])
    assert [entry.study_id for entry in read.studies] == ["ACC-1", "ACC-2"]
    assert all(sections(entry)["impression"] == "Pneumonia." for entry in read.studies)


def test_a_line_break_inside_a_field_ends_neither_field_nor_message(tmp_path):
    text = "FINDINGS: An opacity.\nThe heart is normal.\n\nIMPRESSION: Pneumonia."
    study = only_study(read_hl7([write(tmp_path, message(order(), result(text)))]))
    assert sections(study) == {"findings": "An opacity.\nThe heart is normal.", "impression": "Pneumonia."}


def test_other_delimiters_are_those_of_the_header(tmp_path):
    text = message(order(reason="^Cough"), result(WHOLE)).translate(str.maketrans("|^~\\&", "#*@?%"))
    study = only_study(read_hl7([write(tmp_path, text)]))
    assert sections(study)["indication"] == "Cough\n\nCough."


@pytest.mark.parametrize("signs", ["||||", "a^~\\&", "|^^\\&", "|A~\\&"])
def test_delimiters_that_cannot_be_told_apart_are_refused(tmp_path, signs):
    text = "MSH" + signs + message(order(), result(WHOLE))[8:]
    assert only_refusal(read_hl7([write(tmp_path, text)])).code in (Code.INVALID_ROW, Code.FILE_UNREADABLE)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", r"a|b^c&d~e\f"),
        (r"one\.br\two\.sp2\three\.ce\four", "one\ntwo\n\nthree\nfour"),
        (r"\H\bold\N\ \.in+4\text", "bold text"),
        (r"5\XC2B5\g", "5µg"),
        (r"\.sp9999\end", "\n" * 20 + "end"),
        (r"a path C:\temp and more", r"a path C:\temp and more"),
        (r"a \unknown\ and \Zown\ and \C2842\.", r"a \unknown\ and  and ."),
    ],
)
def test_escapes_are_replaced_and_nothing_else_is_lost(written, meant):
    assert Delimiters.of("MSH|^~\\&|", codec="utf-8").unescape(written) == meant


@pytest.mark.parametrize(
    ("charset", "codec"),
    [("", "utf-8"), ("", "cp1252"), ("8859/1", "latin-1"), ("UNICODE UTF-8", "utf-8"), ("8859/2~UNICODE", "iso8859-2")],
)
def test_the_character_set_is_that_of_the_header(tmp_path, charset, codec):
    raw = message(order(), result("FINDINGS: Ödem."), head=header(charset=charset)).encode(codec)
    assert sections(only_study(read_hl7([write(tmp_path, raw)]))) == {"findings": "Ödem."}


@pytest.mark.parametrize(("charset", "codec"), [("ISO IR87", "utf-8"), ("UNICODE UTF-8", "latin-1")])
def test_a_character_set_that_is_unknown_or_not_kept_refuses_the_message(tmp_path, charset, codec):
    raw = message(order(), result("FINDINGS: Ödem."), head=header(charset=charset)).encode(codec)
    assert "character set" in only_refusal(read_hl7([write(tmp_path, raw)])).message


@pytest.mark.parametrize(
    ("written", "first", "last"),
    [
        ("2024", "2024-01-01T00:00:00", "2024-12-31T23:59:59.999999"),
        ("202402", "2024-02-01T00:00:00", "2024-02-29T23:59:59.999999"),
        ("20240229", "2024-02-29T00:00:00", "2024-02-29T23:59:59.999999"),
        ("202402291030", "2024-02-29T10:30:00", "2024-02-29T10:30:59.999999"),
    ],
)
def test_a_time_is_as_wide_as_it_is_written(written, first, last):
    span = time_span(written)
    assert (span.first.isoformat(), span.last.isoformat()) == (first, last)


def test_a_time_keeps_its_offset_and_a_wrong_one_is_none():
    zone = timezone(timedelta(hours=-5))
    assert time_span("20240229103000.1234-0500").first == datetime(2024, 2, 29, 10, 30, tzinfo=zone)
    assert [time_span(written) for written in ("20230229", "2024-02-29", "", "20240229-9999", "٢٠٢٤")] == [None] * 5


def test_a_document_message_is_read_and_an_obsolete_one_takes_it_back(tmp_path):
    def document(availability: str, written: str) -> str:
        txa = f"TXA|1|DI|TX|{written}||{written}|||||||PL-3|FI-3|ACC-3||AU||{availability}"
        return message(txa, result(WHOLE), head=header(kind="MDM^T02^MDM_T02"))

    study = only_study(read_hl7([write(tmp_path, document("AV", "20240301"))]))
    assert sections(study)["impression"] == "Pneumonia."
    read = read_hl7([write(tmp_path, document("AV", "20240301"), document("OB", "20240302"))])
    assert "taken back" in only_refusal(read).message


def test_an_encapsulated_document_is_named_as_not_read(tmp_path):
    pdf = result("RIS^application^pdf^Base64^JVBERi0=", kind="ED")
    read = read_hl7([write(tmp_path, message(order(), pdf))])
    assert only_study(read).note == ()
    assert any("an encapsulated document" in notice and "message 1" in notice for notice in read.notices)


@pytest.mark.parametrize("kind", ["ADT^A01", "ORM^O01", "ACK", "MDM^T01", ""])
def test_other_messages_are_refused_by_number(tmp_path, kind):
    path = write(tmp_path, message(order(), result(WHOLE)), message(order(), head=header(kind=kind, control="M2")))
    refusal = only_refusal(read_hl7([path]))
    assert (refusal.study_id, refusal.code) == ("results.hl7 message 2 (M2)", Code.INVALID_ROW)


def test_files_without_messages_and_too_long_ones_are_refused(tmp_path, monkeypatch):
    empty = write(tmp_path, "a note", name="note.txt")
    assert "no HL7 v2 message" in only_refusal(read_hl7([empty])).message
    assert only_refusal(read_hl7([tmp_path / "nothing.hl7"])).study_id == "nothing.hl7"
    monkeypatch.setattr(wire, "MAX_BYTES", 10)
    assert only_refusal(read_hl7([write(tmp_path, message(order()))])).code is Code.FILE_TOO_LARGE


def test_fields_are_those_that_python_hl7_finds(tmp_path):
    text = message(order(history="R07.9^Chest pain", reason="^Cough"), result(WHOLE), f"ZDS|{STUDY_UID}^RIS")
    (ours,) = wire.read_messages(write(tmp_path, text))
    theirs = hl7.parse(text)
    assert [segment.name for segment in ours.segments] == [str(segment[0]) for segment in theirs]
    for one, other in zip(ours.segments, theirs, strict=True):
        assert one.fields == tuple(map(str, other))


def canaried() -> bytes:
    """A message of every part that is read, with canaries where names and notes stand."""
    word, name = "hemoptysis-canary", "ADLERFLYCHT"
    vitals = result("38.5", identifier="8310-5^Temp^LN", kind="NM", units="Cel")
    lines = [result(f"HISTORY: {word}~FINDINGS: {name}"), result(word, identifier="71020&IMP", kind="FT"), vitals]
    text = message(order(history=f"^{word}", reason=f"^{name}"), *lines, "NTE|1||QUIRINA", f"ZDS|{STUDY_UID}^RIS")
    return text.encode()


def mutant(draw: random.Random) -> bytes:
    raw = bytearray(canaried() * draw.randrange(1, 4))
    for _ in range(draw.randrange(1, 8)):
        at, how = draw.randrange(len(raw)), draw.randrange(6)
        if how == 0:
            del raw[max(at, 40) :]
        elif how == 1:
            raw[at] ^= 1 << draw.randrange(8)
        elif how == 2:
            raw[at:at] = draw.choice((b"|", b"^", b"~", b"\\", b"&", b"\r", b"\n", b"\x0b", b"\x1c", b"\x00")) * 300
        elif how == 3:
            fields = raw.split(b"|")
            fields[draw.randrange(len(fields))] = draw.choice((b'""', b"\\.sp99999\\", b"\\X00FF\\", b"1e999", b"\xff"))
            raw = bytearray(b"|".join(fields))
        elif how == 4:
            segments = raw.split(b"\r")
            draw.shuffle(segments)
            raw = bytearray(b"\r".join(segments))
        else:
            del raw[at : at + draw.randrange(40)]
    return bytes(raw)


def test_mutated_messages_are_read_or_refused_and_never_repeat_content(tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    draw, refused, studies = random.Random(7), 0, 0
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for _ in range(300):
            read = read_hl7([write(tmp_path, mutant(draw))])
            assert read.studies or read.notices
            messages = [entry.message for entry in read.studies if isinstance(entry, Refusal)]
            refused += bool(messages)
            studies += any(isinstance(entry, Study) for entry in read.studies)
            assert not any(canary in text for text in (*messages, *read.notices) for canary in CANARIES), messages
    assert min(refused, studies) > 50
    written = capfd.readouterr()
    seen = [caplog.text, written.out, written.err, *(str(one.message) for one in warned)]
    assert not any(canary in text for text in seen for canary in CANARIES)


def test_a_status_that_hl7_does_not_know_is_refused_and_an_order_in_process_is_named(tmp_path):
    read = read_hl7([write(tmp_path, message(order(status="Q"), result(WHOLE)), message(order(status="S")))])
    assert "its status (OBR-25, TXA-17) is unknown" in only_refusal(read).message
    assert read.notices == ("Orders without a report yet were not used: results.hl7 message 2 (M1).",)


def test_the_message_time_stands_in_for_a_missing_report_time(tmp_path):
    study = only_study(read_hl7([write(tmp_path, message(order(issued=""), result("FINDINGS: Clear.")))]))
    assert study.note[0].at.strftime("%Y%m%d%H%M%S%z") == ISSUED


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "lines",
    [["OBR|||A||||2024", "OBX||TX|||a"] * 10_000, ["OBR|||A", "OBX||TX|||a", *["x"] * 300_000], ["\\"] * 10_000],
)
def test_a_message_of_very_many_lines_takes_no_more_than_its_share_of_time(tmp_path, lines):
    assert len(read_hl7([write(tmp_path, message(*lines))]).studies) == 1
