import shutil
import subprocess
import sys
from datetime import datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from deident_builders import annex_e, left_in, named_like_identity, planted_file
from dicom_builders import compress, dicom_dataset, write_dicom
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from mediscan.deidentify.dicom import capped_age
from mediscan.deidentify.files import DicomRules, deidentify_file
from mediscan.deidentify.pixels import without_comments
from mediscan.deidentify.profile import Characteristics, Descriptors, Overlays, Profile, table
from mediscan.deidentify.regions import Rectangle, RegionRule, RegionRules
from mediscan.deidentify.surrogates import Surrogates
from mediscan.errors import Code, ConfigError, SourceError
from mediscan.sources import read_image

_VALIDATOR = shutil.which("dciodvfy")
SURROGATES = Surrogates(b"a secret of tests only")


@pytest.fixture
def pixels() -> NDArray[np.uint16]:
    return np.random.default_rng(0).integers(0, 4096, (48, 64), dtype=np.uint16)


def cleaned(path: Path, rules: DicomRules | None = None) -> Dataset:
    target = path.with_suffix(".copy")
    deidentify_file(path, target, SURROGATES, rules or DicomRules())
    return pydicom.dcmread(target)


def kept(**choices: object) -> DicomRules:
    return DicomRules(profile=Profile(**choices))


@pytest.mark.parametrize("tags", [annex_e, named_like_identity])
def test_nothing_planted_is_left(tmp_path: Path, tags: object) -> None:
    planted = planted_file(tmp_path / "in.dcm", tags())
    original = tmp_path / "in.dcm"
    assert len(list(left_in(pydicom.dcmread(original), original.read_bytes(), planted))) == len(planted)
    copy = cleaned(original)
    left = list(left_in(copy, (tmp_path / "in.copy").read_bytes(), planted))
    assert [one.keyword for one in left] == []
    assert len(planted) > 600


