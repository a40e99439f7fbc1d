import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from mediscan.config import DataConfig, NoteCutoff
from mediscan.data.notes import clauses, render_note, without
from mediscan.data.redaction import Redaction
from mediscan.study import ImageMeta, ImageRef, NoteSection, Study

ALLOWED = ("indication", "history", "exam")
TEXTS = [
    "Fever and cough.",
    "Temp 38.5 C, SpO2 92.5 %. No trauma.",
    "No fever; no cough! Pain? On the left.\nSince Monday",
    "  leading and trailing blanks  ",
    "...",
    "One. . ; ! Two.",
    "A long sentence that goes on about many things, none of them short, each of them told, and 38.5 among them.",
    "Ünïcödé, ß — 38,5 °C; 肺炎。後",
    "dose 0.5 mg .5 mg 5. mg",
    ",,, , ,, a sentence of commas ,,, , ,, that is long enough to be cut at each of them, ,,",
    "\n\n",
    "no full stop at all " * 8,
]


def study(**sections):
    return Study(
        study_id="S1",
        patient_id="P1",
        note=tuple(NoteSection(name=name, text=text) for name, text in sections.items()),
    )


def rendered(text):
    return render_note(study(history=text), ALLOWED)


def pieces_of(text):
    return [text[piece.start : piece.end] for piece in clauses(rendered(text))]


def test_sections_stand_in_the_order_of_the_allow_list_behind_their_names():
    note = render_note(study(exam="Rales.", indication="Cough."), ALLOWED)
    assert note.text == "indication: Cough.\nexam: Rales.\n"


def test_an_underscore_in_a_name_reads_as_a_blank():
    assert render_note(study(past_history="Asthma."), ("past_history",)).text == "past history: Asthma.\n"


def test_sections_that_are_not_allowed_never_enter_the_note():
    note = render_note(study(history="Cough.", impression="PNEUMONIA.", findings="OPACITY."), ALLOWED)
    assert "PNEUMONIA" not in note.text
    assert "OPACITY" not in note.text
    assert "impression" not in note.text
    assert [piece.section for piece in note.pieces] == ["history"]


def test_a_note_without_allowed_sections_is_false_and_empty():
    note = render_note(study(impression="Pneumonia."), ALLOWED)
    assert not note
    assert note.text == ""
    assert clauses(note) == ()


def test_blank_sections_do_not_even_leave_their_name():
    assert render_note(study(history=" \n ", exam="Clear."), ALLOWED).text == "exam: Clear.\n"


def test_the_order_in_which_a_study_lists_its_sections_does_not_matter():
    assert render_note(study(exam="a", history="b"), ALLOWED) == render_note(study(history="b", exam="a"), ALLOWED)


@pytest.mark.parametrize("text", [text for text in TEXTS if text.strip()])
def test_each_section_lies_in_the_note_where_its_piece_says(text):
    sections = {"exam": "Clear.", "history": text, "indication": "Why?"}
    note = render_note(study(**sections), ALLOWED)
    assert len(note.pieces) == 3
    for piece in note.pieces:
        section = sections[piece.section]
        assert section[piece.start : piece.end] == section
        assert note.text[piece.offset : piece.offset + piece.end - piece.start] == section


@pytest.mark.parametrize("text", TEXTS)
def test_a_clause_lies_where_its_piece_says_in_section_and_note(text):
    note = render_note(study(exam="Clear lungs.", history=text), ALLOWED)
    for piece in clauses(note):
        section = {"exam": "Clear lungs.", "history": text}[piece.section]
        said = note.text[piece.offset : piece.offset + piece.end - piece.start]
        assert said == section[piece.start : piece.end]
        assert said == said.strip()
        assert said


@pytest.mark.parametrize("text", TEXTS)
def test_clauses_cover_every_character_but_blanks_exactly_once(text):
    covered = [0] * len(text)
    for piece in clauses(rendered(text)):
        for place in range(piece.start, piece.end):
            covered[place] += 1
    assert all(count <= 1 for count in covered)
    assert "".join(character for character, count in zip(text, covered, strict=True) if not count).strip() == ""


@pytest.mark.parametrize("text", TEXTS)
def test_clauses_stand_in_the_order_of_the_text(text):
    found = clauses(rendered(text))
    assert list(found) == sorted(found, key=lambda piece: piece.offset)


def test_sentences_end_at_stops_and_line_breaks():
    assert pieces_of("No fever; no cough! Pain? On the left.\nSince Monday") == [
        "No fever;",
        "no cough!",
        "Pain?",
        "On the left.",
        "Since Monday",
    ]


@pytest.mark.parametrize("number", ["38.5", "0.05", "1.2.3", ".5"])
def test_decimals_are_not_cut(number):
    assert pieces_of(f"Temp {number} C today. Well.") == [f"Temp {number} C today.", "Well."]


def test_a_number_at_the_end_of_a_sentence_ends_it():
    assert pieces_of("Temp 38.5. Well.") == ["Temp 38.5.", "Well."]


