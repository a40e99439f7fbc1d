import logging
import warnings
import zlib
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_builders import compress, dicom_dataset, write_dicom, write_jpeg_lossless
from pydicom import uid
from pydicom.data import get_testdata_files
from pydicom.pixels import apply_color_lut, apply_voi, apply_windowing
from pydicom.sequence import Sequence

from mediscan.errors import Code, NotDicomError, PixelDataError, SourceError, UnsupportedImageError
from mediscan.sources import boundary, describe_image, read_header, read_image
from mediscan.sources.dicom.decode import DECODERS
from mediscan.sources.dicom.elements import text
from mediscan.sources.dicom.meta import parse_moment

CANARY = "Canary^Patient"
REAL_DICOM = Path(__file__).parents[3] / "shared" / "data" / "covid-cxr" / "dicom"


@pytest.fixture
def ramp():
    return np.random.default_rng(0).integers(0, 4096, size=(40, 36)).astype(np.uint16)


def lut_item(first, bits, data, vr="US"):
    item = pydicom.Dataset()
    item.add_new("LUTDescriptor", "US" if first >= 0 else "SS", [len(data), first, bits])
    item.add_new("LUTData", vr, data)
    return item


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("width", [1, 2, 400, 3000.5])
def test_grey_agrees_with_pydicom_windowing(tmp_path, ramp, function, width):
    path = write_dicom(
        tmp_path / "a.dcm",
        ramp,
        BitsStored=12,
        WindowCenter=[600, 40],
        WindowWidth=[width, 400],
        VOILUTFunction=function,
        RescaleSlope=1,
        RescaleIntercept=-1024,
    )
    dataset = pydicom.dcmread(path)
    low, high = -1024, 4095 - 1024
    expected = (apply_windowing(ramp.astype(np.float64) - 1024, dataset) - low) / (high - low)
    assert np.abs(read_image(path).grey()[0] - expected).max() < 1e-6


@pytest.mark.parametrize("vr", ["US", "OW"])
def test_voi_lookup_table_agrees_with_pydicom(tmp_path, ramp, vr):
    table = np.random.default_rng(1).integers(0, 4096, size=1000)
    data = table.tolist() if vr == "US" else table.astype("<u2").tobytes()
    item = lut_item(300, 12, table.tolist())
    item.add_new("LUTData", vr, data)
    path = write_dicom(
        tmp_path / "a.dcm", ramp, BitsStored=12, VOILUTSequence=Sequence([item]), WindowCenter=1, WindowWidth=9
    )
    expected = apply_voi(ramp, pydicom.dcmread(path)) / 4095
    assert np.abs(read_image(path).grey()[0] - expected).max() < 1e-6


def test_voi_lookup_table_of_8_bits_may_be_packed(tmp_path, ramp):
    item = lut_item(0, 8, [0] * 256)
    item.add_new("LUTData", "OW", bytes(range(255, -1, -1)))
    path = write_dicom(tmp_path / "a.dcm", (ramp % 256).astype(np.uint8), VOILUTSequence=Sequence([item]))
    np.testing.assert_allclose(read_image(path).grey()[0], (255 - ramp % 256) / 255, atol=1e-6)


def test_modality_lookup_table_gives_its_entries(tmp_path, ramp):
    table = np.random.default_rng(1).integers(0, 65536, size=2000)
    item = lut_item(1000, 16, table.tolist())
    path = write_dicom(tmp_path / "a.dcm", ramp, BitsStored=12, ModalityLUTSequence=Sequence([item]))
    expected = table[np.clip(ramp.astype(int) - 1000, 0, 1999)]
    np.testing.assert_array_equal(read_image(path).values[0], expected)


def test_short_lookup_table_is_refused(tmp_path, ramp):
    item = lut_item(0, 16, [1, 2, 3])
    item.LUTDescriptor = [500, 0, 16]
    path = write_dicom(tmp_path / "a.dcm", ramp, ModalityLUTSequence=Sequence([item]))
    with pytest.raises(PixelDataError, match="3 entries where 500"):
        read_image(path)


def test_window_without_width_leaves_the_presentation_open(tmp_path, ramp):
    path = write_dicom(tmp_path / "a.dcm", ramp, WindowCenter=40, WindowWidth=0)
    assert read_image(path).voi is None


