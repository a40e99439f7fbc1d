import numpy as np
import pytest
import torch
from torch.nn import functional

from mediscan.config import ClassWeighting
from mediscan.findings import FindingSet
from mediscan.train.losses import DiagnosisLoss

FINDINGS = FindingSet(("edema", "pneumonia", "cause:a", "cause:b", "cause:c"))
UNKNOWN = float("nan")
LABELS = np.array(
    [
        [1, 0, 1, 0, 0],
        [0, 0, 0, 1, 0],
        [0, UNKNOWN, 0, 0, 1],
        [UNKNOWN, 1, UNKNOWN, UNKNOWN, UNKNOWN],
        [0, 0, 1, 0, 0],
    ],
    dtype=np.float32,
)


def logits_like(labels, *, seed=0):
    return torch.randn(labels.shape, generator=torch.Generator().manual_seed(seed), requires_grad=True)


@pytest.mark.parametrize("weighting", list(ClassWeighting))
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_unknown_labels_get_a_gradient_of_exactly_0(weighting, smoothing):
    loss = DiagnosisLoss(FINDINGS, LABELS, weighting=weighting, smoothing=smoothing)
    logits = logits_like(LABELS)
    loss(logits, torch.from_numpy(LABELS)).backward()

    unknown = np.isnan(LABELS)
    assert (logits.grad[unknown] == 0).all()
    assert (logits.grad[~unknown] != 0).all()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_logits_of_unknown_labels_never_change_the_loss(smoothing):
    loss = DiagnosisLoss(FINDINGS, LABELS, smoothing=smoothing)
    logits = logits_like(LABELS).detach()
    moved = logits.clone()
    moved[torch.from_numpy(np.isnan(LABELS))] = 1e4

    assert torch.equal(loss(moved, torch.from_numpy(LABELS)), loss(logits, torch.from_numpy(LABELS)))


def test_a_study_about_which_nothing_is_known_changes_nothing():
    loss = DiagnosisLoss(FINDINGS, LABELS, weighting=ClassWeighting.BALANCED)
    logits, labels = logits_like(LABELS).detach(), torch.from_numpy(LABELS)
    more = torch.cat([logits, torch.full((1, 5), 7.0)])
    nothing = torch.cat([labels, torch.full((1, 5), UNKNOWN)])

    assert torch.allclose(loss(more, nothing), loss(logits, labels), atol=1e-7)


def test_unknown_labels_do_not_count_in_the_class_weights():
    more = np.vstack([LABELS, np.full((20, 5), UNKNOWN, dtype=np.float32)])
    logits, labels = logits_like(LABELS).detach(), torch.from_numpy(LABELS)
    few, many = (DiagnosisLoss(FINDINGS, known, weighting=ClassWeighting.BALANCED) for known in (LABELS, more))

    assert torch.equal(few(logits, labels), many(logits, labels))


def test_a_batch_with_no_known_label_gives_0_and_finite_gradients():
    loss = DiagnosisLoss(FINDINGS, LABELS, weighting=ClassWeighting.SQRT)
    logits = logits_like(LABELS)
    value = loss(logits, torch.full(LABELS.shape, UNKNOWN))
    value.backward()

    assert value.item() == 0
    assert (logits.grad == 0).all()


def test_a_group_of_which_one_value_is_unknown_is_unknown():
    labels = torch.tensor([[UNKNOWN, UNKNOWN, 1.0, 0.0, UNKNOWN]])
    logits = logits_like(labels.numpy())
    DiagnosisLoss(FINDINGS, LABELS)(logits, labels).backward()

    assert (logits.grad == 0).all()


def test_the_loss_is_the_mean_cross_entropy_of_what_is_known():
    logits, labels = logits_like(LABELS).detach(), torch.from_numpy(LABELS)
    terms = [
        float(functional.binary_cross_entropy_with_logits(logits[row, column], labels[row, column]))
        for row in range(5)
        for column in range(2)
        if not torch.isnan(labels[row, column])
    ]
    terms += [
        float(functional.cross_entropy(logits[row, 2:], labels[row, 2:].argmax())) for row in range(5) if row != 3
    ]

    assert float(DiagnosisLoss(FINDINGS, LABELS)(logits, labels)) == pytest.approx(np.mean(terms), rel=1e-6)


def test_stronger_weighting_lifts_the_rare_class_more():
    findings = FindingSet(("rare",))
    labels = np.array([[1.0], *[[0.0]] * 16], dtype=np.float32)
    pull = {}
    for weighting in ClassWeighting:
        logits = torch.zeros(17, 1, requires_grad=True)
        DiagnosisLoss(findings, labels, weighting=weighting)(logits, torch.from_numpy(labels)).backward()
        pull[weighting] = float(-logits.grad[0] / logits.grad[1])

    assert pull[ClassWeighting.NONE] == pytest.approx(1)
    assert pull[ClassWeighting.SQRT] == pytest.approx(4)
    assert pull[ClassWeighting.BALANCED] == pytest.approx(16)


def test_a_handful_of_cases_cannot_weigh_without_bound():
    labels = np.array([[1.0], *[[0.0]] * 999], dtype=np.float32)
    logits = torch.zeros(1000, 1, requires_grad=True)
    loss = DiagnosisLoss(FindingSet(("rare",)), labels, weighting=ClassWeighting.BALANCED)
    loss(logits, torch.from_numpy(labels)).backward()

    assert float(-logits.grad[0] / logits.grad[1]) == pytest.approx(20)


def test_smoothing_keeps_the_best_logit_finite():
    labels = torch.tensor([[1.0, 0.0, UNKNOWN, UNKNOWN, UNKNOWN]])
    logits = torch.zeros(1, 5, requires_grad=True)
    loss = DiagnosisLoss(FINDINGS, LABELS, smoothing=0.1)
    optimizer = torch.optim.LBFGS([logits], max_iter=100, line_search_fn="strong_wolfe")

    def step():
        optimizer.zero_grad()
        value = loss(logits, labels)
        value.backward()
        return value

    optimizer.step(step)

    assert torch.sigmoid(logits.detach())[0, :2].tolist() == pytest.approx([0.9, 0.1], abs=1e-3)
