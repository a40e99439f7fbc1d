import sys

import numpy as np
import pytest

from mediscan.data.images import Placement, fit_planes
from mediscan.data.resampling import rounded_to_half
from mediscan.sources.pixels import Pixels, VoiFunction, Window

SHAPES = [(64, 64), (120, 45), (45, 120), (101, 37), (37, 101), (33, 31), (7, 5), (300, 2)]
SIZES = [64, 63, 128]


def picture(*shape, seed=0):
    return np.random.default_rng(seed).normal(100.0, 20.0, shape).astype(np.float32)


def fit_one(values, *, size, **kwargs):
    (plane,) = fit_planes(Pixels(values=values[np.newaxis], **kwargs), size=size, planes=1)
    return plane


@pytest.mark.parametrize(("height", "width"), SHAPES)
@pytest.mark.parametrize("size", SIZES)
def test_a_plane_fills_the_square_in_one_direction_and_stays_inside_in_both(height, width, size):
    placement = Placement(height=height, width=width, size=size)
    fitted, corner = placement.fitted, placement.corner
    assert max(fitted) == size
    assert min(fitted) >= 1
    for side, start in zip(fitted, corner, strict=True):
        assert start >= 0
        assert abs((size - side) - 2 * start) <= 1  # centred, to the pixel


@pytest.mark.parametrize(("height", "width"), [(120, 45), (45, 120), (101, 37)])
def test_the_aspect_ratio_is_kept_to_a_pixel(height, width):
    fitted = Placement(height=height, width=width, size=128).fitted
    assert abs(fitted[0] - fitted[1] * height / width) <= height / width
    assert (fitted[0] > fitted[1]) == (height > width)