def test_monochrome1_of_inverted_samples_looks_like_monochrome2(tmp_path, ramp):
    window = {"BitsStored": 12, "WindowCenter": 2047.5, "WindowWidth": 1000, "VOILUTFunction": "LINEAR_EXACT"}
    plain = read_image(write_dicom(tmp_path / "2.dcm", ramp, **window))
    turned = read_image(write_dicom(tmp_path / "1.dcm", 4095 - ramp, PhotometricInterpretation="MONOCHROME1", **window))
    assert turned.inverted
    assert not plain.inverted
    np.testing.assert_allclose(turned.grey(), plain.grey(), atol=1e-6)


@pytest.mark.parametrize(("slope", "intercept"), [(1, -1024), (0.5, 12.25), (-2, 7), (None, 5), (3, None)])
def test_rescale_gives_modality_units(tmp_path, ramp, slope, intercept):
    path = write_dicom(tmp_path / "a.dcm", ramp, RescaleSlope=slope, RescaleIntercept=intercept)
    expected = ramp * float(1 if slope is None else slope) + float(intercept or 0)
    np.testing.assert_allclose(read_image(path).values[0], expected)


def test_unreadable_rescale_is_refused_and_not_taken_as_none(tmp_path, ramp):
    path = write_dicom(tmp_path / "a.dcm", ramp, RescaleSlope="1.25", RescaleIntercept="0")
    path.write_bytes(path.read_bytes().replace(b"1.25", b"1..5"))
    with pytest.raises(PixelDataError, match="damaged description of its values"):
        read_image(path)


def test_frames_of_an_enhanced_object_are_rescaled_each_by_its_own_group(tmp_path, ramp):
    groups = []
    for slope in (1, 2):
        rescale, group = pydicom.Dataset(), pydicom.Dataset()
        rescale.RescaleSlope, rescale.RescaleIntercept = slope, -10
        group.PixelValueTransformationSequence = [rescale]
        groups.append(group)
    measures, shared = pydicom.Dataset(), pydicom.Dataset()
    measures.PixelSpacing, measures.SpacingBetweenSlices = [0.5, 0.25], 3
    shared.PixelMeasuresSequence = [measures]
    path = write_dicom(
        tmp_path / "a.dcm",
        np.stack([ramp, ramp]),
        PerFrameFunctionalGroupsSequence=groups,
        SharedFunctionalGroupsSequence=[shared],
    )
    pixels = read_image(path)
    np.testing.assert_array_equal(pixels.values, np.stack([ramp * 1.0 - 10, ramp * 2.0 - 10]))
    assert pixels.meta.spacing_mm == (0.5, 0.25, 3.0)


def test_unused_high_bits_and_signs_are_understood(tmp_path):
    signed = np.random.default_rng(0).integers(-2048, 2048, size=(9, 7)).astype(np.int16)
    dirty = ((signed.astype(np.int32) & 0x0FFF) | 0x5000).astype(np.uint16)
    path = write_dicom(tmp_path / "a.dcm", dirty, BitsStored=12, PixelRepresentation=1)
    np.testing.assert_array_equal(read_image(path).values[0], signed)


def test_colour_becomes_luminance_over_the_full_range(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, size=(6, 8, 3)).astype(np.uint8)
    pixels = read_image(write_dicom(tmp_path / "a.dcm", rgb, SamplesPerPixel=3))
    np.testing.assert_allclose(pixels.grey()[0], rgb @ np.array([0.299, 0.587, 0.114]) / 255, atol=1e-6)


