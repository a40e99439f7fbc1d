"""Cases: what is drawn at random, and what follows from it."""

import json
from collections import Counter, defaultdict
from dataclasses import replace
from hashlib import sha256
from itertools import combinations, pairwise

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mediscan.errors import ConfigError
from mediscan.phantom import (
    FINDINGS,
    RULES,
    Context,
    Pattern,
    PhantomOptions,
    best_scores,
    make_cases,
    modality_caps,
)
from mediscan.study import Availability, Split

COMPLETE = PhantomOptions(missing_image_rate=0, missing_note_rate=0)


@pytest.fixture(scope="module")
def cases():
    return make_cases(3000, seed=103)


def test_the_same_seed_gives_the_same_cases():
    assert make_cases(40, seed=5) == make_cases(40, seed=5)


def test_another_seed_gives_other_cases():
    ours, theirs = make_cases(40, seed=5), make_cases(40, seed=6)
    assert not any(a.note.sections == b.note.sections for a, b in zip(ours, theirs, strict=True))


def test_a_study_does_not_depend_on_how_many_follow():
    few, many = make_cases(10, seed=5), make_cases(60, seed=5)
    assert [replace(case, split=Split.TRAIN) for case in few] == [
        replace(case, split=Split.TRAIN) for case in many[:10]
    ]


def test_patients_never_cross_splits(cases):
    splits = defaultdict(set)
    for case in cases:
        splits[case.patient_id].add(case.split)
    assert all(len(found) == 1 for found in splits.values())


def test_about_a_tenth_of_the_patients_have_two_studies(cases):
    studies = Counter(case.patient_id for case in cases)
    assert set(studies.values()) == {1, 2}
    assert 0.07 < np.mean([count == 2 for count in studies.values()]) < 0.13


def test_the_two_studies_of_a_patient_share_the_chest_and_follow_in_time(cases):
    pairs = [(a, b) for a, b in pairwise(cases) if a.patient_id == b.patient_id]
    assert pairs
    for first, second in pairs:
        assert first.anatomy == second.anatomy
        assert first.acquired_at < second.acquired_at


def test_splits_have_the_wanted_counts():
    cases = make_cases(100, seed=2, options=PhantomOptions(split_counts=(71, 9, 20)))
    assert Counter(case.split for case in cases) == {Split.TRAIN: 71, Split.VAL: 9, Split.TEST: 20}


def test_split_fractions_are_kept_to_the_study():
    cases = make_cases(200, seed=2, options=PhantomOptions(split_fractions=(0.5, 0.25, 0.25)))
    assert Counter(case.split for case in cases) == {Split.TRAIN: 100, Split.VAL: 50, Split.TEST: 50}


@pytest.mark.parametrize("name", list(RULES))
def test_a_finding_holds_exactly_where_pattern_and_context_meet(cases, name):
    rule = RULES[name]
    for case in cases:
        wanted = rule.pattern in case.patterns and (rule.context is None or rule.context in case.contexts)
        assert case.labels[name] == int(wanted)


def test_exactly_one_finding_needs_no_context():
    assert [name for name, rule in RULES.items() if rule.context is None] == ["cardiomegaly"]


def test_patterns_and_contexts_are_independent_of_each_other(cases):
    facts = np.array(
        [[p in case.patterns for p in Pattern] + [c in case.contexts for c in Context] for case in cases], dtype=float
    )
    assert np.all(np.abs(facts.mean(axis=0) - 0.5) < 0.05)
    linked = np.corrcoef(facts.T)
    assert max(abs(linked[i, j]) for i, j in combinations(range(facts.shape[1]), 2)) < 0.075


def test_age_and_sex_tell_nothing_of_patterns_and_contexts(cases):
    who = np.array([[case.age_years, case.sex == "M"] for case in cases], dtype=float)
    facts = np.array(
        [[p in case.patterns for p in Pattern] + [c in case.contexts for c in Context] for case in cases], dtype=float
    )
    assert np.abs(np.corrcoef(np.hstack([who, facts]).T)[:2, 2:]).max() < 0.075


def test_the_side_of_pain_is_independent_of_the_side_of_the_lesion(cases):
    agree = [
        case.note.pain_side == lesion.side
        for case in cases
        for lesion in case.lesions
        if case.note.pain_side and lesion.pattern in (Pattern.FOCAL_OPACITY, Pattern.NODULE, Pattern.EFFUSION)
    ]
    assert 0.45 < np.mean(agree) < 0.55
    assert 0.45 < np.mean([case.note.pain_side is not None for case in cases]) < 0.55


def test_missing_images_and_notes_come_at_their_rates_and_never_both():
    cases = make_cases(1000, seed=3, options=PhantomOptions(missing_image_rate=0.2, missing_note_rate=0.3))
    assert 0.16 < np.mean([not case.has_image for case in cases]) < 0.24
    assert 0.26 < np.mean([not case.has_note for case in cases]) < 0.34
    assert all(case.has_image or case.has_note for case in cases)


