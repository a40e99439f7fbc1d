from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.metrics.pairwise import rbf_kernel

from mediscan.config import ModelConfig
from mediscan.data.batch import StudyBatch, stack_images, stack_tokens
from mediscan.explain.saliency import image_heatmaps
from mediscan.explain.shares import modality_shares
from mediscan.findings import FindingSet
from mediscan.model.image import build_image_encoder
from mediscan.model.kernel import KernelHead, KernelNetwork, gaussian_kernel
from mediscan.model.text import build_text_encoder, load_tokenizer
from mediscan.study import Availability

FINDINGS = FindingSet(("edema", "pneumonia", "cause:infection", "cause:trauma"))
SIZE = 32
STUDIES = ((1, "fever"), (3, "fever and cough since monday; " * 9), (0, "pain"), (2, ""), (1, "no fever, no cough"))
"""Images and note of each study: one or several images, none, no note, short and long ones."""


@pytest.fixture(scope="module")
def network(tiny_text_encoder):
    """A network whose every part says something."""
    config = ModelConfig(text_encoder=str(tiny_text_encoder), text_window=64, image_encoder="texture")
    built = KernelNetwork(config, findings=FINDINGS, text_encoder=build_text_encoder(config))
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator)

    cells = 4 * built.width
    built.note_vectors.fit(draw(20, built.text_encoder.width))
    built.image_vectors.fit(draw(20, cells) - 2)
    notes, images = built.note_vectors(draw(9, built.text_encoder.width)), draw(7, cells)
    built.note_head.fit(landmarks=notes, coefficients=draw(9, len(FINDINGS)), bias=draw(len(FINDINGS)), gamma=1.0)
    built.image_head.fit(landmarks=images, coefficients=draw(7, len(FINDINGS)), bias=draw(len(FINDINGS)), gamma=2e-3)
    built.prior, built.image_weight = draw(len(FINDINGS)), draw(len(FINDINGS)).abs()
    return built.eval().requires_grad_(requires_grad=False)


@pytest.fixture(scope="module")
def batch_of(network, tiny_text_encoder):
    tokenizer = load_tokenizer(tiny_text_encoder, window=64, most=256)

    def build(studies):
        stacks = [
            torch.randn(count, SIZE, SIZE, generator=torch.Generator().manual_seed(count + len(text))).numpy()
            for count, text in studies
        ]
        images, image_mask = stack_images(stacks, size=SIZE)
        features = network.text_encoder.encode([tokenizer(text) for _, text in studies], pad_id=tokenizer.pad_id)
        text, text_mask = stack_tokens(features, width=network.text_encoder.width)
        return StudyBatch.of(images=images, image_mask=image_mask, text=text, text_mask=text_mask)

    return build


def test_the_gaussian_kernel_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(7, 5)), rng.normal(size=(4, 5))

    ours = gaussian_kernel(torch.from_numpy(left), torch.from_numpy(right), gamma=0.3)

    assert np.allclose(ours.numpy(), rbf_kernel(left, right, gamma=0.3), atol=1e-12)


def test_images_resemble_a_study_as_the_mean_over_pairs_of_images(network, batch_of):
    batch = batch_of([(3, "")])
    grids = network.image_encoder(batch.images[0]).tokens.flatten(1)
    vectors = ((grids - network.image_vectors.mean) / network.image_vectors.deviation).double()
    kernel = rbf_kernel(vectors, network.image_head.landmarks.double(), gamma=float(network.image_head.gamma))
    score = kernel.mean(axis=0) @ network.image_head.coefficients.numpy() + network.image_head.bias.numpy()

    assert np.allclose(network(batch).image_logits[0].numpy(), network.prior.numpy() + score, atol=1e-4)


def test_an_absent_modality_adds_exactly_nothing(network, batch_of):
    batch = batch_of(STUDIES)
    both = network(batch)
    no_image, no_note = network(batch.keep(Availability.NOTE)), network(batch.keep(Availability.IMAGE))
    nothing = network(batch.keep(Availability.NOTE).keep(Availability.IMAGE))

    assert torch.equal(no_image.logits, both.text_logits)
    assert torch.equal(no_note.logits, both.image_logits)
    assert torch.equal(nothing.logits, network.prior.expand(len(batch), -1))


def test_beside_a_note_the_images_count_by_their_weight(network, batch_of):
    output = network(batch_of(STUDIES[:2]))
    expected = output.text_logits + network.image_weight * (output.image_logits - network.prior)

    assert torch.allclose(output.logits, expected, atol=1e-5)
    assert not torch.allclose(output.logits, output.text_logits, atol=1e-2)


