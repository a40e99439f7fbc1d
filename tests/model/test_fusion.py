import math
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from mediscan.config import FusionKind
from mediscan.model.fusion import Streams, build_fusion

WIDTH, HEADS, FINDINGS = 16, 2, 3
KINDS = list(FusionKind)
INTERACTING = [kind for kind in KINDS if kind is not FusionKind.LATE]
DOCS = Path(__file__).parents[2] / "docs" / "fusion.md"
every_kind = pytest.mark.parametrize("kind", KINDS)


def built(kind, *, seed=0, layers=2):
    torch.manual_seed(seed)
    fusion = build_fusion(kind, width=WIDTH, heads=HEADS, layers=layers, dropout=0.2, findings=FINDINGS)
    # Not as at the start of training, so that nothing passes for equal by being small, or by being 0.
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.mul_(1.5).add_(torch.randn_like(parameter) * 0.1)
    return fusion.eval()


def tokens(studies, count, *, seed=0):
    return torch.randn(studies, count, WIDTH, generator=torch.Generator().manual_seed(seed))


def present(studies, count):
    return torch.ones(studies, count, dtype=torch.bool)


def streams_of(image, image_mask, text, text_mask, *, has_note=None):
    """Streams as a network makes them: each side pooled alone, and answered from that."""
    weights = torch.randn(2, WIDTH, FINDINGS, generator=torch.Generator().manual_seed(5))
    alone = [
        (side * mask[..., None]).sum(dim=1) / mask.sum(dim=1).clamp(min=1)[:, None]
        for side, mask in ((image, image_mask), (text, text_mask))
    ]
    return Streams(
        image=image,
        image_mask=image_mask,
        text=text,
        text_mask=text_mask,
        image_alone=alone[0],
        text_alone=alone[1],
        image_logits=alone[0] @ weights[0],
        text_logits=alone[1] @ weights[1],
        has_image=image_mask.any(dim=1),
        has_note=text_mask.any(dim=1) if has_note is None else has_note,
    )


def whole(studies=3, *, image_seed=0, text_seed=1):
    return streams_of(
        tokens(studies, 6, seed=image_seed),
        present(studies, 6),
        tokens(studies, 4, seed=text_seed),
        present(studies, 4),
    )


def without(streams, *sides):
    """The same studies, whose absent sides still hold something."""
    image_mask = streams.image_mask & ("image" not in sides)
    text_mask = streams.text_mask & ("text" not in sides)
    return replace(
        streams,
        image_mask=image_mask,
        text_mask=text_mask,
        has_image=image_mask.any(dim=1),
        has_note=text_mask.any(dim=1),
    )


def rows(streams, at):
    return Streams(**{field.name: getattr(streams, field.name)[at] for field in fields(Streams)})


@every_kind
def test_each_finding_has_a_logit(kind):
    logits = built(kind)(whole())

    assert logits.shape == (3, FINDINGS)
    assert torch.isfinite(logits).all()
    assert float(logits.detach().std(dim=0).min()) > 1e-2


@every_kind
def test_padding_never_changes_an_answer(kind):
    streams = whole(2)
    padded = replace(
        streams,
        image=torch.cat([streams.image, tokens(2, 3, seed=7) * 1e3], dim=1),
        image_mask=torch.cat([streams.image_mask, ~present(2, 3)], dim=1),
        text=torch.cat([streams.text, tokens(2, 5, seed=8) * 1e3], dim=1),
        text_mask=torch.cat([streams.text_mask, ~present(2, 5)], dim=1),
    )
    fusion = built(kind)

    assert torch.allclose(fusion(padded), fusion(streams), atol=1e-5)


@every_kind
def test_the_order_of_image_tokens_does_not_matter(kind):
    streams = whole()
    turned = replace(streams, image=streams.image[:, [3, 0, 5, 1, 4, 2]])
    fusion = built(kind)

    assert torch.allclose(fusion(turned), fusion(streams), atol=1e-5)


@every_kind
@pytest.mark.parametrize("absent", [("image",), ("text",), ("image", "text")])
def test_an_absent_side_gives_finite_logits_and_gets_no_gradient(kind, absent):
    streams = without(whole(), *absent)
    leaves = {
        name: getattr(streams, name).clone().requires_grad_()
        for name in ("image", "image_alone", "image_logits", "text", "text_alone", "text_logits")
    }
    logits = built(kind).train()(replace(streams, **leaves))
    logits.square().sum().backward()
    gradients = {name: 0.0 if leaf.grad is None else float(leaf.grad.abs().max()) for name, leaf in leaves.items()}

    assert torch.isfinite(logits).all()
    assert all(math.isfinite(gradient) for gradient in gradients.values())
    for side in ("image", "text"):
        reached = [gradient for name, gradient in gradients.items() if name.startswith(side)]
        assert (max(reached) == 0) is (side in absent), side


