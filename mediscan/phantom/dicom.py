"""A drawn radiograph as a Computed Radiography file, with the variety of headers that real ones have.

Source: DICOM PS3.3 A.2 (Computed Radiography Image IOD), C.8.1.1 and C.8.1.2 (CR Series and CR Image modules).
"""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from mediscan.phantom.cases import PhantomCase
from mediscan.phantom.image import MAX_VALUE, Shot
from mediscan.phantom.rules import ViewPosition

_CR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.1"
_IMPLEMENTATION = generate_uid(entropy_srcs=["mediscan phantom"])
_FIELD_MM = (380.0, 440.0)
"""Side of the detector."""
_DESCRIPTIONS = {
    ViewPosition.PA: ("CHEST PA", "Thorax PA", "XR CHEST 2V PA", "W033 Chest PA"),
    ViewPosition.AP: ("CHEST AP PORTABLE", "Thorax AP", "XR CHEST 1V", "CHEST AP ERECT"),
    ViewPosition.LATERAL: ("CHEST LAT", "Thorax lateral", "XR CHEST 2V LAT", "W034 Chest Lat"),
}
_EQUIPMENT = (
    ("Phantom Imaging", "Draughtsman 1"),
    ("Phantom Imaging", "Draughtsman 2 CR"),
    ("Ink & Paper", "Easel 35"),
)


def spacing_mm(shot: Shot, size: int) -> float:
    """Distance between the centres of neighbouring pixels, at the detector."""
    return round(float(np.random.default_rng([shot.seed, 2]).uniform(*_FIELD_MM)) / size, 4)


def dicom_bytes(case: PhantomCase, shot: Shot, pixels: NDArray[np.uint16], *, transfer_syntax: str) -> bytes:
    """A radiograph as the bytes of a DICOM file; the same arguments give the same bytes.

    Args:
        case: Whose it is.
        shot: How it was taken.
        pixels: (H, W) uint16 in [0, 4095], bright where dense; stored inverted where the shot is MONOCHROME1.
        transfer_syntax: UID of a lossless transfer syntax; one that compresses needs its codec installed.
    """
    dataset = _dataset(case, shot)
    stored = MAX_VALUE - pixels if shot.monochrome1 else pixels
    dataset.Rows, dataset.Columns = stored.shape
    dataset.PixelData = np.ascontiguousarray(stored, dtype="<u2").tobytes()
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = _CR_IMAGE_STORAGE
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = _IMPLEMENTATION
    meta.ImplementationVersionName = "MEDISCAN_PHANTOM"
    dataset.file_meta = meta
    if transfer_syntax != ExplicitVRLittleEndian:
        dataset.compress(transfer_syntax, generate_instance_uid=False)
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _dataset(case: PhantomCase, shot: Shot) -> Dataset:
    rng = np.random.default_rng(shot.seed)
    study = np.random.default_rng([shot.seed, 1])
    uid = {
        level: generate_uid(entropy_srcs=["mediscan phantom", case.uid_root, *extra])
        for level, extra in {
            "study": ["study"],
            "series": ["series", shot.position],
            "image": ["image", shot.position],
        }.items()
    }
    lateral = shot.position is ViewPosition.LATERAL
    maker, model = _EQUIPMENT[int(rng.integers(len(_EQUIPMENT)))]
    words = _DESCRIPTIONS[shot.position]
    taken = case.acquired_at
    d = Dataset()
    d.SpecificCharacterSet = "ISO_IR 100"
    d.ImageType = ["ORIGINAL", "PRIMARY"] if rng.random() < 0.7 else ["DERIVED", "PRIMARY"]
    d.SOPClassUID, d.SOPInstanceUID = _CR_IMAGE_STORAGE, uid["image"]
    d.StudyDate = d.SeriesDate = d.AcquisitionDate = d.ContentDate = taken.strftime("%Y%m%d")
    d.StudyTime = d.SeriesTime = d.AcquisitionTime = d.ContentTime = taken.strftime("%H%M%S")
    d.AccessionNumber = f"A{int(study.integers(10**6)):06d}"
    d.Modality, d.Manufacturer, d.ManufacturerModelName = "CR", maker, model
    d.ReferringPhysicianName = ""
    d.StudyDescription = "Chest radiograph"
    d.SeriesDescription = words[int(rng.integers(len(words)))]
    d.PatientName, d.PatientID = f"Phantom^{case.patient_id}", case.patient_id
    d.PatientBirthDate = f"{taken.year - case.age_years - 1}1231"
    d.PatientSex, d.PatientAge = case.sex.value, f"{case.age_years:03d}Y"
    d.BodyPartExamined, d.ViewPosition = "CHEST", shot.position.value
    d.StudyInstanceUID, d.SeriesInstanceUID = uid["study"], uid["series"]
    d.StudyID, d.SeriesNumber, d.InstanceNumber = "1", 2 if lateral else 1, 1
    d.PatientOrientation = ["P", "F"] if lateral else ["L", "F"]
    spacing = spacing_mm(shot, case.size)
    d.ImagerPixelSpacing = [spacing, spacing]
    if rng.random() < 0.8:
        d.PixelSpacing = [spacing, spacing]
    d.KVP = int(rng.integers(85, 126)) if shot.position is ViewPosition.AP else int(rng.integers(110, 131))
    d.Exposure = int(rng.integers(1, 6))
    d.SamplesPerPixel, d.PhotometricInterpretation = 1, "MONOCHROME1" if shot.monochrome1 else "MONOCHROME2"
    d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 16, 12, 11, 0
    _add_rescale_and_window(d, rng)
    return d


def _add_rescale_and_window(d: Dataset, rng: np.random.Generator) -> None:
    """A modality rescale in some files; a window, two, a sigmoid one, or none."""
    slope, intercept = 1.0, 0.0
    kind = rng.random()
    if kind < 0.35:
        slope, intercept = ((1.0, 0.0), (0.5, 0.0), (1.0, -1024.0), (2.0, 100.0))[int(rng.integers(4))]
        d.RescaleIntercept, d.RescaleSlope, d.RescaleType = intercept, slope, "US"
    show = rng.random()
    if show < 0.25:
        return
    centre = round((2048 + float(rng.uniform(-150, 250))) * slope + intercept)
    width = round(float(rng.uniform(3400, 4096)) * slope)
    if show < 0.40:
        d.WindowCenter, d.WindowWidth = [centre, centre + round(80 * slope)], [width, round(width * 0.8)]
        d.WindowCenterWidthExplanation = ["NORMAL", "HARDER"]
    else:
        d.WindowCenter, d.WindowWidth = centre, width
    if show > 0.92:
        d.VOILUTFunction = "SIGMOID"