@pytest.mark.parametrize(("height", "width"), SHAPES)
@pytest.mark.parametrize("size", SIZES)
def test_a_peak_in_the_square_maps_back_to_its_source_pixel(height, width, size):
    # A spot as large as a pixel of the square or of the source, whichever is larger, put through the same fitting as
    # an image: what the network could have seen best is where the spot is.
    step = max(1, -(-max(height, width) // size))
    rng = np.random.default_rng(height * 1000 + width)
    for _ in range(5):
        row, column = int(rng.integers(height)), int(rng.integers(width))
        values = np.zeros((height, width), dtype=np.float32)
        values[max(0, row - step // 2) : row + step // 2 + 1, max(0, column - step // 2) : column + step // 2 + 1] = 1.0
        plane = fit_one(values, size=size, voi=Window.full_range(1.0))
        mapped = plane.placement.to_source(plane.values.astype(np.float32))
        assert mapped.shape == (height, width)
        found = np.unravel_index(int(mapped.argmax()), mapped.shape)
        assert abs(found[0] - row) <= step
        assert abs(found[1] - column) <= step


def cell_in_source(cell, *, cells, length, longest):
    """Where a cell of a grid over the square begins and ends along a side of the source, in its pixels.

    Worked out from the definition, without `Placement`: the longest side spans the square, the other is centred in it.
    """
    start = (longest - length) / 2
    return cell * longest / cells - start, (cell + 1) * longest / cells - start


@pytest.mark.parametrize(("height", "width"), [(64, 64), (120, 48), (48, 120), (101, 37), (37, 101), (30, 41)])
@pytest.mark.parametrize("cells", [4, 7, 8])
def test_a_hot_cell_of_a_coarse_grid_maps_back_into_the_source_pixels_it_covers(height, width, cells):
    longest, size = max(height, width), 64
    slack = 1 + longest / size  # rounding the fitted sides may cost a pixel of the square
    tried = 0
    for row in range(cells):
        for column in range(cells):
            spans = (
                cell_in_source(row, cells=cells, length=height, longest=longest),
                cell_in_source(column, cells=cells, length=width, longest=longest),
            )
            centres = [(first + last) / 2 for first, last in spans]
            if not all(0 < centre < length for centre, length in zip(centres, (height, width), strict=True)):
                continue  # the cell's centre lies outside the picture
            grid = np.zeros((cells, cells), dtype=np.float32)
            grid[row, column] = 1.0
            mapped = Placement(height=height, width=width, size=size).to_source(grid)
            assert mapped.max() > 0.8
            found = np.unravel_index(int(mapped.argmax()), mapped.shape)
            for place, (first, last), cell in zip(found, spans, (row, column), strict=True):
                assert first - slack <= place + 0.5 <= last + slack
                if 0 < cell < cells - 1:  # beyond the outermost centres the map is level
                    assert abs(place + 0.5 - (first + last) / 2) <= slack
            tried += 1
    assert tried >= cells


@pytest.mark.parametrize("cells", [1, 3, 8])
def test_an_even_grid_maps_back_to_an_even_map(cells):
    mapped = Placement(height=50, width=23, size=64).to_source(np.full((cells, cells), 0.25, dtype=np.float32))
    assert mapped.dtype == np.float32
    np.testing.assert_allclose(mapped, 0.25, atol=1e-6)


def test_what_lies_outside_the_plane_does_not_reach_the_source():
    placement = Placement(height=64, width=16, size=64)  # columns 24 to 39 of the square
    grid = np.zeros((64, 64), dtype=np.float32)
    grid[:, :23] = grid[:, 41:] = 1.0
    assert placement.to_source(grid).max() == 0.0


def test_mapping_back_keeps_left_and_right_and_up_and_down():
    grid = np.zeros((8, 8), dtype=np.float32)
    grid[1, 6] = 1.0
    row, column = np.unravel_index(int(Placement(height=90, width=80, size=64).to_source(grid).argmax()), (90, 80))
    assert row < 30
    assert column > 50


@pytest.mark.parametrize("voi", [None, Window(center=100.0, width=60.0)], ids=["percentiles", "window"])
def test_monochrome1_equals_inverted_monochrome2(voi):
    values = picture(2, 50, 34)
    # Turned about the window's middle, less the half step of the standard's linear function.
    turned = 2 * (voi.center - 0.5) - values if voi else values.max() + values.min() - values
    one = fit_planes(Pixels(values=turned, voi=voi, inverted=True), size=32, planes=2)
    two = fit_planes(Pixels(values=values, voi=voi), size=32, planes=2)
    for first, second in zip(one, two, strict=True):
        assert first.placement == second.placement
        np.testing.assert_allclose(first.values, second.values, atol=0.02)


def test_inverting_without_saying_so_makes_a_different_picture():
    values = picture(50, 34)
    plain = fit_one(values, size=32).values
    turned = fit_one(values.max() + values.min() - values, size=32).values
    assert np.corrcoef(plain.ravel(), turned.ravel())[0, 1] < -0.9


@pytest.mark.parametrize(("height", "width"), [(40, 40), (60, 25), (25, 60)])
def test_a_fitted_plane_is_standardised_inside_and_zero_outside(height, width):
    plane = fit_one(picture(height, width), size=48)
    assert plane.values.shape == (48, 48)
    assert plane.values.dtype == np.float16
    (top, left), (rows, columns) = plane.placement.corner, plane.placement.fitted
    inside = plane.values[top : top + rows, left : left + columns].astype(np.float64)
    assert abs(inside.mean()) < 0.01
    assert abs(inside.std() - 1.0) < 0.01
    outside = plane.values.copy()
    outside[top : top + rows, left : left + columns] = 0
    assert not outside.any()


def test_brightness_and_contrast_of_the_acquisition_do_not_matter():
    values = picture(40, 40)
    first, second = fit_one(values, size=32).values, fit_one(3.0 * values + 500.0, size=32).values
    np.testing.assert_allclose(first, second, atol=0.01)


def test_a_plane_without_contrast_stays_finite():
    # A volume may hold an empty slice though the whole of it has contrast.
    values = np.stack([np.zeros((20, 20), dtype=np.float32), picture(20, 20)])
    empty, _ = fit_planes(Pixels(values=values), size=32, planes=2)
    assert np.isfinite(empty.values).all()
    assert abs(empty.values).max() < 1.0


def test_fine_structure_is_averaged_when_reduced():
    board = np.indices((512, 512)).sum(axis=0) % 2
    ramp = np.linspace(0.0, 1.0, 512, dtype=np.float32)[None, :]
    fine = fit_one((ramp + 0.5 * board).astype(np.float32), size=32, voi=Window.full_range(1.5))
    plain = fit_one(np.broadcast_to(ramp, (512, 512)).copy(), size=32, voi=Window.full_range(1.5))
    np.testing.assert_allclose(fine.values, plain.values, atol=0.05)


@pytest.mark.parametrize(
    ("depth", "planes", "wanted"),
    [
        (1, 3, [0]),
        (2, 3, [0, 1]),
        (3, 3, [0, 1, 2]),
        (9, 3, [1, 4, 7]),
        (10, 1, [5]),
        (100, 4, [12, 37, 62, 87]),
    ],
)
def test_planes_of_a_volume_are_evenly_spaced(depth, planes, wanted):
    fitted = fit_planes(Pixels(values=picture(depth, 8, 8)), size=32, planes=planes)
    assert [plane.plane for plane in fitted] == wanted


@pytest.mark.parametrize("depth", [5, 17, 64, 513])
@pytest.mark.parametrize("planes", [1, 2, 3, 5])
def test_planes_are_distinct_symmetric_and_leave_no_large_gap(depth, planes):
    chosen = [plane.plane for plane in fit_planes(Pixels(values=picture(depth, 4, 4)), size=32, planes=planes)]
    assert len(set(chosen)) == planes
    gaps = np.diff(chosen)
    assert gaps.size == 0 or gaps.max() - gaps.min() <= 1
    assert abs(chosen[0] - (depth - 1 - chosen[-1])) <= 1


def test_a_fitted_plane_shows_the_plane_it_names():
    values = picture(9, 20, 20)
    for plane in fit_planes(Pixels(values=values, voi=Window.full_range(200.0)), size=32, planes=3):
        alone = fit_one(values[plane.plane], size=32, voi=Window.full_range(200.0))
        np.testing.assert_array_equal(plane.values, alone.values)


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("function", list(VoiFunction))
def test_a_plane_is_the_same_whether_it_is_shown_before_it_is_fitted_or_after(inverted, function):
    values = np.random.default_rng(0).integers(0, 256, (90, 70)).astype(np.float32)
    window = Window(center=128, width=256, function=function)
    grey = Pixels(values=values[np.newaxis], voi=window, inverted=inverted).grey()[0]
    fitted = fit_one(values, size=48, voi=window, inverted=inverted)
    shown = fit_one(grey, size=48, voi=Window.full_range(1.0))
    np.testing.assert_allclose(fitted.values.astype(float), shown.values.astype(float), atol=4e-3)


def test_what_a_window_clips_is_clipped_before_it_is_averaged():
    values = np.tile(np.array([0.0, 1000.0], np.float32), (64, 32))  # stripes, clipped to black and white
    values[:, 32:], values[:32] = 50.0, 0.0
    plane = fit_one(values, size=32, voi=Window.full_range(100.0)).values.astype(float)
    stripes, even = plane[20:28, 4:12].mean(), plane[20:28, 20:28].mean()
    assert stripes == pytest.approx(even, abs=1e-2)  # half of them white is as bright as half grey
    wide = fit_one(values, size=32, voi=Window.full_range(1000.0)).values.astype(float)
    assert wide[20:28, 4:12].mean() > wide[20:28, 20:28].mean() + 1


def test_a_window_far_from_zero_keeps_its_grey_levels():
    values = np.float32(30000) + np.random.default_rng(0).integers(0, 3, (64, 64)).astype(np.float32)
    far = fit_one(values, size=32, voi=Window(center=30001, width=2, function=VoiFunction.LINEAR_EXACT))
    near = fit_one(values - 30000, size=32, voi=Window(center=1, width=2, function=VoiFunction.LINEAR_EXACT))
    np.testing.assert_allclose(far.values.astype(float), near.values.astype(float), atol=4e-3)


def test_values_are_rounded_to_half_precision_alike_with_and_without_pytorch(monkeypatch):
    values = np.random.default_rng(0).normal(size=(64, 48)).astype(np.float32) * 3
    values[0, :4] = [65519.0, 2.0**-25, 1.00048828125, -0.0]  # about to overflow, to vanish, and between two
    with_pytorch = rounded_to_half(values)
    assert "torch" in sys.modules
    monkeypatch.delitem(sys.modules, "torch")
    assert rounded_to_half(values).tobytes() == with_pytorch.tobytes() == values.astype(np.float16).tobytes()