@every_kind
@pytest.mark.parametrize("absent", ["image", "text"])
def test_an_absent_side_ignores_what_stands_in_its_place(kind, absent):
    streams = without(whole(), absent)
    other = {
        absent: getattr(streams, absent) * 1e3,
        f"{absent}_alone": torch.full_like(streams.image_alone, torch.nan),
        f"{absent}_logits": torch.full_like(streams.image_logits, torch.nan),
    }
    fusion = built(kind)

    assert torch.allclose(fusion(replace(streams, **other)), fusion(streams), atol=1e-6)


@every_kind
@pytest.mark.parametrize("absent", [("image",), ("text",), ("image", "text")])
def test_a_masked_side_and_an_empty_side_are_the_same(kind, absent):
    masked = without(whole(), *absent)
    empty = masked
    for side in absent:
        cut = {name: getattr(empty, name)[:, :0] for name in (side, f"{side}_mask")}
        empty = replace(empty, **cut)
    fusion = built(kind)

    assert torch.allclose(fusion(empty), fusion(masked), atol=1e-5)


@every_kind
def test_studies_with_nothing_all_get_the_same_answer(kind):
    logits = built(kind)(without(whole(), "image", "text"))

    assert torch.allclose(logits, logits[:1].expand_as(logits), atol=1e-6)


@every_kind
@pytest.mark.parametrize("absent", ["image", "text"])
def test_absence_is_not_a_side_of_zeros(kind, absent):
    streams = whole()
    zeros = {name: torch.zeros_like(getattr(streams, name)) for name in (absent, f"{absent}_alone", f"{absent}_logits")}
    fusion = built(kind)

    assert not torch.allclose(fusion(without(streams, absent)), fusion(replace(streams, **zeros)), atol=1e-3)


@every_kind
def test_values_are_read_where_there_is_no_note(kind):
    no_note = torch.zeros(3, dtype=torch.bool)
    one, other = (
        streams_of(tokens(3, 6), present(3, 6), tokens(3, 2, seed=seed), present(3, 2), has_note=no_note)
        for seed in (1, 2)
    )
    fusion = built(kind)

    assert not torch.allclose(fusion(one), fusion(other), atol=1e-2)
    assert not torch.allclose(fusion(one), fusion(without(one, "text")), atol=1e-2)


@pytest.mark.parametrize("kind", INTERACTING)
def test_values_with_a_note_are_told_from_values_without(kind):
    streams = whole()
    fusion = built(kind)
    without_note = replace(streams, has_note=torch.zeros(3, dtype=torch.bool))

    assert not torch.allclose(fusion(without_note), fusion(streams), atol=1e-3)


@pytest.mark.parametrize("kind", INTERACTING)
def test_what_values_say_alone_is_read_where_there_is_no_note(kind):
    values_alone = replace(whole(), has_note=torch.zeros(3, dtype=torch.bool))
    other = replace(values_alone, text_alone=-values_alone.text_alone)
    fusion = built(kind)

    assert not torch.allclose(fusion(other), fusion(values_alone), atol=1e-3)


@every_kind
def test_a_study_does_not_read_its_neighbours(kind):
    streams = whole()
    streams.image_mask[1], streams.text_mask[2] = False, False
    streams = without(streams)
    fusion = built(kind)
    together = fusion(streams)

    for row in range(3):
        assert torch.allclose(together[row], fusion(rows(streams, slice(row, row + 1)))[0], atol=1e-5)


@every_kind
def test_bfloat16_is_close_to_full_precision(kind):
    fusion, streams = built(kind), whole(16)
    exact = fusion(streams)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = fusion(streams)

    assert torch.isfinite(rounded).all()
    # Of all logits together: a single one may be the small difference of large numbers.
    error = (rounded.float() - exact).detach().square().mean().sqrt()
    assert float(error) < 0.03 * float(exact.detach().square().mean().sqrt())


@every_kind
def test_the_same_weights_give_the_same_answer(kind):
    one, other = built(kind), built(kind, seed=1)
    assert not torch.allclose(one(whole()), other(whole()), atol=1e-2)
    other.load_state_dict(one.state_dict())

    assert torch.equal(one(whole()), other(whole()))


