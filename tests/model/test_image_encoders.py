import json

import pytest
import torch
from torch import nn

from mediscan.errors import ConfigError
from mediscan.model.image import (
    ENCODERS,
    VOLUME_ENCODERS,
    ImageEncoder,
    ImageFeatures,
    Intensity,
    build_image_encoder,
    build_volume_encoder,
    grid_positions,
    restore_image_encoder,
)

QUICK = {"resnet-small", "resnet18", "densenet121", "efficientnet-b0", "vit", "swin", "resnet-small-3d", "vit-3d"}


def named(names):
    """All encoders; the large ones, which differ from others in their size alone, only where there is time."""
    return [name if name in QUICK else pytest.param(name, marks=pytest.mark.thorough) for name in names]


@pytest.fixture(params=named(ENCODERS))
def encoder(request):
    torch.manual_seed(0)
    return build_image_encoder(request.param).eval()


@pytest.fixture(params=named(VOLUME_ENCODERS))
def volume_encoder(request):
    torch.manual_seed(0)
    return build_volume_encoder(request.param).eval()


@torch.inference_mode()
def test_each_encoder_gives_its_promised_channels_on_a_square_grid(encoder):
    grid = encoder(torch.randn(2, 1, 64, 64)).grid

    assert grid.shape[:2] == (2, encoder.channels)
    assert grid.shape[2] == grid.shape[3] >= 2
    assert torch.isfinite(grid).all()


@torch.inference_mode()
def test_a_larger_image_gives_a_finer_grid_and_as_many_channels(encoder):
    small, large = encoder(torch.randn(1, 1, 64, 64)).grid, encoder(torch.randn(1, 1, 128, 128)).grid

    assert large.shape[1] == small.shape[1]
    assert large.shape[2] == 2 * small.shape[2]


@torch.inference_mode()
def test_a_spot_shows_most_at_its_own_place_in_the_grid(encoder):
    plain = torch.randn(1, 1, 128, 128) * 0.1
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        spotted = plain.clone()
        spotted[..., 64 * row + 16 : 64 * row + 48, 64 * column + 16 : 64 * column + 48] += 3.0
        change = (encoder(spotted).grid - encoder(plain).grid).norm(dim=1)[0]
        half = change.shape[0] // 2
        quarters = change.reshape(2, half, 2, half).sum(dim=(1, 3))
        assert divmod(int(quarters.argmax()), 2) == (row, column)


