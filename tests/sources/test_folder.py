import os
import shutil
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from dicom_builders import write_dicom
from PIL import Image
from pydicom import Dataset
from pydicom.fileset import FileSet
from pydicom.uid import BasicTextSRStorage, SegmentationStorage, XRayRadiationDoseSRStorage, generate_uid
from series_builders import enhanced_dataset, write_volume

from mediscan.errors import Code, ManifestError, SourceError
from mediscan.sources import describe_image, file_sha256, read_image
from mediscan.sources.dicom.role import Role
from mediscan.sources.folder import scan
from mediscan.sources.pixels import Intent


@pytest.fixture
def volumes():
    return np.random.default_rng(0).integers(0, 1000, size=(3, 4, 6, 5)).astype(np.uint16)


def write_mixed(folder, volumes):
    """Three CT series of one study, their files flat in one folder and mixed by name."""
    for number, planes in enumerate(volumes, start=1):
        names = [f"{index}-{number}.dcm" for index in range(len(planes))]
        write_volume(
            folder,
            planes,
            names=names,
            SeriesInstanceUID=f"1.2.{number}",
            SeriesNumber=number,
            StudyDate="20240102",
            StudyTime="101010",
            StudyID="1",
            AccessionNumber="A1",
        )
    return folder


def test_flat_folder_of_mixed_series_gives_one_image_a_series(tmp_path, volumes):
    found = scan(write_mixed(tmp_path / "in", volumes))
    assert [str(image.path) for image in found.images] == [f"{tmp_path / 'in'}#1.2.{number}" for number in (1, 2, 3)]
    assert found.refusals == ()
    for image, planes in zip(found.images, volumes, strict=True):
        assert (image.study_id, image.candidate.slices, image.candidate.modality) == ("1.2.3", 4, "CT")
        np.testing.assert_array_equal(read_image(image.path).values, planes)
        described = describe_image(str(image.path)).meta
        assert described == read_image(image.path).meta
        assert described.sha256 == file_sha256(image.path)
    assert len({file_sha256(image.path) for image in found.images}) == 3


def test_series_spread_over_nested_folders_is_one_image(tmp_path, volumes):
    for index, plane in enumerate(volumes[0]):
        write_volume(tmp_path / "in" / "study" / f"disk{index % 2}", plane[np.newaxis], names=[f"{index}.dcm"],
                     origin=(0, 0, 2.5 * index), SeriesInstanceUID="1.2.1")  # fmt: skip
    write_volume(tmp_path / "in" / "other", volumes[1], SeriesInstanceUID="1.2.2")
    assert [str(image.path) for image in scan(tmp_path / "in").images] == [
        str(tmp_path / "in" / "other"),
        f"{tmp_path / 'in' / 'study'}#1.2.1",
    ]
    np.testing.assert_array_equal(read_image(tmp_path / "in" / "study#1.2.1").values, volumes[0])


def test_folder_of_one_series_is_named_by_itself(tmp_path, volumes):
    write_volume(tmp_path / "in" / "ct", volumes[0])
    (image,) = scan(tmp_path / "in").images
    assert image.path == tmp_path / "in" / "ct"
    assert image.files == tuple(sorted((tmp_path / "in" / "ct").iterdir()))


def test_radiographs_and_multi_frame_objects_of_one_series_are_images_of_their_own(tmp_path, volumes):
    for number in range(3):
        write_dicom(tmp_path / f"dx{number}.dcm", volumes[0, number], Modality="DX", SeriesInstanceUID="1.2.1")
        whole = enhanced_dataset(volumes[number], SeriesInstanceUID="1.2.2")
        whole.save_as(tmp_path / f"mr{number}.dcm", enforce_file_format=True)
    found = scan(tmp_path).images
    assert [image.path.name for image in found] == [f"{kind}{n}.dcm" for kind in ("dx", "mr") for n in range(3)]
    assert [image.candidate.slices for image in found] == [1, 1, 1, 4, 4, 4]


def test_files_that_agree_on_the_series_but_not_on_the_patient_stay_apart(tmp_path, volumes):
    write_volume(tmp_path, volumes[0])
    write_volume(tmp_path, volumes[0, :1], names=["x.dcm"], PatientID="P2")
    assert len(scan(tmp_path).images) == 5


def test_roles_are_told_for_the_selection(tmp_path, volumes):
    kinds = {
        "a": (["ORIGINAL", "PRIMARY", "AXIAL"], Role.IMAGE),
        "b": (["ORIGINAL", "PRIMARY", "LOCALIZER"], Role.LOCALIZER),
        "c": (["DERIVED", "SECONDARY", "MPR"], Role.DERIVED),
        "d": (["DERIVED", "PRIMARY", "PROJECTION IMAGE", "MIP"], Role.DERIVED),
        "e": (["DERIVED", "SECONDARY", "OTHER"], Role.DERIVED),
        "f": (["DERIVED", "PRIMARY", "ADC"], Role.IMAGE),
        "g": (["ORIGINAL", "SECONDARY", "SCREEN SAVE"], Role.DERIVED),
        "h": (None, Role.IMAGE),
    }
    for number, (name, (kind, _)) in enumerate(kinds.items()):
        write_volume(tmp_path / name, volumes[0], ImageType=kind, SeriesInstanceUID=f"1.2.{number}")
    found = {image.path.name: image.candidate.role for image in scan(tmp_path).images}
    assert found == {name: role for name, (_, role) in kinds.items()}


