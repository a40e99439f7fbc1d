import math
from dataclasses import replace

import pytest
import torch

from mediscan.config import ModelConfig
from mediscan.data.batch import StudyBatch, stack_images, stack_tokens
from mediscan.findings import FindingSet
from mediscan.model.network import DiagnosisNetwork
from mediscan.model.text import build_text_encoder, load_tokenizer
from mediscan.study import Availability

FINDINGS = FindingSet(("edema", "pneumonia", "cause:infection", "cause:none", "cause:trauma"))
SIZE = 32
LONG = "fever and cough since monday, pain on the left side; " * 12
STUDIES = ((1, "fever"), (3, LONG), (0, "cough and pain"), (2, ""), (1, LONG), (2, "no fever, no cough"))
"""Images and note of each study: one or several images, none, no note, short and long ones."""


@pytest.fixture(scope="module")
def network(tiny_text_encoder):
    torch.manual_seed(0)
    config = ModelConfig(text_encoder=str(tiny_text_encoder), text_window=64, width=32, heads=2, fusion_layers=2)
    built = DiagnosisNetwork(config, findings=FINDINGS, text_encoder=build_text_encoder(config))
    with torch.no_grad():
        # A network at the start of training answers almost the same for everything, which would hide differences.
        for parameter in built.fusion.parameters():
            parameter.mul_(1.5)
    return built.eval()


@pytest.fixture(scope="module")
def batch_of(network, tiny_text_encoder):
    tokenizer = load_tokenizer(tiny_text_encoder, window=64, most=256)

    def build(studies):
        stacks = [
            torch.randn(count, SIZE, SIZE, generator=torch.Generator().manual_seed(count + len(text))).numpy()
            for count, text in studies
        ]
        images, image_mask = stack_images(stacks, size=SIZE)
        with torch.no_grad():
            features = network.text_encoder.encode([tokenizer(text) for _, text in studies], pad_id=tokenizer.pad_id)
        text, text_mask = stack_tokens(features, width=network.text_encoder.width)
        return StudyBatch.of(images=images, image_mask=image_mask, text=text, text_mask=text_mask)

    return build


def padded(batch, *, planes=2, tokens=9):
    """The same studies with more padding, full of large values; so is the padding that was there."""
    studies, size = len(batch), batch.images.shape[-1]
    generator = torch.Generator().manual_seed(9)
    images = torch.cat([batch.images, torch.zeros(studies, planes, 1, size, size)], dim=1)
    image_mask = torch.cat([batch.image_mask, torch.zeros(studies, planes, dtype=torch.bool)], dim=1)
    text = torch.cat([batch.text, torch.zeros(studies, tokens, batch.text.shape[2])], dim=1)
    text_mask = torch.cat([batch.text_mask, torch.zeros(studies, tokens, dtype=torch.bool)], dim=1)
    images[~image_mask] = torch.randn(images[~image_mask].shape, generator=generator) * 1e3
    text[~text_mask] = torch.randn(text[~text_mask].shape, generator=generator) * 1e3
    return StudyBatch.of(images=images, image_mask=image_mask, text=text, text_mask=text_mask)


@torch.inference_mode()
def test_batch_of_n_equals_n_singles(network, batch_of):
    together = network(batch_of(STUDIES))

    assert together.logits.shape == (len(STUDIES), len(FINDINGS))
    assert float(together.logits.std(dim=0).min()) > 1e-3
    for row, study in enumerate(STUDIES):
        alone = network(batch_of([study]))
        assert torch.allclose(together.logits[row], alone.logits[0], atol=1e-5)
        assert torch.allclose(together.image_summary[row], alone.image_summary[0], atol=1e-5)
        assert torch.allclose(together.text_summary[row], alone.text_summary[0], atol=1e-5)


@torch.inference_mode()
def test_padding_never_changes_a_logit(network, batch_of):
    batch = batch_of(STUDIES)

    assert torch.allclose(network(padded(batch)).logits, network(batch).logits, atol=1e-5)


def test_padding_planes_do_not_reach_the_statistics_of_batch_normalisation(network, batch_of):
    batch = batch_of(STUDIES)
    before = {name: value.clone() for name, value in network.image_encoder.state_dict().items()}
    after = []
    for same in (batch, padded(batch)):
        network.image_encoder.load_state_dict(before)
        with torch.no_grad():
            network.image_encoder.train()
            network.image_tokens(same.images, same.image_mask)
        after.append({name: value.clone() for name, value in network.image_encoder.state_dict().items()})
    network.image_encoder.load_state_dict(before)
    network.eval()

    moved = [name for name in before if not torch.equal(before[name], after[0][name])]
    assert any(name.endswith("running_mean") for name in moved)
    assert all(torch.allclose(after[0][name], after[1][name], atol=1e-6) for name in moved)


@torch.inference_mode()
def test_the_order_of_a_studys_planes_does_not_matter(network, batch_of):
    batch = batch_of([(3, LONG)])
    turned = replace(batch, images=batch.images[:, [2, 0, 1]])

    assert torch.allclose(network(turned).logits, network(batch).logits, atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("pattern", list(Availability))
def test_any_pattern_of_modalities_gives_finite_logits(network, batch_of, pattern):
    output = network(batch_of(STUDIES).keep(pattern))

    assert torch.isfinite(output.logits).all()


@torch.inference_mode()
def test_a_batch_without_any_image_is_answered_from_its_notes(network, batch_of):
    output = network(batch_of([(0, "fever"), (0, LONG)]))

    assert torch.isfinite(output.logits).all()
    assert not torch.allclose(output.logits[0], output.logits[1], atol=1e-4)


@torch.inference_mode()
def test_a_masked_modality_is_the_same_as_a_missing_one(network, batch_of):
    whole = batch_of(STUDIES)
    without_note = batch_of([(count, "") for count, _ in STUDIES])
    images_only = network(whole.keep(Availability.IMAGE)).logits
    # The images themselves depend on the note's length in the builder, so they are put in again.
    missing = network(replace(without_note, images=whole.images, image_mask=whole.image_mask)).logits

    assert torch.allclose(images_only, missing, atol=1e-5)


@torch.inference_mode()
def test_heads_of_one_modality_read_that_modality_alone(network, batch_of):
    batch = batch_of(STUDIES)
    whole = network(batch)

    assert torch.allclose(whole.image_logits, network(batch.keep(Availability.IMAGE)).image_logits, atol=1e-5)
    assert torch.allclose(whole.text_logits, network(batch.keep(Availability.NOTE)).text_logits, atol=1e-5)


@torch.inference_mode()
def test_note_and_images_both_reach_the_logits(network, batch_of):
    batch = batch_of([(2, LONG)])
    whole = network(batch).logits

    assert not torch.allclose(whole, network(batch.keep(Availability.IMAGE)).logits, atol=1e-3)
    assert not torch.allclose(whole, network(batch.keep(Availability.NOTE)).logits, atol=1e-3)


@torch.inference_mode()
def test_answering_from_the_grid_is_answering(network, batch_of):
    batch = batch_of(STUDIES)
    images = network.encode_images(batch)
    answered = network.answer(batch, images=images)

    assert torch.equal(answered.logits, network(batch).logits)
    assert images.planes.shape == (len(STUDIES), 3, math.prod(images.plane_cells), 32)
    assert not images.planes[~batch.image_mask].any()