def test_a_long_sentence_is_cut_at_its_commas_and_a_short_one_is_not():
    long = "He fell from a ladder on Monday, has had pain on the left since, and coughs."
    assert pieces_of(long) == ["He fell from a ladder on Monday,", "has had pain on the left since,", "and coughs."]
    assert pieces_of("He fell, and coughs.") == ["He fell, and coughs."]


def test_cutting_long_text_takes_no_more_than_its_length():
    # A pattern that tries again from every place would take minutes.
    text = "1.2" * 20_000 + "," * 20_000 + "." * 20_000
    found = clauses(rendered(text))
    assert sum(piece.end - piece.start for piece in found) == len(text)


@pytest.mark.parametrize("text", TEXTS)
def test_taking_a_piece_away_removes_exactly_that_piece(text):
    note = render_note(study(exam="Clear lungs.", history=text), ALLOWED)
    for piece in clauses(note):
        said = note.text[piece.offset : piece.offset + piece.end - piece.start]
        left = without(note, piece)
        assert left == note.text[: piece.offset] + note.text[piece.offset + len(said) :]
        assert left[: piece.offset] + said + left[piece.offset :] == note.text


def test_taking_away_one_of_two_equal_sentences_leaves_the_other():
    note = rendered("Cough. Fever. Cough.")
    _, _, last = clauses(note)
    assert without(note, last) == "history: Cough. Fever. \n"


def test_section_names_are_no_part_of_any_clause():
    found = clauses(render_note(study(indication="Cough.", exam="Rales."), ALLOWED))
    assert [re.sub(r"\W", "", piece.section) for piece in found] == ["indication", "exam"]
    assert all(piece.start == 0 for piece in found)


NOON = datetime(2024, 5, 31, 12)  # noqa: DTZ001 - headers state the wall time of the place


def dated(written, *acquired):
    return Study(
        study_id="S1",
        patient_id="P1",
        images=tuple(ImageRef(path="a.dcm", meta=ImageMeta(acquired_at=moment)) for moment in acquired),
        note=(
            NoteSection(name="history", text="Cough.", at=written),
            NoteSection(name="exam", text="Rales."),
        ),
    )


@pytest.mark.parametrize(
    ("written", "acquired", "is_read"),
    [
        (NOON - timedelta(minutes=1), [NOON], True),
        (NOON, [NOON], True),
        (NOON + timedelta(minutes=1), [NOON], False),
        (NOON + timedelta(minutes=1), [NOON + timedelta(hours=1), NOON], False),
        (NOON + timedelta(minutes=1), [None, NOON], False),
        (NOON + timedelta(minutes=1), [None], True),
        (NOON + timedelta(minutes=1), [], True),
        (None, [NOON], True),
        (NOON, [NOON.replace(hour=0)], True),
        (NOON.replace(hour=0), [NOON.replace(hour=1)], True),
        (NOON, [NOON.replace(hour=0) - timedelta(days=1)], False),
        ((NOON + timedelta(minutes=1)).replace(tzinfo=timezone(timedelta(hours=-5))), [NOON], False),
        ((NOON - timedelta(minutes=1)).replace(tzinfo=UTC), [NOON], True),
        ((NOON + timedelta(hours=5)).replace(tzinfo=UTC), [NOON], True),
        ((NOON + timedelta(hours=12, minutes=1)).replace(tzinfo=UTC), [NOON], False),
    ],
    ids=str,
)
def test_a_section_written_after_the_first_image_is_left_out_as_far_as_both_times_tell(written, acquired, is_read):
    note = render_note(dated(written, *acquired), ALLOWED)
    assert note.text == ("history: Cough.\nexam: Rales.\n" if is_read else "exam: Rales.\n")
    assert note.later == (() if is_read else ("history",))


def test_later_sections_are_read_only_when_asked_for():
    study = dated(NOON + timedelta(days=1), NOON)
    assert DataConfig().note_cutoff is NoteCutoff.ACQUISITION
    assert render_note(study, ALLOWED, cutoff=NoteCutoff.NONE).text == "history: Cough.\nexam: Rales.\n"
    assert render_note(study, ALLOWED, cutoff=NoteCutoff.NONE).later == ()


def test_what_is_redacted_is_not_read_and_the_rest_maps_back_to_the_note():
    text = "Fever since Monday. PCR positive at home. Known COVID-19 contact."
    study = Study(study_id="S", patient_id="P", note=(NoteSection(name="history", text=text),))
    redaction = Redaction(names=("COVID-19",), tests=("PCR",))

    note = render_note(study, ("history",), redaction=redaction)

    assert "COVID" not in note.text
    assert "PCR" not in note.text
    assert len(note.pieces) > 1
    for piece in (*note.pieces, *clauses(note)):
        read = note.text[piece.offset : piece.offset + piece.end - piece.start]
        assert read == text[piece.start : piece.end]


def test_a_section_of_which_redaction_leaves_nothing_is_left_out():
    study = Study(study_id="S", patient_id="P", note=(NoteSection(name="history", text="COVID-19"),))
    assert not render_note(study, ("history",), redaction=Redaction(names=("COVID-19",)))
