import gzip

import nibabel as nib
import numpy as np
import pytest

from mediscan.errors import Code, PixelDataError, SourceError, UnsupportedImageError
from mediscan.sources import VoiFunction, Window, describe_image, read_image

SHAPE = (4, 5, 6)


@pytest.fixture
def ras():
    """Voxels (X, Y, Z) in RAS+: rising to the right, to anterior, to superior."""
    return np.random.default_rng(0).integers(-1000, 1000, size=SHAPE).astype(np.int16)


def save(path, voxels, affine=None, kind=nib.Nifti1Image, **header):
    image = kind(voxels, np.diag([0.5, 0.75, 2.0, 1.0]) if affine is None else affine)
    for key, value in header.items():
        image.header[key] = value
    nib.save(image, path)
    return path


def as_displayed(ras):
    return ras[::-1, ::-1].transpose(2, 1, 0)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_planes_are_axial_with_anterior_on_top_and_patients_right_at_the_left(tmp_path, ras, suffix, kind):
    ras[3, 4, 5] = 3000  # the most right, anterior and superior voxel
    pixels = read_image(save(tmp_path / f"a{suffix}", ras, kind=kind))
    assert pixels.values.shape == (6, 5, 4)
    assert pixels.values.dtype == np.float32
    assert pixels.values[5, 0, 0] == 3000
    np.testing.assert_array_equal(pixels.values, as_displayed(ras))
    assert pixels.meta.spacing_mm == (0.75, 0.5, 2.0)
    assert pixels.voi is None


@pytest.mark.parametrize("codes", ["LPS", "LAS", "RAS", "SPR", "PIL", "ASR"])
def test_storage_order_does_not_matter(tmp_path, ras, codes):
    reference = nib.Nifti1Image(ras, np.diag([0.5, 0.75, 2.0, 1.0]))
    turn = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(tuple(codes))
    )
    stored = reference.as_reoriented(turn)
    assert "".join(nib.aff2axcodes(stored.affine)) == codes
    nib.save(stored, tmp_path / "a.nii")
    pixels = read_image(tmp_path / "a.nii")
    np.testing.assert_array_equal(pixels.values, as_displayed(ras))
    assert pixels.meta.spacing_mm == (0.75, 0.5, 2.0)


def test_slope_and_intercept_are_applied(tmp_path, ras):
    image = nib.Nifti1Image(ras, np.eye(4))
    image.header.set_slope_inter(0.5, -24)
    raw = image.to_bytes()
    (tmp_path / "a.nii").write_bytes(raw)
    expected = nib.Nifti1Image.from_bytes(raw).get_fdata()
    assert not np.array_equal(expected, ras)
    np.testing.assert_allclose(read_image(tmp_path / "a.nii").values, as_displayed(expected))


def test_display_range_makes_the_window(tmp_path, ras):
    pixels = read_image(save(tmp_path / "a.nii", ras, cal_min=-160, cal_max=240))
    assert pixels.voi == Window(center=40, width=400, function=VoiFunction.LINEAR_EXACT)


def test_units_become_millimetres(tmp_path, ras):
    image = nib.Nifti1Image(ras, np.diag([500, 750, 2000, 1]))
    image.header.set_xyzt_units("micron")
    nib.save(image, tmp_path / "a.nii")
    assert describe_image(tmp_path / "a.nii").meta.spacing_mm == (0.75, 0.5, 2.0)


def test_two_dimensional_image_is_one_plane(tmp_path, ras):
    pixels = read_image(save(tmp_path / "a.nii.gz", ras[:, :, 0]))
    np.testing.assert_array_equal(pixels.values, as_displayed(ras[:, :, :1]))
    assert pixels.meta.spacing_mm == (0.75, 0.5)


def test_single_time_point_is_a_volume(tmp_path, ras):
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.nii", ras[..., None])).values, as_displayed(ras))


def test_time_series_is_refused_with_the_remedy(tmp_path, ras):
    path = save(tmp_path / "a.nii", np.stack([ras, ras], axis=-1))
    for read in (read_image, describe_image):
        with pytest.raises(UnsupportedImageError, match=r"4 dimensions \(4, 5, 6, 2\).*Split the series"):
            read(path)


