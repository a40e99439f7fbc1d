import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    BertConfig,
    BertModel,
    CLIPVisionConfig,
    ConvNextConfig,
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    SiglipConfig,
    SiglipModel,
    SiglipVisionConfig,
    SiglipVisionModel,
    SwinConfig,
    ViTConfig,
)

from mediscan.errors import ConfigError
from mediscan.model.image import build_image_encoder, restore_image_encoder

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
DINOV2 = Dinov2Config(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=70, patch_size=14)
SIGLIP = SiglipVisionConfig(**SMALL, image_size=64, patch_size=16)
CONFIGS = {
    "dinov2": DINOV2,
    "dinov2 with registers": Dinov2WithRegistersConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=70, patch_size=14
    ),
    "siglip": SIGLIP,
    "clip": CLIPVisionConfig(**SMALL, image_size=64, patch_size=16),
    "vit": ViTConfig(**SMALL, image_size=64, patch_size=16),
    "swin": SwinConfig(embed_dim=12, depths=[1, 1, 2, 1], num_heads=[1, 1, 2, 2], image_size=64, window_size=2),
    "convnext": ConvNextConfig(hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1]),
}
RAD_DINO = {"do_rescale": True, "rescale_factor": 1 / 255, "image_mean": [0.53] * 3, "image_std": [0.25] * 3}
MEDSIGLIP = {"do_rescale": True, "rescale_factor": 1 / 255, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}


