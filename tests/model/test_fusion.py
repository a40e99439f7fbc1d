import pytest
import torch

from mediscan.model.fusion import CrossAttentionFusion

WIDTH = 16


@pytest.fixture
def fusion():
    torch.manual_seed(0)
    module = CrossAttentionFusion(WIDTH, heads=2, layers=2, dropout=0.2).eval()
    # Larger than at the start of training, so that nothing passes for equal by being small.
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(2.0)
    return module


def tokens(studies, count, *, seed=0):
    return torch.randn(studies, count, WIDTH, generator=torch.Generator().manual_seed(seed))


def present(studies, count):
    return torch.ones(studies, count, dtype=torch.bool)


def assert_same(one, other, *, atol=1e-5):
    for name in ("image_alone", "text_alone", "image", "text"):
        assert torch.allclose(getattr(one, name), getattr(other, name), atol=atol), name


def test_fusion_gives_one_vector_per_side_before_and_after(fusion):
    fused = fusion(tokens(3, 6), present(3, 6), tokens(3, 4, seed=1), present(3, 4))

    for vector in (fused.image_alone, fused.text_alone, fused.image, fused.text):
        assert vector.shape == (3, WIDTH)
        assert torch.isfinite(vector).all()


@pytest.mark.parametrize("absent", ["image", "text", "both"])
def test_an_absent_side_ignores_what_stands_in_its_place(fusion, absent):
    image_mask = present(2, 6) & (absent == "text")
    text_mask = present(2, 4) & (absent == "image")

    def fused(seed):
        image = tokens(2, 6) if absent == "text" else tokens(2, 6, seed=seed) * 1e3
        text = tokens(2, 4, seed=1) if absent == "image" else tokens(2, 4, seed=seed) * 1e3
        return fusion(image, image_mask, text, text_mask)

    assert_same(fused(5), fused(6))


@pytest.mark.parametrize("absent", ["image", "text"])
def test_a_masked_side_and_an_empty_side_are_the_same(fusion, absent):
    image, text = tokens(2, 6), tokens(2, 4, seed=1)
    if absent == "image":
        masked = fusion(image, ~present(2, 6), text, present(2, 4))
        empty = fusion(image[:, :0], present(2, 0), text, present(2, 4))
    else:
        masked = fusion(image, present(2, 6), text, ~present(2, 4))
        empty = fusion(image, present(2, 6), text[:, :0], present(2, 0))

    assert_same(masked, empty)


def test_both_sides_absent_give_a_finite_answer_that_is_the_same_for_all(fusion):
    fused = fusion(tokens(2, 6), ~present(2, 6), tokens(2, 4), ~present(2, 4))

    assert torch.isfinite(fused.image).all()
    assert torch.allclose(fused.image[0], fused.image[1], atol=1e-6)
    assert torch.allclose(fused.text[0], fused.text[1], atol=1e-6)


def test_absence_has_a_meaning_of_its_own(fusion):
    nothing = fusion(tokens(1, 0), present(1, 0), tokens(1, 4), present(1, 4))
    zeros = fusion(torch.zeros(1, 6, WIDTH), present(1, 6), tokens(1, 4), present(1, 4))

    assert not torch.allclose(nothing.image_alone, zeros.image_alone, atol=1e-3)


def test_padding_tokens_change_nothing(fusion):
    image, text = tokens(2, 6), tokens(2, 4, seed=1)
    image_mask, text_mask = present(2, 6), present(2, 4)
    bare = fusion(image, image_mask, text, text_mask)
    padded = fusion(
        torch.cat([image, tokens(2, 3, seed=7) * 1e3], dim=1),
        torch.cat([image_mask, ~present(2, 3)], dim=1),
        torch.cat([text, tokens(2, 5, seed=8) * 1e3], dim=1),
        torch.cat([text_mask, ~present(2, 5)], dim=1),
    )

    assert_same(bare, padded)


def test_a_study_does_not_read_its_neighbours(fusion):
    image, text = tokens(3, 6), tokens(3, 4, seed=1)
    image_mask, text_mask = present(3, 6), present(3, 4)
    image_mask[1], text_mask[2] = False, False
    together = fusion(image, image_mask, text, text_mask)

    for row in range(3):
        at = slice(row, row + 1)
        alone = fusion(image[at], image_mask[at], text[at], text_mask[at])
        assert torch.allclose(together.image[at], alone.image, atol=1e-5)
        assert torch.allclose(together.text[at], alone.text, atol=1e-5)


def test_each_side_reads_the_other_and_its_own_summary_does_not(fusion):
    image, text = tokens(1, 6), tokens(1, 4, seed=1)
    one = fusion(image, present(1, 6), text, present(1, 4))
    other_text = fusion(image, present(1, 6), tokens(1, 4, seed=2), present(1, 4))
    other_image = fusion(tokens(1, 6, seed=3), present(1, 6), text, present(1, 4))

    assert torch.equal(one.image_alone, other_text.image_alone)
    assert not torch.allclose(one.image, other_text.image, atol=1e-3)
    assert torch.equal(one.text_alone, other_image.text_alone)
    assert not torch.allclose(one.text, other_image.text, atol=1e-3)


def test_every_weight_of_the_fusion_learns(fusion):
    fused = fusion.train()(tokens(4, 6), present(4, 6), tokens(4, 4, seed=1), present(4, 4))
    image_absent = fusion(tokens(4, 0), present(4, 0), tokens(4, 0), present(4, 0))
    total = sum(
        (vector * torch.randn(WIDTH)).sum()
        for output in (fused, image_absent)
        for vector in (output.image_alone, output.text_alone, output.image, output.text)
    )
    total.backward()

    still = [
        name
        for name, parameter in fusion.named_parameters()
        if parameter.grad is None or float(parameter.grad.abs().sum()) == 0
    ]
    assert still == []
