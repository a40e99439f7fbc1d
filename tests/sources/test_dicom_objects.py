"""Which DICOM objects are images, what is flagged of those that are, and which files are DICOM at all."""

from pathlib import Path

import numpy as np
import pytest
from dicom_builders import dicom_dataset, smooth, write_dicom
from pydicom import uid
from pydicom.data import get_testdata_files

from mediscan.errors import Code, NotDicomError, PixelDataError, UnsupportedImageError
from mediscan.sources.dicom.header import is_dicom, open_header
from mediscan.sources.dicom.read import describe_dicom, read_dicom

STORED = smooth((9, 7), bits=12)


def flags(path):
    return {flag.code: flag.message for flag in describe_dicom(path).flags}


@pytest.mark.parametrize(
    ("sop_class", "words"),
    [
        (uid.ComprehensiveSRStorage, "structured report"),
        (uid.XRayRadiationDoseSRStorage, "structured report"),
        (uid.KeyObjectSelectionDocumentStorage, "key object selection"),
        (uid.EncapsulatedPDFStorage, "encapsulated document"),
        (uid.EncapsulatedCDAStorage, "encapsulated document"),
        (uid.TwelveLeadECGWaveformStorage, "waveform"),
        (uid.GrayscaleSoftcopyPresentationStateStorage, "presentation state"),
        (uid.RTStructureSetStorage, "radiotherapy object"),
        (uid.RTPlanStorage, "radiotherapy object"),
        (uid.RTDoseStorage, "radiotherapy dose"),
        (uid.SegmentationStorage, "segmentation"),
        (uid.SurfaceSegmentationStorage, "surface segmentation"),
        (uid.ParametricMapStorage, "parametric map"),
        (uid.MRSpectroscopyStorage, "spectrum"),
        (uid.SpatialRegistrationStorage, "raw or spatial data"),
        (uid.RealWorldValueMappingStorage, "real-world value mapping"),
    ],
)
@pytest.mark.parametrize("pixels", ["with pixels", "without"])
def test_what_is_no_image_is_refused_by_name(tmp_path, sop_class, words, pixels):
    dataset = dicom_dataset(STORED, SOPClassUID=sop_class)
    if pixels == "without":
        del dataset.PixelData
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    for read in (read_dicom, describe_dicom):
        with pytest.raises(
            UnsupportedImageError, match=rf"holds no image \({sop_class.name}: (an? )?{words}\)"
        ) as refused:
            read(tmp_path / "a.dcm")
        assert refused.value.code is (Code.UNSUPPORTED_IMAGE if pixels == "with pixels" else Code.NO_PIXELS)


def test_the_text_of_a_report_is_said_to_be_a_note(tmp_path):
    report = next(name for name in get_testdata_files("test-SR.dcm"))
    with pytest.raises(UnsupportedImageError, match="text can be read as a note"):
        read_dicom(Path(report))


@pytest.mark.parametrize(
    "sop_class",
    [
        uid.RTImageStorage,
        uid.EnhancedCTImageStorage,
        uid.EnhancedMRImageStorage,
        uid.MRImageStorage,
        uid.DigitalXRayImageStorageForPresentation,
        uid.PositronEmissionTomographyImageStorage,
        uid.SecondaryCaptureImageStorage,
        uid.UltrasoundImageStorage,
        None,
    ],
)
def test_images_are_read_whatever_their_class(tmp_path, sop_class):
    path = write_dicom(tmp_path / "a.dcm", STORED, SOPClassUID=sop_class)
    np.testing.assert_array_equal(read_dicom(path).values[0], STORED)


def test_an_unknown_class_is_not_quoted(tmp_path):
    dataset = dicom_dataset(STORED)
    del dataset.PixelData, dataset.Rows
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    content = (tmp_path / "a.dcm").read_bytes()
    (tmp_path / "a.dcm").write_bytes(content.replace(uid.CTImageStorage.encode(), b"Canary^Patient^19800101.2"))
    with pytest.raises(UnsupportedImageError, match=r"holds no image \(no known SOP class\)"):
        read_dicom(tmp_path / "a.dcm")