def test_ybr_image_has_the_brightness_of_its_first_channel(tmp_path):
    ybr = np.full((6, 8, 3), 128, dtype=np.uint8)
    ybr[..., 0] = np.arange(48).reshape(6, 8) * 5
    pixels = read_image(write_dicom(tmp_path / "a.dcm", ybr, SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL"))
    np.testing.assert_allclose(pixels.values[0], ybr[..., 0], atol=1e-3)


def test_palette_becomes_luminance():
    path = next(Path(name) for name in get_testdata_files("examples_palette.dcm"))
    dataset = pydicom.dcmread(path)
    colours = apply_color_lut(dataset.pixel_array, dataset).astype(float)
    expected = colours @ np.array([0.299, 0.587, 0.114]) / 65535
    assert np.abs(read_image(path).grey()[0] - expected).max() < 1e-5


def test_palette_index_beyond_the_table_takes_its_last_colour(tmp_path):
    palette = {
        f"{colour}PaletteColorLookupTable{part}": value
        for colour in ("Red", "Green", "Blue")
        for part, value in (("Descriptor", [4, 0, 8]), ("Data", bytes([0, 50, 100, 200])))
    }
    stored = np.array([[0, 1, 2], [3, 4, 257]], dtype=np.uint16)
    pixels = read_image(write_dicom(tmp_path / "a.dcm", stored, PhotometricInterpretation="PALETTE COLOR", **palette))
    np.testing.assert_allclose(pixels.values[0], [[0, 50, 100], [200, 200, 200]], atol=1e-3)


@pytest.mark.parametrize("syntax", [uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_lossless_compression_is_bit_exact(tmp_path, syntax, dtype):
    info = np.iinfo(dtype)
    stored = np.random.default_rng(0).integers(info.min, info.max, size=(3, 33, 37), endpoint=True).astype(dtype)
    dataset = dicom_dataset(stored)
    compress(dataset, syntax)
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    np.testing.assert_array_equal(read_image(tmp_path / "a.dcm").values, stored)


@pytest.mark.parametrize("syntax", [uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless])
@pytest.mark.parametrize("keep", [0.3, 0.7])
def test_truncated_frame_is_refused_under_every_compression(tmp_path, ramp, syntax, keep):
    dataset = dicom_dataset(ramp)
    compress(dataset, syntax)
    frame = next(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1))
    dataset.PixelData = pydicom.encaps.encapsulate([frame[: int(len(frame) * keep)]])
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(PixelDataError, match=r"truncated|cannot be decoded"):
        read_image(tmp_path / "a.dcm")


@pytest.mark.parametrize("name", ["SC_rgb_jpeg_dcmtk.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_RLE.dcm"])
@pytest.mark.parametrize("keep", [0.05, 0.2, 0.5, 0.9])
def test_compressed_file_that_is_cut_anywhere_is_refused(tmp_path, name, keep):
    content = next(Path(found) for found in get_testdata_files(name)).read_bytes()
    path = tmp_path / "a.dcm"
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(SourceError, match=r"a\.dcm") as refused:
        read_image(path)
    assert refused.value.code in {Code.PIXEL_DATA, Code.NO_PIXELS, Code.FILE_UNREADABLE}


def test_a_crash_of_the_fallback_for_jpeg_lossless_is_a_refusal(tmp_path, monkeypatch):
    stored = np.random.default_rng(0).normal(500, 20, size=(2, 40, 36)).astype(np.uint16)
    path = write_jpeg_lossless(tmp_path / "a.dcm", stored)
    monkeypatch.setitem(DECODERS, uid.JPEGLosslessSV1, ("gdcm",))
    read = read_image(path)
    np.testing.assert_array_equal(read.values, stored)
    assert read.decoder == "gdcm"
    content = path.read_bytes()
    assert content.count(b"\xff\xc4\x00") == 2
    path.write_bytes(content.replace(b"\xff\xc4\x00", b"\xff\xff\x00"))  # GDCM aborts on this
    with pytest.raises(PixelDataError, match=r"cannot be decoded \(CalledProcessError\)"):
        read_image(path)


def test_jpeg_lossless_frame_without_its_end_is_refused(tmp_path):
    stored = np.random.default_rng(0).normal(500, 20, size=(40, 36)).astype(np.uint16)
    path = write_jpeg_lossless(tmp_path / "a.dcm", stored)
    dataset = pydicom.dcmread(path)
    frame = next(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1))
    dataset.PixelData = pydicom.encaps.encapsulate([frame[: len(frame) - 200]])
    dataset.save_as(path, enforce_file_format=True)
    with pytest.raises(PixelDataError, match="truncated: frame 1 has no end"):
        read_image(path)


def test_frame_larger_than_the_header_says_is_refused_before_decoding(tmp_path):
    dataset = dicom_dataset(np.random.default_rng(0).integers(0, 255, size=(64, 64)).astype(np.uint8))
    compress(dataset, uid.JPEG2000Lossless)
    dataset.Rows = dataset.Columns = 8
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(PixelDataError, match=r"frame 1 as \(64, 64, 1\) where its header states \(8, 8, 1\)"):
        read_image(tmp_path / "a.dcm")


@pytest.mark.parametrize("stated", [2, 5])
@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.RLELossless, uid.JPEG2000Lossless])
def test_wrong_number_of_frames_is_refused(tmp_path, ramp, syntax, stated):
    dataset = dicom_dataset(np.stack([ramp] * 3))
    if syntax.is_compressed:
        compress(dataset, syntax)
    dataset.NumberOfFrames = stated
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(PixelDataError, match=r"encoded frame|for its 2 frame|truncated|cannot be decoded"):
        read_image(tmp_path / "a.dcm")