@pytest.mark.parametrize("dtype", [np.complex64, np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])])
def test_values_that_are_not_one_real_number_are_refused(tmp_path, dtype):
    with pytest.raises(UnsupportedImageError, match="one real number a voxel"):
        read_image(save(tmp_path / "a.nii", np.zeros(SHAPE, dtype=dtype)))


def test_values_that_are_not_finite_are_refused(tmp_path, ras):
    voxels = ras.astype(np.float32)
    voxels[0, 0, 0] = np.nan
    with pytest.raises(UnsupportedImageError, match="not finite"):
        read_image(save(tmp_path / "a.nii", voxels))


def test_image_without_orientation_is_refused(tmp_path, ras):
    path = save(tmp_path / "a.nii", ras)
    content = bytearray(path.read_bytes())
    content[280:328] = bytes(48)  # srow_x, srow_y and srow_z
    path.write_bytes(content)
    with pytest.raises(UnsupportedImageError, match="how it lies in the patient"):
        read_image(path)


@pytest.mark.parametrize("cut", [100, 400])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_truncated_file_is_refused(tmp_path, ras, suffix, cut):
    path = save(tmp_path / f"a{suffix}", ras)
    path.write_bytes(path.read_bytes()[: -(path.stat().st_size - cut)])
    with pytest.raises(SourceError, match=r"truncated|cannot be read|not NIfTI"):
        read_image(path)


def test_truncated_header_is_refused_by_description_too(tmp_path, ras):
    path = save(tmp_path / "a.nii", ras)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(SourceError, match="is not NIfTI as its name says"):
        describe_image(path)


def test_altered_gzip_fails_its_checksum(tmp_path, ras):
    path = save(tmp_path / "a.nii.gz", ras)
    content = bytearray(path.read_bytes())
    content[-6] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(PixelDataError, match="cannot be read"):
        read_image(path)


def test_gzip_that_inflates_beyond_its_header_is_refused(tmp_path, ras):
    plain = save(tmp_path / "a.nii", ras).read_bytes()
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(plain + bytes(64 << 20)))
    with pytest.raises(SourceError, match="inflates beyond the 592 bytes") as refused:
        read_image(tmp_path / "b.nii.gz")
    assert refused.value.code is Code.FILE_TOO_LARGE


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_size_is_refused_by_the_header_alone(tmp_path, ras, suffix):
    content = bytearray(save(tmp_path / "a.nii", ras).read_bytes())
    content[42:48] = np.array([2000, 2000, 2000], dtype="<i2").tobytes()
    path = tmp_path / f"b{suffix}"
    path.write_bytes(gzip.compress(content) if suffix == ".nii.gz" else content)
    for read in (read_image, describe_image):
        with pytest.raises(SourceError, match="would decode to 30517 MiB") as refused:
            read(path)
        assert refused.value.code is Code.FILE_TOO_LARGE


def test_gzip_of_something_else_is_refused(tmp_path):
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(b"text " * 1000))
    with pytest.raises(SourceError, match="is not NIfTI as its name says"):
        read_image(tmp_path / "a.nii.gz")


def test_mutated_headers_are_read_or_refused_with_a_source_error(tmp_path, ras):
    draw = np.random.default_rng(3)
    sources = [
        save(tmp_path / name, ras, kind=kind).read_bytes()
        for name, kind in (("1.nii", nib.Nifti1Image), ("2.nii", nib.Nifti2Image), ("3.nii.gz", nib.Nifti1Image))
    ]
    outcomes = set()
    for turn in range(600):
        content = bytearray(sources[turn % 3])
        for _ in range(int(draw.integers(1, 6))):
            content[int(draw.integers(min(len(content), 540)))] = int(draw.integers(256))
        path = tmp_path / "mutant.nii"
        path.write_bytes(content)
        try:
            read_image(path)
            outcomes.add("read")
        except SourceError as error:
            outcomes.add(error.code)
    assert {"read", Code.PIXEL_DATA, Code.UNSUPPORTED_IMAGE} <= outcomes
