import math

import pytest
import torch
from torch.nn import functional

from mediscan.align.losses import clip_loss, local_loss, local_similarities, siglip_loss, two_views_loss

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


def scalar_local(words, word_mask, regions, region_mask):
    """The paper's formulas, one number at a time."""
    size = len(words)
    table = torch.zeros(size, size)
    for i in range(size):
        seen = [r for r, real in zip(regions[i], region_mask[i], strict=True) if real]
        for j in range(size):
            said = [w for w, real in zip(words[j], word_mask[j], strict=True) if real]
            total = 0.0
            for word in said:
                weights = [math.exp(4.0 * float(word @ region)) for region in seen]
                found = sum(w / sum(weights) * region for w, region in zip(weights, seen, strict=True))
                total += math.exp(5.0 * float(found @ word) / float(found.norm() * word.norm()))
            table[i, j] = math.log(total / len(said)) / 5.0
    return table


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


def test_local_similarities_equal_their_scalar_definition():
    words, regions = unit(3, 5, 8), unit(3, 6, 8, seed=1)
    word_mask = torch.tensor([[1, 1, 1, 1, 1], [1, 0, 1, 0, 0], [1, 1, 1, 0, 0]], dtype=torch.bool)
    region_mask = torch.tensor([[1] * 6, [1, 1, 0, 0, 0, 0], [0, 1, 1, 1, 1, 0]], dtype=torch.bool)
    expected = scalar_local(words, word_mask, regions, region_mask)
    assert torch.allclose(local_similarities(words, word_mask, regions, region_mask), expected, atol=1e-5)


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


def test_padding_of_words_and_regions_changes_no_local_loss():
    words, regions, mask = unit(4, 5, 8), unit(4, 6, 8, seed=1), torch.ones(4, 5, dtype=torch.bool)
    region_mask = torch.ones(4, 6, dtype=torch.bool)
    plain = local_loss(words, mask, regions, region_mask, duplicates=NONE_ALIKE)
    padded = local_loss(
        torch.cat([words, unit(4, 3, 8, seed=2)], dim=1),
        functional.pad(mask, (0, 3)),
        torch.cat([regions, unit(4, 2, 8, seed=3)], dim=1),
        functional.pad(region_mask, (0, 2)),
        duplicates=NONE_ALIKE,
    )
    assert padded.item() == pytest.approx(plain.item(), abs=1e-6)


def test_local_loss_falls_where_words_are_found_in_their_own_image():
    regions = unit(4, 6, 8)
    mask, region_mask = torch.ones(4, 3, dtype=torch.bool), torch.ones(4, 6, dtype=torch.bool)
    own = local_loss(regions[:, :3], mask, regions, region_mask, duplicates=NONE_ALIKE)
    others = local_loss(regions[:, :3].roll(1, dims=0), mask, regions, region_mask, duplicates=NONE_ALIKE)
    assert own < others


def test_gradients_reach_words_and_regions():
    words, regions = unit(4, 3, 8).requires_grad_(), unit(4, 6, 8, seed=1).requires_grad_()
    everything = torch.ones(4, 3, dtype=torch.bool), torch.ones(4, 6, dtype=torch.bool)
    local_loss(words, everything[0], regions, everything[1], duplicates=NONE_ALIKE).backward()
    assert words.grad.abs().sum(dim=(1, 2)).min() > 0
    assert regions.grad.abs().sum(dim=(1, 2)).min() > 0
