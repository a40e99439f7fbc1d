import math

import pytest
import torch
from torch.nn import functional

from mediscan.align.losses import clip_loss, siglip_loss, statement_loss, two_views_loss

NONE_ALIKE = torch.eye(4, dtype=torch.bool)


def unit(*shape, seed=0):
    return functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def alike(*pairs, size=4):
    duplicates = torch.eye(size, dtype=torch.bool)
    for one, other in pairs:
        duplicates[one, other] = duplicates[other, one] = True
    return duplicates


def scalar_clip(similarities, duplicates, scale):
    total, size = 0.0, len(similarities)
    for own in range(size):
        for row in (similarities[own].tolist(), similarities[:, own].tolist()):
            others = [math.exp(scale * row[j]) for j in range(size) if j == own or not duplicates[own, j]]
            total -= math.log(math.exp(scale * row[own]) / sum(others))
    return total / (2 * size)


def scalar_siglip(similarities, duplicates, scale, bias):
    total, size = 0.0, len(similarities)
    for i in range(size):
        for j in range(size):
            if i != j and duplicates[i, j]:
                continue
            sign = 1 if i == j else -1
            total += math.log(1 + math.exp(-sign * (scale * float(similarities[i, j]) + bias)))
    return total / size


def test_clip_loss_equals_its_scalar_definition():
    similarities = unit(4, 8) @ unit(4, 8, seed=1).T
    for duplicates in (NONE_ALIKE, alike((0, 2))):
        loss = clip_loss(similarities, duplicates, scale=7.0)
        assert loss.item() == pytest.approx(scalar_clip(similarities, duplicates, 7.0), abs=1e-5)


def test_siglip_loss_equals_its_scalar_definition():
    similarities = unit(4, 8) @ unit(4, 8, seed=1).T
    for duplicates in (NONE_ALIKE, alike((1, 3))):
        loss = siglip_loss(similarities, duplicates, scale=10.0, bias=-3.0)
        assert loss.item() == pytest.approx(scalar_siglip(similarities, duplicates, 10.0, -3.0), abs=1e-5)


def test_statement_loss_equals_its_scalar_definition():
    images, statements = unit(3, 8), unit(5, 8, seed=1)
    note = torch.tensor([0, 0, 1, 2, 2])
    total = 0.0
    for statement, own in zip(statements, note.tolist(), strict=True):
        odds = [math.exp(6.0 * float(statement @ image)) for image in images]
        total -= math.log(odds[own] / sum(odds))
    assert statement_loss(images, statements, note, scale=6.0).item() == pytest.approx(total / 5, abs=1e-5)


def test_two_views_loss_equals_its_scalar_definition():
    first, second = unit(3, 8), unit(3, 8, seed=1)
    views = [*first, *second]
    total = 0.0
    for i in range(6):
        partner = (i + 3) % 6
        others = sum(math.exp(10.0 * float(views[i] @ views[j])) for j in range(6) if j != i)
        total -= math.log(math.exp(10.0 * float(views[i] @ views[partner])) / others)
    assert two_views_loss(first, second).item() == pytest.approx(total / 6, abs=1e-5)


@pytest.mark.parametrize("loss", [clip_loss, lambda s, d, scale: siglip_loss(s, d, scale=scale, bias=-1.0)])
def test_notes_that_say_the_same_do_not_push_each_other(loss):
    similarities = (unit(4, 8) @ unit(4, 8, seed=1).T).requires_grad_()
    loss(similarities, alike((0, 2)), scale=5.0).backward()
    assert similarities.grad[0, 2] == similarities.grad[2, 0] == 0
    assert similarities.grad[0, 1] > 0
    assert similarities.grad[0, 0] < 0


def test_statement_loss_falls_where_statements_fit_their_own_image():
    images = unit(4, 8)
    note = torch.arange(4)
    fitting, others = (statement_loss(images, images.roll(turn, dims=0), note, scale=5.0) for turn in (0, 1))
    assert fitting < others


def test_a_statement_of_two_images_ends_between_them():
    """A learned statement prefers the images that it is made of, and those alike, to all others."""
    images = torch.eye(4)
    statement = torch.zeros(1, 4, requires_grad=True)
    optimizer = torch.optim.SGD([statement], lr=1.0)
    for _ in range(100):
        optimizer.zero_grad()
        statement_loss(images, statement.expand(2, 4), torch.tensor([0, 1]), scale=1.0).backward()
        optimizer.step()
    ((first, second, third, fourth),) = statement.detach().tolist()
    assert first == pytest.approx(second)
    assert third == pytest.approx(fourth)
    assert first > third + 2
