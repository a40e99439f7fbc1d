"""Values and presentation: what pydicom's functions give, padding, overlays, and old layouts of bits."""

import numpy as np
import pydicom
import pytest
from dicom_builders import write_dicom
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_presentation_lut, apply_voi_lut
from pydicom.sequence import Sequence

from mediscan.errors import Code, PixelDataError, UnsupportedImageError
from mediscan.sources import read_image
from mediscan.sources.pixels import PADDING, Intent, LookupTable, Pixels, VoiFunction, Window, luminance

FULL = np.arange(4096, dtype=np.uint16).reshape(64, 64)
SIGNED = (FULL.astype(np.int16) - 2048).astype(np.int16)


def lut_item(first, bits, entries, vr="US"):
    item = pydicom.Dataset()
    item.add_new("LUTDescriptor", "US" if first >= 0 else "SS", [len(entries) % 65536, first, bits])
    item.add_new("LUTData", vr, entries if vr == "US" else np.asarray(entries, dtype="<u2").tobytes())
    return item


def table(bits, length, seed=0):
    return np.random.default_rng(seed).integers(0, 1 << bits, size=length).tolist()


def presented(path):
    """Modality values and P-values as pydicom gives them, the latter scaled to [0, 1] by their whole range."""
    dataset = pydicom.dcmread(path)
    values = apply_modality_lut(dataset.pixel_array, dataset)
    shown = apply_voi_lut(values, dataset, prefer_lut=True)
    return values, shown, dataset


@pytest.mark.parametrize("stored", [FULL, SIGNED], ids=["unsigned", "signed"])
@pytest.mark.parametrize(("slope", "intercept"), [(1, -1024), (0.1, 3.7), (-2.5, 1000), (1.0000001, 0)])
def test_rescaled_values_equal_pydicom_in_single_precision(tmp_path, stored, slope, intercept):
    path = write_dicom(tmp_path / "a.dcm", stored, BitsStored=12, RescaleSlope=slope, RescaleIntercept=intercept)
    values, _, _ = presented(path)
    np.testing.assert_array_equal(read_image(path).values[0], values.astype(np.float32))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("first", [0, 1000, -500])
@pytest.mark.parametrize("vr", ["US", "OW"])
def test_modality_table_equals_pydicom(tmp_path, bits, first, vr):
    stored = SIGNED if first < 0 else FULL
    item = lut_item(first, bits, table(bits, 2000), vr)
    path = write_dicom(tmp_path / "a.dcm", stored, BitsStored=12, ModalityLUTSequence=Sequence([item]))
    values, _, _ = presented(path)
    np.testing.assert_array_equal(read_image(path).values[0], values)


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize(("first", "stored"), [(0, FULL), (300, FULL), (-700, SIGNED)], ids=["0", "300", "-700"])
def test_voi_table_equals_pydicom(tmp_path, bits, first, stored):
    entries = 256 if bits == 8 else 1500
    if bits == 8:  # pydicom keeps positions in the type of the entries, where those beyond the table wrap around
        stored = np.clip(stored, first, first + 255)
    item = lut_item(first, bits, [(1 << bits) - 1, *table(bits, entries - 1)])
    path = write_dicom(tmp_path / "a.dcm", stored, BitsStored=12, VOILUTSequence=Sequence([item]))
    _, shown, _ = presented(path)
    # Grey is the entry over the largest that the bits allow, in single precision.
    np.testing.assert_array_equal(read_image(path).grey()[0], (shown / ((1 << bits) - 1)).astype(np.float32))


def test_voi_table_of_65536_entries_states_0(tmp_path):
    entries = list(range(65535, -1, -1))
    stored = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    path = write_dicom(tmp_path / "a.dcm", stored, VOILUTSequence=Sequence([lut_item(0, 16, entries)]))
    np.testing.assert_array_equal(read_image(path).grey()[0], ((65535 - stored) / 65535).astype(np.float32))


def test_first_mapped_value_of_a_signed_image_may_be_written_as_unsigned(tmp_path):
    item = lut_item(0, 16, table(16, 1000))
    item.LUTDescriptor = [1000, 65536 - 500, 16]
    path = write_dicom(tmp_path / "a.dcm", SIGNED, BitsStored=12, ModalityLUTSequence=Sequence([item]))
    expected = np.asarray(item.LUTData)[np.clip(SIGNED.astype(int) + 500, 0, 999)]
    np.testing.assert_array_equal(read_image(path).values[0], expected)


