"""Radiographs: what is drawn, and whether the truth says where."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mediscan.phantom import Pattern, PhantomOptions, make_cases
from mediscan.phantom.image import MAX_VALUE
from mediscan.phantom.rules import Side, ViewPosition, Zone

SIZE = 128


@pytest.fixture(scope="module")
def cases():
    return make_cases(60, seed=31, options=PhantomOptions(size=SIZE, lateral_rate=0.5))


def shots(cases):
    return [(case, shot) for case in cases for shot in case.shots]


def without(case, pattern):
    return replace(case, lesions=tuple(lesion for lesion in case.lesions if lesion.pattern is not pattern))


def test_the_same_shot_gives_the_same_pixels(cases):
    for case, shot in shots(cases[:4]):
        assert np.array_equal(case.draw(shot).pixels, case.draw(shot).pixels)


def test_pixels_are_twelve_bits_in_sixteen_and_use_most_of_the_range(cases):
    for case, shot in shots(cases):
        pixels = case.draw(shot).pixels
        assert pixels.dtype == np.uint16
        assert pixels.shape == (SIZE, SIZE)
        assert pixels.max() <= MAX_VALUE
        assert np.percentile(pixels, 98) - np.percentile(pixels, 2) > 0.35 * MAX_VALUE


def test_little_of_an_image_is_burnt_out(cases):
    burnt = [np.mean(case.draw(shot).pixels == MAX_VALUE) for case, shot in shots(cases)]
    assert np.median(burnt) < 0.01
    assert max(burnt) < 0.3


@pytest.mark.parametrize("pattern", list(Pattern))
def test_a_lesion_changes_the_image_where_the_truth_says_and_nowhere_else(cases, pattern):
    found = 0
    for case, shot in shots(cases):
        regions = [region for region in case.draw(shot).regions if region.pattern is pattern]
        if not regions:
            continue
        found += 1
        with_it, bare = case.draw(shot).pixels.astype(int), without(case, pattern).draw(shot).pixels.astype(int)
        change = np.abs(with_it - bare)
        inside = np.zeros_like(change, dtype=bool)
        for region in regions:
            top, left, bottom, right = region.box
            inside[top:bottom, left:right] = True
        # The heart's box is its outline; what differs is the rim by which it is too large.
        assert change[inside].sum() > 0.8 * change.sum()
        assert change[inside].sum() > 0
        if pattern is Pattern.NODULE:
            assert np.count_nonzero(change) < 0.06 * change.size
    assert found > 15


@pytest.mark.parametrize("pattern", [Pattern.FOCAL_OPACITY, Pattern.NODULE, Pattern.EFFUSION, Pattern.BILATERAL_HAZE])
def test_a_lesion_of_the_lung_is_brighter_than_the_lung_without_it(cases, pattern):
    contrasts = []
    for case, shot in shots(cases):
        if shot.position is ViewPosition.LATERAL or pattern not in case.patterns:
            continue
        only = replace(case, lesions=tuple(x for x in case.lesions if x.pattern is pattern))
        drawn = only.draw(shot)
        bare = replace(case, lesions=()).draw(shot).pixels.astype(float)
        for region in drawn.regions:
            top, left, bottom, right = region.box
            contrasts.append(float((drawn.pixels - bare)[top:bottom, left:right].mean()))
    assert len(contrasts) > 15
    assert min(contrasts) > 0.015 * MAX_VALUE
    assert np.median(contrasts) < 0.25 * MAX_VALUE


def test_right_lesions_lie_on_the_left_of_a_frontal_image(cases):
    seen = 0
    for case, shot in shots(cases):
        if shot.position is ViewPosition.LATERAL:
            continue
        for region in case.draw(shot).regions:
            if region.side is not Side.BOTH:
                seen += 1
                assert (region.col < SIZE / 2) == (region.side is Side.RIGHT)
    assert seen > 40


def test_zones_lie_one_under_the_other():
    cases = make_cases(150, seed=8, options=PhantomOptions(size=SIZE, lateral_rate=0))
    rows = {zone: [] for zone in Zone}
    for case, shot in shots(cases):
        for region in case.draw(shot).regions:
            if region.pattern is Pattern.NODULE:
                rows[region.zone].append(region.row)
    upper, middle, lower = (np.mean(rows[zone]) for zone in (Zone.UPPER, Zone.MIDDLE, Zone.LOWER))
    assert upper + 8 < middle < lower - 8


def test_regions_lie_inside_the_image_around_their_middle(cases):
    for case, shot in shots(cases):
        for region in case.draw(shot).regions:
            top, left, bottom, right = region.box
            assert 0 <= top < bottom <= SIZE
            assert 0 <= left < right <= SIZE
            assert top <= region.row <= bottom
            assert left <= region.col <= right


def test_every_pattern_leaves_a_region_on_the_frontal_image(cases):
    for case in cases:
        frontal = case.draw(case.shots[0])
        assert {region.pattern for region in frontal.regions} == case.patterns
        haze = [region.side for region in frontal.regions if region.pattern is Pattern.BILATERAL_HAZE]
        assert sorted(haze) in ([], [Side.LEFT, Side.RIGHT])


def test_a_nodule_is_round_and_wide_enough_to_outlive_halving():
    cases = make_cases(80, seed=12, options=PhantomOptions(lateral_rate=0))
    widths = []
    for case, shot in shots(cases):
        for region in case.draw(shot).regions:
            if region.pattern is Pattern.NODULE:
                top, left, bottom, right = region.box
                assert abs((bottom - top) - (right - left)) <= 4
                widths.append(right - left)
    assert min(widths) >= 10  # five pixels after a twofold reduction
    assert max(widths) <= 40


def test_lateral_views_look_different_from_frontal_ones(cases):
    pair = next(case for case in cases if len(case.shots) == 2)
    frontal, lateral = (pair.draw(shot).pixels.astype(float).ravel() for shot in pair.shots)
    assert np.corrcoef(frontal, lateral)[0, 1] < 0.9


def test_size_scales_regions_with_the_image():
    small, large = (
        make_cases(12, seed=4, options=PhantomOptions(size=size, lateral_rate=0)) for size in (SIZE, 2 * SIZE)
    )
    for a, b in zip(small, large, strict=True):
        for one, two in zip(a.draw(a.shots[0]).regions, b.draw(b.shots[0]).regions, strict=True):
            assert two.row == pytest.approx(2 * one.row, abs=4)
            assert two.col == pytest.approx(2 * one.col, abs=4)


def features(pixels):
    """Block means with each image's own brightness and contrast taken out."""
    grey = pixels.astype(np.float64)
    blocks = grey.reshape(16, SIZE // 16, 16, SIZE // 16).mean(axis=(1, 3))
    return ((blocks - blocks.mean()) / blocks.std()).ravel()


def test_a_linear_probe_of_block_means_tells_the_patterns_apart_but_not_all_perfectly():
    cases = make_cases(700, seed=77, options=PhantomOptions(size=SIZE, lateral_rate=0))
    inputs = np.array([features(case.draw(case.shots[0]).pixels) for case in cases])
    aurocs = {}
    for pattern in Pattern:
        present = np.array([pattern in case.patterns for case in cases])
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.003, max_iter=500))
        probe.fit(inputs[:500], present[:500])
        aurocs[pattern] = roc_auc_score(present[500:], probe.predict_proba(inputs[500:])[:, 1])
    assert aurocs[Pattern.ENLARGED_HEART] > 0.9
    assert aurocs[Pattern.BILATERAL_HAZE] > 0.75
    assert aurocs[Pattern.EFFUSION] > 0.65
    assert aurocs[Pattern.FOCAL_OPACITY] > 0.6
    # A nodule is smaller than a block: it is left to models that look for shapes.
    assert aurocs[Pattern.NODULE] < 0.75
