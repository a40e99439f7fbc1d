import nibabel as nib
import numpy as np
import pytest
from dicom_builders import write_dicom
from series_builders import AXIAL, CORONAL, LPS, SAGITTAL, enhanced_dataset, random_orientation, write_volume

from mediscan.sources import describe_image, read_image
from mediscan.sources.geometry import display_turn, is_usable, slice_axis

SPACING = (0.7, 0.45)
GAP_MM = 3.1
ORIGIN = (-71.3, 40.25, -12.5)


@pytest.fixture
def planes():
    return np.random.default_rng(0).integers(0, 1000, size=(7, 9, 11)).astype(np.uint16)


def nifti_of(planes, orientation, *, spacing=SPACING, gap_mm=GAP_MM, origin=ORIGIN, tilt_mm=0.0):
    """The same volume as NIfTI, its affine put together here: voxel (column, row, plane) to RAS+ millimetres."""
    row, column = np.asarray(orientation[:3]), np.asarray(orientation[3:])
    affine = np.eye(4)
    affine[:3, 0] = LPS @ row * spacing[1]
    affine[:3, 1] = LPS @ column * spacing[0]
    affine[:3, 2] = LPS @ (np.cross(row, column) * gap_mm + column * tilt_mm)
    affine[:3, 3] = LPS @ np.asarray(origin)
    return nib.Nifti1Image(planes.transpose(2, 1, 0), affine)


def millimetres(affine, index):
    return (affine @ [*index, 1])[:3]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("base", [AXIAL, CORONAL, SAGITTAL])
def test_oblique_series_equals_its_nifti_in_values_and_affine(tmp_path, planes, seed, base):
    draw = np.random.default_rng(seed)
    turned = random_orientation(draw, degrees=25).reshape(2, 3)
    frame = np.column_stack([*turned, np.cross(*turned)])
    orientation = np.concatenate([frame @ base[:3], frame @ base[3:]])
    names = [f"{name}.dcm" for name in draw.permutation(len(planes))]
    landmark = tuple(int(draw.integers(side)) for side in planes.shape)
    planes[landmark] = 5000
    stored = nifti_of(planes, orientation)
    nib.save(stored, tmp_path / "volume.nii.gz")
    series = write_volume(
        tmp_path / "s", planes, orientation=orientation, spacing=SPACING, gap_mm=GAP_MM, origin=ORIGIN, names=names
    )
    from_dicom, from_nifti = read_image(series), read_image(tmp_path / "volume.nii.gz")
    np.testing.assert_array_equal(from_dicom.values, from_nifti.values)
    assert from_dicom.affine.dtype == np.float64
    # NIfTI stores its affine in 32 bits.
    np.testing.assert_allclose(from_dicom.affine, from_nifti.affine, atol=1e-3)
    assert from_dicom.meta.spacing_mm == pytest.approx((*from_nifti.meta.spacing_mm,), abs=1e-4)
    found = np.argwhere(from_dicom.values == 5000)[0]
    expected = millimetres(stored.affine, landmark[::-1])
    np.testing.assert_allclose(millimetres(from_dicom.affine, found), expected, atol=1e-3)
    np.testing.assert_allclose(millimetres(from_nifti.affine, found), expected, atol=1e-3)


def test_tilted_gantry_is_in_the_affine_and_not_in_the_spacing(tmp_path, planes):
    series = write_volume(tmp_path / "s", planes, spacing=SPACING, gap_mm=GAP_MM, origin=ORIGIN, tilt_mm=1.2)
    nib.save(nifti_of(planes, AXIAL, tilt_mm=1.2), tmp_path / "v.nii")
    pixels, from_nifti = read_image(series), read_image(tmp_path / "v.nii")
    np.testing.assert_allclose(pixels.affine, from_nifti.affine, atol=1e-3)
    np.testing.assert_allclose(pixels.affine[:3, 0], [0, -1.2, GAP_MM], atol=1e-6)
    assert pixels.meta.spacing_mm == pytest.approx((*SPACING, GAP_MM))
    assert from_nifti.meta.spacing_mm == pytest.approx((*SPACING, GAP_MM), abs=1e-5)


def test_enhanced_object_equals_its_series_whatever_the_order_of_its_frames(tmp_path, planes):
    order = [3, 0, 6, 1, 5, 2, 4]
    whole = enhanced_dataset(planes[order], orientation=CORONAL, places_mm=[2.5 * place for place in order])
    whole.save_as(tmp_path / "e.dcm", enforce_file_format=True)
    series = read_image(write_volume(tmp_path / "s", planes, orientation=CORONAL))
    pixels = read_image(tmp_path / "e.dcm")
    np.testing.assert_array_equal(pixels.values, series.values)
    np.testing.assert_allclose(pixels.affine, series.affine, atol=1e-6)
    assert pixels.meta.spacing_mm == series.meta.spacing_mm == (0.5, 0.4, 2.5)
    assert describe_image(tmp_path / "e.dcm").meta == pixels.meta