def test_every_listed_decoder_exists_in_pydicom():
    for syntax, plugins in DECODERS.items():
        decoder = pydicom.pixels.get_decoder(syntax)
        known = {*decoder.available_plugins, *decoder.missing_dependencies, "imagecodecs"}
        assert all(any(plugin in name for name in known) for plugin in plugins), syntax


def test_pixel_data_that_are_cut_off_are_refused(tmp_path, ramp):
    path = write_dicom(tmp_path / "a.dcm", ramp)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(PixelDataError, match="truncated: 2780 bytes of pixel data where 2880") as refused:
        read_image(path)
    assert refused.value.code is Code.PIXEL_DATA


def test_length_that_claims_more_than_the_file_holds_is_refused(tmp_path, ramp):
    path = write_dicom(tmp_path / "a.dcm", ramp)
    content = path.read_bytes()
    path.write_bytes(content.replace((2880).to_bytes(4, "little"), (28800).to_bytes(4, "little")))
    assert path.read_bytes() != content
    with pytest.raises(PixelDataError, match="2880 bytes of pixel data where 28800"):
        read_image(path)


def test_header_that_ends_before_the_pixels_is_refused(tmp_path, ramp):
    path = write_dicom(tmp_path / "a.dcm", ramp)
    content = path.read_bytes()
    for length in (140, 200, 400, len(content) - 2895):
        path.write_bytes(content[:length])
        with pytest.raises(SourceError, match=r"ends before|holds no image|damaged"):
            describe_image(path)


def test_text_named_dcm_is_refused(tmp_path):
    path = tmp_path / "a.dcm"
    path.write_text("not an image " * 50)
    for read in (read_image, describe_image, read_header):
        with pytest.raises(NotDicomError, match="is not DICOM") as refused:
            read(path)
        assert refused.value.code is Code.NOT_DICOM


def test_constant_image_is_refused(tmp_path):
    path = write_dicom(tmp_path / "a.dcm", np.full((8, 8), 7, dtype=np.uint16))
    with pytest.raises(UnsupportedImageError, match="constant: every pixel is 7") as refused:
        read_image(path)
    assert refused.value.code is Code.CONSTANT_IMAGE


def test_report_has_no_pixels():
    path = next(Path(name) for name in get_testdata_files("test-SR.dcm"))
    for read in (read_image, describe_image):
        with pytest.raises(UnsupportedImageError, match=r"holds no image \(Comprehensive SR") as refused:
            read(path)
        assert refused.value.code is Code.NO_PIXELS


def test_size_is_refused_by_the_header_alone(tmp_path, ramp):
    path = write_dicom(tmp_path / "a.dcm", ramp, Rows=60000, Columns=60000)
    for read in (read_image, describe_image):
        with pytest.raises(SourceError, match="would decode to 13732 MiB") as refused:
            read(path)
        assert refused.value.code is Code.FILE_TOO_LARGE


def deflated(path, dataset_bytes, source):
    """A file with the header of `source` and a deflated data set."""
    content = source.read_bytes()
    start = content.index(b"\x08\x00\x16\x00")
    meta = content[:start].replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99")
    # The transfer syntax grew by two bytes, and so did the group and its element.
    meta = meta.replace(b"UI\x14\x001.2.840.10008.1.2.1.99", b"UI\x16\x001.2.840.10008.1.2.1.99")
    length = int.from_bytes(meta[140:144], "little") + 2
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(dataset_bytes(content[start:])) + packer.flush()
    path.write_bytes(meta[:140] + length.to_bytes(4, "little") + meta[144:] + packed)
    return path