def save(folder, config, *, preprocessor=None):
    """A folder in the Hugging Face format with random weights; the network that wrote it is the reference."""
    torch.manual_seed(0)
    network = AutoModel.from_config(config).eval()
    # Initial weights are so small that wrong ones could not be told from right ones.
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    network.save_pretrained(folder)
    if preprocessor:
        (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    return network


def eight_bit_image(side):
    """(1, 1, side, side) whole grey values 0 to 255; 5 % are black and 5 % white, as where a display saturates."""
    torch.manual_seed(1)
    smooth = torch.nn.functional.interpolate(torch.randn(1, 1, 8, 8), (side, side), mode="bicubic")
    low, high = smooth.quantile(0.05), smooth.quantile(0.95)
    return ((smooth - low) / (high - low) * 255).round().clamp(0, 255)


def standardised(grey):
    """As planes reach the network."""
    return (grey - grey.mean()) / grey.std(correction=0)


@torch.inference_mode()
@pytest.mark.parametrize(
    ("config", "preprocessor", "side", "first"),
    [(DINOV2, RAD_DINO, 70, 1), (DINOV2, RAD_DINO, 112, 1), (SIGLIP, MEDSIGLIP, 64, 0), (SIGLIP, MEDSIGLIP, 96, 0)],
    ids=["dinov2", "dinov2 larger", "siglip", "siglip larger"],
)
def test_features_are_those_of_the_library_with_its_own_preprocessing(tmp_path, config, preprocessor, side, first):
    save(tmp_path, config, preprocessor=preprocessor)
    grey = eight_bit_image(side)

    grid = build_image_encoder(str(tmp_path)).eval()(standardised(grey)).grid

    reference = (Dinov2Model if config is DINOV2 else SiglipVisionModel).from_pretrained(tmp_path).eval()
    mean, deviation = preprocessor["image_mean"][0], preprocessor["image_std"][0]
    pixels = ((grey / 255 - mean) / deviation).expand(-1, 3, -1, -1)
    options = {} if config is DINOV2 else {"interpolate_pos_encoding": True}
    expected = reference(pixel_values=pixels, **options).last_hidden_state[:, first:]
    cells = side // config.patch_size
    assert grid.shape == (1, 32, cells, cells)
    assert torch.allclose(grid.flatten(2).transpose(1, 2), expected, atol=1e-4)


@torch.inference_mode()
@pytest.mark.parametrize("name", CONFIGS)
def test_each_network_gives_a_grid_at_its_own_and_at_another_size(tmp_path, name):
    save(tmp_path, CONFIGS[name])
    encoder = build_image_encoder(str(tmp_path)).eval()

    for side in (64, 70, 100, 128):
        grid = encoder(torch.randn(2, 1, side, side)).grid
        assert grid.shape[:2] == (2, encoder.channels)
        assert grid.shape[2] == grid.shape[3] == max(1, round(side / encoder.multiple))
        assert torch.isfinite(grid).all()


@torch.inference_mode()
@pytest.mark.parametrize("name", ["dinov2", "dinov2 with registers", "siglip", "clip", "vit"])
def test_the_first_cell_sees_the_upper_left_corner(tmp_path, name):
    save(tmp_path, CONFIGS[name])
    encoder = build_image_encoder(str(tmp_path)).eval()
    plain = torch.zeros(1, 1, 112, 112)
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        spotted = plain.clone()
        spotted[..., 56 * row : 56 * row + 56, 56 * column : 56 * column + 56] = 3.0
        # Attention spreads the change, the patch's own is the largest by far: corners are compared.
        change = (encoder(spotted).grid - encoder(plain).grid).norm(dim=1)[0]
        corners = change[[0, 0, -1, -1], [0, -1, 0, -1]]
        assert divmod(int(corners.argmax()), 2) == (row, column)


@torch.inference_mode()
def test_an_encoder_is_restored_from_its_json_without_the_folder(tmp_path):
    save(tmp_path / "model", SIGLIP, preprocessor=MEDSIGLIP)
    encoder = build_image_encoder(str(tmp_path / "model")).eval()
    stored = json.dumps(encoder.config)
    assert str(tmp_path) not in stored

    (tmp_path / "model").rename(tmp_path / "gone")
    restored = restore_image_encoder(json.loads(stored)).eval()
    restored.load_state_dict(encoder.state_dict())

    images = torch.randn(2, 1, 64, 64)
    assert torch.equal(restored(images).grid, encoder(images).grid)
    assert restored.pretrained


@torch.inference_mode()
def test_of_a_dual_model_the_vision_tower_is_taken(tmp_path):
    torch.manual_seed(0)
    text = {**SMALL, "vocab_size": 50, "projection_size": 32, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    dual = SiglipModel(SiglipConfig(text_config=text, vision_config=SIGLIP.to_dict())).eval()
    dual.save_pretrained(tmp_path)
    images = torch.randn(1, 1, 64, 64)

    grid = build_image_encoder(str(tmp_path)).eval()(images).grid

    expected = dual.vision_model(pixel_values=images.expand(-1, 3, -1, -1)).last_hidden_state
    assert torch.allclose(grid.flatten(2).transpose(1, 2), expected, atol=1e-4)


@pytest.mark.parametrize("name", CONFIGS)
def test_only_weights_that_features_come_from_learn(tmp_path, name):
    save(tmp_path, CONFIGS[name])
    encoder = build_image_encoder(str(tmp_path)).train()
    encoder(torch.randn(2, 1, 64, 64)).grid.square().mean().backward()

    learning = {name: parameter for name, parameter in encoder.named_parameters() if parameter.requires_grad}
    assert len(learning) > 20
    assert [name for name, parameter in learning.items() if parameter.grad is None] == []


@pytest.mark.parametrize("name", ["dinov2", "siglip", "clip", "vit", "swin"])
def test_layers_are_the_embeddings_and_each_block(tmp_path, name):
    save(tmp_path, CONFIGS[name])
    layers = build_image_encoder(str(tmp_path)).layers()

    assert "Embeddings" in type(next(iter(layers[0].modules()))).__name__ + str(layers[0])
    assert len(layers) >= 3


def test_a_folder_without_preprocessing_values_takes_standardised_planes(tmp_path):
    save(tmp_path, DINOV2)

    assert build_image_encoder(str(tmp_path)).intensity is None


@pytest.mark.parametrize(
    ("values", "mean", "deviation"),
    [
        ({"do_normalize": False}, 0.0, 1.0),
        ({"rescale_factor": 1 / 127.5, "image_mean": [1.0] * 3, "image_std": [1.0] * 3}, 0.5, 0.5),
        ({"do_rescale": False, "image_mean": [127.5] * 3, "image_std": [51.0] * 3}, 0.5, 0.2),
        ({"image_mean": 0.5, "image_std": 0.25}, 0.5, 0.25),
    ],
)
def test_preprocessing_values_are_brought_to_grey_from_0_to_1(tmp_path, values, mean, deviation):
    save(tmp_path, DINOV2, preprocessor=values)

    intensity = build_image_encoder(str(tmp_path)).intensity

    assert intensity.mean == pytest.approx([mean] * 3)
    assert intensity.deviation == pytest.approx([deviation] * 3)


def test_preprocessing_values_of_another_number_of_channels_are_refused(tmp_path):
    save(tmp_path, DINOV2, preprocessor={"image_mean": [0.5], "image_std": [0.5]})

    with pytest.raises(ConfigError, match=r"no image_mean and image_std of 3 numbers. Mend that file"):
        build_image_encoder(str(tmp_path))


def test_pickled_weights_are_refused(tmp_path):
    network = save(tmp_path, DINOV2)
    (tmp_path / "model.safetensors").unlink()
    torch.save(network.state_dict(), tmp_path / "pytorch_model.bin")

    with pytest.raises(
        ConfigError, match=r"cannot be loaded: OSError. Give a folder with config.json and model.safetens"
    ):
        build_image_encoder(str(tmp_path))


def test_a_model_that_brings_its_own_code_is_refused_and_its_code_does_not_run(tmp_path):
    marker = tmp_path / "ran"
    (tmp_path / "own.py").write_text(f"import pathlib\npathlib.Path({str(marker)!r}).touch()\nclass Own: pass\n")
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModel": "own.Own"}})
    )

    with pytest.raises(ConfigError, match="cannot be loaded: ValueError"):
        build_image_encoder(str(tmp_path))
    assert not marker.exists()


def test_a_text_model_is_refused(tmp_path):
    BertModel(BertConfig(**SMALL, vocab_size=50)).save_pretrained(tmp_path)

    with pytest.raises(ConfigError, match=r"cannot be loaded: AttributeError. Give a folder .* of a vision model"):
        build_image_encoder(str(tmp_path))


def test_a_checkpoint_that_lacks_weights_is_refused(tmp_path):
    save(tmp_path, DINOV2)
    weights = load_file(tmp_path / "model.safetensors")
    lost = next(name for name in weights if "mlp" in name)
    del weights[lost]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ConfigError, match=r"lacks 1 weights of its image encoder, encoder\..*mlp"):
        build_image_encoder(str(tmp_path))


def test_a_folder_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match="'/nowhere/model' cannot be loaded"):
        build_image_encoder("/nowhere/model")
