import numpy as np
import pytest
import torch

from mediscan.config import Augmentation
from mediscan.data.augment import Variation

KINDS = list(Augmentation)
VARYING = [Augmentation.MILD, Augmentation.STRONG]


def planes(count=4, size=32):
    """Smooth planes with a bright spot high on the left, so that mirroring would show."""
    rows, columns = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size), indexing="ij")
    spot = np.exp(-((rows + 0.5) ** 2 + (columns + 0.4) ** 2) / 0.05)
    return torch.from_numpy(np.repeat(spot[None, None], count, axis=0).astype(np.float32))


def draw(kind, count=4, *, seed=0):
    return Variation.draw(kind, count, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("kind", KINDS)
def test_equal_draws_give_equal_planes(kind):
    torch.manual_seed(1)
    first = draw(kind).apply(planes())
    torch.manual_seed(2)  # the global generator must not matter, or a resumed run would differ
    second = draw(kind).apply(planes())
    assert torch.equal(first, second)


@pytest.mark.parametrize("kind", VARYING)
def test_applying_a_draw_again_repeats_it(kind):
    variation = draw(kind)
    assert torch.equal(variation.apply(planes()), variation.apply(planes()))


@pytest.mark.parametrize("kind", VARYING)
def test_another_seed_gives_other_planes(kind):
    assert not torch.equal(draw(kind, seed=0).apply(planes()), draw(kind, seed=1).apply(planes()))


@pytest.mark.parametrize("kind", VARYING)
def test_each_plane_is_varied_on_its_own(kind):
    varied = draw(kind).apply(planes())
    assert not torch.allclose(varied[0], varied[1], atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_no_draw_mirrors(kind):
    matrices = draw(kind, 5000).affine[:, :, :2]
    assert (torch.linalg.det(matrices) > 0).all()
    # Nor turns by as much as a right angle, which would swap sides too.
    assert (matrices[:, 0, 0] > 0.5).all()


@pytest.mark.parametrize("kind", VARYING)
def test_a_spot_on_the_left_stays_on_the_left(kind):
    varied = draw(kind, 200).apply(planes(200))[:, 0]  # (N, S, S)
    assert (varied[:, :, :16].amax(dim=(1, 2)) > varied[:, :, 16:].amax(dim=(1, 2))).float().mean() > 0.95


def test_no_augmentation_leaves_planes_as_they_are():
    given = planes()
    torch.testing.assert_close(draw(Augmentation.NONE).apply(given), given, atol=1e-5, rtol=0)


def test_strong_varies_more_than_mild():
    given = planes(100)
    mild, strong = ((draw(kind, 100).apply(given) - given).square().mean() for kind in VARYING)
    assert strong > 2 * mild > 0


@pytest.mark.parametrize("kind", KINDS)
def test_planes_keep_shape_and_type_and_stay_finite(kind):
    varied = draw(kind, 3).apply(planes(3))
    assert varied.shape == (3, 1, 32, 32)
    assert varied.dtype == torch.float32
    assert torch.isfinite(varied).all()


def test_no_planes_can_be_varied():
    assert draw(Augmentation.MILD, 0).apply(torch.zeros(0, 1, 32, 32)).shape == (0, 1, 32, 32)


def test_varying_leaves_the_given_planes_as_they_were():
    given = planes()
    draw(Augmentation.STRONG).apply(given)
    assert torch.equal(given, planes())


def test_what_comes_in_from_outside_is_empty():
    variation = Variation(
        affine=torch.tensor([[[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]]),  # half the picture to the left
        gain=torch.ones(1),
        offset=torch.zeros(1),
        noise=torch.zeros(1),
        seed=0,
    )
    moved = variation.apply(torch.ones(1, 1, 32, 32))
    assert (moved[..., :15] == 1).all()
    assert (moved[..., 17:] == 0).all()


def test_gain_offset_and_noise_do_what_they_say():
    variation = Variation(
        affine=torch.eye(2, 3).repeat(2, 1, 1),
        gain=torch.tensor([2.0, 1.0]),
        offset=torch.tensor([0.5, 0.0]),
        noise=torch.tensor([0.0, 0.1]),
        seed=3,
    )
    given = planes(2, size=64)
    varied = variation.apply(given)
    torch.testing.assert_close(varied[0], given[0] * 2 + 0.5, atol=1e-5, rtol=0)
    assert 0.09 < float((varied[1] - given[1]).std()) < 0.11