def test_deflated_file_is_read_and_a_deflate_bomb_is_not(tmp_path, ramp):
    source = write_dicom(tmp_path / "plain.dcm", ramp)
    good = deflated(tmp_path / "good.dcm", lambda plain: plain, source)
    np.testing.assert_array_equal(read_image(good).values[0], ramp)
    bomb = deflated(tmp_path / "bomb.dcm", lambda plain: plain + b"\0" * (32 << 20), source)
    assert bomb.stat().st_size < 1 << 20
    assert describe_image(bomb).meta.modality == "CT"
    with pytest.raises(PixelDataError, match="inflates to more than its header states"):
        read_image(bomb)


def test_deflated_header_without_end_is_refused(tmp_path, ramp, monkeypatch):
    monkeypatch.setattr("mediscan.sources.dicom.parsing.MAX_HEADER_BYTES", 1 << 20)
    source = write_dicom(tmp_path / "plain.dcm", ramp)
    note = b"\x10\x00\x00\x40UT\0\0" + (8 << 20).to_bytes(4, "little")
    bomb = deflated(tmp_path / "bomb.dcm", lambda plain: note + b" " * (8 << 20) + plain, source)
    for read in (read_image, describe_image, read_header):
        with pytest.raises(SourceError, match="larger header than any image") as refused:
            read(bomb)
        assert refused.value.code is Code.FILE_TOO_LARGE


def test_metadata_is_read_without_pixels(tmp_path, ramp):
    view = pydicom.Dataset()
    view.CodeValue, view.CodingSchemeDesignator, view.CodeMeaning = "272479007", "SCT", "postero-anterior"
    path = write_dicom(
        tmp_path / "a.dcm",
        ramp,
        Modality="DX",
        BodyPartExamined="CHEST",
        ViewCodeSequence=[view],
        ImageLaterality="U",
        ImagerPixelSpacing=[0.2, 0.1],
        StudyDate="20200101",
        AcquisitionDate="20240229",
        AcquisitionTime="134501.5",
    )
    meta = describe_image(path).meta
    assert (meta.modality, meta.body_part, meta.view, meta.laterality) == ("DX", "CHEST", "PA", "U")
    assert meta.spacing_mm == (0.2, 0.1)
    assert meta.acquired_at == datetime(2024, 2, 29, 13, 45, 1, 500000)  # noqa: DTZ001 - local wall time
    assert meta == read_image(path).meta


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("20240229", "2024-02-29T00:00:00"),
        ("2024022913", "2024-02-29T13:00:00"),
        ("20240229134501.25+0100", "2024-02-29T13:45:01.250000"),
        ("20240229134501-0500", "2024-02-29T13:45:01"),
        ("20230229", None),
        ("202402291", None),
        ("2024", None),
        ("", None),
    ],
)
def test_moments_are_local_wall_time(stamp, expected):
    moment = parse_moment(stamp)
    assert (moment.isoformat() if moment else None) == expected


def test_pixel_spacing_comes_before_the_detector_spacing(tmp_path, ramp):
    path = write_dicom(tmp_path / "a.dcm", ramp, PixelSpacing=[0.5, 0.4], ImagerPixelSpacing=[0.2, 0.1])
    assert describe_image(path).meta.spacing_mm == (0.5, 0.4)


def test_read_header_gives_the_elements_that_group_files(tmp_path, ramp):
    header = read_header(write_dicom(tmp_path / "a.dcm", ramp))
    assert header.StudyInstanceUID == "1.2.3"
    assert "PixelData" not in header
    with pytest.raises(SourceError, match="is no file") as refused:
        read_header(tmp_path / "none.dcm")
    assert refused.value.code is Code.FILE_NOT_FOUND


