"""Tiny DICOM series and enhanced multi-frame objects that lie somewhere in a patient."""

from pathlib import Path

import numpy as np
from dicom_builders import dicom_dataset, write_dicom
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedMRImageStorage

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
OBLIQUE = (0.8, 0.6, 0.0, 0.0, 0.0, -1.0)
LPS = np.diag([-1.0, -1.0, 1.0])


def random_orientation(draw: np.random.Generator, *, degrees: float = 40.0) -> NDArray[np.float64]:
    """(6,) the directions of rows and columns of an axial plane, turned about three axes."""
    turned = np.eye(3)
    for axis, angle in enumerate(np.radians(draw.uniform(-degrees, degrees, size=3))):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[first, first] = turn[second, second] = np.cos(angle)
        turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
        turned = turn @ turned
    return np.concatenate([turned[:, 0], turned[:, 1]])


def write_volume(
    folder: Path,
    planes: NDArray[np.generic],
    *,
    orientation=AXIAL,
    spacing=(0.5, 0.4),
    gap_mm=2.5,
    origin=(10.0, 20.0, 30.0),
    tilt_mm=0.0,
    names=None,
    **elements: object,
) -> Path:
    """Write (S, H, W) planes as a series, each shifted by `tilt_mm` along its columns against the last."""
    row, column = np.asarray(orientation[:3]), np.asarray(orientation[3:])
    step = np.cross(row, column) * gap_mm + column * tilt_mm
    folder.mkdir(exist_ok=True, parents=True)
    for index, plane in enumerate(planes):
        place = {
            "ImageOrientationPatient": [float(f"{value:.12f}") for value in orientation],
            "ImagePositionPatient": [float(f"{value:.9f}") for value in np.asarray(origin) + step * index],
            "InstanceNumber": index + 1,
            "PixelSpacing": list(spacing),
        }
        name = f"{index}.dcm" if names is None else names[index]
        write_dicom(folder / name, plane, **(place | elements))
    return folder


def enhanced_dataset(
    planes: NDArray[np.generic],
    *,
    orientation=AXIAL,
    spacing=(0.5, 0.4),
    places_mm=None,
    frame_content=None,
    **elements: object,
) -> Dataset:
    """An enhanced MR object: each frame at its place along the normal, with its own attributes of frame content."""
    places = np.arange(len(planes)) * 2.5 if places_mm is None else np.asarray(places_mm)
    normal = np.cross(orientation[:3], orientation[3:])
    chosen = {"SOPClassUID": EnhancedMRImageStorage, "Modality": "MR"} | elements
    dataset = dicom_dataset(planes, **chosen)
    measures, directions, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = list(spacing)
    measures.SliceThickness = 99.0  # must not be taken for the distance
    directions.ImageOrientationPatient = [float(f"{value:.12f}") for value in orientation]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Sequence([measures]), Sequence([directions])
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for index, place in enumerate(places):
        groups, position, content = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [
            float(f"{value:.9f}") for value in np.array([10.0, 20.0, 30.0]) + normal * place
        ]
        groups.PlanePositionSequence = Sequence([position])
        for keyword, values in (frame_content or {}).items():
            setattr(content, keyword, values[index])
        groups.FrameContentSequence = Sequence([content])
        frames.append(groups)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
    return dataset