@pytest.mark.parametrize(
    ("elements", "flagged"),
    [
        ({}, False),
        ({"BurnedInAnnotation": "NO"}, False),
        ({"BurnedInAnnotation": "YES"}, True),
        ({"Modality": "US"}, True),
        ({"Modality": "SC"}, True),
        ({"Modality": "OT"}, True),
        ({"Modality": "XC"}, True),
        ({"Modality": "ES"}, True),
        ({"Modality": "US", "BurnedInAnnotation": "NO"}, False),
        ({"Modality": "CR", "ConversionType": "DF"}, True),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, True),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"], "BurnedInAnnotation": "NO"}, False),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"]}, False),
    ],
)
def test_burned_in_annotation_is_flagged_where_it_is_stated_or_likely(tmp_path, elements, flagged):
    path = write_dicom(tmp_path / "a.dcm", STORED, **elements)
    assert (Code.BURNED_IN_ANNOTATION in flags(path)) is flagged


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"MZ\x90\0", "Windows program"),
        (b"\x7fELF\x02", "Unix program"),
        (b"\xcf\xfa\xed\xfe", "macOS program"),
        (b"#!/bin/sh\n", "script"),
        (b"PK\x03\x04", "zip archive"),
        (b"%PDF-1.7", "PDF document"),
        (b"<html>", "HTML or XML document"),
        (b"GIF89a", "GIF picture"),
        (b"II*\0", "TIFF picture, as DICOM allows"),
        (b"MM\0*", "TIFF picture, as DICOM allows"),
    ],
)
def test_a_preamble_of_another_format_is_flagged_and_the_image_read(tmp_path, start, words):
    path = write_dicom(tmp_path / "a.dcm", STORED)
    path.write_bytes(start.ljust(128, b"\0") + path.read_bytes()[128:])
    assert words in flags(path)[Code.EXECUTABLE_PREAMBLE]
    np.testing.assert_array_equal(read_dicom(path).values[0], STORED)


@pytest.mark.parametrize("start", [b"", b"made by a scanner", b"\0\0MZ"])
def test_an_innocent_preamble_is_not_flagged(tmp_path, start):
    path = write_dicom(tmp_path / "a.dcm", STORED)
    path.write_bytes(start.ljust(128, b"\0") + path.read_bytes()[128:])
    assert flags(path) == {}


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian])
@pytest.mark.parametrize("meta", ["with meta information", "bare"])
def test_a_file_without_preamble_is_read(tmp_path, syntax, meta):
    dataset = dicom_dataset(STORED, BitsStored=12)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(tmp_path / "whole.dcm", enforce_file_format=True)
    content = (tmp_path / "whole.dcm").read_bytes()
    path = tmp_path / "a.dcm"
    path.write_bytes(content[132 if meta == "with meta information" else content.index(b"\x08\x00\x16\x00") :])
    assert is_dicom(path.read_bytes()[:132])
    assert open_header(path).syntax == syntax
    np.testing.assert_array_equal(read_dicom(path).values[0], STORED)


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"\x08",
        b"not an image " * 20,
        b"\x5c\x01\0\0" + b"\0" * 340,  # NIfTI
        b"\xff\xd8\xff\xe0\0\x10JFIF" + b"\0" * 200,
        b"\x89PNG\r\n\x1a\n" + b"\0" * 200,
        b"II*\0\x08\0\0\0" + b"\0" * 200,
        b"PK\x03\x04" + b"\0" * 200,
        b"\x1f\x8b\x08\0" + b"\0" * 200,
        b"\0" * 400,
        b"\x08\x00XXXX" + b"\0" * 200,
    ],
)
def test_other_files_are_not_taken_for_dicom(tmp_path, start):
    assert not is_dicom(start)
    path = tmp_path / "a.dcm"
    path.write_bytes(start)
    with pytest.raises(NotDicomError, match="is not DICOM") as refused:
        open_header(path)
    assert refused.value.code is Code.NOT_DICOM


def test_a_header_that_ends_early_says_so(tmp_path):
    path = write_dicom(tmp_path / "a.dcm", STORED)
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"\xe0\x7f\x10\x00")])
    with pytest.raises(PixelDataError, match="ends before its pixel data") as refused:
        describe_dicom(path)
    assert refused.value.code is Code.PIXEL_DATA
