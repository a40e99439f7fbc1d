import shutil
from collections import Counter

import numpy as np
import pytest
from dicom_builders import write_dicom
from pydicom import dcmread

from mediscan.errors import Code, NotDicomError, PixelDataError, SourceError, UnsupportedImageError
from mediscan.sources import describe_image, file_sha256, read_image
from mediscan.sources.dicom.header import open_header

OBLIQUE = [0.8, 0.6, 0, 0, 0, -1]
AXIAL = [1, 0, 0, 0, 1, 0]


@pytest.fixture
def planes():
    return np.random.default_rng(0).integers(0, 1000, size=(5, 6, 8)).astype(np.uint16)


def write_series(folder, planes, *, orientation=AXIAL, gap_mm=2.5, order=(3, 0, 4, 1, 2), **elements):
    normal = np.cross(orientation[:3], orientation[3:])
    folder.mkdir(exist_ok=True, parents=True)
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
        ({"SeriesInstanceUID": "9.9"}, "mixes 2 different series.*FOLDER#SeriesInstanceUID"),
        ({"PatientID": "P2"}, "mixes 2 different patients"),
        ({"ImageOrientationPatient": OBLIQUE}, "different orientations"),
        ({"PixelSpacing": [0.5, 0.6]}, "different pixel spacings"),
        ({"ImagePositionPatient": [10, 20, 32.5]}, "same place, and nothing in their headers tells them apart"),
        ({"ImagePositionPatient": [11, 20, 30]}, "several images of the same place"),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "mixes 2 different kinds of pixels"),
    ],
)
def test_folder_that_is_not_one_volume_is_refused(tmp_path, planes, elements, message):
    folder = write_series(tmp_path / "s", planes)
    odd = {"ImageOrientationPatient": AXIAL, "ImagePositionPatient": [10, 20, 50], "PixelSpacing": [0.5, 0.4]}
    write_dicom(folder / "odd.dcm", planes[0], **(odd | elements))
    for read in (read_image, describe_image):
        with pytest.raises(UnsupportedImageError, match=message) as refused:
            read(folder)
        assert refused.value.code is Code.MIXED_SERIES


@pytest.mark.parametrize(
    ("keyword", "values"),
    [
        ("EchoTime", (2.1, 4.6)),
        ("TemporalPositionIdentifier", (1, 2)),
        ("AcquisitionNumber", (1, 2)),
        ("TriggerTime", (0, 350)),
        ("DiffusionBValue", (0.0, 1000.0)),
        ("AcquisitionTime", ("101010", "101525")),
    ],
)
def test_passes_over_the_same_places_are_refused_by_what_tells_them_apart(tmp_path, planes, keyword, values):
    folder = write_series(tmp_path / "s", planes, **{keyword: values[0]})
    write_series(tmp_path / "other", planes + 1, **{keyword: values[1]})
    for path in (tmp_path / "other").iterdir():
        path.rename(folder / f"second-{path.name}")
    for read in (read_image, describe_image):
        with pytest.raises(UnsupportedImageError, match=f"same place, told apart by {keyword}") as refused:
            read(folder)
        assert refused.value.code is Code.MIXED_SERIES
        assert str(values[1]) not in refused.value.what.replace(str(tmp_path), "")


def test_files_that_hold_the_same_slice_count_once_and_are_flagged(tmp_path, planes):
    folder = write_series(tmp_path / "s", planes)
    shutil.copy(folder / "3.dcm", folder / "copy.dcm")  # the same instance
    again = dcmread(folder / "2.dcm")  # the same pixels under another name
    again.SOPInstanceUID = again.file_meta.MediaStorageSOPInstanceUID = "1.9.9"
    again.save_as(folder / "again.dcm")
    np.testing.assert_array_equal(read_image(folder).values, planes)
    (flag,) = describe_image(folder).flags
    assert (flag.code, flag.message) == (
        Code.DUPLICATE_SLICES,
        "s holds 2 files twice; each slice is used once.",
    )