def test_facts_for_the_selection_are_read_from_headers_and_functional_groups(tmp_path, volumes):
    write_volume(tmp_path / "ct", volumes[0], SliceThickness=3, BodyPartExamined="chest", SeriesNumber=7)
    enhanced_dataset(volumes[1], SeriesInstanceUID="1.2.2").save_as(tmp_path / "e.dcm", enforce_file_format=True)
    write_dicom(tmp_path / "x.dcm", volumes[0, 0], Modality="DX", SeriesInstanceUID="1.2.4", ViewPosition="PA",
                PresentationIntentType="FOR PROCESSING")  # fmt: skip
    series, enhanced, radiograph = (image.candidate for image in scan(tmp_path).images)
    assert (series.number, series.body_part, series.slice_thickness_mm, series.slices) == (7, "CHEST", 3.0, 4)
    assert (enhanced.modality, enhanced.slice_thickness_mm, enhanced.slices) == ("MR", 99.0, 4)
    assert (radiograph.view, radiograph.intent, radiograph.rows, radiograph.columns) == ("PA", Intent.PROCESSING, 6, 5)


def test_nifti_pair_is_refused_by_name(tmp_path, volumes):
    nib.save(nib.Nifti1Pair(volumes[0], np.eye(4)), tmp_path / "brain.img")
    found = scan(tmp_path)
    assert found.images == ()
    assert [(one.study_id, one.code) for one in found.refusals] == [("brain", Code.UNSUPPORTED_IMAGE)]


def test_derived_radiograph_is_an_image(tmp_path, volumes):
    write_dicom(tmp_path / "dx.dcm", volumes[0, 0], Modality="DX", ImageType=["DERIVED", "SECONDARY"])
    assert scan(tmp_path).images[0].candidate.role is Role.IMAGE


def test_objects_without_an_image_are_none_and_refused_where_a_study_has_nothing_else(tmp_path, volumes):
    write_volume(tmp_path / "ct", volumes[0])
    for uid in ("1.2.3", "1.2.9"):
        write_dicom(
            tmp_path / f"{uid}-seg",
            volumes[0, 0],
            Modality="SEG",
            SOPClassUID=SegmentationStorage,
            StudyInstanceUID=uid,
        )
    found = scan(tmp_path)
    assert [image.path.name for image in found.images] == ["ct"]
    assert [(one.study_id, one.code) for one in found.refusals] == [("1.2.9", Code.NO_PIXELS)]


def test_reports_with_text_are_told_and_dose_reports_are_not(tmp_path, volumes):
    for number, storage in enumerate((BasicTextSRStorage, XRayRadiationDoseSRStorage), start=1):
        write_dicom(
            tmp_path / f"{number}.dcm",
            volumes[0, 0],
            Modality="SR",
            SOPClassUID=storage,
            StudyInstanceUID=f"1.2.{number}",
        )
    found = scan(tmp_path)
    assert found.images == ()
    assert found.reports == (tmp_path / "1.dcm",)
    assert [(one.study_id, one.code) for one in found.refusals] == [("1.2.2", Code.NO_PIXELS)]


def test_damaged_file_is_refused_by_name_and_the_series_beside_it_is_flagged(tmp_path, volumes):
    write_volume(tmp_path / "ct", volumes[0])
    (tmp_path / "ct" / "z.dcm").write_bytes(b"broken")
    found = scan(tmp_path)
    assert [one.study_id for one in found.refusals] == ["ct/z.dcm"]
    (image,) = found.images
    (flag,) = describe_image(image.path).flags
    assert flag.message == "ct holds 1 DICOM file that cannot be read and may belong to the series."


def test_real_folder_or_file_with_a_hash_sign_is_itself(tmp_path, volumes):
    write_volume(tmp_path / "ct#1.2.1", volumes[0], SeriesInstanceUID="9.9")
    write_volume(tmp_path / "ct", volumes[1], SeriesInstanceUID="1.2.1")
    Image.fromarray(volumes[0, 0].astype(np.uint8)).save(tmp_path / "ct#2.png")
    np.testing.assert_array_equal(read_image(tmp_path / "ct#1.2.1").values, volumes[0])
    np.testing.assert_array_equal(read_image(tmp_path / "ct#2.png").values[0], volumes[0, 0].astype(np.uint8))
    write_mixed(tmp_path / "a#b", volumes)
    np.testing.assert_array_equal(read_image(tmp_path / "a#b#1.2.3").values, volumes[2])


