import time

import pytest

from mediscan.errors import Code, SourceError
from mediscan.sources.notes.encodings import MAX_NOTE_BYTES, decode_note

_TEXT = "INDICATION: Müller – 38 °C „so“\nFINDINGS: clear\n"


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (_TEXT.encode(), "utf-8"),
        (b"\xef\xbb\xbf" + _TEXT.encode(), "utf-8"),
        (b"\xff\xfe" + _TEXT.encode("utf-16-le"), "utf-16-le"),
        (b"\xfe\xff" + _TEXT.encode("utf-16-be"), "utf-16-be"),
        (_TEXT.encode("cp1252"), "cp1252"),
    ],
)
def test_encodings_are_told_apart(raw: bytes, encoding: str) -> None:
    note = decode_note(raw)
    assert (note.text, note.encoding, note.was_guessed) == (_TEXT, encoding, encoding == "cp1252")


def test_any_bytes_are_read_at_last() -> None:
    assert decode_note(b"38 \xb0C \x81 ok").encoding == "latin-1"


def test_control_characters_go_and_line_ends_are_line_feeds() -> None:
    assert decode_note(b"a\x00b\r\nc\rd\x0ce\x1b[31m\tf").text == "ab\nc\nd\ne[31m\tf"


@pytest.mark.parametrize(
    ("raw", "what"),
    [(b"%PDF-1.7 ...", "PDF"), (b"PK\x03\x04...", "a Word or zip file"), (b"\xd0\xcf\x11\xe0...", "an old Word file")],
)
def test_other_documents_are_refused_by_name(raw: bytes, what: str) -> None:
    with pytest.raises(SourceError, match=f"note 7 is {what}, not text"):
        decode_note(raw, what="note 7")


def test_a_note_that_is_too_long_is_refused() -> None:
    with pytest.raises(SourceError, match="has more than 4 MiB") as caught:
        decode_note(b"a" * (MAX_NOTE_BYTES + 1))
    assert caught.value.code is Code.FILE_TOO_LARGE


def test_broken_utf_16_is_refused() -> None:
    with pytest.raises(SourceError, match="begins as utf-16-le but is not"):
        decode_note(b"\xff\xfeabc")


def test_html_becomes_its_text() -> None:
    page = (
        "<!DOCTYPE html><html><head><title>T</title><style>p {}</style></head><body><!-- <b>no</b> -->"
        "<p><b>FINDINGS:</b> size &lt; 3&nbsp;cm</p><script>alert('FINDINGS')</script>"
        "<p>IMPRESSION: normal<br>stable</p>"
    )
    assert " ".join(decode_note(page.encode()).text.split()) == "FINDINGS: size < 3 cm IMPRESSION: normal stable"


def test_rtf_becomes_its_text() -> None:
    raw = (
        rb"{\rtf1\ansi{\fonttbl{\f0 Arial;}}{\info{\author Canary}}{\*\generator Word;}\f0\fs20 "
        rb"{\b FINDINGS:} 38 \'b0C, M\u252?ller \{ok\}\par IMPRESSION:\tab normal\line stable}"
    )
    assert decode_note(raw).text == "FINDINGS: 38 °C, Müller {ok}\nIMPRESSION:\tnormal\nstable"


@pytest.mark.parametrize("start", ["<html>", "{\\rtf1"])
@pytest.mark.parametrize("unit", ["<a ", "<!--", "<", "&", "{", "\\'", "\\u1", "\\par"])
def test_markup_that_never_ends_takes_no_longer(start: str, unit: str) -> None:
    started = time.process_time()
    decode_note((start + unit * (500_000 // len(unit))).encode())
    assert time.process_time() - started < 8
