import numpy as np
import pytest
from pydicom import Dataset
from series_builders import OBLIQUE, enhanced_dataset

from mediscan.errors import Code, UnsupportedImageError
from mediscan.sources import describe_image, read_image


@pytest.fixture
def planes():
    return np.random.default_rng(0).integers(0, 1000, size=(6, 5, 7)).astype(np.uint16)


def save(path, dataset):
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize(
    ("content", "places", "message"),
    [
        ({"StackID": list("111222")}, [0, 1, 2, 0, 1, 2], "several frames of the same place, told apart by StackID"),
        ({"StackID": list("111222")}, [0, 1, 2, 3, 4, 5], "2 stacks of frames, told apart by StackID"),
        ({"TemporalPositionIndex": [1, 2] * 3}, [0, 0, 1, 1, 2, 2], "told apart by TemporalPositionIndex"),
        ({}, [0, 1, 2, 3, 3, 4], "several frames of the same place"),
    ],
)
def test_frames_that_make_no_one_volume_are_refused_by_what_tells_them_apart(
    tmp_path, planes, content, places, message
):
    path = save(tmp_path / "e.dcm", enhanced_dataset(planes, places_mm=places, frame_content=content))
    for read in (read_image, describe_image):
        with pytest.raises(UnsupportedImageError, match=message) as refused:
            read(path)
        assert refused.value.code is Code.MIXED_SERIES


def test_frames_of_several_echoes_are_refused_by_their_echo_time(tmp_path, planes):
    dataset = enhanced_dataset(planes, places_mm=[0, 0, 1, 1, 2, 2])
    for number, groups in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        echo = Dataset()
        echo.EffectiveEchoTime = 2.0 + number % 2
        groups.MREchoSequence = [echo]
    with pytest.raises(UnsupportedImageError, match="told apart by EffectiveEchoTime"):
        read_image(save(tmp_path / "e.dcm", dataset))


def test_frames_of_several_orientations_are_refused(tmp_path, planes):
    dataset = enhanced_dataset(planes)
    shared = dataset.SharedFunctionalGroupsSequence[0]
    directions = shared.PlaneOrientationSequence
    del shared.PlaneOrientationSequence
    for number, groups in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        one = Dataset()
        one.ImageOrientationPatient = list(OBLIQUE) if number == 3 else directions[0].ImageOrientationPatient
        groups.PlaneOrientationSequence = [one]
    with pytest.raises(UnsupportedImageError, match="frames of different orientations"):
        read_image(save(tmp_path / "e.dcm", dataset))


def test_a_gap_between_frames_is_flagged_and_their_distance_is_not_the_slice_thickness(tmp_path, planes):
    whole = save(tmp_path / "whole.dcm", enhanced_dataset(planes))
    assert describe_image(whole).flags == ()
    assert describe_image(whole).meta.spacing_mm == (0.5, 0.4, 2.5)
    gap = save(tmp_path / "gap.dcm", enhanced_dataset(planes, places_mm=[0, 2, 4, 8, 10, 12]))
    (flag,) = describe_image(gap).flags
    assert flag.code is Code.MISSING_SLICES
    assert "1 between 34.0 and 38.0 mm" in flag.message
    assert read_image(gap).affine is None
