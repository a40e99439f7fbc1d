import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, logsumexp

from mediscan.errors import ManifestError
from mediscan.evaluate.metrics import reliability
from mediscan.findings import FindingSet
from mediscan.study import Availability
from mediscan.train.calibrate import fit_calibration, fit_unit

PENALTY = 0.5
"""Documented: each parameter is pulled towards 'change nothing' as by half a study."""


def simulate(studies, *, seed=0, slope=3.0, offset=1.0):
    """Overconfident, shifted logits of one finding, and its labels."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(0.0, 1.5, studies)
    labels = (rng.random(studies) < expit(truth)).astype(np.float32)
    return (slope * truth + offset).astype(np.float32)[:, None], labels[:, None]


def simulate_group(studies, *, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.normal(0.0, 1.5, (studies, 3))
    probability = np.exp(log_softmax(truth, axis=1))
    drawn = np.array([rng.choice(3, p=row / row.sum()) for row in probability])
    return (2.0 * truth + [1.0, 0.0, -1.0]).astype(np.float32), np.eye(3, dtype=np.float32)[drawn]


def best_by_scipy(logits, labels, weights):
    """The minimum of the penalised negative log-likelihood, by another road."""
    logits, labels = logits.astype(np.float64), labels.astype(np.float64)
    neutral = np.array([1.0, *[0.0] * logits.shape[1]])

    def cost(parameters):
        shifted = parameters[0] * logits + parameters[1:]
        if logits.shape[1] == 1:
            losses = np.logaddexp(0.0, shifted[:, 0]) - labels[:, 0] * shifted[:, 0]
        else:
            losses = logsumexp(shifted, axis=1) - (labels * shifted).sum(axis=1)
        return float(weights @ losses) + PENALTY / 2 * float(((parameters - neutral) ** 2).sum())

    return minimize(cost, neutral, jac="3-point", method="BFGS", options={"gtol": 1e-7}).x


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("make", [simulate, simulate_group])
def test_the_fit_is_the_minimum_that_scipy_finds(make, seed):
    logits, labels = make(80, seed=seed)
    weights = np.random.default_rng(seed).integers(0, 4, (3, 80)).astype(np.float64)

    fitted = fit_unit(logits, labels, weights=weights)

    assert fitted.shape == (3, 1 + logits.shape[1])
    for row in range(3):
        assert fitted[row] == pytest.approx(best_by_scipy(logits, labels, weights[row]), abs=1e-6)


@pytest.mark.parametrize("make", [simulate, simulate_group])
def test_unknown_labels_do_not_reach_the_fit(make):
    logits, labels = make(60)
    labels[::3, 0] = np.nan
    known = ~np.isnan(labels).any(axis=1)

    fitted = fit_unit(logits, labels, weights=np.ones((1, 60)))
    without = fit_unit(logits[known], labels[known], weights=np.ones((1, int(known.sum()))))

    assert np.allclose(fitted, without, atol=1e-10)


def test_a_finding_that_is_separated_perfectly_keeps_a_finite_fit():
    logits = np.linspace(-5, 5, 20, dtype=np.float32)[:, None]
    fitted = fit_unit(logits, (logits > 0).astype(np.float32), weights=np.ones((1, 20)))

    assert np.isfinite(fitted).all()
    assert 1 < fitted[0, 0] < 20


@pytest.mark.parametrize("centre", [0.0, 6.0])
def test_a_model_that_ranks_backwards_is_answered_with_the_prevalence(centre):
    logits, labels = simulate(400, slope=-1.0, offset=centre)
    fitted = fit_unit(logits, labels, weights=np.ones((1, 400)))[0]
    probabilities = expit(fitted[0] * logits[:, 0] + fitted[1])

    assert fitted[0] > 0
    assert probabilities.mean() == pytest.approx(labels.mean(), abs=0.02)
    assert probabilities.std() < 0.05


def test_a_class_group_that_ranks_backwards_is_answered_with_the_shares():
    logits, labels = simulate_group(400)
    backwards = 5.0 - logits
    fitted = fit_unit(backwards, labels, weights=np.ones((1, 400)))[0]
    probabilities = np.exp(log_softmax(fitted[0] * backwards + fitted[1:], axis=1))

    assert fitted[0] > 0
    assert probabilities.mean(axis=0) == pytest.approx(labels.mean(axis=0), abs=0.02)


def calibrate(logits, labels, *, available=None, patterns=(Availability.BOTH,), names=("edema",), patients=None):
    return fit_calibration(
        FindingSet(names),
        logits=dict.fromkeys(patterns, logits),
        labels=labels,
        available=available or [Availability.BOTH] * len(labels),
        patients=patients or [f"P{row}" for row in range(len(labels))],
    )


def test_an_overconfident_model_is_calibrated_on_studies_it_has_not_seen():
    logits, labels = simulate(4000)
    calibration = calibrate(logits[:2000], labels[:2000])
    answered = calibration.apply(logits[2000:], Availability.BOTH).value[:, 0]
    held_out = labels[2000:, 0]

    before = reliability(held_out, expit(logits[2000:, 0].astype(np.float64))).ece
    after = reliability(held_out, answered).ece
    assert before > 0.1
    assert after < 0.03
    slope, offset = calibration.parameters[Availability.BOTH]["edema"][0]
    assert slope == pytest.approx(1 / 3, abs=0.05)
    assert offset == pytest.approx(-1 / 3, abs=0.15)


def test_a_larger_validation_set_allows_a_narrower_interval():
    widths = []
    for studies in (60, 2000):
        calibration = calibrate(*simulate(studies))
        answered = calibration.apply(np.zeros((1, 1), dtype=np.float32), Availability.BOTH)
        assert answered.lower <= answered.value <= answered.upper
        widths.append(float((answered.upper - answered.lower)[0, 0]))

    assert 0 < widths[1] < widths[0] / 3


def test_an_interval_counts_patients_not_studies():
    logits, labels = simulate(40)
    alone = calibrate(logits, labels)
    repeated = calibrate(
        np.repeat(logits, 10, axis=0),
        np.repeat(labels, 10, axis=0),
        patients=[f"P{row // 10}" for row in range(400)],
    )
    widths = [
        float(np.ptp([answered.lower[0, 0], answered.upper[0, 0]]))
        for answered in (c.apply(np.zeros((1, 1), dtype=np.float32), Availability.BOTH) for c in (alone, repeated))
    ]

    # Ten copies of a study tell no more than one: only the pull of the penalty is relatively weaker.
    assert widths[1] > 0.7 * widths[0]


def test_a_pattern_is_fitted_on_the_studies_that_have_all_of_it():
    logits, labels = simulate(90)
    available = [Availability.BOTH] * 40 + [Availability.IMAGE] * 30 + [Availability.NOTE] * 20
    patterns = (Availability.BOTH, Availability.IMAGE, Availability.NOTE)
    calibration = calibrate(logits, labels, available=available, patterns=patterns)

    assert calibration.studies == {Availability.BOTH: 40, Availability.IMAGE: 70, Availability.NOTE: 60}


def test_a_pattern_without_both_classes_is_not_calibrated():
    logits, labels = simulate(40)
    labels[:20] = 1
    available = [Availability.IMAGE] * 20 + [Availability.NOTE] * 20
    calibration = calibrate(
        logits, labels, available=available, patterns=(Availability.BOTH, Availability.IMAGE, Availability.NOTE)
    )

    assert set(calibration.parameters) == {Availability.NOTE}


def test_studies_that_nothing_can_be_calibrated_on_are_refused():
    logits, labels = simulate(40)

    with pytest.raises(ManifestError, match=r"no finding can be calibrated.*Give the split 'val' both"):
        calibrate(logits, np.ones_like(labels))


def test_thresholds_are_probabilities_and_separate_a_separable_finding():
    logits = np.linspace(-5, 5, 40, dtype=np.float32)[:, None]
    labels = (logits > 1).astype(np.float32)
    calibration = calibrate(logits, labels)
    probabilities = calibration.apply(logits, Availability.BOTH).value

    assert 0 < calibration.thresholds[0] < 1
    assert ((probabilities >= calibration.thresholds[0]) == (labels == 1)).all()
