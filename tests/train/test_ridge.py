import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel

from mediscan.findings import FindingSet
from mediscan.train.ridge import ALWAYS, Rows, choose_machine, fit_rows, measured, out_of_fold, solve_ridge

FINDINGS = FindingSet(("opacity", "cause:a", "cause:b", "cause:c"))


@pytest.fixture(scope="module")
def points():
    return np.random.default_rng(0).normal(size=(40, 3))


@pytest.fixture(scope="module")
def labels(points):
    cause = np.digitize(points[:, 1], [-0.5, 0.5])
    return np.column_stack([points[:, 0] > 0, np.eye(3)[cause]]).astype(float)


def rows_of(labels, *, shares=None, folds=None):
    count = len(labels)
    return Rows(
        labels=labels,
        shares=np.zeros(labels.shape) if shares is None else shares,
        folds=np.arange(count) % 4 if folds is None else folds,
    )


def test_ridge_is_that_of_scikit_learn(points, labels):
    weights = np.random.default_rng(1).uniform(0.2, 3.0, len(points))
    kernel = rbf_kernel(points, gamma=0.4)
    mean = weights @ labels / weights.sum()
    theirs = KernelRidge(alpha=0.7, kernel="rbf", gamma=0.4).fit(points, labels - mean, sample_weight=weights)

    ours = kernel @ solve_ridge(kernel, labels, weights=weights, strength=0.7)

    assert np.allclose(ours, theirs.predict(points), atol=1e-6)


def test_rows_that_do_not_know_a_finding_do_not_touch_it(points, labels):
    kernel = rbf_kernel(points, gamma=0.4)
    partly = labels.copy()
    partly[:10, 0] = np.nan
    partly[5:20, 1:] = np.nan

    found = fit_rows(kernel, rows_of(partly), findings=FINDINGS, strength=1.0)

    without_ten = fit_rows(kernel[10:, 10:], rows_of(labels[10:]), findings=FINDINGS, strength=1.0)
    assert np.allclose(found[10:, 0], without_ten[:, 0], atol=1e-12)
    assert not found[:10, 0].any()
    assert not found[5:20, 1:].any()
    assert found[:5, 1:].all()


def test_scores_of_a_class_group_sum_to_zero(points, labels):
    kernel = rbf_kernel(points, gamma=0.4)
    scores = kernel @ fit_rows(kernel, rows_of(labels), findings=FINDINGS, strength=1.0)

    assert np.allclose(scores[:, 1:].sum(axis=1), 0, atol=1e-10)


def test_a_study_is_scored_by_the_other_folds_alone(points, labels):
    kernel = rbf_kernel(points, gamma=0.4)
    before = out_of_fold(kernel, rows_of(labels), findings=FINDINGS, strength=1.0)
    turned = labels.copy()
    turned[::4, 0] = 1 - turned[::4, 0]  # fold 0

    after = out_of_fold(kernel, rows_of(turned), findings=FINDINGS, strength=1.0)

    assert np.array_equal(before[::4, 0], after[::4, 0])
    assert not np.allclose(before[1::4, 0], after[1::4, 0])


def test_texts_are_learned_from_in_every_fold_and_never_scored(points, labels):
    kernel = rbf_kernel(points, gamma=0.4)
    folds = np.arange(40) % 4
    folds[30:] = ALWAYS
    shares = np.zeros(labels.shape)
    shares[30:] = 0.1
    scores = out_of_fold(kernel, rows_of(labels, shares=shares, folds=folds), findings=FINDINGS, strength=1.0)

    assert np.isnan(scores[30:]).all()
    assert np.isfinite(scores[:30]).all()


def test_texts_weigh_as_their_share_of_the_studies(points, labels):
    kernel = rbf_kernel(points, gamma=0.4)
    shares = np.zeros(labels.shape)
    shares[30:] = 0.5 / 10
    found = fit_rows(kernel, rows_of(labels, shares=shares), findings=FINDINGS, strength=1.0)
    weights = np.where(np.arange(40) < 30, 1.0, 0.5 * 30 / 10)

    assert np.allclose(found[:, :1], solve_ridge(kernel, labels[:, :1], weights=weights, strength=1.0), atol=1e-12)


def test_the_kernel_that_generalises_is_chosen(points, labels):
    # A kernel under which nothing resembles anything else cannot tell a new point anything.
    kernels = {0.3: rbf_kernel(points, gamma=0.3), 1e4: np.eye(len(points))}
    machine = choose_machine(kernels, rows_of(labels), findings=FINDINGS, strengths=(0.1, 1.0))

    assert machine.gamma == 0.3
    assert machine.auroc > 0.8
    assert machine.auroc == pytest.approx(measured(labels, machine.scores))
