"""Notes: what they state, and what they must not give away."""

import re
from itertools import pairwise

import numpy as np
import pytest

from mediscan.phantom import FINDINGS, Context, PhantomOptions, make_cases
from mediscan.phantom.filler import BACKGROUND, COMPLAINTS, QUESTIONS, SIGNS
from mediscan.phantom.notes import MAX_WORDS, MIN_WORDS, SECTIONS, write_note
from mediscan.phantom.phrases import WORDING
from mediscan.phantom.rules import Side
from mediscan.phantom.writer import Role
from mediscan.study import Sex

NAMES = re.compile(
    r"pneumoni|contusion|o?edema|h(a)?emothorax|effusion|malignan|cancer|tumou?r|cardiomegal"
    r"|opaci|consolidat|infiltrat|haz[ey]|nodul|lesion|enlarged|x-?ray|radiograph",
    re.IGNORECASE,
)
"""Findings and image patterns, as a radiologist would word them."""


@pytest.fixture(scope="module")
def cases():
    return make_cases(2000, seed=103, options=PhantomOptions(misspelling_rate=0.1))


def test_findings_are_all_covered_by_the_search_for_their_names():
    assert all(NAMES.search(name) for name in FINDINGS.names)


def test_findings_and_patterns_are_named_in_distractors_only(cases):
    named = 0
    for case in cases:
        for section, text in case.note.sections.items():
            allowed = [
                range(span.start, span.stop)
                for span in case.note.spans
                if span.section == section and span.role is Role.DISTRACTS
            ]
            for match in NAMES.finditer(text):
                named += 1
                assert any(match.start() in place for place in allowed), text
    assert named > 20


def test_every_context_is_stated_and_no_other(cases):
    for case in cases:
        assert {context for context in Context if case.note.stated(context)} == case.contexts


def test_each_context_is_stated_at_least_once_in_words_spelt_right(cases):
    for case in cases:
        for context in case.contexts:
            words = WORDING[context]
            forms = [
                re.compile(re.sub(r"\\\{\w+\\\}", r"[\\w.]+", re.escape(form.rstrip("."))), re.IGNORECASE)
                for form in (*words.complaint, *words.history, *words.sign)
            ]
            stated = [case.note.text(span) for span in case.note.stated(context)]
            assert any(form.fullmatch(text) for form in forms for text in stated), stated


def test_spans_lie_in_order_within_their_section_and_do_not_overlap(cases):
    for case in cases:
        for section, text in case.note.sections.items():
            places = [(span.start, span.stop) for span in case.note.spans if span.section == section]
            assert all(0 <= start < stop <= len(text) for start, stop in places)
            assert all(a[1] <= b[0] for a, b in pairwise(places))


def test_spans_start_and_stop_at_the_edges_of_words(cases):
    for case in cases:
        for span in case.note.spans:
            text = case.note.sections[span.section]
            assert span.start == 0 or not text[span.start - 1].isalnum()
            assert span.stop == len(text) or not text[span.stop].isalnum()


def test_a_context_that_the_patient_has_is_never_denied(cases):
    for case in cases:
        denied = {span.context for span in case.note.spans if span.role is Role.DENIES}
        assert not denied & case.contexts


def test_an_absent_context_is_denied_in_some_notes_and_passed_over_in_others(cases):
    denied = [
        any(span.role is Role.DENIES and span.context is context for span in case.note.spans)
        for case in cases
        for context in Context
        if context not in case.contexts
    ]
    assert 0.4 < np.mean(denied) < 0.75


def test_distractors_are_as_frequent_with_the_context_as_without(cases):
    for context in Context:
        told = {True: [], False: []}
        for case in cases:
            roles = [span.role for span in case.note.spans if span.context is context]
            told[context in case.contexts].append(Role.DISTRACTS in roles)
        assert abs(np.mean(told[True]) - np.mean(told[False])) < 0.08


def test_the_side_of_pain_is_written_where_it_is_known_and_nowhere_else(cases):
    for case in cases:
        spans = [span for span in case.note.spans if span.role is Role.PAIN]
        if case.note.pain_side is None:
            assert not spans
            continue
        assert len(spans) == 1
        words = case.note.text(spans[0]).lower()
        assert case.note.pain_side.value in words
        assert {Side.LEFT: "right", Side.RIGHT: "left"}[case.note.pain_side] not in words


def test_no_other_phrase_names_a_side(cases):
    for case in cases:
        places = {s.section: (s.start, s.stop) for s in case.note.spans if s.role is Role.PAIN}
        for section, text in case.note.sections.items():
            start, stop = places.get(section, (0, 0))
            assert not re.search(r"\b(left|right)\b", text[:start] + text[stop:], re.IGNORECASE)


def test_age_and_sex_in_the_note_are_the_patients(cases):
    for case in cases:
        opening = case.note.sections["indication"].lower()
        assert re.search(rf"\b{case.age_years}(?!\d)", opening)
        male = re.search(r"\b(man|male|gentleman)\b|\d+m\b", opening) is not None
        female = re.search(r"\b(woman|female|lady)\b|\d+f\b", opening) is not None
        assert (male, female) == ((True, False) if case.sex is Sex.MALE else (False, True))


def test_temperature_fits_the_presence_of_infection(cases):
    seen = 0
    for case in cases:
        found = re.match(r"t (\d+\.\d)(f?)", case.note.sections["exam"].lower())
        if found:
            seen += 1
            celsius = (float(found[1]) - 32) / 1.8 if found[2] else float(found[1])
            assert (celsius > 37.8) == (Context.INFECTION in case.contexts)
    assert seen > 300


def test_notes_are_neither_short_nor_long(cases):
    words = [sum(len(text.split()) for text in case.note.sections.values()) for case in cases]
    assert min(words) >= MIN_WORDS
    assert max(words) <= MAX_WORDS
    assert np.percentile(words, 90) - np.percentile(words, 10) > 25


def test_notes_have_all_sections_and_hardly_repeat(cases):
    assert all(tuple(case.note.sections) == SECTIONS for case in cases)
    assert len({case.note.sections["history"] for case in cases}) > 0.97 * len(cases)


def test_misspellings_come_at_the_rate_asked_for():
    def notes(rate):
        rng = np.random.default_rng(4)
        return [
            write_note(rng, {Context.INFECTION}, age_years=50, sex=Sex.MALE, misspelling_rate=rate) for _ in range(200)
        ]

    wrong = re.compile(r"fevr|feaver|co?ou?[hg]{2}|couhg", re.IGNORECASE)
    counts = {
        rate: sum(bool(wrong.search(" ".join(note.sections.values()))) for note in notes(rate)) for rate in (0.0, 0.3)
    }
    assert counts[0.0] == 0 or counts[0.0] < counts[0.3]
    assert counts[0.3] > 10


def test_phrases_of_no_context_name_no_finding():
    spoken = [*BACKGROUND, *COMPLAINTS, *QUESTIONS, *SIGNS]
    for words in WORDING.values():
        spoken += [*words.complaint, *words.history, *words.sign, *words.denied, *words.unremarkable]
    assert not [text for text in spoken if NAMES.search(text)]
