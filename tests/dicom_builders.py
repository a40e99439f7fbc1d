"""Tiny DICOM files for tests, written by pydicom itself."""

import shutil
import subprocess
from pathlib import Path

import gdcm
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

_ENCODERS = {RLELossless: "pydicom", JPEGLSLossless: "pyjpegls", JPEG2000Lossless: "pylibjpeg"}


def dicom_dataset(stored: NDArray[np.generic], **elements: object) -> Dataset:
    """A CT data set around stored samples: (H, W), (S, H, W) or, with SamplesPerPixel=3, (H, W, 3).

    Elements given by keyword replace or add to those drawn from the array; None leaves one out.
    """
    colour = elements.get("SamplesPerPixel") == 3
    plane = stored.shape[-3:-1] if colour else stored.shape[-2:]
    bits = stored.dtype.itemsize * 8
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    values: dict[str, object] = {
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": generate_uid(),
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.4",
        "Modality": "CT",
        "PatientID": "P1",
        "PatientName": "Test^Patient",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "RGB" if colour else "MONOCHROME2",
        "Rows": plane[0],
        "Columns": plane[1],
        "BitsAllocated": bits,
        "BitsStored": bits,
        "PixelRepresentation": 1 if stored.dtype.kind == "i" else 0,
    }
    if colour:
        values["PlanarConfiguration"] = 0
    if stored.ndim == (4 if colour else 3):
        values["NumberOfFrames"] = stored.shape[0]
    values |= elements
    values.setdefault("HighBit", int(str(values["BitsStored"])) - 1)
    for keyword, value in values.items():
        if value is not None:
            setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", CTImageStorage)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    samples = stored.tobytes()
    dataset.PixelData = samples + b"\0" * (len(samples) % 2)
    dataset["PixelData"].VR = "OW" if bits > 8 else "OB"
    return dataset


def write_dicom(path: Path, stored: NDArray[np.generic], **elements: object) -> Path:
    """Write `dicom_dataset` to a file; returns its path."""
    dicom_dataset(stored, **elements).save_as(path, enforce_file_format=True)
    return path


def compress(dataset: Dataset, syntax: UID) -> Dataset:
    """Compress in place, each syntax by one encoder: GDCM's run-length encoder ends the process on noise."""
    dataset.compress(syntax, encoding_plugin=_ENCODERS[syntax])
    return dataset


def write_jpeg_lossless(path: Path, stored: NDArray[np.generic]) -> Path:
    """Write 12-bit samples as JPEG Lossless (process 14, selection value 1), which only GDCM can; returns the path."""
    write_dicom(path, stored, BitsStored=12)
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(path))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return path


def transcoded(source: Path, *command: str) -> Path:
    """A file written again by a command of dcmtk or gdcm, beside the original; without it the test is skipped."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed (Debian: dcmtk, libgdcm-tools)")
    target = source.with_name(f"{source.stem}-{'-'.join(part.strip('-+') for part in command)}.dcm")
    subprocess.run([*command, str(source), str(target)], check=True, capture_output=True)
    return target


def smooth(shape: tuple[int, ...], *, bits: int, signed: bool = False) -> NDArray[np.generic]:
    """Samples that use all values of so many bits, and change slowly enough for lossy compression."""
    steps = np.random.default_rng(bits).normal(0, (1 << bits) / 60, size=shape)
    lowest = -(1 << (bits - 1)) if signed else 0
    walk = np.cumsum(steps, axis=1) + (0 if signed else 1 << (bits - 1))
    walk.flat[:2] = lowest, lowest + (1 << bits) - 1
    width = 8 if bits <= 8 else 16
    return np.clip(np.rint(walk), lowest, lowest + (1 << bits) - 1).astype(f"{'i' if signed else 'u'}{width // 8}")


def undefined_length_sequences(depth: int) -> bytes:
    """Explicit little endian sequences of one item each, nested so deep."""
    start = b"\x40\x00\x30\xa7SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    end = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    return start * depth + end * depth
