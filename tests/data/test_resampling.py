import numpy as np
import pytest
from PIL import Image

from mediscan.data.resampling import resampled

SHAPES = [
    ((512, 512), (128, 128)),
    ((421, 512), (105, 128)),
    ((10, 13), (98, 128)),
    ((1, 1), (16, 16)),
    ((3, 500), (1, 64)),
]


def noise(*shape):
    return np.random.default_rng(0).random(shape, dtype=np.float32)


@pytest.mark.parametrize(("shape", "wanted"), SHAPES)
def test_a_plane_is_resized_as_pillow_does_but_for_rounding(shape, wanted):
    plane = noise(*shape)
    expected = np.asarray(Image.fromarray(plane).resize(wanted[::-1], Image.Resampling.BILINEAR))
    made = resampled(plane, height=wanted[0], width=wanted[1])
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, expected, atol=5e-7)


def test_a_plane_of_the_wanted_size_stays_as_it_is():
    plane = noise(33, 31)
    np.testing.assert_array_equal(resampled(plane, height=33, width=31), plane)


def test_an_even_plane_stays_even_at_any_size():
    for height, width in ((7, 128), (128, 7), (300, 200)):
        np.testing.assert_allclose(
            resampled(np.full((64, 48), 3, np.float32), height=height, width=width), 3, rtol=1e-6
        )