def test_one_patient_has_one_code_and_dates_keep_their_distance(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    first, second = (
        cleaned(write_dicom(tmp_path / f"{day}.dcm", pixels, StudyDate=day, StudyTime="101112", AccessionNumber="A77"))
        for day in ("20200228", "20210302")
    )
    assert first.PatientID == second.PatientID == SURROGATES.patient("P1") == str(first.PatientName)
    assert first.AccessionNumber == second.AccessionNumber != "A77"
    days = [datetime.fromisoformat(one.StudyDate).toordinal() for one in (first, second)]
    assert days[1] - days[0] == 368
    assert first.StudyTime == second.StudyTime != "101112"
    assert first.StudyDate != "20200228"


def test_another_patient_moves_by_another_span(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    days = {
        cleaned(write_dicom(tmp_path / f"{who}.dcm", pixels, PatientID=who, StudyDate="20200228")).StudyDate
        for who in ("P1", "P2", "P3")
    }
    assert len(days) == 3


def test_references_lead_to_the_copies(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.77"
    target = cleaned(write_dicom(tmp_path / "a.dcm", pixels, SOPInstanceUID="1.2.3.77"))
    source = cleaned(write_dicom(tmp_path / "b.dcm", pixels, SourceImageSequence=[reference]))
    referenced = source.SourceImageSequence[0]
    assert referenced.ReferencedSOPInstanceUID == target.SOPInstanceUID == target.file_meta.MediaStorageSOPInstanceUID
    assert referenced.ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
    assert source.StudyInstanceUID == target.StudyInstanceUID != "1.2.3"


def test_the_copy_declares_what_was_done(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    copy = cleaned(write_dicom(tmp_path / "a.dcm", pixels), kept(characteristics=Characteristics.KEEP))
    assert copy.PatientIdentityRemoved == "YES"
    assert copy.LongitudinalTemporalInformationModified == "MODIFIED"
    codes = [item.CodeValue for item in copy.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113105", "113107", "113108"]
    assert "BurnedInAnnotation" not in copy


def test_the_copy_has_the_same_pixels(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    syntaxes = {"native": None, "rle": RLELossless, "j2k": JPEG2000Lossless}
    for name, syntax in syntaxes.items():
        dataset = dicom_dataset(
            pixels, BitsStored=12, WindowCenter=2000, WindowWidth=500, RescaleSlope=2, Modality="CT"
        )
        path = tmp_path / f"{name}.dcm"
        (compress(dataset, syntax) if syntax else dataset).save_as(path, enforce_file_format=True)
        copy = cleaned(path)
        before, after = read_image(path), read_image(tmp_path / f"{name}.copy")
        np.testing.assert_array_equal(before.values, after.values)
        assert before.voi == after.voi
        assert copy.file_meta.TransferSyntaxUID == (syntax or dataset.file_meta.TransferSyntaxUID)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_every_native_encoding_keeps_its_pixels(tmp_path: Path, pixels: NDArray[np.uint16], syntax: UID) -> None:
    little = syntax.is_little_endian
    dataset = dicom_dataset(pixels if little else pixels.byteswap())
    dataset.file_meta.TransferSyntaxUID = syntax
    path = tmp_path / "a.dcm"
    dataset.save_as(path, implicit_vr=syntax.is_implicit_VR, little_endian=little, enforce_file_format=True)
    cleaned(path)
    for image in (path, tmp_path / "a.copy"):
        np.testing.assert_array_equal(read_image(image).values[0], pixels)
    corner = regions(Rectangle(left=0, top=0, width=3, height=3))
    np.testing.assert_array_equal(cleaned(path, corner).pixel_array[3:], pixels[3:])


def test_characteristics_are_kept_only_when_asked_for(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    path = write_dicom(tmp_path / "a.dcm", pixels, PatientAge="093Y", PatientSex="F", PatientWeight="70.5")
    strict, loose = cleaned(path), cleaned(path, kept(characteristics=Characteristics.KEEP))
    assert (strict.get("PatientAge"), strict.get("PatientSex"), strict.get("PatientWeight")) == (None, "", None)
    assert (loose.PatientAge, loose.PatientSex, loose.PatientWeight) == ("090Y", "F", 70.5)


def test_an_age_is_told_where_only_the_birth_date_tells_it(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    path = write_dicom(tmp_path / "a.dcm", pixels, PatientBirthDate="19800615", StudyDate="20200614")
    copy = cleaned(path, kept(characteristics=Characteristics.KEEP))
    assert (copy.PatientAge, copy.PatientBirthDate) == ("039Y", "")


@pytest.mark.parametrize(
    ("age", "capped"),
    [("089Y", "089Y"), ("090Y", "090Y"), ("104Y", "090Y"), ("999M", "999M"), ("003D", "003D"), ("old", None)],
)
def test_ages_over_89_are_one(age: str, capped: str | None) -> None:
    assert capped_age(age) == capped


def test_a_sex_that_is_none_is_not_kept(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    path = write_dicom(tmp_path / "a.dcm", pixels, PatientSex="MARLOWE")
    assert cleaned(path, kept(characteristics=Characteristics.KEEP)).PatientSex == ""


@pytest.mark.parametrize("hidden", ["Scanner of MÜLLER", "muller_ct", "unit 4711-99", "born 1950-02-03"])
def test_text_with_the_records_own_identifiers_is_emptied(
    tmp_path: Path, pixels: NDArray[np.uint16], hidden: str
) -> None:
    identity = {"PatientName": "Müller^Änne", "PatientID": "4711-99", "PatientBirthDate": "19500203"}
    path = write_dicom(
        tmp_path / "a.dcm", pixels, SpecificCharacterSet="ISO_IR 100", ManufacturerModelName=hidden, **identity
    )
    assert cleaned(path).ManufacturerModelName == ""
    path = write_dicom(tmp_path / "b.dcm", pixels, ManufacturerModelName="Mullerian CT", **identity)
    assert cleaned(path).ManufacturerModelName == "Mullerian CT"


def test_a_name_in_a_nested_sequence_is_searched_for_everywhere(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    performer = Dataset()
    performer.PersonName = "Okonkwo^Ada"
    path = write_dicom(tmp_path / "a.dcm", pixels, ReferencedSeriesSequence=[performer], SoftwareVersions="okonkwo 3.1")
    copy = cleaned(path)
    assert copy.SoftwareVersions == ""
    assert b"konkwo" not in (tmp_path / "a.copy").read_bytes()


def test_descriptions_keep_words_of_the_vocabulary(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    path = write_dicom(
        tmp_path / "a.dcm", pixels, SeriesDescription="CHEST PA for Dr Marlowe_T1 axial", PatientName="Axial"
    )
    assert cleaned(path).SeriesDescription == ""
    path = write_dicom(tmp_path / "b.dcm", pixels, SeriesDescription="CHEST PA for Dr Marlowe_T1 axial")
    assert cleaned(path).SeriesDescription == "CHEST PA T1 axial"
    assert "SeriesDescription" not in cleaned(path, kept(descriptors=Descriptors.REMOVE))


def test_text_keeps_its_letters_in_utf_8(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    path = write_dicom(tmp_path / "a.dcm", pixels, SpecificCharacterSet="ISO_IR 100", Manufacturer="Gerät")
    copy = cleaned(path)
    assert (copy.SpecificCharacterSet, copy.Manufacturer) == ("ISO_IR 192", "Gerät")
    assert "Gerät".encode() in (tmp_path / "a.copy").read_bytes()


def test_text_written_as_numbers_is_removed(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    dataset = dicom_dataset(pixels)
    dataset.add_new(0x00204000, "OW", b"MARLOWE ")  # ImageComments
    dataset.add_new(0x00400280, "OB", b"MARLOWE ")
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    cleaned(tmp_path / "a.dcm")
    assert b"MARLOWE" not in (tmp_path / "a.copy").read_bytes()


def test_overlays_are_removed_unless_asked_for(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    dataset = dicom_dataset(pixels)
    dataset.add_new(0x60000010, "US", 16)
    dataset.add_new(0x60000022, "LO", "for Marlowe")
    dataset.add_new(0x60003000, "OW", b"\1" * 384)
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert 0x60003000 not in cleaned(tmp_path / "a.dcm")
    copy = cleaned(tmp_path / "a.dcm", kept(overlays=Overlays.KEEP))
    assert (copy[0x60003000].value, copy[0x60000022].value) == (b"\1" * 384, "")


def test_overlays_in_unused_bits_are_refused(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    dataset = dicom_dataset(pixels, BitsStored=12)
    dataset.add_new(0x60000102, "US", 12)
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(SourceError, match="overlay planes lie in unused bits"):
        cleaned(tmp_path / "a.dcm")


def test_bytes_behind_the_last_frame_are_removed(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    dataset = dicom_dataset(pixels)
    dataset.PixelData += b"MARLOWE "
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert cleaned(tmp_path / "a.dcm").PixelData == pixels.tobytes()


def test_comments_of_jpeg_frames_are_blanked(tmp_path: Path) -> None:
    colours = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    buffer, exif = BytesIO(), Image.Exif()
    exif[0x013B] = "MARLOWE"
    Image.fromarray(colours).save(buffer, "JPEG", comment=b"MARLOWE", exif=exif)
    frame = buffer.getvalue().removesuffix(b"\xff\xd9") + b"\xff\xfe\x00\x09MARLOWE\xff\xd9MARLOWE."
    assert frame.count(b"MARLOWE") == 4
    dataset = dicom_dataset(colours, SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL_422", Modality="GM")
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    copy = cleaned(tmp_path / "a.dcm")
    assert b"MARLOWE" not in (tmp_path / "a.copy").read_bytes()
    after = next(generate_frames(copy.PixelData, number_of_frames=1))
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(after))), np.asarray(Image.open(BytesIO(frame))))


def test_comments_of_jpeg_2000_and_boxes_around_it_are_blanked() -> None:
    size = b"\xff\x51\x00\x04ab"
    codestream = b"\xff\x4f" + size + b"\xff\x64\x00\x09MARLOWE" + b"\xff\x90\x00\x04ab\xff\x93rest"
    expected = b"\xff\x4f" + size + b"\xff\x64\x00\x09" + bytes(7) + b"\xff\x90\x00\x04ab\xff\x93rest"
    assert without_comments(b"box xml MARLOWE" + codestream) == expected


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.11", "ContentSequence": [Dataset()]}, "a structured report"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1", "EncapsulatedDocument": b"%PDF"}, "holds a document"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.66"}, "raw data"),
        ({"SOPClassUID": "1.2.826.0.1.99"}, "no kind that the standard knows"),
        ({"SOPClassUID": "1.2.840.10008.1.3.10"}, "a directory"),
        ({"Modality": "US"}, "text may be part of its pixels"),
        ({"BurnedInAnnotation": "YES"}, "text may be part of its pixels"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "text may be part of its pixels"),
        ({"ImageType": ["DERIVED", "SECONDARY", "DOSE_INFO"]}, "text may be part of its pixels"),
        ({"ImageType": ["DERIVED", "PRIMARY", "SCREEN SAVE"]}, "text may be part of its pixels"),
    ],
)
def test_what_cannot_be_made_safe_is_refused(
    tmp_path: Path, pixels: NDArray[np.uint16], elements: dict[str, object], reason: str
) -> None:
    path = write_dicom(tmp_path / "marlowe.dcm", pixels, PatientName="Marlowe", **elements)
    with pytest.raises(SourceError, match=reason) as refused:
        cleaned(path)
    assert refused.value.code is Code.NOT_DEIDENTIFIED
    assert "arlowe" not in str(refused.value)


def test_an_explicit_no_or_a_modality_declared_clean_is_believed(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    denied = write_dicom(tmp_path / "a.dcm", pixels, Modality="US", BurnedInAnnotation="NO")
    assert cleaned(denied).BurnedInAnnotation == "NO"
    clean = DicomRules(clean_modalities=frozenset({"US"}))
    assert cleaned(write_dicom(tmp_path / "b.dcm", pixels, Modality="US"), clean).Modality == "US"
    with pytest.raises(SourceError, match="text may be part"):
        cleaned(write_dicom(tmp_path / "c.dcm", pixels, Modality="US", BurnedInAnnotation="YES"), clean)


def regions(*rectangles: Rectangle, **wanted: object) -> DicomRules:
    return DicomRules(regions=RegionRules(region=(RegionRule(rectangles=rectangles, **wanted),)))


@pytest.mark.parametrize(("photometric", "extreme"), [("MONOCHROME2", np.min), ("MONOCHROME1", np.max)])
def test_a_region_is_black_and_the_rest_unchanged(
    tmp_path: Path, pixels: NDArray[np.uint16], photometric: str, extreme: object
) -> None:
    dataset = dicom_dataset(
        pixels, BitsStored=12, Modality="US", Manufacturer="Acme", PhotometricInterpretation=photometric
    )
    compress(dataset, JPEG2000Lossless).save_as(tmp_path / "a.dcm", enforce_file_format=True)
    rules = regions(
        Rectangle(left=2, top=0, width=10, height=4), modality="us", manufacturer="ACME", rows=48, columns=64
    )
    copy = cleaned(tmp_path / "a.dcm", rules)
    expected = pixels.copy()
    expected[0:4, 2:12] = extreme(pixels)
    np.testing.assert_array_equal(copy.pixel_array, expected)
    assert copy.BurnedInAnnotation == "NO"
    assert "113101" in [item.CodeValue for item in copy.DeidentificationMethodCodeSequence]


def test_a_region_of_colour_frames_is_black_in_each(tmp_path: Path) -> None:
    colours = np.random.default_rng(1).integers(1, 256, (3, 16, 16, 3), dtype=np.uint8)
    path = write_dicom(tmp_path / "a.dcm", colours, SamplesPerPixel=3, Modality="US")
    copy = cleaned(path, regions(Rectangle(left=0, top=12, width=16, height=9), modality="US"))
    assert not copy.pixel_array[:, 12:].any()
    np.testing.assert_array_equal(copy.pixel_array[:, :12], colours[:, :12])


def test_a_rule_for_another_device_does_not_open_the_guard(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    path = write_dicom(tmp_path / "a.dcm", pixels, Modality="US", ManufacturerModelName="Two")
    with pytest.raises(SourceError, match="text may be part"):
        cleaned(path, regions(Rectangle(left=0, top=0, width=4, height=4), model="One"))


def test_a_region_outside_the_image_is_refused(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    path = write_dicom(tmp_path / "a.dcm", pixels, Modality="US")
    with pytest.raises(SourceError, match="lies outside the image"):
        cleaned(path, regions(Rectangle(left=64, top=0, width=4, height=4)))


def test_regions_are_read_from_toml(tmp_path: Path) -> None:
    path = tmp_path / "regions.toml"
    path.write_text('[[region]]\nmodality = "US"\nrows = 480\nrectangles = [[0, 0, 640, 40]]\n', encoding="utf-8")
    rule = RegionRules.from_toml(path).region[0]
    assert (rule.modality, rule.rows, rule.rectangles) == ("US", 480, (Rectangle(0, 0, 640, 40),))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[[region]]\nmodaliti = 'US'\nrectangles = []", "region.0.modaliti: Extra inputs"),
        ("[[region]]\nmodality = 'US'", "region.0.rectangles: Field required"),
        ("[[region]]\nrectangles = [[0, 0, 0, 4]]", "greater than or equal to 1"),
        ("region = ", "cannot be read"),
    ],
)
def test_regions_that_mean_nothing_are_refused(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "regions.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=problem):
        RegionRules.from_toml(path)


def test_missing_tables_are_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dicomanonymizer", None)
    with pytest.raises(ConfigError, match=r"pip install 'mediscan\[deidentify\]'"):
        table.__wrapped__()


def test_a_number_that_is_none_is_emptied(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    path = write_dicom(tmp_path / "a.dcm", pixels, RescaleIntercept="1234567 ")
    path.write_bytes(path.read_bytes().replace(b"1234567 ", b"MARLOWE "))
    assert cleaned(path).RescaleIntercept is None
    assert b"MARLOWE" not in path.with_suffix(".copy").read_bytes()


@pytest.mark.skipif(_VALIDATOR is None, reason="dciodvfy is not installed")
def test_de_identification_brings_no_new_errors_of_dciodvfy(tmp_path: Path) -> None:
    source = Path(pydicom.__file__).parent / "data" / "test_files"
    for name in ("CT_small.dcm", "MR_small.dcm"):
        shutil.copy(source / name, tmp_path / name)
        cleaned(tmp_path / name)
        before, after = (_errors(path) for path in (tmp_path / name, (tmp_path / name).with_suffix(".copy")))
        assert after <= before


def _errors(path: Path) -> set[str]:
    told = subprocess.run([str(_VALIDATOR), "-new", str(path)], capture_output=True, text=True, check=False).stderr
    return {line for line in told.splitlines() if line.startswith("Error")}
