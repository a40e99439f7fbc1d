import csv
import re

import pytest

from mediscan.data.redaction import COVID19, Redaction, kept_spans, names_anything, redact

WRITTEN = [
    "COVID-19",
    "Covid 19",
    "covid19",
    "COVID–19",  # an en dash
    "COVID-2019",
    "#covid-19",
    "SARS-CoV-2",
    "sars cov 2",
    "SARSCoV2",
    "2019-nCoV",
    "nCoV-2019",
    "coronavirus",
    "corona virus",
    "Coronaviruses",
    "SARS",
    "PJP",
]


@pytest.mark.parametrize("name", WRITTEN)
def test_a_disease_is_found_however_it_is_written(name):
    assert redact(f"Man of 60 with {name} and fever.", COVID19) == "Man of 60 with and fever."


@pytest.mark.parametrize("word", ["COVID-19-related", "covid-positive", "classiccovid-19", "forCOVID-19,"])
def test_a_disease_inside_a_longer_word_is_found(word):
    left = redact(f"Fever, {word} pneumonia.", COVID19)
    assert "covid" not in left.lower()
    assert "19" not in left
    assert "pneumonia" in left


@pytest.mark.parametrize(
    "clause",
    [
        "PCR positive.",
        "RT-PCR was negative on day 3.",
        "A reverse transcription–polymerase chain reaction of 11.2 cycles was reported.",
        "Throat swabs were taken.",
        "Patient 5 (PCR) tested.",
    ],
)
def test_a_clause_about_a_test_goes_whole(clause):
    assert redact(f"Fever for 3 days. {clause} Dry cough.", COVID19) == "Fever for 3 days. Dry cough."


def test_a_name_leaves_no_trace():
    # A mask in its place would say that there was something to hide.
    assert redact("Fever (COVID-19), cough.", COVID19) == "Fever, cough."


@pytest.mark.parametrize(
    "text",
    [
        "Coronary heart disease; recovery; peribroncovascular thickening.",
        "Temperature 38.5 °C, C-reactive protein 11.2 mg/L.",
        "Fever.\n\n  Two blanks  and a tab\tstay.",
        "",
    ],
)
def test_a_note_that_names_nothing_is_returned_as_it_is(text):
    assert redact(text, COVID19) == text
    assert not names_anything(text, COVID19)


def test_redacting_twice_changes_nothing():
    text = "Novel coronavirus (2019-nCoV) pneumonia; RT-PCR confirmed. SARS-CoV-2 in the sputum, SARS in 2003."
    once = redact(text, COVID19)
    assert redact(once, COVID19) == once
    assert not names_anything(once, COVID19)


def test_what_is_kept_lies_where_the_note_has_it():
    text = "Fever, COVID-19 pneumonia. PCR positive. Dry cough."
    assert [text[start:end] for start, end in kept_spans(text, COVID19)] == ["Fever, ", " pneumonia. ", "Dry cough."]
    assert kept_spans("PCR positive.", COVID19) == ()


def test_the_terms_are_the_callers():
    redaction = Redaction(names=("pulmonary embolism", "PE"), tests=("D-dimer",))
    text = "Pulmonary  embolism suspected, PE? Ddimer raised. No COVID-19. Pericardial rub."
    assert redact(text, redaction) == "suspected,? No COVID-19. Pericardial rub."


def test_nothing_to_redact_leaves_the_text():
    assert redact("COVID-19.", Redaction()) == "COVID-19."


@pytest.mark.real_data
def test_no_note_of_the_collection_names_its_disease(shared_data):
    with (shared_data / "covid-cxr" / "studies.csv").open(encoding="utf-8", newline="") as file:
        notes = [row["note"] for row in csv.DictReader(file)]
    left = " ".join(redact(note, COVID19) for note in notes).lower()
    assert "fever" in left
    found = re.findall(r"\S*covid\S*|\bsars\S*|\bncov\S*|\S*pcr\b|\S*coronavirus\S*|\S*swab\S*", left)
    assert not found
