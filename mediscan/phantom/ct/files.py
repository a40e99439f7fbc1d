"""A drawn volume as a DICOM series or as a NIfTI file; both read back as the same values in the same place.

Source: DICOM PS3.3 A.3 (CT Image IOD), C.7.6.2 (Image Plane module), C.8.2.1 (CT Image module); NIfTI-1 (nifti1.h).
"""

import gzip
from collections.abc import Iterator
from enum import StrEnum
from io import BytesIO

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from mediscan.phantom.ct.cases import MIN_HU, VolumeCase
from mediscan.phantom.ct.scan import AXIAL

_IMPLEMENTATION = generate_uid(entropy_srcs=["mediscan phantom"])
_WINDOW = (-250, 1500)
"""Centre and width: lung, soft tissue and contrast medium at once."""
_EQUIPMENT = (("Phantom Imaging", "Slicer 64"), ("Ink & Paper", "Sculptor"))
_DESCRIPTIONS = ("CT CHEST W CONTRAST", "CTA Thorax", "Chest PE protocol")


class VolumeForm(StrEnum):
    """What a volume is written as."""

    DICOM_SERIES = "dicom"
    NIFTI = "nifti"


def dicom_series(case: VolumeCase, values: NDArray[np.int16]) -> Iterator[bytes]:
    """The files of a series, in the order of their instance numbers; the same arguments give the same bytes.

    Half of the scanners count from the head down; readers must sort by position.

    Args:
        case: Whose it is.
        values: (S, H, W) int16 Hounsfield units in [-1024, 3071].
    """
    rng = np.random.default_rng(case.seed)
    dataset = _header(case, rng)
    order = range(len(values)) if rng.random() < 0.5 else range(len(values) - 1, -1, -1)
    for number, plane in enumerate(order, start=1):
        uid = generate_uid(entropy_srcs=["mediscan phantom", case.uid_root, "image", str(number)])
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
        dataset.InstanceNumber = number
        position = case.scan.position_mm(plane)
        dataset.ImagePositionPatient = list(position)
        dataset.SliceLocation = position[2]
        dataset.PixelData = (values[plane].astype(np.int32) - MIN_HU).astype("<u2").tobytes()
        buffer = BytesIO()
        dataset.save_as(buffer, enforce_file_format=True)
        yield buffer.getvalue()


def _header(case: VolumeCase, rng: np.random.Generator) -> Dataset:
    """All that the files of a series share."""
    uid = {
        level: generate_uid(entropy_srcs=["mediscan phantom", case.uid_root, level])
        for level in ("study", "series", "frame of reference")
    }
    taken, scan = case.acquired_at, case.scan
    d = Dataset()
    d.SpecificCharacterSet = "ISO_IR 100"
    d.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    d.SOPClassUID = CTImageStorage
    d.StudyDate = d.SeriesDate = d.AcquisitionDate = d.ContentDate = taken.strftime("%Y%m%d")
    d.StudyTime = d.SeriesTime = d.AcquisitionTime = d.ContentTime = taken.strftime("%H%M%S")
    d.AccessionNumber = f"C{int(rng.integers(10**6)):06d}"
    d.Modality = "CT"
    d.Manufacturer, d.ManufacturerModelName = _EQUIPMENT[int(rng.integers(len(_EQUIPMENT)))]
    d.ReferringPhysicianName = ""
    d.StudyDescription = "Chest CT"
    d.SeriesDescription = _DESCRIPTIONS[int(rng.integers(len(_DESCRIPTIONS)))]
    d.PatientName, d.PatientID = f"Phantom^{case.patient_id}", case.patient_id
    d.PatientBirthDate = f"{taken.year - case.age_years - 1}1231"
    d.PatientSex, d.PatientAge = case.sex.value, f"{case.age_years:03d}Y"
    d.BodyPartExamined, d.PatientPosition = "CHEST", "HFS"
    d.StudyInstanceUID, d.SeriesInstanceUID = uid["study"], uid["series"]
    d.FrameOfReferenceUID, d.PositionReferenceIndicator = uid["frame of reference"], ""
    d.StudyID, d.SeriesNumber, d.AcquisitionNumber = "1", 2, 1
    d.KVP = int((100, 120)[int(rng.integers(2))])
    d.ImageOrientationPatient = list(AXIAL)
    d.PixelSpacing, d.SliceThickness = [scan.pixel_mm, scan.pixel_mm], scan.gap_mm
    d.SamplesPerPixel, d.PhotometricInterpretation = 1, "MONOCHROME2"
    d.Rows = d.Columns = scan.size
    d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 16, 12, 11, 0
    d.RescaleIntercept, d.RescaleSlope, d.RescaleType = MIN_HU, 1, "HU"
    d.WindowCenter, d.WindowWidth = _WINDOW
    d.file_meta = FileMetaDataset()
    d.file_meta.MediaStorageSOPClassUID = CTImageStorage
    d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    d.file_meta.ImplementationClassUID = _IMPLEMENTATION
    d.file_meta.ImplementationVersionName = "MEDISCAN_PHANTOM"
    return d


def nifti_bytes(case: VolumeCase, values: NDArray[np.int16]) -> bytes:
    """A volume as the bytes of a gzipped NIfTI file; the same arguments give the same bytes.

    Converters differ in which way they run along each axis, and so do these files.

    Args:
        case: Whose it is.
        values: (S, H, W) int16 Hounsfield units.
    """
    rng = np.random.default_rng(case.seed)
    affine = case.scan.affine[:, [2, 1, 0, 3]]  # index (column, row, plane)
    array = values.transpose(2, 1, 0)  # (W, H, S)
    for axis in range(3):
        if rng.random() < 0.5:
            affine[:, 3] += affine[:, axis] * (array.shape[axis] - 1)
            affine[:, axis] *= -1
            array = np.flip(array, axis)
    image = nib.Nifti1Image(array, affine)
    low, high = _WINDOW[0] - _WINDOW[1] / 2, _WINDOW[0] + _WINDOW[1] / 2
    image.header["cal_min"], image.header["cal_max"] = low, high
    image.header.set_xyzt_units("mm")
    return gzip.compress(image.to_bytes(), compresslevel=1, mtime=0)  # a time would make every file another