@pytest.mark.parametrize("function", list(VoiFunction))
@pytest.mark.parametrize("width", [1, 2, 3.7, 400, 9000])
@pytest.mark.parametrize("center", [0, 40.5, 1999.9])
def test_window_equals_pydicom_to_the_last_bit_of_single_precision(tmp_path, function, width, center):
    path = write_dicom(
        tmp_path / "a.dcm",
        FULL,
        BitsStored=12,
        RescaleSlope=1.25,
        RescaleIntercept=-1024,
        WindowCenter=center,
        WindowWidth=width,
        VOILUTFunction=function.value,
    )
    with np.errstate(over="ignore"):
        _, shown, _ = presented(path)
    low, high = -1024, 4095 * 1.25 - 1024
    expected = ((shown - low) / (high - low)).astype(np.float32)
    np.testing.assert_array_max_ulp(read_image(path).grey()[0] + np.float32(1), expected + np.float32(1), maxulp=1)
    eight = np.rint((shown - low) / (high - low) * 255)
    assert (np.rint(read_image(path).grey()[0].astype(np.float64) * 255) != eight).mean() <= 1e-3


def test_a_narrow_window_far_from_zero_keeps_its_greys():
    values = np.linspace(60000, 60010, 41, dtype=np.float32)
    grey = Window(center=60005.3, width=10, function=VoiFunction.LINEAR_EXACT)(values)
    np.testing.assert_allclose(grey, np.clip((values.astype(np.float64) - 60005.3) / 10 + 0.5, 0, 1), atol=1e-7)


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted"),
    [
        ("MONOCHROME2", None, False),
        ("MONOCHROME1", None, True),
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME1", "INVERSE", True),
        ("MONOCHROME2", "INVERSE", True),
        ("MONOCHROME1", "unknown", True),
    ],
)
def test_an_image_is_turned_once(tmp_path, photometric, shape, inverted):
    path = write_dicom(
        tmp_path / "a.dcm",
        FULL,
        BitsStored=12,
        PhotometricInterpretation=photometric,
        PresentationLUTShape=shape,
        WindowCenter=2047.5,
        WindowWidth=4095,
        VOILUTFunction="LINEAR_EXACT",
    )
    assert read_image(path).inverted is inverted
    if shape in ("IDENTITY", "INVERSE"):
        _, shown, dataset = presented(path)
        expected = (apply_presentation_lut(shown, dataset) / 4095).astype(np.float32)
        np.testing.assert_allclose(read_image(path).grey()[0], expected, atol=1e-7)


def test_images_for_processing_have_no_window_and_say_so(tmp_path):
    window = {"BitsStored": 12, "WindowCenter": 40, "WindowWidth": 400}
    raw = read_image(write_dicom(tmp_path / "a.dcm", FULL, PresentationIntentType="FOR PROCESSING", **window))
    assert (raw.voi, raw.intent) == (None, Intent.PROCESSING)
    shown = read_image(write_dicom(tmp_path / "b.dcm", FULL, PresentationIntentType="FOR PRESENTATION", **window))
    assert (shown.voi, shown.intent) == (Window(center=40, width=400), Intent.PRESENTATION)
    assert read_image(write_dicom(tmp_path / "c.dcm", FULL, **window)).intent is None


def test_each_frame_takes_its_own_window_group_only_for_the_first(tmp_path):
    groups = []
    for center in (100, 900):
        voi, group = pydicom.Dataset(), pydicom.Dataset()
        voi.WindowCenter, voi.WindowWidth = center, 50
        group.FrameVOILUTSequence = [voi]
        groups.append(group)
    path = write_dicom(tmp_path / "a.dcm", np.stack([FULL, FULL]), PerFrameFunctionalGroupsSequence=groups)
    assert read_image(path).voi == Window(center=100, width=50)


def corners(stored, value):
    padded = stored.copy()
    padded[:8, :8] = value
    return padded