def test_padding_never_changes_a_logit(network, batch_of):
    batch = batch_of(STUDIES)
    studies = len(batch)
    padded = StudyBatch.of(
        images=torch.cat([batch.images, torch.full((studies, 2, 1, SIZE, SIZE), 1e3)], dim=1),
        image_mask=torch.cat([batch.image_mask, torch.zeros(studies, 2, dtype=torch.bool)], dim=1),
        text=torch.cat([batch.text, torch.full((studies, 9, batch.text.shape[2]), 1e3)], dim=1),
        text_mask=torch.cat([batch.text_mask, torch.zeros(studies, 9, dtype=torch.bool)], dim=1),
    )

    assert torch.allclose(network(padded).logits, network(batch).logits, atol=1e-5)


def test_a_batch_of_n_equals_n_singles(network, batch_of):
    together = network(batch_of(STUDIES)).logits
    one_by_one = torch.cat([network(batch_of([study])).logits for study in STUDIES])

    assert torch.allclose(together, one_by_one, atol=1e-5)


def test_the_order_of_a_studys_images_does_not_matter(network, batch_of):
    batch = batch_of([(3, "fever")])
    turned = replace(batch, images=batch.images.flip(1))

    assert torch.allclose(network(turned).logits, network(batch).logits, atol=1e-5)


def test_a_finer_grid_is_averaged_to_eight_cells_a_side(network):
    tokens, cells = network.image_tokens(torch.randn(1, 1, 1, 256, 256), torch.ones(1, 1, dtype=torch.bool))

    assert cells == (8, 8)
    assert tokens.shape == (1, 1, 64, network.width)


def test_before_it_is_fitted_a_network_says_its_prior(network, batch_of, tiny_text_encoder):
    config = ModelConfig(text_encoder=str(tiny_text_encoder), text_window=64, image_encoder="texture")
    fresh = KernelNetwork(config, findings=FINDINGS, text_encoder=network.text_encoder)

    assert torch.equal(fresh(batch_of(STUDIES)).logits, torch.zeros(len(STUDIES), len(FINDINGS)))


def test_a_stored_network_answers_with_the_same_bits(network, batch_of, tiny_text_encoder, tmp_path):
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    config = ModelConfig(text_encoder=str(tiny_text_encoder), text_window=64, image_encoder="texture")
    restored = KernelNetwork(config, findings=FINDINGS, text_encoder=build_text_encoder(config))

    restored.load_state_dict(load_file(tmp_path / "model.safetensors"))

    batch = batch_of(STUDIES)
    assert torch.equal(restored.eval()(batch).logits, network(batch).logits)


def test_shares_of_image_and_note_add_up_to_the_answer(network, batch_of):
    shares = modality_shares(network, batch_of([(2, "fever and cough")]), finding=1)

    assert sum(shares.shares.values()) == pytest.approx(shares.logit - shares.baseline_logit, abs=1e-5)
    assert all(abs(share) > 1e-3 for share in shares.shares.values())


def test_the_gradient_of_an_answer_reaches_every_cell_of_an_image(network, batch_of):
    batch = batch_of([(2, "fever")])
    images = network.encode_images(batch)
    tokens = images.planes.detach().requires_grad_()

    network.answer(batch, images=replace(images, planes=tokens)).logits[0, 0].backward()

    assert (tokens.grad.abs().sum(dim=3) > 0).all()


def test_a_study_without_images_has_no_heatmap(network, batch_of):
    example = type("NoPlanes", (), {"planes": (), "volumes": ()})()

    assert image_heatmaps(network, batch_of([(0, "fever")]), example, finding=0) == ()


def test_scores_are_a_weighted_sum_of_the_resemblance_to_landmarks():
    head = KernelHead(2)
    head.fit(
        landmarks=torch.tensor([[0.0], [2.0]]),
        coefficients=torch.tensor([[1.0, 0.0], [0.0, 3.0]]),
        bias=torch.tensor([0.5, 0.0]),
        gamma=1.0,
    )

    near, far = np.exp(-1.0), np.exp(-9.0)
    assert np.allclose(head(torch.tensor([[1.0], [-1.0]])), [[near + 0.5, 3 * near], [near + 0.5, 3 * far]], atol=1e-6)


def test_texture_tells_stripes_by_their_direction_and_keeps_no_weights():
    encoder = build_image_encoder("texture")
    ramp = torch.arange(64.0)
    stripes = torch.sin(2 * torch.pi * ramp / 5)[None].expand(64, 64)  # waves that run across
    across, down = encoder(torch.stack([stripes, stripes.T])[:, None]).grid.mean(dim=(2, 3)).reshape(2, 4, 8)

    assert encoder.state_dict() == {}
    assert divmod(int(across.argmax()), 8) == (1, 0)  # a wavelength of 5 pixels; no turn
    assert divmod(int(down.argmax()), 8) == (1, 4)  # a quarter turn
