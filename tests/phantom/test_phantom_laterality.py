"""The laterality task: the label is the agreement of two sides, and nothing else tells of it."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from mediscan.manifest import Manifest
from mediscan.phantom import (
    LATERALITY_FINDING,
    LATERALITY_OPTIONS,
    PhantomOptions,
    SideLabels,
    make_cases,
    make_laterality_cases,
    write_studies,
)
from mediscan.phantom.rules import Side
from mediscan.phantom.writer import Role
from mediscan.study import Split

SMALL = replace(LATERALITY_OPTIONS, size=96)


@pytest.fixture(scope="module")
def cases():
    return make_laterality_cases(2000, seed=5, options=SMALL)


def table(cases):
    """(2, 2) counts: side of the lesion against label, then side of pain against label."""
    labels = np.array([case.truth[LATERALITY_FINDING] for case in cases])
    lesion = np.array([case.lesion_side is Side.LEFT for case in cases], dtype=int)
    pain = np.array([case.note.pain_side is Side.LEFT for case in cases], dtype=int)
    return labels, lesion, pain


def test_the_same_seed_gives_the_same_cases_however_many_follow():
    few, many = make_laterality_cases(10, seed=5), make_laterality_cases(40, seed=5)
    assert [replace(c, split=Split.TRAIN) for c in few] == [replace(c, split=Split.TRAIN) for c in many[:10]]


def test_the_label_says_whether_the_sides_agree(cases):
    for case in cases:
        assert case.labels == {LATERALITY_FINDING: int(case.note.pain_side is case.lesion_side)}
        assert len(case.lesions) == 1
        assert case.lesion_side in (Side.LEFT, Side.RIGHT)


def test_the_label_is_exactly_independent_of_either_side(cases):
    labels, lesion, pain = table(cases)
    for side in (lesion, pain):
        for value in (0, 1):
            assert labels[side == value].mean() == 0.5
    assert (lesion == pain).astype(int).tolist() == labels.tolist()


def test_sides_that_follow_each_other_would_be_noticed():
    """The same check on studies whose pain keeps to the lesion's side three times in four."""
    skewed = [
        case for i, case in enumerate(make_laterality_cases(400, seed=5)) if case.truth[LATERALITY_FINDING] or i % 3
    ]
    labels, lesion, _ = table(skewed)
    assert abs(labels[lesion == 1].mean() - 0.5) > 0.05


def test_no_sum_of_what_image_and_note_tell_separates_the_label(cases):
    """Whatever score each side is given, their sum ranks agreeing and disagreeing studies alike."""
    labels, lesion, pain = table(cases)
    for weight_lesion in (-2.0, -0.5, 0.0, 1.0, 3.0):
        for weight_pain in (-1.0, 0.0, 0.7, 2.0):
            assert roc_auc_score(labels, weight_lesion * lesion + weight_pain * pain) == pytest.approx(0.5, abs=1e-9)


def test_words_alone_tell_nothing_of_the_label_but_do_tell_the_side_of_pain(cases):
    notes = [" ".join(case.note.sections.values()) for case in cases]
    labels, _, pain = table(cases)
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2).fit(notes[:1400]).transform(notes)
    scores = {}
    for name, wanted in (("label", labels), ("pain", pain)):
        model = LogisticRegression(C=10, max_iter=500).fit(words[:1400], wanted[:1400])
        scores[name] = roc_auc_score(wanted[1400:], model.predict_proba(words[1400:])[:, 1])
    assert 0.42 < scores["label"] < 0.58
    assert scores["pain"] > 0.9


def test_age_sex_and_the_kind_of_lesion_tell_nothing_of_the_label(cases):
    labels, _, _ = table(cases)
    kinds = sorted({case.lesions[0].pattern for case in cases})
    assert len(kinds) == 3
    facts = [[case.age_years, case.sex == "M", kinds.index(case.lesions[0].pattern)] for case in cases]
    for column in np.array(facts, dtype=float).T:
        assert abs(np.corrcoef(column, labels)[0, 1]) < 0.06


def test_the_side_of_pain_is_said_once_and_other_sides_only_in_asides(cases):
    others = Counter()
    for case in cases:
        (pain,) = (span for span in case.note.spans if span.role is Role.PAIN)
        side, other = case.note.pain_side.value, {"left": "right", "right": "left"}[case.note.pain_side.value]
        words = case.note.text(pain).lower()
        assert re.search(rf"\b({side}|{side[0]})\b", words), words
        assert not re.search(rf"\b({other}|{other[0]})\b", words), words
        for span in case.note.spans:
            if span.role is Role.DISTRACTS:
                others[side in case.note.text(span).lower()] += 1
        for section, text in case.note.sections.items():
            places = [range(s.start, s.stop) for s in case.note.spans if s.section == section]
            for match in re.finditer(r"\b(left|right)\b", text, re.IGNORECASE):
                assert any(match.start() in place for place in places), text
    assert 0.46 < others[True] / sum(others.values()) < 0.54
    assert sum(others.values()) > 1000


def test_the_lesion_is_plain_on_its_side_of_the_image_with_the_patients_left_on_the_right(cases):
    for case in cases[:60]:
        shot = case.shots[0]
        drawn = case.draw(shot)
        bare = replace(case, lesions=()).draw(shot)
        change = drawn.pixels.astype(float) - bare.pixels
        right, left = change[:, :48].sum(), change[:, 48:].sum()
        assert (left > right) == (case.lesion_side is Side.LEFT)
        (region,) = drawn.regions
        top, first, bottom, last = region.box
        assert region.side is case.lesion_side
        assert change[top:bottom, first:last].mean() > 0.02 * 4095


def test_the_manifest_has_one_finding_and_both_sides_in_every_split(tmp_path):
    cases = make_laterality_cases(80, seed=5, options=replace(SMALL, size=64))
    manifest = Manifest.read(write_studies(cases, tmp_path, workers=1))
    assert manifest.findings.names == (LATERALITY_FINDING,)
    for split in Split:
        studies = manifest.studies(split)
        assert {study.labels[LATERALITY_FINDING] for study in studies} == {0, 1}
        assert all(len(study.images) == 1 and study.note for study in studies)


def test_sides_can_be_labelled_beside_the_agreement_without_changing_the_studies(cases):
    told = make_laterality_cases(200, seed=5, options=SMALL, sides=SideLabels.GIVEN)
    for one, other in zip(cases, told, strict=False):
        assert (one.note, one.lesions, one.shots) == (other.note, other.lesions, other.shots)
        assert dict(other.labels) == {
            LATERALITY_FINDING: one.labels[LATERALITY_FINDING],
            "lesion_left": int(one.lesion_side is Side.LEFT),
            "pain_left": int(one.note.pain_side is Side.LEFT),
        }


def test_studies_of_other_tasks_have_other_names_and_images():
    mine = make_laterality_cases(3, seed=7)
    theirs = make_cases(3, seed=7, options=PhantomOptions())
    assert not {case.study_id for case in mine} & {case.study_id for case in theirs}
    assert not {case.uid_root for case in mine} & {case.uid_root for case in theirs}