@every_kind
def test_every_weight_learns(kind):
    fusion = built(kind).train()
    streams = whole(8)
    streams.image_mask[:2], streams.text_mask[1:4] = False, False
    logits = fusion(without(streams))
    (logits * torch.randn_like(logits)).sum().backward()

    # Row by row, since a table of learned tokens may be read in part only; biases of keys rightly get next to nothing.
    still = [
        name
        for name, parameter in fusion.named_parameters()
        if parameter.grad is None
        or not parameter.grad.any()
        or (parameter.ndim > 1 and not parameter.grad.flatten(1).any(dim=1).all())
    ]
    assert still == []


def interaction(fusion):
    """How far the answer is from a sum of an image's share and a note's share, with nothing but the fusion to mix them.

    It is f(i, t) - f(i', t) - f(i, t') + f(i', t'), which is 0 where f(i, t) = g(i) + h(t).
    """
    nothing = torch.zeros(8, WIDTH, dtype=torch.float64)
    answers = {}
    for image in (0, 10):
        for text in (1, 11):
            streams = whole(8, image_seed=image, text_seed=text)
            streams = replace(
                streams,
                **{name: getattr(streams, name).double() for name in ("image", "text", "image_logits", "text_logits")},
                image_alone=nothing,
                text_alone=nothing,
            )
            answers[image, text] = fusion.double()(streams)
    mixed = answers[0, 1] - answers[10, 1] - answers[0, 11] + answers[10, 11]
    return float(mixed.detach().abs().max())


@pytest.mark.parametrize("kind", INTERACTING)
def test_a_fusion_sees_what_lies_in_both_modalities_together(kind):
    assert interaction(built(kind)) > 1e-2


@pytest.mark.parametrize("kind", INTERACTING)
def test_what_reaches_the_head_has_read_both_sides_even_after_one_layer(kind):
    fusion = built(kind, layers=1)
    given = []
    fusion.head.register_forward_pre_hook(lambda _head, inputs: given.append(inputs[1:]))
    for streams in (whole(), whole(image_seed=10), whole(text_seed=11)):
        fusion(streams)
    compared = given[0][:1] if kind is FusionKind.FILM else given[0]  # FiLM's second vector is the note itself

    for position, vector in enumerate(compared):
        assert not torch.allclose(vector, given[1][position], atol=1e-4), "reads the image"
        assert not torch.allclose(vector, given[2][position], atol=1e-4), "reads the text"


def test_late_fusion_is_a_sum_of_what_each_modality_says():
    assert interaction(built(FusionKind.LATE)) < 1e-12


def test_late_fusion_gives_an_absent_expert_no_weight_and_a_present_one_some():
    weights = built(FusionKind.LATE).weights(without(whole(), "text"))  # (B, 2, F)

    assert weights.shape == (3, 2, FINDINGS)
    assert not weights[:, 1].any()
    assert (weights[:, 0] > 0).all()


def test_late_fusion_trusts_an_expert_alone_otherwise_than_beside_the_other():
    fusion = built(FusionKind.LATE)

    assert not torch.allclose(fusion.weights(without(whole(), "text"))[:, 0], fusion.weights(whole())[:, 0], atol=1e-2)


def test_late_fusion_weighs_an_expert_by_its_own_confidence_alone():
    fusion, streams = built(FusionKind.LATE), whole()
    with torch.no_grad():
        fusion.shift.zero_()
    before = fusion.weights(streams)
    after = fusion.weights(replace(streams, image_logits=streams.image_logits * 3))

    assert (after[:, 0] > before[:, 0]).all()
    assert torch.equal(after[:, 1], before[:, 1])


def test_late_fusion_answers_its_prior_where_there_is_nothing():
    fusion = built(FusionKind.LATE)

    assert torch.equal(fusion(without(whole(), "image", "text")), fusion.prior.expand(3, -1))


def attention_by_hand(attention, query, context, mask):
    """Softmax of scaled products, (B, heads, N, M), from the same weights."""
    query_weight, key_weight, _ = attention.in_proj_weight.chunk(3)
    query_bias, key_bias, _ = attention.in_proj_bias.chunk(3)
    queries = (query @ query_weight.T + query_bias).unflatten(-1, (HEADS, -1)).transpose(1, 2)
    keys = (context @ key_weight.T + key_bias).unflatten(-1, (HEADS, -1)).transpose(1, 2)
    scores = queries @ keys.transpose(2, 3) / math.sqrt(WIDTH / HEADS)
    return scores.masked_fill(~mask[:, None, None], -math.inf).softmax(dim=-1)


