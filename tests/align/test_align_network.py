import pytest
import torch
from align_builders import small_config

from mediscan.align.masked_words import MaskedWords
from mediscan.align.network import AlignmentNetwork
from mediscan.align.statements import Statements
from mediscan.align.steps import global_loss
from mediscan.config import ContrastiveLoss
from mediscan.errors import ConfigError
from mediscan.findings import FindingSet
from mediscan.model.network import DiagnosisNetwork
from mediscan.model.text import build_text_encoder, load_tokenizer


def make_network(text_encoder, *, loss=ContrastiveLoss.CLIP, layers=0):
    torch.manual_seed(0)
    config = small_config(text_encoder, model={"trainable_text_layers": layers}).model
    return AlignmentNetwork(config, text_encoder=build_text_encoder(config), loss=loss)


@pytest.fixture
def network(tiny_text_encoder):
    return make_network(tiny_text_encoder)


def inputs():
    """Four studies of two images; their notes have one to three statements of seven words."""
    torch.manual_seed(1)
    note = torch.tensor([0, 1, 1, 2, 3, 3, 3])
    statements = Statements(features=torch.randn(7, 7, 32), mask=torch.ones(7, 7, dtype=torch.bool), note=note)
    return torch.randn(4, 2, 1, 32, 32), torch.ones(4, 2, dtype=torch.bool), statements


def test_padding_changes_no_embedding(network):
    network.eval()
    images, image_mask, said = inputs()
    more_images = torch.cat([images, torch.randn(4, 1, 1, 32, 32)], dim=1)
    padded = network.embed_images(more_images, torch.nn.functional.pad(image_mask, (0, 1)))
    assert torch.allclose(network.embed_images(images, image_mask), padded, atol=1e-5)
    longer = Statements(
        features=torch.cat([said.features, torch.randn(7, 3, 32)], dim=1),
        mask=torch.nn.functional.pad(said.mask, (0, 3)),
        note=said.note,
    )
    assert torch.allclose(network.embed_notes(said).whole, network.embed_notes(longer).whole, atol=1e-5)


def test_embeddings_are_unit_vectors(network):
    network.eval()
    images, image_mask, said = inputs()
    notes = network.embed_notes(said)
    for vectors, count in ((network.embed_images(images, image_mask), 4), (notes.whole, 4), (notes.statements, 7)):
        assert vectors.shape == (count, network.width)
        assert torch.allclose(vectors.norm(dim=1), torch.ones(count), atol=1e-5)


def test_the_order_of_statements_does_not_matter_and_a_note_of_one_is_that_statement(network):
    network.eval()
    _, _, said = inputs()
    notes = network.embed_notes(said)
    order = torch.tensor([6, 2, 0, 3, 1, 5, 4])
    turned = Statements(features=said.features[order], mask=said.mask[order], note=said.note[order])
    assert torch.allclose(network.embed_notes(turned).whole, notes.whole, atol=1e-5)
    assert torch.allclose(notes.whole[0], notes.statements[0], atol=1e-5)


@pytest.mark.parametrize("loss", ContrastiveLoss)
def test_the_global_loss_reaches_every_weight_that_is_learned(tiny_text_encoder, loss):
    network = make_network(tiny_text_encoder, loss=loss)
    images, image_mask, said = inputs()
    same = torch.eye(4, dtype=torch.bool)
    notes = network.embed_notes(said).whole
    global_loss(network, network.embed_images(images, image_mask), notes, duplicates=same, kind=loss).backward()
    idle = {name for name, parameter in network.learned() if parameter.grad is None or not parameter.grad.abs().sum()}
    # The bias of a softmax shifts all pairs alike.
    assert idle == {"statement_log_scale"} | ({"bias"} if loss is ContrastiveLoss.CLIP else set())


def test_weights_of_fusion_and_heads_are_not_learned(network):
    names = {name for name, _ in network.learned()}
    assert any(name.startswith("encoders.image_encoder.") for name in names)
    assert not any("fusion" in name or "_head" in name for name in names)


def test_the_encoders_have_the_keys_of_a_diagnosis_network(network, tiny_text_encoder):
    config = small_config(tiny_text_encoder).model
    other = DiagnosisNetwork(config, findings=FindingSet(("a",)), text_encoder=build_text_encoder(config))
    given, own = network.encoder_state(), other.state_dict()
    assert given
    assert all(own[name].shape == value.shape for name, value in given.items())


def test_guessing_masked_words_teaches_the_text_encoder(tiny_text_encoder):
    encoder = make_network(tiny_text_encoder, layers=1).text_encoder
    tokenizer = load_tokenizer(tiny_text_encoder, window=64, most=64)
    head = MaskedWords(encoder, tokenizer)
    windows = [
        window for text in ("no pleural effusion is seen", "small effusion") for window in tokenizer(text).windows
    ]
    optimizer = torch.optim.Adam([*head.parameters(), *(p for p in encoder.parameters() if p.requires_grad)], lr=3e-2)
    losses = []
    for step in range(16):
        loss = head(encoder, windows * 2, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-4:]) / 4 < sum(losses[:4]) / 4 - 0.5


def test_a_frozen_encoder_guesses_no_words(network, tiny_text_encoder):
    tokenizer = load_tokenizer(tiny_text_encoder, window=64, most=64)
    with pytest.raises(ConfigError, match="masked_words_weight is set, but the text encoder is frozen"):
        MaskedWords(network.text_encoder, tokenizer)
