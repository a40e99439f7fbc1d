import json

import numpy as np
import pytest
from scipy.special import expit, softmax

from mediscan.diagnosis import Decision
from mediscan.errors import BundleError, Code
from mediscan.findings import FindingSet
from mediscan.model.calibration import Calibration, availability_rows, unit_probabilities, units
from mediscan.study import Availability

FINDINGS = FindingSet(("edema", "cause:a", "cause:b", "cause:c", "pneumonia"))


def make_calibration(*, seed=0, draws=40, patterns=(Availability.BOTH, Availability.IMAGE)):
    rng = np.random.default_rng(seed)

    def drawn(members):
        parameters = rng.normal(0.0, 0.4, (1 + draws, 1 + len(members)))
        parameters[:, 0] = np.abs(1.0 + parameters[:, 0])
        return parameters

    return Calibration(
        findings=FINDINGS,
        thresholds=rng.uniform(0.2, 0.8, len(FINDINGS)),
        parameters={
            pattern: {unit: drawn(members) for unit, members in units(FINDINGS).items()} for pattern in patterns
        },
        studies=dict.fromkeys(patterns, 50),
    )


def make_logits(studies=30, *, seed=1, spread=2.0):
    return np.random.default_rng(seed).normal(0.0, spread, (studies, len(FINDINGS))).astype(np.float32)


def test_intervals_contain_the_fit_and_stay_within_0_and_1():
    answered = make_calibration().apply(make_logits(), Availability.BOTH)

    assert (answered.lower >= 0).all()
    assert (answered.lower <= answered.value).all()
    assert (answered.value <= answered.upper).all()
    assert (answered.upper <= 1).all()
    assert (answered.upper > answered.lower).all()


def test_the_fit_lies_in_its_interval_even_where_every_bootstrap_fit_lies_elsewhere():
    calibration = make_calibration()
    for parameters in calibration.parameters[Availability.BOTH].values():
        parameters[1:, 1:] += 5.0
    answered = calibration.apply(make_logits(), Availability.BOTH)

    assert (answered.lower <= answered.value).all()
    assert (answered.value <= answered.upper).all()


def test_probabilities_of_a_class_group_sum_to_1():
    answered = make_calibration().apply(make_logits(spread=20.0), Availability.BOTH)

    assert np.allclose(answered.value[:, 1:4].sum(axis=1), 1.0, atol=1e-12)


def test_slope_1_and_offset_0_change_nothing():
    logits = make_logits().astype(np.float64)

    single = unit_probabilities(logits[:, :1], np.array([[1.0, 0.0]]))[0]
    group = unit_probabilities(logits[:, 1:4], np.array([[1.0, 0.0, 0.0, 0.0]]))[0]

    assert np.allclose(single, expit(logits[:, :1]), atol=1e-12)
    assert np.allclose(group, softmax(logits[:, 1:4], axis=1), atol=1e-12)


def test_each_finding_takes_its_own_slope_and_offset():
    calibration = make_calibration()
    logits = make_logits()
    answered = calibration.apply(logits, Availability.IMAGE).value
    slope, offset = calibration.parameters[Availability.IMAGE]["pneumonia"][0]
    group_slope, *offsets = calibration.parameters[Availability.IMAGE]["cause"][0]

    assert np.allclose(answered[:, 4], expit(slope * logits[:, 4] + offset), atol=1e-6)
    assert np.allclose(answered[:, 1:4], softmax(group_slope * logits[:, 1:4] + offsets, axis=1), atol=1e-6)


def test_extreme_logits_give_finite_probabilities():
    logits = np.array([[1e4, -1e4, 1e4, 0.0, -1e4]], dtype=np.float32)
    answered = make_calibration().apply(logits, Availability.BOTH)

    assert all(np.isfinite(part).all() for part in (answered.value, answered.lower, answered.upper))


def test_each_pattern_has_a_calibration_of_its_own():
    calibration = make_calibration()
    both, image = (calibration.apply(make_logits(), pattern) for pattern in (Availability.BOTH, Availability.IMAGE))

    assert not np.allclose(both.value, image.value, atol=1e-3)


def test_a_pattern_that_was_not_calibrated_is_refused_with_its_code():
    with pytest.raises(BundleError, match=r"not calibrated for studies with note only\. .*retrain") as refused:
        make_calibration().apply(make_logits(), Availability.NOTE)

    assert refused.value.code is Code.UNCALIBRATED


@pytest.mark.parametrize(
    ("lower", "probability", "upper", "decision"),
    [
        (0.1, 0.2, 0.4, Decision.NEGATIVE),
        (0.1, 0.2, 0.5, Decision.NEGATIVE),
        (0.1, 0.2, 0.6, Decision.UNCERTAIN),
        (0.4, 0.7, 0.9, Decision.UNCERTAIN),
        (0.5, 0.7, 0.9, Decision.UNCERTAIN),
        (0.6, 0.7, 0.9, Decision.POSITIVE),
    ],
)
def test_a_decision_is_uncertain_where_the_interval_holds_the_threshold(lower, probability, upper, decision):
    calibration = make_calibration()
    calibration.thresholds[:] = 0.5

    assert calibration.decide(0, probability=probability, lower=lower, upper=upper) is decision


def test_saving_and_loading_is_exact(tmp_path):
    calibration = make_calibration()
    calibration.save(tmp_path / "calibration.json")
    loaded = Calibration.load(tmp_path / "calibration.json")

    assert loaded.findings == calibration.findings
    assert np.array_equal(loaded.thresholds, calibration.thresholds)
    assert loaded.studies == calibration.studies
    for pattern in calibration.parameters:
        before, after = (c.apply(make_logits(), pattern) for c in (calibration, loaded))
        assert np.array_equal(before.value, after.value)
        assert np.array_equal(before.lower, after.lower)
        assert np.array_equal(before.upper, after.upper)
    json.loads((tmp_path / "calibration.json").read_text(encoding="utf-8"))


def test_rows_are_gathered_by_pattern_without_losing_any():
    patterns = [Availability.NOTE, Availability.BOTH, Availability.NOTE, Availability.IMAGE]
    rows = availability_rows(patterns)

    assert {pattern: found.tolist() for pattern, found in rows.items()} == {
        Availability.NOTE: [0, 2],
        Availability.BOTH: [1],
        Availability.IMAGE: [3],
    }
