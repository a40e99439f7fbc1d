"""What a network reads beside planes and words: values, views, times, and volumes."""

from dataclasses import replace

import pytest
import torch

from mediscan.config import DataConfig, ModelConfig, VolumeReading
from mediscan.data.batch import StudyBatch
from mediscan.data.image_facts import VIEWS, View
from mediscan.findings import FindingSet
from mediscan.model.network import DiagnosisNetwork
from mediscan.model.text import build_text_encoder
from mediscan.study import Availability

SIZE, BOX = 32, (16, 32, 32)


@pytest.fixture(scope="module")
def network(tiny_text_encoder):
    torch.manual_seed(0)
    config = ModelConfig(text_encoder=str(tiny_text_encoder), text_window=64, width=32, heads=2)
    data = DataConfig(volumes=VolumeReading.WHOLE, values=("age_years", "sex"))
    built = DiagnosisNetwork(
        config, data=data, findings=FindingSet(("a", "b")), text_encoder=build_text_encoder(config)
    ).eval()
    with torch.no_grad():
        for parameter in (built.views, built.prior, built.values.directions, *built.fusion.parameters()):
            parameter.add_(torch.randn(parameter.shape) * 0.3)
        built.values.fit(torch.tensor([[40.0, 0.0], [60.0, 1.0], [torch.nan, 1.0]]))
    return built


def batch(*, studies=2, planes=2, volumes=1, words=5):
    generator = torch.Generator().manual_seed(4)
    base = StudyBatch.of(
        images=torch.randn(studies, planes, 1, SIZE, SIZE, generator=generator),
        image_mask=torch.ones(studies, planes, dtype=torch.bool),
        text=torch.randn(studies, words, 32, generator=generator),
        text_mask=torch.ones(studies, words, dtype=torch.bool),
    )
    return replace(
        base,
        volumes=torch.randn(studies, volumes, 1, *BOX, generator=generator),
        volume_mask=torch.ones(studies, volumes, dtype=torch.bool),
        volume_days=torch.zeros(studies, volumes),
        values=torch.tensor([[50.0, 1.0]] * studies),
    )


def differ(one, other):
    return float((one - other).abs().max())


@torch.inference_mode()
def test_values_change_the_answer_and_unknown_ones_do_not_count(network):
    given = batch()
    known = network(given).logits
    older = network(replace(given, values=torch.tensor([[80.0, 1.0]] * 2))).logits
    assert differ(known, older) > 1e-3

    unknown = replace(given, values=torch.full((2, 2), torch.nan))
    assert torch.isfinite(network(unknown).logits).all()
    without_sex = network(replace(given, values=torch.tensor([[50.0, torch.nan]] * 2))).logits
    assert differ(known, without_sex) > 1e-3


@torch.inference_mode()
def test_a_value_beyond_all_bounds_counts_no_more_than_one_at_the_bound(network):
    far = network(replace(batch(), values=torch.tensor([[1e6, 1.0]] * 2))).logits
    farther = network(replace(batch(), values=torch.tensor([[1e9, 1.0]] * 2))).logits
    assert torch.equal(far, farther)


@torch.inference_mode()
def test_values_stay_whatever_modality_is_taken_away(network):
    older = replace(batch(), values=torch.tensor([[80.0, 1.0]] * 2))
    for pattern in (Availability.IMAGE, Availability.NOTE, Availability.NONE):
        assert differ(network(batch().keep(pattern)).logits, network(older.keep(pattern)).logits) > 1e-4


@torch.inference_mode()
def test_views_and_times_are_seen(network):
    given = batch()
    plain = network(given).logits
    lateral = torch.full((2, 2), VIEWS.index(View.LATERAL))
    assert differ(plain, network(replace(given, image_views=lateral)).logits) > 1e-3
    prior = torch.tensor([[0.0, 400.0]] * 2)
    assert differ(plain, network(replace(given, image_days=prior)).logits) > 1e-3
    assert torch.equal(plain, network(replace(given, image_days=torch.full((2, 2), 0.0))).logits)


@torch.inference_mode()
def test_current_and_prior_are_not_the_same_the_other_way_round(network):
    given = batch()
    first = replace(given, image_days=torch.tensor([[0.0, 400.0]] * 2))
    second = replace(given, image_days=torch.tensor([[400.0, 0.0]] * 2))
    assert differ(network(first).logits, network(second).logits) > 1e-4


@torch.inference_mode()
def test_the_order_of_images_does_not_matter_when_their_facts_go_with_them(network):
    given = replace(batch(), image_views=torch.tensor([[1, 2]] * 2), image_days=torch.tensor([[0.0, 30.0]] * 2))
    turned = replace(
        given,
        images=given.images.flip(1),
        image_views=given.image_views.flip(1),
        image_days=given.image_days.flip(1),
    )
    assert torch.allclose(network(given).logits, network(turned).logits, atol=1e-5)


@torch.inference_mode()
def test_images_of_a_study_read_each_other_at_the_same_place(network):
    given = batch(volumes=1)
    changed = replace(given, images=given.images.clone())
    changed.images[:, 1, :, :8, :8] += 3.0
    before, after = network.encode_images(given), network.encode_images(changed)
    moved = (after.planes - before.planes).abs().amax(dim=-1)[:, 0]  # (B, P) of the image that was not changed
    assert float(moved.max()) > 1e-4
    assert float(moved[:, 0].min()) > 0


@torch.inference_mode()
def test_volumes_are_read_beside_planes_and_without_any(network):
    given = batch()
    whole = network(given)
    assert differ(whole.logits, network(replace(given, volume_mask=~given.volume_mask)).logits) > 1e-3
    alone = network(replace(given, image_mask=~given.image_mask))
    assert torch.isfinite(alone.logits).all()
    assert differ(alone.logits, whole.logits) > 1e-3
    images = network.encode_images(given)
    assert images.volumes.shape[:2] == (2, 1)
    assert len(images.volume_cells) == 3
    assert differ(whole.logits, network(given.keep(Availability.NOTE)).logits) > 1e-3


@torch.inference_mode()
def test_padding_volumes_change_nothing(network):
    given = batch()
    padded = replace(
        given,
        volumes=torch.cat([given.volumes, torch.randn(2, 1, 1, *BOX) * 100], dim=1),
        volume_mask=torch.cat([given.volume_mask, torch.zeros(2, 1, dtype=torch.bool)], dim=1),
        volume_days=torch.cat([given.volume_days, torch.full((2, 1), 99.0)], dim=1),
    )
    assert torch.allclose(network(given).logits, network(padded).logits, atol=1e-5)


def test_everything_that_is_read_is_learned_from(network):
    network.zero_grad(set_to_none=True)
    given = replace(batch(), image_days=torch.tensor([[0.0, 400.0]] * 2), image_views=torch.tensor([[1, 2]] * 2))
    network(given).logits.square().sum().backward()
    for name in (
        "views",
        "prior",
        "values.directions",
        "volume_projection.1.weight",
        "exchange.attention.in_proj_weight",
    ):
        gradient = network.get_parameter(name).grad
        assert gradient is not None, name
        assert float(gradient.abs().max()) > 0, name
    network.zero_grad(set_to_none=True)