def test_slices_that_share_one_instance_uid_are_still_different_slices(tmp_path, planes):
    folder = write_series(tmp_path / "s", planes, SOPInstanceUID="1.9.9")
    np.testing.assert_array_equal(read_image(folder).values, planes)


def test_missing_slices_are_counted_and_placed_and_the_rest_is_used(tmp_path):
    planes = np.random.default_rng(1).integers(0, 99, size=(12, 6, 8)).astype(np.uint16)
    folder = write_series(tmp_path / "s", planes, order=(0, 1, 2, 4, 5, 8, 9, 10, 11))
    (flag,) = describe_image(folder).flags
    assert flag.code is Code.MISSING_SLICES
    assert "lack 3 slices" in flag.message
    assert "1 between 35.0 and 40.0 mm, 2 between 42.5 and 50.0 mm" in flag.message
    pixels = read_image(folder)
    np.testing.assert_array_equal(pixels.values, planes[[0, 1, 2, 4, 5, 8, 9, 10, 11]])
    assert pixels.affine is None
    assert pixels.meta.spacing_mm == (0.5, 0.4)


@pytest.mark.parametrize("jitter", [0.0, 0.03])
def test_whole_series_is_not_flagged(tmp_path, planes, jitter):
    folder = write_series(tmp_path / "s", planes)
    write_dicom(
        folder / "3.dcm",
        planes[1],
        ImageOrientationPatient=AXIAL,
        ImagePositionPatient=[10, 20, 32.5 + jitter],
        PixelSpacing=[0.5, 0.4],
    )
    assert describe_image(folder).flags == ()
    assert read_image(folder).affine is not None


def test_localizers_derived_images_and_reports_beside_the_slices_are_left_out_and_counted(tmp_path, planes):
    folder = write_series(tmp_path / "s", planes)
    for number, kind in enumerate((["ORIGINAL", "PRIMARY", "LOCALIZER"], ["DERIVED", "SECONDARY", "MPR"])):
        write_dicom(folder / f"odd{number}.dcm", planes[0, :, :4], ImageType=kind)
    write_dicom(folder / "report.dcm", planes[0], Modality="SR")
    np.testing.assert_array_equal(read_image(folder).values, planes)
    (flag,) = describe_image(folder).flags
    assert flag.code is Code.SERIES_LEFT_OUT
    assert "1 x derived image, 1 x localizer, 1 x object without an image" in flag.message


def test_a_series_of_localizers_alone_can_still_be_read(tmp_path, planes):
    folder = write_series(tmp_path / "s", planes, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    assert read_image(folder).values.shape == planes.shape


def test_each_header_of_a_series_is_read_once(tmp_path, planes, monkeypatch):
    for name in ("a", "b"):
        write_series(tmp_path / "in" / name, planes, SeriesInstanceUID=f"1.{name == 'a':d}")
    opened = Counter()

    def counting(path):
        opened[path] += 1
        return open_header(path)

    for module in ("files", "index", "series"):
        monkeypatch.setattr(f"mediscan.sources.dicom.{module}.open_header", counting)
    read_image(tmp_path / "in" / "a")
    assert set(opened.values()) == {1}
    assert len(opened) == 5
    opened.clear()
    read_image(f"{tmp_path / 'in'}#1.1")  # finds the series among both
    assert set(opened.values()) == {1}
    assert len(opened) == 10
    opened.clear()
    read_image(f"{tmp_path / 'in'}#1.0")  # knows by now where it is
    assert set(opened.values()) == {1}
    assert len(opened) == 5


def test_mixed_sizes_are_refused(tmp_path, planes):
    folder = write_series(tmp_path / "s", planes)
    write_dicom(folder / "odd.dcm", planes[0, :, :4])
    with pytest.raises(UnsupportedImageError, match="mixes 2 different image sizes") as refused:
        read_image(folder)
    assert refused.value.code is Code.MIXED_SERIES


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
