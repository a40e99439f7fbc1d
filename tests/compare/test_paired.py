import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mediscan.compare.paired import holm, standings

RNG = np.random.default_rng(3)
LABELS = (RNG.random((300, 2)) < 0.4).astype(np.float32)
PATIENTS = [f"P{number // 2}" for number in range(300)]


def scores(signal):
    return (signal * LABELS + RNG.normal(size=LABELS.shape)).astype(np.float64)


def test_the_auroc_is_that_of_scikit_learn_and_the_difference_that_of_the_two():
    good, bad = scores(2.0), scores(0.5)
    found = standings(LABELS, {"good": good, "bad": bad}, patients=PATIENTS, reference="good", draws=200)

    for name, score in (("good", good), ("bad", bad)):
        assert found[name].auroc == pytest.approx(roc_auc_score(LABELS, score, average="macro"), abs=1e-9)
    assert found["bad"].difference == pytest.approx(found["bad"].auroc - found["good"].auroc)
    low, high = found["bad"].difference_interval
    assert low < found["bad"].difference < high < 0
    assert found["bad"].p < 0.02
    assert found["good"].difference is None


def test_a_model_does_not_differ_from_itself():
    score = scores(1.0)
    found = standings(LABELS, {"a": score, "b": score.copy()}, patients=PATIENTS, reference="a", draws=100)
    assert found["b"].difference_interval == (0.0, 0.0)
    assert found["b"].p == 1.0


def test_pairing_makes_differences_narrower_than_intervals():
    base = scores(1.0)
    found = standings(LABELS, {"a": base, "b": base + 0.2 * scores(0.5)}, patients=PATIENTS, reference="a", draws=300)
    low, high = found["b"].difference_interval
    assert high - low < 0.7 * (found["b"].interval[1] - found["b"].interval[0])


def test_unknown_labels_do_not_count():
    labels = LABELS.copy()
    labels[:100, 0] = np.nan
    score = scores(1.0)
    found = standings(labels, {"a": score}, patients=PATIENTS, reference="a", draws=50)
    expected = (roc_auc_score(labels[100:, 0], score[100:, 0]) + roc_auc_score(labels[:, 1], score[:, 1])) / 2
    assert found["a"].auroc == pytest.approx(expected, abs=1e-9)


def test_holm_multiplies_the_smallest_by_all_and_never_falls():
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": None})
    assert adjusted == {"a": pytest.approx(0.03), "c": pytest.approx(0.06), "b": pytest.approx(0.06), "d": None}
    assert holm({"a": 0.9, "b": 0.8}) == {"b": 1.0, "a": 1.0}
