import time
from datetime import date

import pytest

from mediscan.sources.anatomy import Region
from mediscan.sources.note_facts import note_facts
from mediscan.study import NoteSection


def facts(text, *, section="history"):
    return note_facts([NoteSection(name=section, text=text)])


@pytest.mark.parametrize(
    ("text", "sex", "age"),
    [
        ("65-year-old woman with cough.", "F", 65),
        ("A 72 year old previously healthy male smoker.", "M", 72),
        ("28M previously fit and well", "M", 28),
        ("41F, fever", "F", 41),
        ("50 y/o gentleman", "M", 50),
        ("19 yo c/o right leg weakness", None, 19),
        ("6-month-old boy, failure to thrive", "M", 0.5),
        ("An 8 yr old girl", "F", 8),
        ("65-year-old with stroke", None, 65),
        ("70-year-old man after surgery, 10-year-old pacemaker", "M", 70),
        ("Age: 44. Sex: F.", "F", 44),
        ("Gender: male", "M", None),
    ],
)
def test_plain_statements_of_sex_and_age_are_read(text, sex, age):
    found = facts(text)
    assert found.sex == sex
    assert found.age_years == (None if age is None else pytest.approx(age))


@pytest.mark.parametrize(
    "text",
    [
        "Mother is a 65-year-old woman with asthma.",
        "Lives with her husband, a 70 year old man.",
        "Father died when 40 years old.",
        "Kidney donor, a 33 year old female.",
        "Smoked for 20 years, female partner.",
        "Symptoms for 6 months.",
        "A 2 year history of cough.",
        "5 m from the ground; temperature 38.5 F.",
        "Room 12 M ward.",
        "Pain over a 2-week-old fracture.",
        "20-year-old surgical scar.",
        "10 year old pacemaker, dyspnea",
        "Lives with 3 year old son",
        "Temp 101 F, pulse 90.",
    ],
)
def test_what_is_not_said_of_the_patient_is_no_fact(text):
    found = facts(text)
    assert (found.sex, found.age_years) == (None, None)


def test_a_note_that_contradicts_itself_says_nothing():
    found = facts("65-year-old woman. Later: 30 year old man.")
    assert (found.sex, found.age_years) == (None, None)


@pytest.mark.parametrize(
    ("text", "section", "regions"),
    [
        ("CT of the left knee without contrast", "technique", {Region.KNEE}),
        ("Chest radiograph, two views", "examination", {Region.CHEST}),
        ("MRI brain", "exam", {Region.HEAD}),
        ("CT abdomen and pelvis", "technique", {Region.ABDOMEN, Region.PELVIS}),
        ("C-spine XR", "procedure", {Region.SPINE}),
        ("Abdomen soft, chest clear, no edema of the foot.", "exam", set()),
        ("Head CT yesterday was normal.", "history", set()),
    ],
)
def test_the_regions_examined_are_read_where_a_note_names_its_examination(text, section, regions):
    assert facts(text, section=section).examined == regions


def test_sides_count_for_paired_regions_only():
    assert facts("Pain in the left knee, right lung clear.").sides == {(Region.KNEE, "L")}
    assert facts("Bilateral hands.").sides == {(Region.HAND, "L"), (Region.HAND, "R")}


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Exam date: 2019-03-04", date(2019, 3, 4)),
        ("DATE OF STUDY: March 4, 2019", date(2019, 3, 4)),
        ("Date of examination 4 Mar 2019", date(2019, 3, 4)),
        ("Exam date: 03/04/2019", None),
        ("Exam date: Smarch 4, 2019", None),
        ("Date of birth: 2019-03-04", None),
    ],
)
def test_a_day_counts_only_where_day_and_month_cannot_be_exchanged(text, day):
    assert facts(text).examined_on == day


@pytest.mark.parametrize("section", ["history", "technique"])
@pytest.mark.parametrize("start", ["1", "1 year", "1 year old", "ct", "left", "left a", "age", "a"])
@pytest.mark.parametrize("filler", [" ", "-", "a-", "\n"])
def test_long_runs_of_signs_cost_no_more_than_their_length(start, filler, section):
    began = time.process_time()
    facts(start + filler * 20_000, section=section)
    assert time.process_time() - began < 2.0  # quadratic time takes ten