@pytest.mark.parametrize(
    ("stored", "padding"),
    [(SIGNED, -2000), (FULL, 4095), (FULL.astype(np.int16), 0)],
    ids=["signed", "bright", "zero"],
)
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_does_not_touch_the_window(tmp_path, stored, padding, photometric):
    middle = np.clip(stored, np.quantile(stored, 0.2), np.quantile(stored, 0.8)).astype(stored.dtype)
    elements = {"PhotometricInterpretation": photometric, "RescaleSlope": 2, "RescaleIntercept": -10}
    padded = read_image(
        write_dicom(tmp_path / "a.dcm", corners(middle, padding), PixelPaddingValue=padding, **elements)
    )
    assert (padded.values[0, :8, :8] == PADDING).all()
    assert (padded.values == PADDING).sum() == 64
    assert (padded.grey()[0, :8, :8] == 0).all()
    rest = np.delete(padded.values.ravel(), np.arange(64 * 8).reshape(8, 64)[:, :8].ravel())
    assert padded.range == (rest.min(), rest.max())
    low, high = np.percentile(rest, (0.5, 99.5))
    window = padded.default_window()
    assert (window.center - window.width / 2, window.center + window.width / 2) == pytest.approx((low, high))


def test_padding_of_a_signed_image_may_be_written_as_unsigned(tmp_path):
    path = write_dicom(tmp_path / "a.dcm", corners(SIGNED, -2000), PixelPaddingValue=-2000)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"\x28\x00\x20\x01SS", b"\x28\x00\x20\x01US"))
    assert path.read_bytes() != content
    assert (read_image(path).values[0, :8, :8] == PADDING).all()


def test_padding_may_be_a_range(tmp_path):
    path = write_dicom(tmp_path / "a.dcm", FULL, BitsStored=12, PixelPaddingValue=10, PixelPaddingRangeLimit=4)
    np.testing.assert_array_equal(read_image(path).values[0] == PADDING, (FULL >= 4) & (FULL <= 10))


def test_an_image_that_is_constant_but_for_its_padding_is_refused(tmp_path):
    flat = np.full((16, 16), 7, dtype=np.uint16)
    path = write_dicom(tmp_path / "a.dcm", corners(flat, 0), PixelPaddingValue=0)
    with pytest.raises(UnsupportedImageError, match="constant: every pixel is 7") as refused:
        read_image(path)
    assert refused.value.code is Code.CONSTANT_IMAGE
    path = write_dicom(tmp_path / "b.dcm", flat, PixelPaddingValue=7)
    with pytest.raises(UnsupportedImageError, match="nothing but padding") as refused:
        read_image(path)
    assert refused.value.code is Code.CONSTANT_IMAGE


def test_a_plane_of_padding_alone_can_be_shown():
    volume = np.stack([np.full((4, 4), PADDING), np.arange(16, dtype=np.float32).reshape(4, 4)]).astype(np.float32)
    assert Pixels(values=volume).range == (0, 15)
    assert (Pixels(values=volume[:1], inverted=True).grey() == 0).all()
    assert (Pixels(values=volume, voi=LookupTable(first=0, grey=(0.0, 1.0))).grey()[0] == 0).all()


