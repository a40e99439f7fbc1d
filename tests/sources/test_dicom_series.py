import numpy as np
import pytest
from dicom_builders import write_dicom

from mediscan.errors import Code, NotDicomError, PixelDataError, SourceError, UnsupportedImageError
from mediscan.sources import describe_image, file_sha256, read_image

OBLIQUE = [0.8, 0.6, 0, 0, 0, -1]
AXIAL = [1, 0, 0, 0, 1, 0]


@pytest.fixture
def planes():
    return np.random.default_rng(0).integers(0, 1000, size=(5, 6, 8)).astype(np.uint16)


def write_series(folder, planes, *, orientation=AXIAL, gap_mm=2.5, order=(3, 0, 4, 1, 2), **elements):
    normal = np.cross(orientation[:3], orientation[3:])
    folder.mkdir(exist_ok=True)
    for name, index in enumerate(order):
        place = {
            "ImageOrientationPatient": orientation,
            "ImagePositionPatient": [round(float(v), 4) for v in np.array([10, 20, 30]) + normal * gap_mm * index],
            "InstanceNumber": 99 - index,
            "PixelSpacing": [0.5, 0.4],
        }
        write_dicom(folder / f"{name}.dcm", planes[index], **(place | elements))
    return folder


@pytest.mark.parametrize("orientation", [AXIAL, OBLIQUE])
def test_slices_are_sorted_along_their_normal_and_not_by_name_or_number(tmp_path, planes, orientation):
    pixels = read_image(write_series(tmp_path / "s", planes, orientation=orientation))
    np.testing.assert_array_equal(pixels.values, planes)
    assert pixels.meta.spacing_mm == pytest.approx((0.5, 0.4, 2.5))


def test_slices_without_position_are_sorted_by_instance_number(tmp_path, planes):
    pixels = read_image(write_series(tmp_path / "s", planes, ImagePositionPatient=None))
    np.testing.assert_array_equal(pixels.values, planes[::-1])
    assert pixels.meta.spacing_mm == (0.5, 0.4)


def test_each_slice_is_rescaled_by_its_own_header(tmp_path, planes):
    folder = write_series(tmp_path / "s", planes)
    write_dicom(
        folder / "3.dcm",
        planes[1],
        ImageOrientationPatient=AXIAL,
        ImagePositionPatient=[10, 20, 32.5],
        RescaleSlope=2,
        RescaleIntercept=-5,
    )
    np.testing.assert_array_equal(read_image(folder).values[1], planes[1] * 2.0 - 5)


def test_description_of_a_series_equals_that_of_its_pixels(tmp_path, planes):
    folder = write_series(tmp_path / "s", planes, BodyPartExamined="CHEST")
    assert describe_image(folder).meta == read_image(folder).meta
    assert describe_image(folder).meta.body_part == "CHEST"


def test_uneven_slices_have_no_slice_spacing(tmp_path, planes):
    folder = write_series(tmp_path / "s", planes)
    (folder / "3.dcm").unlink()
    assert read_image(folder).meta.spacing_mm == (0.5, 0.4)


def test_one_file_in_a_folder_is_that_image(tmp_path, planes):
    folder = write_series(tmp_path / "s", planes, order=(2,))
    np.testing.assert_array_equal(read_image(folder).values, planes[2:3])


def test_hash_of_a_series_depends_on_its_files_and_not_on_their_names(tmp_path, planes):
    folder = write_series(tmp_path / "s", planes)
    before = file_sha256(folder)
    (folder / "0.dcm").rename(folder / "z.dcm")
    (folder / "README.txt").write_text("not part of it")
    (folder / ".hidden.dcm").write_text("not part of it")
    assert file_sha256(folder) == before
    (folder / "z.dcm").unlink()
    assert file_sha256(folder) != before


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ({"SeriesInstanceUID": "9.9"}, "mixes 2 different series"),
        ({"ImageOrientationPatient": OBLIQUE}, "different orientations"),
        ({"ImagePositionPatient": [10, 20, 30]}, "several images of the same place"),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "mixes 2 different kinds of pixels"),
    ],
)
def test_folder_that_is_not_one_volume_is_refused(tmp_path, planes, elements, message):
    folder = write_series(tmp_path / "s", planes)
    odd = {"ImageOrientationPatient": AXIAL, "ImagePositionPatient": [10, 20, 50], "PixelSpacing": [0.5, 0.4]}
    write_dicom(folder / "odd.dcm", planes[0], **(odd | elements))
    for read in (read_image, describe_image):
        with pytest.raises(UnsupportedImageError, match=message):
            read(folder)


def test_mixed_sizes_are_refused(tmp_path, planes):
    folder = write_series(tmp_path / "s", planes)
    write_dicom(folder / "odd.dcm", planes[0, :, :4])
    with pytest.raises(UnsupportedImageError, match="mixes 2 different image sizes"):
        read_image(folder)


def test_several_multi_frame_files_are_refused(tmp_path, planes):
    folder = tmp_path / "s"
    folder.mkdir()
    for name in "ab":
        write_dicom(folder / f"{name}.dcm", planes)
    with pytest.raises(UnsupportedImageError, match="several multi-frame files"):
        read_image(folder)


def test_damaged_member_is_named_and_never_left_out(tmp_path, planes):
    folder = write_series(tmp_path / "s", planes)
    whole = (folder / "2.dcm").read_bytes()
    (folder / "2.dcm").write_bytes(whole[:-10])
    with pytest.raises(PixelDataError, match=r"2\.dcm is truncated"):
        read_image(folder)
    (folder / "2.dcm").write_bytes(b"")
    with pytest.raises(NotDicomError, match=r"2\.dcm is not DICOM"):
        read_image(folder)


def test_size_of_all_slices_together_is_capped(tmp_path, planes, monkeypatch):
    folder = write_series(tmp_path / "s", planes)
    monkeypatch.setattr("mediscan.sources.boundary.MAX_DECODED_BYTES", 4 * planes.size - 1)
    with pytest.raises(SourceError, match="would decode to") as refused:
        read_image(folder)
    assert refused.value.code is Code.FILE_TOO_LARGE


def test_folder_without_dicom_is_refused(tmp_path):
    (tmp_path / "README.txt").write_text("empty")
    for read in (read_image, describe_image, file_sha256):
        with pytest.raises(SourceError, match="holds no DICOM file") as refused:
            read(tmp_path)
        assert refused.value.code is Code.FILE_NOT_FOUND
