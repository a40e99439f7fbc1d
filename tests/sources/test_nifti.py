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


@pytest.mark.parametrize(("slope", "inter"), [(0.0, 5.0), (np.nan, np.nan), (np.inf, 0.0)])
def test_slope_that_is_none_means_stored_values(tmp_path, ras, slope, inter):
    path = save(tmp_path / "a.nii", ras)
    content = bytearray(path.read_bytes())
    content[112:120] = np.array([slope, inter], dtype="<f4").tobytes()  # scl_slope and scl_inter
    path.write_bytes(content)
    np.testing.assert_array_equal(read_image(path).values, as_displayed(ras))


@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i2", "<u4", "<i8", ">i8", "<f4", ">f8"])
def test_numbers_of_every_kind_and_order_are_read(tmp_path, ras, dtype):
    voxels = np.abs(ras).astype(dtype) if dtype[-2] == "u" else ras.astype(dtype)
    image = nib.Nifti1Image(voxels, np.eye(4), dtype=voxels.dtype)
    header = image.header.as_byteswapped(">" if dtype[0] == ">" else "<")
    (tmp_path / "a.nii").write_bytes(nib.Nifti1Image(voxels, np.eye(4), header=header, dtype=voxels.dtype).to_bytes())
    np.testing.assert_array_equal(read_image(tmp_path / "a.nii").values, as_displayed(voxels.astype(np.float32)))


def test_mask_of_booleans_is_read_as_zeros_and_ones(tmp_path, ras):
    pixels = read_image(save(tmp_path / "a.nii", (ras > 0).astype(np.uint8)))
    assert set(np.unique(pixels.values)) == {0.0, 1.0}


def test_bits_are_refused_by_name(tmp_path, ras):
    path = save(tmp_path / "a.nii", ras)
    content = bytearray(path.read_bytes())
    content[70:74] = np.array([1, 1], dtype="<i2").tobytes()  # datatype 1: one bit a voxel
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"a\.nii"):
        read_image(path)


@pytest.mark.parametrize("kind", [nib.Nifti1Pair, nib.Nifti2Pair])
def test_pair_of_header_and_image_is_refused_with_the_remedy(tmp_path, ras, kind):
    nib.save(kind(ras, np.eye(4)), tmp_path / "a.img")
    for read in (read_image, describe_image):
        with pytest.raises(UnsupportedImageError, match=r"half of a NIfTI pair.*Convert the pair to one \.nii"):
            read(tmp_path / "a.hdr")


@pytest.mark.parametrize(
    ("spacing", "top", "left", "first"),
    [
        ((5.0, 0.5, 0.75), 2, 1, "sagittal"),
        ((0.5, 5.0, 0.75), 2, 0, "coronal"),
        ((0.5, 0.75, 0.6), 1, 0, "axial"),
    ],
)
def test_planes_are_those_that_were_acquired(tmp_path, ras, spacing, top, left, first):
    pixels = read_image(save(tmp_path / "a.nii", ras, np.diag([*spacing, 1.0])))
    expected = {
        "sagittal": ras[:, ::-1, ::-1].transpose(0, 2, 1),  # left to right; head up, anterior on the left
        "coronal": ras[::-1, ::-1, ::-1].transpose(1, 2, 0),  # anterior to posterior; head up, right on the left
        "axial": as_displayed(ras),
    }[first]
    np.testing.assert_array_equal(pixels.values, expected)
    assert pixels.affine[top, 1] == -spacing[top]
    assert pixels.affine[left, 2] == -spacing[left]
    assert pixels.meta.spacing_mm == (spacing[top], spacing[left], max(spacing) if first != "axial" else 0.6)


def test_affine_leads_each_voxel_back_to_its_place(tmp_path, ras):
    draw = np.random.default_rng(8)
    affine = np.eye(4)
    affine[:3] = draw.normal(size=(3, 4)) * 3
    ras[1, 2, 3] = 3000
    pixels = read_image(save(tmp_path / "a.nii", ras, affine))
    found = np.argwhere(pixels.values == 3000)[0]
    np.testing.assert_allclose((pixels.affine @ [*found, 1])[:3], (affine @ [1, 2, 3, 1])[:3], atol=1e-4)


def test_qform_is_used_where_there_is_no_sform(tmp_path, ras):
    image = nib.Nifti1Image(ras, None)
    image.set_qform(np.diag([-0.5, 0.75, 2.0, 1.0]), code=1)
    image.set_sform(None, code=0)
    nib.save(image, tmp_path / "a.nii")
    pixels = read_image(tmp_path / "a.nii")
    np.testing.assert_array_equal(pixels.values, as_displayed(ras[::-1]))
    assert pixels.meta.spacing_mm == (0.75, 0.5, 2.0)


def test_display_range_makes_the_window(tmp_path, ras):
    pixels = read_image(save(tmp_path / "a.nii", ras, cal_min=-160, cal_max=240))
    assert pixels.voi == Window(center=40, width=400, function=VoiFunction.LINEAR_EXACT)


def test_units_become_millimetres(tmp_path, ras):
    image = nib.Nifti1Image(ras, np.diag([500, 750, 2000, 1]))
    image.header.set_xyzt_units("micron")
    nib.save(image, tmp_path / "a.nii")
    assert describe_image(tmp_path / "a.nii").meta.spacing_mm == (0.75, 0.5, 2.0)
    np.testing.assert_allclose(read_image(tmp_path / "a.nii").affine[:3, :3].sum(axis=0), [2.0, -0.75, -0.5])


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


def test_voxels_far_from_their_header_are_refused(tmp_path, ras):
    content = bytearray(save(tmp_path / "a.nii", ras).read_bytes())
    content[108:112] = np.array([3e8], dtype="<f4").tobytes()  # vox_offset
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(content))
    with pytest.raises(SourceError, match="too far from its header"):
        read_image(tmp_path / "b.nii.gz")


def test_header_extension_is_passed_over(tmp_path, ras):
    image = nib.Nifti1Image(ras, np.eye(4))
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"any text " * 500))
    nib.save(image, tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(read_image(tmp_path / "a.nii.gz").values, as_displayed(ras))


def test_volume_larger_than_what_is_read_at_once_is_whole(tmp_path):
    voxels = np.random.default_rng(0).normal(size=(200, 190, 60)).astype(np.float32)
    path = save(tmp_path / "a.nii", voxels, np.diag([-1.0, 1.0, 1.0, 1.0]))
    np.testing.assert_array_equal(read_image(path).values, as_displayed(voxels[::-1]))


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