def test_attention_maps_are_those_of_the_answer():
    fusion, streams = built(FusionKind.CROSS_ATTENTION), whole()
    streams.image_mask[1, 4:] = False
    mask = torch.cat([present(3, 1), streams.image_mask], dim=1)
    expected = []

    def keep(attention, inputs, _output):
        expected.append(attention_by_hand(attention, inputs[0], inputs[1], mask)[:, :, 1:, 1:])

    hooks = [block.text_from_image.attention.register_forward_hook(keep) for block in fusion.blocks]
    fusion(streams)
    for hook in hooks:
        hook.remove()
    maps = fusion.attention(streams)

    assert [tuple(words_to_regions.shape) for words_to_regions in maps] == [(3, HEADS, 4, 6)] * 2
    for found, wanted in zip(maps, expected, strict=True):
        assert torch.allclose(found, wanted, atol=1e-5)


def test_attention_maps_leave_padding_out_and_hold_what_the_state_token_did_not_take():
    streams = whole()
    streams.image_mask[1, 4:], streams.text_mask[2, 3:] = False, False
    for words_to_regions in built(FusionKind.CROSS_ATTENTION).attention(streams):
        assert not words_to_regions[1, :, :, 4:].any()
        assert not words_to_regions[2, :, 3:].any()
        read = words_to_regions.sum(dim=3)  # (B, heads, T)
        assert (read <= 1).all()
        assert (read[streams.text_mask[:, None].expand_as(read)] > 0).all()


@pytest.mark.parametrize("absent", ["image", "text"])
def test_attention_maps_of_an_absent_side_are_empty(absent):
    streams = without(whole(), absent)
    empty = replace(streams, **{name: getattr(streams, name)[:, :0] for name in (absent, f"{absent}_mask")})

    for words_to_regions in built(FusionKind.CROSS_ATTENTION).attention(empty):
        assert words_to_regions.shape == (3, HEADS, empty.text.shape[1], empty.image.shape[1])


class _ToyNetwork(nn.Module):
    """Answers from tokens: an expert for each side, whose logits a fusion gets, and no pooled vectors beside them."""

    def __init__(self, kind, *, width):
        super().__init__()
        self.image_expert, self.text_expert = (
            nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1)) for _ in range(2)
        )
        self.fusion = build_fusion(kind, width=width, heads=2, layers=1, dropout=0.0, findings=1)

    def forward(self, image, text):
        studies = len(image)
        streams = Streams(
            image=image,
            image_mask=present(studies, image.shape[1]),
            text=text,
            text_mask=present(studies, text.shape[1]),
            image_alone=torch.zeros_like(image[:, 0]),
            text_alone=torch.zeros_like(text[:, 0]),
            image_logits=self.image_expert(image.mean(dim=1)),
            text_logits=self.text_expert(text.mean(dim=1)),
            has_image=torch.ones(studies, dtype=torch.bool),
            has_note=torch.ones(studies, dtype=torch.bool),
        )
        return self.fusion(streams)[:, 0]


def exclusive_or(studies, *, generator, width=64):
    """Noise on both sides, in one token of each a bit; the label is whether the bits differ."""
    signs = torch.randint(0, 2, (2, studies), generator=generator) * 2 - 1  # (2, studies), -1 or 1
    sides = []
    for sign, count in zip(signs, (8, 6), strict=True):
        side = torch.randn(studies, count, width, generator=generator)
        where = torch.randint(0, count, (studies,), generator=generator)
        side[torch.arange(studies), where, :8] += 2.0 * sign[:, None]
        sides.append(side)
    return *sides, (signs[0] != signs[1]).float()


def auroc_of_exclusive_or(kind, *, steps=150):
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    network = _ToyNetwork(kind, width=64)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for _ in range(steps):
        image, text, label = exclusive_or(64, generator=generator)
        loss = nn.functional.binary_cross_entropy_with_logits(network(image, text), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    image, text, label = exclusive_or(1000, generator=generator)
    with torch.inference_mode():
        return roc_auc_score(label, network.eval()(image, text))


@pytest.mark.slow
@pytest.mark.parametrize("kind", INTERACTING)
def test_a_fusion_learns_exclusive_or(kind):
    assert auroc_of_exclusive_or(kind) >= 0.95


@pytest.mark.slow
def test_late_fusion_cannot_learn_exclusive_or():
    assert auroc_of_exclusive_or(FusionKind.LATE) <= 0.65


@every_kind
def test_the_documentation_names_every_kind_and_its_cost(kind):
    for page in (DOCS, DOCS.with_name("benchmarks.md")):  # what it is, and what it costs
        text = page.read_text(encoding="utf-8")
        assert sum(line.startswith(f"| `{kind}` |") for line in text.splitlines()) == 1, page.name