@pytest.mark.parametrize(
    ("base", "first_plane", "top", "left"),
    [
        (AXIAL, (0, 0, -1), (0, 1, 0), (1, 0, 0)),
        (CORONAL, (0, 1, 0), (0, 0, 1), (1, 0, 0)),
        (SAGITTAL, (-1, 0, 0), (0, 0, 1), (0, 1, 0)),
    ],
)
@pytest.mark.parametrize("in_plane", [(0, 1), (1, 0)])
@pytest.mark.parametrize("senses", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_planes_stay_the_acquired_ones_in_radiological_display(
    tmp_path, planes, base, first_plane, top, left, in_plane, senses
):
    # RAS+ senses: x to the right, y to anterior, z to the head.
    axes = np.reshape(base, (2, 3))[list(in_plane)] * np.array(senses)[:, np.newaxis]
    pixels = read_image(write_volume(tmp_path / "s", planes, orientation=axes.ravel(), gap_mm=5.0))
    assert len(pixels.values) == len(planes)
    toward_first, toward_top, toward_left = -pixels.affine[:3, :3].T
    for direction, expected in ((toward_first, first_plane), (toward_top, top), (toward_left, left)):
        np.testing.assert_allclose(direction / np.linalg.norm(direction), expected, atol=1e-9)
    assert pixels.meta.spacing_mm[2] == 5.0


def test_spacing_follows_rows_and_columns_when_they_change_places(tmp_path, planes):
    turned = (*AXIAL[3:], *AXIAL[:3])  # rows of the file run to posterior
    pixels = read_image(write_volume(tmp_path / "s", planes, orientation=turned, spacing=(0.5, 0.4)))
    assert pixels.values.shape == (7, 11, 9)
    assert pixels.meta.spacing_mm == (0.4, 0.5, 2.5)
    assert describe_image(tmp_path / "s").meta == pixels.meta


def test_single_plane_is_as_stored_and_knows_its_place(tmp_path, planes):
    prone = [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0]
    place = {"ImageOrientationPatient": prone, "ImagePositionPatient": [1.0, 2.0, 3.0], "PixelSpacing": [0.5, 0.4]}
    pixels = read_image(write_dicom(tmp_path / "a.dcm", planes[0], SliceThickness=4, **place))
    np.testing.assert_array_equal(pixels.values[0], planes[0])
    np.testing.assert_allclose(millimetres(pixels.affine, (0, 2, 3)), [-1 + 3 * 0.4, -2 + 2 * 0.5, 3])
    np.testing.assert_allclose(np.linalg.norm(pixels.affine[:3, 0]), 4)


def test_projection_has_no_affine(tmp_path, planes):
    assert read_image(write_dicom(tmp_path / "a.dcm", planes[0], Modality="DX", PixelSpacing=[0.1, 0.1])).affine is None


def test_frames_without_places_stay_as_stored(tmp_path, planes):
    pixels = read_image(write_dicom(tmp_path / "a.dcm", planes, Modality="US"))
    np.testing.assert_array_equal(pixels.values, planes)
    assert pixels.affine is None


@pytest.mark.parametrize(
    ("spacing", "shape", "expected"),
    [
        ((5.0, 0.5, 0.5), (9, 9, 9), 0),
        ((0.5, 4.0, 0.5), (9, 9, 9), 1),
        ((1.0, 1.0, 1.0), (9, 9, 9), 2),
        ((1.2, 1.0, 1.0), (9, 9, 9), 2),
        ((1.0, 1.0, 5.0), (1, 9, 9), 0),
        ((1.0, 1.0, 5.0), (9, 9, 1), 2),
    ],
)
def test_slices_lie_across_the_clearly_largest_spacing_or_else_axial(spacing, shape, expected):
    assert slice_axis(np.diag([*spacing, 1.0]), shape) == expected


def test_turn_keeps_each_voxel_at_its_place():
    draw = np.random.default_rng(4)
    array = draw.normal(size=(4, 5, 6))
    for across in range(3):
        affine = np.eye(4)
        affine[:3] = draw.normal(size=(3, 4))
        turn = display_turn(affine, across=across)
        turned, moved = turn.values(array), turn.affine(affine, array.shape)
        for index in ((0, 0, 0), (3, 1, 4), (2, 4, 5)):
            found = tuple(np.argwhere(turned == array[index])[0])
            np.testing.assert_allclose(millimetres(moved, found), millimetres(affine, index))
        assert turn.axes[0] == across


def test_flat_or_endless_affines_are_not_usable():
    assert is_usable(np.eye(4))
    assert not is_usable(np.diag([1.0, 1.0, 0.0, 1.0]))
    assert not is_usable(np.diag([1.0, np.nan, 1.0, 1.0]))