def test_series_that_is_not_in_its_folder_is_refused(tmp_path, volumes):
    write_mixed(tmp_path / "in", volumes)
    for read in (read_image, describe_image, file_sha256):
        with pytest.raises(SourceError, match="holds no file of the series") as refused:
            read(tmp_path / "in#9.9")
        assert refused.value.code is Code.FILE_NOT_FOUND
        with pytest.raises(SourceError, match="does not exist"):
            read(tmp_path / "none#9.9")


def test_series_is_found_anew_when_its_folder_changes(tmp_path, volumes):
    folder = write_mixed(tmp_path / "in", volumes)
    assert read_image(f"{folder}#1.2.1").values.shape[0] == 4
    (folder / "3-1.dcm").unlink()
    assert read_image(f"{folder}#1.2.1").values.shape[0] == 3
    write_volume(folder, volumes[1, :1], names=["0-1.dcm"], SeriesInstanceUID="1.2.2", origin=(10, 20, 50))
    assert read_image(f"{folder}#1.2.1").values.shape[0] == 2


@pytest.fixture
def medium(tmp_path, volumes):
    """A DICOMDIR made by pydicom, over three series of one study."""
    files = FileSet()
    for path in sorted(write_mixed(tmp_path / "origin", volumes).iterdir()):
        files.add(path)
    files.write(tmp_path / "medium")
    return tmp_path / "medium" / "DICOMDIR"


def test_dicomdir_gives_the_series_that_it_lists(medium, volumes):
    found = scan(medium)
    assert found.refusals == ()
    assert [image.candidate.number for image in found.images] == [1, 2, 3]
    for image, planes in zip(found.images, volumes, strict=True):
        np.testing.assert_array_equal(read_image(image.path).values, planes)
    assert {image.path for image in scan(medium.parent).images} == {image.path for image in found.images}


def test_dicomdir_finds_its_files_whatever_their_case(medium):
    for folder, names, files in os.walk(medium.parent, topdown=False):
        for name in [*names, *files]:
            if name != "DICOMDIR":
                (Path(folder) / name).rename(Path(folder) / name.lower())
    found = scan(medium)
    assert (len(found.images), found.refusals) == (3, ())


def test_file_that_a_dicomdir_lists_and_that_is_gone_is_refused_by_name(medium):
    gone = next(path for path in sorted(medium.parent.rglob("*")) if path.is_file() and path != medium)
    gone.unlink()
    name = gone.relative_to(medium.parent).as_posix()
    for source in (medium, medium.parent):
        (refusal,) = scan(source).refusals
        assert (refusal.study_id, refusal.code) == (name, Code.FILE_NOT_FOUND)


@pytest.mark.parametrize("file_id", [["..", "SECRET"], ["LINK"], "../SECRET"])
def test_dicomdir_does_not_lead_out_of_its_folder(tmp_path, volumes, file_id):
    write_dicom(tmp_path / "SECRET", volumes[0, 0])
    (tmp_path / "medium").mkdir()
    (tmp_path / "medium" / "LINK").symlink_to(tmp_path / "SECRET")
    record = Dataset()
    record.ReferencedFileID = file_id
    directory = tmp_path / "medium" / "DICOMDIR"
    write_dicom(directory, volumes[0, 0], DirectoryRecordSequence=[record])
    found = scan(directory)
    assert found.images == ()
    assert len(found.refusals) == 1


def test_dicomdir_that_lists_nothing_is_refused(tmp_path, volumes):
    write_dicom(tmp_path / "DICOMDIR", volumes[0, 0])
    with pytest.raises(SourceError, match="lists no file"):
        scan(tmp_path / "DICOMDIR")


def test_zip_is_scanned_through_the_folder_that_is_given(tmp_path, volumes):
    folder = write_mixed(tmp_path / "in", volumes)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.iterdir()):
            file.write(path, f"deep/{path.name}")
    shutil.rmtree(folder)
    found = scan(tmp_path / "a.zip", unpack_into=tmp_path / "unpacked")
    assert [image.candidate.number for image in found.images] == [1, 2, 3]
    np.testing.assert_array_equal(read_image(found.images[1].path).values, volumes[1])
    with pytest.raises(ManifestError, match="is a zip archive"):
        scan(tmp_path / "a.zip")


def test_new_uids_are_not_mixed_up_in_a_folder_of_many_series(tmp_path, volumes):
    uids = [generate_uid() for _ in range(6)]
    for number, uid in enumerate(uids):
        write_volume(
            tmp_path, volumes[0] + number, names=[f"{number}-{n}.dcm" for n in range(4)], SeriesInstanceUID=uid
        )
    by_uid = {str(image.path).rpartition("#")[2]: image.path for image in scan(tmp_path).images}
    assert set(by_uid) == set(uids)
    for number, uid in enumerate(uids):
        np.testing.assert_array_equal(read_image(by_uid[uid]).values, volumes[0] + number)
