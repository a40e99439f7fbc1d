import pytest
import torch

from mediscan.errors import ConfigError
from mediscan.model.image import ENCODERS, ImageFeatures, build_image_encoder, grid_positions


@pytest.fixture(params=ENCODERS)
def encoder(request):
    torch.manual_seed(0)
    return build_image_encoder(request.param).eval()


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


def test_an_unknown_encoder_is_refused_with_the_list():
    with pytest.raises(ConfigError, match=r"no image encoder 'vgg'. Choose one of: resnet-small, "):
        build_image_encoder("vgg")


@pytest.mark.parametrize(("height", "width", "channels"), [(8, 8, 128), (8, 8, 16), (7, 5, 30), (16, 16, 32)])
def test_grid_positions_differ_everywhere(height, width, channels):
    positions = grid_positions(height, width, channels=channels)

    assert positions.shape == (height * width, channels)
    distance = torch.cdist(positions, positions) + torch.eye(height * width) * 9
    assert float(distance.min()) > 0.1


def test_grid_positions_keep_their_meaning_in_another_grid():
    assert torch.allclose(grid_positions(1, 1, channels=16)[0], grid_positions(3, 3, channels=16)[4], atol=1e-6)
    # The corner of a coarse grid lies between the four corner cells of one twice as fine.
    row = grid_positions(2, 2, channels=16)[0, 0]
    fine = grid_positions(4, 4, channels=16)[:, 0].reshape(4, 4)
    assert fine[0, 0] < row < fine[1, 0]