@pytest.mark.parametrize("damage", ["rows", "slope", "pixels", "cut"])
def test_patient_name_of_a_broken_file_never_leaks(tmp_path, ramp, caplog, capfd, damage):
    path = write_dicom(
        tmp_path / "a.dcm",
        ramp,
        PatientName=CANARY,
        SpecificCharacterSet="ISO_IR 100",
        AcquisitionDate="20240101",
        RescaleSlope="1.25",
        RescaleIntercept="0",
    )
    # pydicom quotes invalid dates in errors and unknown character sets in warnings.
    content = path.read_bytes().replace(b"20240101", CANARY[:8].encode()).replace(b"ISO_IR 100", CANARY[:10].encode())
    content = {
        "rows": content.replace(b"\x28\x00\x10\x00US", b"\x28\x00\x10\x00PN"),
        "slope": content.replace(b"1.25", b"Cana"),
        "pixels": content[:-10],
        "cut": content[: content.index(b"Canary") + 12],
    }[damage]
    path.write_bytes(content)
    with warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        with pytest.raises(SourceError, match=r"a\.dcm") as refused:
            read_image(path)
    shown = "".join([str(refused.value), repr(refused.value.__cause__), caplog.text, *capfd.readouterr()])
    shown += "".join(str(warning.message) for warning in caught)
    assert "Cana" not in shown
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_silence_ends_with_the_reading(tmp_path, ramp):
    level = logging.getLogger("pydicom").level
    read_image(write_dicom(tmp_path / "a.dcm", ramp))
    assert logging.getLogger("pydicom").level == level
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", UserWarning, stacklevel=1)
    with boundary.quiet(), boundary.quiet():
        pass
    assert logging.getLogger("pydicom").level == level


def test_every_pydicom_test_file_is_read_or_refused_with_a_source_error(capfd):
    read = refused = 0
    for name in get_testdata_files():
        for one in (read_image, describe_image):
            try:
                one(name)
                read += 1
            except SourceError as error:
                assert error.code is not Code.INTERNAL  # noqa: PT017 - both outcomes are allowed, nothing else is
                refused += 1
    assert read > 100
    assert refused > 100
    assert capfd.readouterr() == ("", "")


def test_mutated_files_are_read_or_refused_with_a_source_error(tmp_path, ramp):
    draw = np.random.default_rng(7)
    sources = []
    for syntax in (uid.ExplicitVRLittleEndian, uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless):
        one = dicom_dataset(np.stack([ramp, ramp]), WindowCenter=40, WindowWidth=400, PixelSpacing=[1, 1])
        if syntax.is_compressed:
            compress(one, syntax)
        one.save_as(tmp_path / "source.dcm", enforce_file_format=True)
        sources.append((tmp_path / "source.dcm").read_bytes())
    outcomes = set()
    for turn in range(400):
        content = bytearray(sources[turn % len(sources)])
        for _ in range(int(draw.integers(1, 6))):
            content[int(draw.integers(132, min(len(content), 1500)))] = int(draw.integers(256))
        path = tmp_path / "mutant.dcm"
        path.write_bytes(content)
        try:
            read_image(path)
            outcomes.add("read")
        except SourceError as error:
            outcomes.add(error.code)
    assert {"read", Code.PIXEL_DATA} <= outcomes


@pytest.mark.real_data
@pytest.mark.skipif(not REAL_DICOM.is_dir(), reason="the real data are not here")
def test_real_radiographs_are_read():
    for path in sorted(REAL_DICOM.glob("*.dcm"))[:20]:
        pixels = read_image(path)
        assert pixels.values.shape[0] == 1
        assert 64 < max(pixels.values.shape) <= 512
        assert pixels.meta.modality == "CR"
        assert 0 <= pixels.grey().min() < pixels.grey().max() <= 1


@pytest.mark.parametrize("value", ["CHEST", " chest ", "A\\B", "\\B", "", "CR\u00c2NE", "A" * 99])
def test_text_of_an_unconverted_element_is_what_pydicom_converts_it_to(tmp_path, ramp, value):
    encoded = value.encode("latin-1")
    path = write_dicom(tmp_path / "a.dcm", ramp, BodyPartExamined="X" * (len(encoded) + len(encoded) % 2))
    padded = encoded.ljust(len(encoded) + len(encoded) % 2)
    path.write_bytes(path.read_bytes().replace(b"X" * len(padded), padded) if padded else path.read_bytes())
    dataset = read_header(path)
    raw = text(dataset, "BodyPartExamined")
    _ = dataset.BodyPartExamined  # converts it
    assert text(dataset, "BodyPartExamined") == raw
