import json
from collections.abc import Callable
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from mediscan.evaluate.bootstrap import patient_weights, percentile_interval, two_sided_p, weighted_auroc
from mediscan.evaluate.metrics import (
    EvaluationData,
    EvaluationError,
    finding_named_in_note,
    macro_auroc,
    measure,
    operating_thresholds,
    reliability,
)
from mediscan.findings import FindingSet
from mediscan.study import Availability

NAMES = ("edema", "pneumonia", "cause:infection", "cause:trauma")


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def make_data(*, studies=240, image=1.2, note=0.8, seed=0, per_patient=2, available=Availability.BOTH):
    """Studies whose image and note carry independent evidence of the given strength (in standard deviations)."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((studies, len(NAMES))) < 0.35).astype(np.float32)
    seen = image * (labels - 0.5) + rng.normal(size=labels.shape)
    told = note * (labels - 0.5) + rng.normal(size=labels.shape)
    return EvaluationData(
        findings=FindingSet(NAMES),
        study_ids=[f"s{index}" for index in range(studies)],
        patients=[f"p{index // per_patient}" for index in range(studies)],
        labels=labels,
        probabilities={
            Availability.IMAGE: sigmoid(seen),
            Availability.NOTE: sigmoid(told),
            Availability.BOTH: sigmoid(image * seen + note * told),
        },
        available=[available] * studies,
        thresholds=np.full(len(NAMES), 0.5),
    )


@pytest.mark.parametrize("decimals", [1, 2, 12])
def test_weighted_auroc_equals_scikit_learn_with_ties(decimals):
    rng = np.random.default_rng(decimals)
    labels = rng.integers(0, 2, 90)
    scores = np.round(rng.random(90), decimals)
    weights = rng.integers(0, 4, (40, 90))
    expected = [roc_auc_score(labels, scores, sample_weight=row) for row in weights]
    np.testing.assert_allclose(weighted_auroc(labels, scores, weights), expected, rtol=0, atol=1e-12)


def test_weighted_auroc_is_the_same_when_draws_are_worked_on_in_chunks(monkeypatch):
    rng = np.random.default_rng(0)
    labels, scores, weights = rng.integers(0, 2, 50), rng.random(50), rng.integers(0, 3, (33, 50))
    whole = weighted_auroc(labels, scores, weights)
    monkeypatch.setattr("mediscan.evaluate.bootstrap._CHUNK_VALUES", 120)
    np.testing.assert_array_equal(weighted_auroc(labels, scores, weights), whole)


def test_a_draw_of_one_class_has_no_auroc_and_the_others_do():
    weights = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1]])
    areas = weighted_auroc(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.4]), weights)
    np.testing.assert_array_equal(areas, [1.0, np.nan, np.nan])


def test_patients_are_drawn_whole_and_as_many_as_there_are():
    patients = ["b", "a", "b", "c", "a", "b"]
    weights = patient_weights(patients, draws=200, seed=3)
    assert weights.shape == (200, 6)
    for same in ([0, 2, 5], [1, 4]):
        assert (weights[:, same] == weights[:, same[:1]]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert len(np.unique(weights, axis=0)) > 5


def test_weights_do_not_depend_on_the_order_of_the_studies():
    patients = np.array(["b", "a", "b", "c", "a", "d"])
    order = np.array([5, 2, 0, 3, 1, 4])
    np.testing.assert_array_equal(patient_weights(patients[order]), patient_weights(patients)[:, order])


def test_interval_covers_the_true_auroc_about_95_times_in_100():
    distance = 1.0
    truth = NormalDist().cdf(distance / 2**0.5)
    rng = np.random.default_rng(7)
    sets, studies, covered = 300, 80, 0
    for seed in range(sets):
        labels = np.arange(studies) % 2
        scores = rng.normal(loc=distance * labels)
        weights = patient_weights([f"p{index}" for index in range(studies)], draws=300, seed=seed)
        low, high = percentile_interval(weighted_auroc(labels, scores, weights))
        covered += low <= truth <= high
    assert 0.90 <= covered / sets <= 0.99


def test_studies_of_the_same_patient_make_intervals_wider_than_independent_ones():
    rng = np.random.default_rng(1)
    labels = np.repeat(rng.integers(0, 2, 60), 4)
    scores = np.repeat(rng.normal(size=60), 4) + labels + 0.1 * rng.normal(size=240)

    def width(patients):
        low, high = percentile_interval(weighted_auroc(labels, scores, patient_weights(patients, draws=500)))
        return high - low

    clustered = width([f"p{index // 4}" for index in range(240)])
    independent = width([f"p{index}" for index in range(240)])
    assert clustered > 1.5 * independent


def test_interval_is_none_where_most_draws_are_undefined():
    assert percentile_interval(np.array([np.nan, np.nan, 0.5])) is None
    assert percentile_interval(np.array([])) is None
    assert percentile_interval(np.array([np.nan, 0.5, 0.5])) == (0.5, 0.5)


def test_p_follows_its_formula_and_is_never_zero():
    assert two_sided_p(np.full(99, 0.2)) == pytest.approx(0.02)
    assert two_sided_p(np.array([-0.1, 0.1, 0.2, 0.3])) == pytest.approx(2 * 2 / 5)
    assert two_sided_p(np.zeros(50)) == 1.0
    assert two_sided_p(np.array([np.nan])) is None


def test_finding_metrics_equal_scikit_learn():
    data = make_data()
    measured = measure(data, split="test", draws=20)["findings"]
    for index, name in enumerate(NAMES):
        truth, probabilities = data.labels[:, index], data.fused[:, index]
        assert measured[name]["auroc"] == pytest.approx(roc_auc_score(truth, probabilities), abs=1e-9)
        assert measured[name]["auprc"] == pytest.approx(average_precision_score(truth, probabilities), abs=1e-9)
        assert measured[name]["brier"] == pytest.approx(brier_score_loss(truth, probabilities), abs=1e-9)
        assert measured[name]["sensitivity"] == pytest.approx((probabilities[truth == 1] >= 0.5).mean())
        assert measured[name]["specificity"] == pytest.approx((probabilities[truth == 0] < 0.5).mean())
        assert measured[name]["n_positive"] + measured[name]["n_negative"] == 240


def test_a_probability_at_the_threshold_counts_as_present():
    data = make_data(studies=4)
    labels = np.tile(np.array([[1], [1], [0], [0]], dtype=np.float32), (1, 4))
    fused = np.tile(np.array([[0.5], [0.4], [0.5], [0.1]]), (1, 4))
    probabilities = {Availability.BOTH: fused}
    metrics = measure(replace(data, labels=labels, probabilities=probabilities), split="test", draws=5)
    assert metrics["findings"]["edema"]["sensitivity"] == 0.5
    assert metrics["findings"]["edema"]["specificity"] == 0.5
    assert metrics["by_modality"]["image"]["auroc"] is None


def test_macro_is_the_mean_of_the_findings_and_lies_in_its_interval():
    metrics = measure(make_data(), split="test", draws=200)
    mean = np.mean([finding["auroc"] for finding in metrics["findings"].values()])
    assert metrics["macro"]["auroc"] == pytest.approx(mean, abs=1e-12)
    low, high = metrics["macro"]["auroc_ci"]
    assert low < mean < high


def test_unknown_labels_do_not_change_a_metric():
    data = make_data(per_patient=1)
    half = 120
    known = measure(
        replace(
            data,
            study_ids=data.study_ids[:half],
            patients=data.patients[:half],
            labels=data.labels[:half],
            probabilities={key: values[:half] for key, values in data.probabilities.items()},
            available=data.available[:half],
        ),
        split="test",
        draws=50,
    )
    labels = data.labels.copy()
    labels[half:] = np.nan
    unknown = measure(replace(data, labels=labels), split="test", draws=50)
    for name in NAMES:
        point = {key: value for key, value in known["findings"][name].items() if key != "auroc_ci"}
        assert point == {key: value for key, value in unknown["findings"][name].items() if key != "auroc_ci"}
    assert unknown["macro"]["auroc"] == known["macro"]["auroc"]
    assert unknown["fusion_gain"]["auroc"] == known["fusion_gain"]["auroc"]


def test_a_finding_with_one_class_has_no_auroc_and_stays_out_of_the_macro():
    data = make_data()
    labels = data.labels.copy()
    labels[:, 1] = 0
    labels[:, 2] = np.nan
    metrics = measure(replace(data, labels=labels), split="test", draws=30)
    absent, unknown = metrics["findings"]["pneumonia"], metrics["findings"]["cause:infection"]
    assert (absent["auroc"], absent["auroc_ci"], absent["auprc"], absent["sensitivity"]) == (None, None, None, None)
    assert absent["specificity"] is not None
    assert (unknown["n_positive"], unknown["n_negative"], unknown["brier"], unknown["ece"]) == (0, 0, None, None)
    others = [metrics["findings"][name]["auroc"] for name in ("edema", "cause:trauma")]
    assert metrics["macro"]["auroc"] == pytest.approx(np.mean(others))


def test_a_class_that_rests_on_one_patient_has_an_auroc_and_no_interval():
    data = make_data()
    labels = data.labels.copy()
    labels[:, 0] = 0
    labels[:2, 0] = 1  # both studies of the first patient
    edema = measure(replace(data, labels=labels), split="test", draws=50)["findings"]["edema"]
    assert edema["auroc"] is not None
    assert edema["auroc_ci"] is None


def test_fusion_gain_is_positive_when_both_modalities_inform():
    gain = measure(make_data(studies=400), split="test", draws=300)["fusion_gain"]
    assert gain["over"] == "image"
    assert gain["ci"][0] > 0
    assert gain["p"] < 0.05


def test_fusion_gain_is_negative_when_fusing_destroys_the_evidence():
    data = make_data(studies=400)
    noise = np.random.default_rng(5).random(data.labels.shape)
    gain = measure(
        replace(data, probabilities={**data.probabilities, Availability.BOTH: noise}), split="test", draws=300
    )["fusion_gain"]
    assert gain["ci"][1] < 0
    assert gain["p"] < 0.05


def test_fusion_gain_is_exactly_nothing_when_fused_repeats_the_better_modality():
    data = make_data(image=0.5, note=1.5)
    same = {**data.probabilities, Availability.BOTH: data.probabilities[Availability.NOTE]}
    gain = measure(replace(data, probabilities=same), split="test", draws=50)["fusion_gain"]
    assert gain == {"auroc": 0.0, "ci": [0.0, 0.0], "p": 1.0, "over": "note"}


def test_modalities_are_compared_on_the_studies_that_have_both():
    data = make_data()
    image = data.probabilities[Availability.IMAGE].copy()
    image[100:] = np.nan  # no image there
    mixed = replace(
        data,
        available=[Availability.BOTH] * 100 + [Availability.NOTE] * 140,
        probabilities={**data.probabilities, Availability.IMAGE: image},
    )
    metrics = measure(mixed, split="test", draws=50)
    for name, key in (("image", Availability.IMAGE), ("note", Availability.NOTE), ("fused", Availability.BOTH)):
        expected = macro_auroc(data.labels[:100], data.probabilities[key][:100])
        assert metrics["by_modality"][name]["auroc"] == pytest.approx(expected, abs=1e-12)
        assert metrics["by_modality"][name]["n_studies"] == 100
    assert metrics["macro"]["auroc"] == pytest.approx(macro_auroc(data.labels, data.fused), abs=1e-12)


def test_without_a_study_that_has_both_there_is_no_comparison():
    metrics = measure(make_data(available=Availability.NOTE), split="test", draws=20)
    assert metrics["by_modality"]["fused"] == {"auroc": None, "auroc_ci": None, "n_studies": 0}
    assert metrics["fusion_gain"] == {"auroc": None, "ci": None, "p": None, "over": None}
    assert metrics["macro"]["auroc"] is not None


def test_metrics_are_plain_json_even_when_nothing_can_be_measured():
    data = make_data(studies=4)
    metrics = measure(
        replace(data, labels=np.full_like(data.labels, np.nan)), split="val", draws=10, leakage={"shared_patients": 0}
    )
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    assert list(metrics) == [
        "split",
        "n_studies",
        "n_patients",
        "findings",
        "macro",
        "by_modality",
        "fusion_gain",
        "leakage",
    ]
    assert metrics["macro"] == {"auroc": None, "auroc_ci": None}
    assert (metrics["split"], metrics["n_patients"], metrics["leakage"]) == ("val", 2, {"shared_patients": 0})


def test_measuring_twice_gives_the_same_numbers_and_another_seed_other_intervals():
    data = make_data()
    first = measure(data, split="test", draws=40, seed=1)
    assert measure(data, split="test", draws=40, seed=1) == first
    assert measure(data, split="test", draws=40, seed=2)["macro"]["auroc_ci"] != first["macro"]["auroc_ci"]


def test_ece_is_small_for_true_probabilities_and_the_shift_for_shifted_ones():
    rng = np.random.default_rng(0)
    probabilities = rng.uniform(0.2, 0.8, 20_000)
    labels = rng.random(20_000) < probabilities
    assert reliability(labels, probabilities).ece < 0.02
    assert reliability(labels, probabilities + 0.2).ece == pytest.approx(0.2, abs=0.02)


def test_reliability_bins_hold_equal_numbers_and_do_not_depend_on_the_order():
    rng = np.random.default_rng(0)
    probabilities, labels = rng.random(300), rng.integers(0, 2, 300)
    bins = reliability(labels, probabilities)
    np.testing.assert_array_equal(bins.count, np.full(15, 20))
    tied = np.round(probabilities, 1)
    order = rng.permutation(300)
    first, second = reliability(labels, tied), reliability(labels[order], tied[order])
    np.testing.assert_array_equal(first.count, second.count)
    np.testing.assert_allclose(first.observed, second.observed)
    assert first.count.sum() == 300


def test_equal_probabilities_share_the_bin_of_their_middle_rank():
    probabilities = np.repeat([0.1, 0.5, 0.9], [15, 20, 5])
    assert reliability(np.zeros(40), probabilities).count.tolist() == [15, 25]


def test_few_studies_get_few_reliability_bins():
    bins = reliability(np.array([0, 1, 1, 0]), np.array([0.1, 0.9, 0.8, 0.4]))
    assert bins.count.tolist() == [4]
    assert bins.ece == pytest.approx(0.05)


def test_operating_threshold_lies_midway_between_the_scores_it_parts():
    labels = np.array([[0, 0, 1, 1]], dtype=np.float32).T
    assert operating_thresholds(labels, np.array([[0.1, 0.2, 0.6, 0.9]]).T).tolist() == pytest.approx([0.4])


def test_operating_threshold_maximises_youden_and_takes_the_lowest_of_equals():
    rng = np.random.default_rng(2)
    for _ in range(30):
        labels = rng.integers(0, 2, 40).astype(np.float32)
        scores = np.round(np.clip(0.3 * labels + rng.random(40) * 0.7, 0, 1), 1)

        def youden(threshold, truth=labels, scores=scores):
            return (scores[truth == 1] >= threshold).mean() + (scores[truth == 0] < threshold).mean() - 1

        values = np.unique(scores)
        candidates = (values[1:] + values[:-1]) / 2
        best = max(youden(candidate) for candidate in candidates)
        lowest = next(candidate for candidate in candidates if youden(candidate) > best - 1e-12)
        assert operating_thresholds(labels[:, None], scores[:, None])[0] == pytest.approx(lowest)


@pytest.mark.parametrize(
    ("labels", "scores"),
    [
        ([1, 1, 1], [0.1, 0.2, 0.3]),
        ([0, np.nan, 0], [0.1, 0.2, 0.3]),
        ([np.nan, np.nan, np.nan], [0.1, 0.2, 0.3]),
        ([0, 1, 0], [0.7, 0.7, 0.7]),
        ([1, 0, 0], [0.1, 0.2, 0.3]),
    ],
    ids=["all present", "all absent", "all unknown", "all tied", "upside down"],
)
def test_operating_threshold_is_one_half_where_nothing_can_be_learned(labels, scores):
    column = np.array(labels, dtype=np.float32)[:, None]
    assert operating_thresholds(column, np.array(scores)[:, None]).tolist() == [0.5]


def test_macro_auroc_leaves_out_unknown_labels_and_is_nan_for_broken_scores():
    data = make_data()
    labels, scores = data.labels.copy(), np.array(data.fused)
    labels[:50, 0] = np.nan
    scores[:50, 0] = np.nan
    columns = [roc_auc_score(labels[50:, 0], scores[50:, 0])]
    columns += [roc_auc_score(labels[:, index], scores[:, index]) for index in (1, 2, 3)]
    assert macro_auroc(labels, scores) == pytest.approx(np.mean(columns), abs=1e-12)
    scores[60, 0] = np.nan
    assert np.isnan(macro_auroc(labels, scores))
    assert np.isnan(macro_auroc(np.zeros((3, 2), np.float32), np.zeros((3, 2))))


def test_finding_named_in_note_counts_whole_words_without_regard_to_case():
    notes = [
        "No Pleural  Effusion.",
        "pleural_effusion",
        "pleural effusions",
        "Infection? trauma",
        "reinfection",
        " \n",
    ]
    shares = finding_named_in_note(("pleural_effusion", "cause:infection", "cause:a+b"), notes)
    assert shares == {"pleural_effusion": 2 / 5, "cause:infection": 1 / 5, "cause:a+b": 0.0}


def test_without_written_notes_nothing_is_said_of_leakage():
    assert finding_named_in_note(NAMES, ["", "  "]) == {}


Change = Callable[[EvaluationData], EvaluationData]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: replace(data, study_ids=["s0", "s0"]), "study 's0' stands twice"),
        (lambda data: replace(data, study_ids=[]), "there is no study to evaluate"),
        (lambda data: replace(data, patients=["p"]), r"patients: shape is \(1,\), not \(2,\)"),
        (lambda data: replace(data, labels=data.labels[:, :3]), r"labels: shape is \(2, 3\), not \(2, 4\)"),
        (lambda data: replace(data, labels=data.labels + 2), "study 's0', finding 'edema': label is out of range"),
        (lambda data: replace(data, probabilities={}), "fused probabilities are missing"),
        (
            lambda data: replace(data, probabilities={Availability.BOTH: np.full((2, 4), np.nan)}),
            r"finding 'edema': image\+note probability is out of range",
        ),
        (lambda data: replace(data, thresholds=np.full(4, np.nan)), "a threshold is not finite"),
    ],
)
def test_data_that_do_not_belong_together_are_refused(change: Change, message):
    data = make_data(studies=2)
    with pytest.raises(EvaluationError, match=message):
        change(data)