@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize(("stored_bits", "high"), [(12, 15), (10, 12), (7, 11)])
def test_values_above_the_lowest_bits_are_brought_down(tmp_path, signed, stored_bits, high):
    span = 1 << stored_bits
    values = np.random.default_rng(1).integers(-span // 2 if signed else 0, span // 2 if signed else span, size=(9, 7))
    junk = np.random.default_rng(2).integers(0, 1 << 16, size=(9, 7))
    shift = high + 1 - stored_bits
    field = ((span - 1) << shift) & 0xFFFF
    words = (((values << shift) & field) | (junk & ~field & 0xFFFF)).astype(np.uint16)
    path = write_dicom(tmp_path / "a.dcm", words, BitsStored=stored_bits, HighBit=high, PixelRepresentation=signed)
    np.testing.assert_array_equal(read_image(path).values[0], values)


@pytest.mark.parametrize("high", [3, 16])
def test_a_high_bit_that_fits_no_layout_is_refused(tmp_path, high):
    with pytest.raises(UnsupportedImageError, match=f"12 bits up to bit {high} instead of 11"):
        read_image(write_dicom(tmp_path / "a.dcm", FULL, BitsStored=12, HighBit=high))


def test_samples_packed_into_12_bits_are_refused_by_name(tmp_path):
    with pytest.raises(UnsupportedImageError, match="packs its samples into 12 bits"):
        read_image(write_dicom(tmp_path / "a.dcm", FULL, BitsAllocated=12, BitsStored=12))


@pytest.mark.parametrize("bits", [3, 7, 11, 13])
@pytest.mark.parametrize("signed", [0, 1])
def test_odd_numbers_of_bits_keep_values_and_signs_and_lose_overlays(tmp_path, bits, signed):
    span = 1 << bits
    values = np.random.default_rng(1).integers(-span // 2 if signed else 0, span // 2 if signed else span, size=(9, 7))
    overlay = np.random.default_rng(2).integers(0, 2, size=(9, 7)) << 15
    words = ((values & (span - 1)) | overlay).astype(np.uint16)
    path = write_dicom(tmp_path / "a.dcm", words, BitsStored=bits, PixelRepresentation=signed)
    dataset = pydicom.dcmread(path)
    for tag, value in {0x60000010: 9, 0x60000011: 7, 0x60000100: 16, 0x60000102: 15}.items():
        dataset.add_new(tag, "US", value)  # rows, columns, bits allocated and the position of the overlay's bit
    dataset.save_as(path, enforce_file_format=True)
    np.testing.assert_array_equal(read_image(path).values[0], values)


def test_a_separate_overlay_is_not_burned_into_the_values(tmp_path):
    path = write_dicom(tmp_path / "a.dcm", FULL)
    dataset = pydicom.dcmread(path)
    dataset.add_new(0x60000010, "US", 64)
    dataset.add_new(0x60000011, "US", 64)
    dataset.add_new(0x60003000, "OW", b"\xff" * 512)
    dataset.save_as(path, enforce_file_format=True)
    np.testing.assert_array_equal(read_image(path).values[0], FULL)


def palette_elements(entries, *, first=0, bits=16, segmented=False):
    prefix = "Segmented" if segmented else ""
    content = {colour: (entries >> shift).astype("<u2") for colour, shift in (("Red", 0), ("Green", 1), ("Blue", 2))}
    elements = {}
    for colour, data in content.items():
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = [len(entries), first, bits]
        raw = np.concatenate([[0, len(data)], data]).astype("<u2") if segmented else data
        elements[f"{prefix}{colour}PaletteColorLookupTableData"] = raw.tobytes()
    return elements


@pytest.mark.parametrize("segmented", [False, True])
@pytest.mark.parametrize("first", [0, 100])
def test_palette_of_16_bits_has_the_luminance_of_pydicoms_colours(tmp_path, segmented, first):
    entries = np.random.default_rng(0).integers(0, 65536, size=3000)
    path = write_dicom(
        tmp_path / "a.dcm",
        FULL,
        PhotometricInterpretation="PALETTE COLOR",
        **palette_elements(entries, first=first, segmented=segmented),
    )
    dataset = pydicom.dcmread(path)
    inside = np.clip(FULL, first, first + 2999)  # pydicom wraps around beyond the table
    expected = luminance(apply_color_lut(inside, dataset)[np.newaxis])
    np.testing.assert_array_equal(read_image(path).values, expected)


def test_a_supplemental_palette_leaves_the_grey_image(tmp_path):
    entries = np.arange(256) * 257
    elements = palette_elements(entries, first=3000)
    path = write_dicom(tmp_path / "a.dcm", FULL, BitsStored=12, PixelPresentation="COLOR", **elements)
    np.testing.assert_array_equal(read_image(path).values[0], FULL)


def test_a_palette_shorter_than_it_states_is_refused(tmp_path):
    elements = palette_elements(np.arange(16)) | {"RedPaletteColorLookupTableDescriptor": [64, 0, 16]}
    path = write_dicom(tmp_path / "a.dcm", FULL, PhotometricInterpretation="PALETTE COLOR", **elements)
    with pytest.raises(PixelDataError, match="table of 16 entries where 64 are announced"):
        read_image(path)