def test_unknown_labels_are_left_out_and_the_truth_stays():
    cases = make_cases(500, seed=3, options=PhantomOptions(unknown_rate=0.3))
    known = np.mean([len(case.labels) / len(FINDINGS) for case in cases])
    assert 0.66 < known < 0.74
    for case in cases:
        assert set(case.truth) == set(FINDINGS.names)
        assert case.labels.items() <= case.truth.items()


def test_with_even_rates_each_conjunction_is_capped_at_five_sixths():
    caps = modality_caps()
    assert caps.image["pneumonia"] == pytest.approx(5 / 6)
    assert caps.note["pneumonia"] == pytest.approx(5 / 6)
    assert caps.image["cardiomegaly"] == 1.0
    assert caps.note["cardiomegaly"] == 0.5
    assert caps.macro_image <= 0.86
    assert caps.macro_note <= 0.86


@pytest.mark.parametrize(("pattern_rate", "context_rate"), [(0.5, 0.5), (0.3, 0.6), (0.7, 0.4)])
def test_caps_are_what_a_perfect_reader_of_one_modality_reaches(pattern_rate, context_rate):
    options = replace(COMPLETE, pattern_rate=pattern_rate, context_rate=context_rate, second_study_rate=0)
    rng = np.random.default_rng(0)
    template = make_cases(1, seed=1, options=options)[0]
    lesion = {
        p: replace(make_cases(1, seed=1, options=replace(options, pattern_rate=1))[0].lesions[0], pattern=p)
        for p in Pattern
    }
    # Only what decides the labels is drawn anew: twenty thousand notes would take long and change nothing.
    cases = [
        replace(
            template,
            lesions=tuple(lesion[p] for p in Pattern if rng.random() < pattern_rate),
            contexts=frozenset(c for c in Context if rng.random() < context_rate),
        )
        for _ in range(20_000)
    ]
    truth = np.array([list(case.truth.values()) for case in cases])
    caps = modality_caps(options)
    for seen, wanted in ((Availability.IMAGE, caps.image), (Availability.NOTE, caps.note)):
        scores = best_scores(cases, seen=seen, options=options)
        for column, name in enumerate(FINDINGS.names):
            assert roc_auc_score(truth[:, column], scores[:, column]) == pytest.approx(wanted[name], abs=0.01)
    assert np.array_equal(best_scores(cases, seen=Availability.BOTH, options=options), truth)


def test_a_reader_of_both_is_uncertain_only_where_something_is_missing(cases):
    scores = best_scores(cases, seen=Availability.BOTH)
    for case, row in zip(cases, scores, strict=True):
        if case.has_image and case.has_note:
            assert list(row) == list(case.truth.values())
    assert any(0 < value < 1 for value in scores.ravel())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pattern_rate": 1.2}, "pattern_rate is 1.2"),
        ({"unknown_rate": -0.1}, "unknown_rate is -0.1"),
        ({"missing_image_rate": 0.6, "missing_note_rate": 0.6}, "add up to more than 1"),
        ({"size": 8}, "size is 8"),
        ({"split_fractions": (0.5, 0.5, 0.5)}, "split_fractions are"),
    ],
)
def test_options_out_of_range_are_refused(change, words):
    with pytest.raises(ConfigError, match=words):
        PhantomOptions(**change)


def test_split_counts_that_do_not_add_up_are_refused():
    with pytest.raises(ConfigError, match="add up to 9, the studies to 10"):
        make_cases(10, seed=1, options=PhantomOptions(split_counts=(5, 2, 2)))


def test_split_counts_that_would_part_a_patient_are_refused():
    options = PhantomOptions(second_study_rate=1, split_counts=(1, 2, 1))
    with pytest.raises(ConfigError, match="keeps every patient's studies together"):
        make_cases(4, seed=1, options=options)


def test_caps_of_a_rate_without_positives_are_refused():
    with pytest.raises(ConfigError, match="without positives or negatives"):
        modality_caps(PhantomOptions(context_rate=0))


def test_default_studies_are_the_same_in_every_version():
    """Results that were published of a seed can be had again."""
    facts = []
    for case in make_cases(12, seed=7):
        shots = [
            (shot.position, shot.monochrome1, shot.seed, shot.exposure.seed, round(shot.pose.scale, 6))
            for shot in case.shots
        ]
        lesions = [(x.pattern, x.side, x.zone, round(x.size, 6), round(x.height, 6)) for x in case.lesions]
        who = (case.study_id, case.patient_id, case.split, case.age_years, case.sex, case.acquired_at.isoformat())
        facts.append((who, shots, lesions, round(case.anatomy.ctr, 6), case.note.sections, sorted(case.labels.items())))
    written = json.dumps(facts, sort_keys=True).encode()
    assert sha256(written).hexdigest() == "3d61c3a039c9f87ae8799ef993719b802f248fe39792ef56ec463d88f8979e7c"
