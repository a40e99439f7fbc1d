import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import BertModel, Dinov2Config, Dinov2Model, SiglipVisionConfig, SiglipVisionModel

from mediscan.errors import ConfigError
from mediscan.model.adapters import add_adapters
from mediscan.model.image import build_image_encoder, build_volume_encoder, restore_image_encoder


@pytest.fixture(params=["resnet-small", "densenet121", "efficientnet-b0", "resnet-small-3d", "dinov2", "siglip"])
def encoder(request, tmp_path):
    torch.manual_seed(0)
    if request.param == "dinov2":
        config = Dinov2Config(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=70, patch_size=14)
        Dinov2Model(config).save_pretrained(tmp_path)
    elif request.param == "siglip":
        sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
        SiglipVisionModel(SiglipVisionConfig(**sizes, image_size=64, patch_size=16)).save_pretrained(tmp_path)
    elif request.param.endswith("3d"):
        return build_volume_encoder(request.param)
    else:
        return build_image_encoder(request.param)
    return build_image_encoder(str(tmp_path))


@pytest.fixture
def images(encoder):
    is_volume = str(encoder.origin.get("name")).endswith("3d")
    return torch.randn(2, 1, *[32 if is_volume else 64] * (3 if is_volume else 2))


def train_one_step(encoder, images):
    optimizer = torch.optim.SGD([parameter for parameter in encoder.parameters() if parameter.requires_grad], lr=0.5)
    encoder.train()
    encoder(images).grid.square().mean().backward()
    optimizer.step()


@torch.inference_mode()
def test_adapters_change_nothing_before_they_are_trained(encoder, images):
    before = encoder.eval()(images).grid
    add_adapters(encoder.network, rank=4)

    assert torch.allclose(encoder.eval()(images).grid, before, atol=1e-6)


def test_only_adapters_change_in_training(encoder, images):
    add_adapters(encoder.network, rank=4)
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}

    train_one_step(encoder, images)

    changed = {name for name, tensor in encoder.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed
    assert all("lora_" in name for name in changed)
    assert (
        sum(p.numel() for p in encoder.parameters() if p.requires_grad)
        < sum(p.numel() for p in encoder.parameters()) / 3
    )


def test_a_trained_encoder_with_adapters_is_restored_from_safetensors(encoder, images, tmp_path):
    add_adapters(encoder.network, rank=4)
    train_one_step(encoder, images)
    save_file({name: tensor.contiguous() for name, tensor in encoder.state_dict().items()}, tmp_path / "w.safetensors")

    restored = restore_image_encoder(encoder.config)
    add_adapters(restored.network, rank=4)
    restored.load_state_dict(load_file(tmp_path / "w.safetensors"))

    with torch.inference_mode():
        assert torch.equal(restored.eval()(images).grid, encoder.eval()(images).grid)


def test_a_text_encoder_gets_adapters_beside_its_queries_and_values(tiny_text_encoder):
    body = BertModel.from_pretrained(tiny_text_encoder)
    add_adapters(body, rank=2)

    learning = {name for name, parameter in body.named_parameters() if parameter.requires_grad}
    assert {name.split(".")[5] for name in learning} == {"query", "value"}
    assert len(learning) == 2 * 2 * 2  # layers, query and value, two matrices


def test_a_higher_rank_has_more_weights():
    counts = []
    for rank in (1, 8):
        network = add_adapters(build_image_encoder("resnet-small").network, rank=rank)
        counts.append(sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad))

    assert counts[1] == 8 * counts[0]


def test_a_network_without_anything_to_adapt_is_refused():
    with pytest.raises(ConfigError, match=r"no attention and no convolution .* Set its adapter rank to 0"):
        add_adapters(nn.Sequential(nn.LayerNorm(4), nn.GELU()), rank=2)


def test_adapters_are_added_once():
    network = add_adapters(build_image_encoder("resnet-small").network, rank=2)

    with pytest.raises(ConfigError, match="has adapters already"):
        add_adapters(network, rank=2)