@torch.inference_mode()
@pytest.mark.parametrize("side", [33, 100])
def test_any_side_gives_a_grid_over_the_whole_image(encoder, side):
    grid = encoder(torch.randn(1, 1, side, side)).grid

    assert torch.isfinite(grid).all()
    last_row = torch.zeros(1, 1, side, side)
    last_row[..., -side // 8 :, :] = 5.0  # would be lost if sides were cut to a multiple of the patch
    shown, plain = encoder(last_row).grid, encoder(torch.zeros_like(last_row)).grid
    assert float((shown - plain).norm()) > 0.01 * float(shown.norm())


@torch.inference_mode()
def test_a_batch_of_three_equals_three_singles(encoder):
    images = torch.randn(3, 1, 64, 64)

    together = encoder(images).grid
    one_by_one = torch.cat([encoder(image[None]).grid for image in images])

    assert torch.allclose(together, one_by_one, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
@pytest.mark.parametrize("shape", [(32, 64, 64), (8, 32, 32), (20, 40, 40)])
def test_each_volume_encoder_gives_its_promised_channels_on_a_grid_of_three_axes(volume_encoder, shape):
    features = volume_encoder(torch.randn(2, 1, *shape))

    assert features.grid.shape[:2] == (2, volume_encoder.channels)
    assert len(features.cells) == 3
    assert features.tokens.shape == (
        2,
        features.cells[0] * features.cells[1] * features.cells[2],
        features.grid.shape[1],
    )
    assert torch.isfinite(features.grid).all()


@torch.inference_mode()
@pytest.mark.parametrize("name", named(["resnet-small-3d", "resnet10-3d", "densenet121-3d", "swin-3d", "vit-3d"]))
def test_a_spot_in_a_volume_shows_most_in_its_own_octant(name):
    torch.manual_seed(0)
    encoder = build_volume_encoder(name).eval()
    plain = torch.randn(1, 1, 64, 64, 64) * 0.1  # at least two cells along each axis, in every network
    before = encoder(plain).grid
    for octant in ((0, 0, 0), (1, 0, 1), (0, 1, 1)):
        spotted = plain.clone()
        depth, row, column = (32 * half for half in octant)
        spotted[..., depth : depth + 24, row : row + 24, column : column + 24] += 1.0
        change = (encoder(spotted).grid - before).norm(dim=1)[0]
        d, h, w = (cells // 2 for cells in change.shape)
        octants = change.reshape(2, d, 2, h, 2, w).sum(dim=(1, 3, 5))
        assert tuple(int(at) for at in torch.unravel_index(octants.argmax(), octants.shape)) == octant


def test_tokens_are_the_grid_row_by_row():
    grid = torch.randn(2, 5, 3, 4)
    tokens = ImageFeatures(grid=grid).tokens

    assert tokens.shape == (2, 12, 5)
    for row in range(3):
        for column in range(4):
            assert torch.equal(tokens[:, row * 4 + column], grid[:, :, row, column])


def test_the_small_encoder_gives_64_tokens_at_128_pixels():
    with torch.inference_mode():
        assert build_image_encoder("resnet-small").eval()(torch.randn(1, 1, 128, 128)).tokens.shape[1] == 64


def test_the_small_volume_encoder_gives_256_tokens_of_32_slices():
    with torch.inference_mode():
        features = build_volume_encoder("resnet-small-3d").eval()(torch.randn(1, 1, 32, 64, 64))

    assert features.cells == (4, 8, 8)


def test_an_unknown_encoder_is_refused_with_the_list():
    with pytest.raises(ConfigError, match=r"no image encoder 'vgg'. Choose one of: resnet-small, "):
        build_image_encoder("vgg")
    with pytest.raises(ConfigError, match=r"no volume encoder 'resnet18'. Choose one of: resnet-small-3d, "):
        build_volume_encoder("resnet18")


@torch.inference_mode()
@pytest.mark.parametrize("name", named([*ENCODERS, *VOLUME_ENCODERS]))
def test_an_encoder_is_restored_from_its_json_and_its_weights(name):
    torch.manual_seed(1)
    build = build_image_encoder if name in ENCODERS else build_volume_encoder
    encoder = build(name).eval()
    encoder.intensity = Intensity(mean=(0.5,), deviation=(0.25,))

    restored = restore_image_encoder(json.loads(json.dumps(encoder.config)))
    restored.load_state_dict(encoder.state_dict())

    images = torch.randn(1, 1, 64, 64) if name in ENCODERS else torch.randn(1, 1, 32, 32, 32)
    assert torch.equal(restored.eval()(images).grid, encoder(images).grid)
    assert restored.intensity == encoder.intensity


def test_intensity_brings_the_percentiles_of_each_image_to_the_expected_range():
    grey = torch.linspace(-0.2, 1.2, 10_000).clamp(0, 1).reshape(1, 1, 100, 100)
    images = torch.cat([(grey - grey.mean()) / grey.std(), grey * 50 + 7])
    scaled = Intensity(mean=(0.5, 0.4), deviation=(1 / 2048, 0.2))(images)

    expected = torch.cat([(grey - 0.5) * 2048, (grey - 0.4) / 0.2], dim=1)
    assert torch.allclose(scaled, expected.expand(2, -1, -1, -1), atol=0.05)


def test_intensity_of_a_constant_image_is_finite():
    assert torch.isfinite(Intensity(mean=(0.5,), deviation=(0.2,))(torch.zeros(1, 1, 8, 8))).all()


def test_a_few_burnt_in_marks_do_not_change_the_intensity_of_the_rest():
    grey = torch.rand(1, 1, 100, 100)
    marked = grey.clone()
    marked[0, 0, 0, :30] = 40.0
    intensity = Intensity(mean=(0.0,), deviation=(1.0,))

    assert float((intensity(marked) - intensity(grey))[0, 0, 1:].abs().max()) < 0.02


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "efficientnet-b0", "resnet-small-3d"])
def test_each_weight_of_an_encoder_learns(name):
    encoder = restore_image_encoder({"library": "monai", "name": name, "intensity": None, "pretrained": False})
    encoder(torch.randn(2, 1, *[64] * (3 if "3d" in name else 2))).grid.square().mean().backward()

    assert [name for name, parameter in encoder.named_parameters() if parameter.grad is None] == []


def test_a_batch_norm_that_rests_keeps_its_statistics_in_training():
    encoder = build_image_encoder("resnet-small").train()
    for parameter in encoder.network.layer1.parameters():
        parameter.requires_grad = False
    before = {name: value.clone() for name, value in encoder.network.state_dict().items()}

    encoder.train()(torch.randn(4, 1, 64, 64))

    changed = {
        name.split(".")[0] for name, value in encoder.network.state_dict().items() if not value.equal(before[name])
    }
    assert changed == {"bn1", "layer2", "layer3", "layer4"}


def test_an_encoder_of_any_body_has_layers_and_a_network():
    body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3))
    encoder = ImageEncoder(body, channels=4)

    assert encoder.network is body
    assert len(encoder.layers()) == 2  # the norm belongs to the convolution before it


@pytest.mark.parametrize(
    ("cells", "channels"),
    [((8, 8), 128), ((8, 8), 16), ((7, 5), 30), ((16, 16), 32), ((4, 8, 8), 128), ((2, 3, 5), 20)],
)
def test_grid_positions_differ_everywhere(cells, channels):
    positions = grid_positions(*cells, channels=channels)
    count = len(positions)

    assert positions.shape == (torch.tensor(cells).prod(), channels)
    distance = torch.cdist(positions, positions) + torch.eye(count) * 9
    assert float(distance.min()) > 0.1


def test_grid_positions_keep_their_meaning_in_another_grid():
    assert torch.allclose(grid_positions(1, 1, channels=16)[0], grid_positions(3, 3, channels=16)[4], atol=1e-6)
    # The corner of a coarse grid lies between the four corner cells of one twice as fine.
    row = grid_positions(2, 2, channels=16)[0, 0]
    fine = grid_positions(4, 4, channels=16)[:, 0].reshape(4, 4)
    assert fine[0, 0] < row < fine[1, 0]


def test_grid_positions_of_a_volume_give_each_axis_its_own_channels():
    positions = grid_positions(2, 3, 4, channels=24).reshape(2, 3, 4, 3, 8)

    for axis in range(3):
        others = [other for other in range(3) if other != axis]
        told = positions[..., axis, :]
        first = told.index_select(others[0], torch.tensor([0])).index_select(others[1], torch.tensor([0]))
        assert torch.equal(told, first.expand_as(told))
