"""Files made to harm: each is read or refused with a typed error, soon and in little memory, and nothing leaks."""

import io
import logging
import struct
import time
import warnings

import numpy as np
import pydicom
import pytest
from dicom_builders import compress, dicom_dataset, smooth, undefined_length_sequences, write_dicom
from pydicom import uid

from benchmarks.fuzz import peak_bytes
from mediscan.errors import Code, PixelDataError, SourceError
from mediscan.sources import describe_image, read_image
from mediscan.sources.dicom.parsing import BoundedFile
from mediscan.sources.dicom.read import describe_dicom, read_dicom

STORED = smooth((40, 36), bits=12)
PIXEL_TAG = b"\xe0\x7f\x10\x00"
CANARY = "Canarybird"


def outcome(path):
    """`read`, or the code of the refusal; any other exception fails the test, and so do five seconds of work."""
    started = time.process_time()
    try:
        read_image(path)
    except SourceError as error:
        return error.code
    finally:
        assert time.process_time() - started < 5
    return "read"


def with_element(path, element, *, stored=STORED):
    """A file with the bytes of an element before its pixel data."""
    content = write_dicom(path, stored).read_bytes()
    at = content.index(PIXEL_TAG)
    path.write_bytes(content[:at] + element + content[at:])
    return path


@pytest.mark.parametrize("depth", [50, 240, 1000, 20000])
def test_deeply_nested_sequences_are_read_or_refused(tmp_path, depth):
    path = with_element(tmp_path / "a.dcm", undefined_length_sequences(depth))
    assert outcome(path) == ("read" if depth == 50 else Code.FILE_UNREADABLE)


def test_a_sequence_of_hundreds_of_thousands_of_items_is_refused(tmp_path):
    items = b"\x40\x00\x30\xa7SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\0\0\0\0" * 200_000
    path = with_element(tmp_path / "a.dcm", items)
    with pytest.raises(SourceError, match="larger header than any image") as refused:
        read_dicom(path)
    assert refused.value.code is Code.FILE_TOO_LARGE


def test_hundreds_of_thousands_of_frame_groups_are_refused_before_they_are_converted(tmp_path):
    items = b"\xfe\xff\x00\xe0\0\0\0\0" * 300_000
    groups = b"\x00\x52\x30\x92SQ\0\0" + len(items).to_bytes(4, "little") + items
    path = with_element(tmp_path / "a.dcm", groups)
    with pytest.raises(SourceError, match="more items of sequences than any image") as refused:
        describe_dicom(path)
    assert refused.value.code is Code.FILE_TOO_LARGE


def test_a_header_larger_than_any_image_has_is_refused(tmp_path):
    path = with_element(tmp_path / "a.dcm", b"\x42\x00\x11\x00OB\0\0" + (80 << 20).to_bytes(4, "little"))
    content = path.read_bytes()
    at = content.index(PIXEL_TAG)
    path.write_bytes(content[:at] + bytes(80 << 20) + content[at:])
    assert outcome(path) is Code.FILE_TOO_LARGE


def test_a_bounded_file_never_reads_more_than_there_is(tmp_path):
    file = BoundedFile(io.BytesIO(b"abcdef"), path=tmp_path)
    assert file.read(0xFFFFFFFE) == b"abcdef"
    assert file.read(4) == b""


def test_a_number_written_as_megabytes_of_text_does_not_hang(tmp_path):
    text = b"1\\" * (8 << 20)
    spacing = b"\x28\x00\x30\x00UN\0\0" + len(text).to_bytes(4, "little") + text
    assert outcome(with_element(tmp_path / "a.dcm", spacing)) == "read"
    assert read_dicom(tmp_path / "a.dcm").meta.spacing_mm is None


@pytest.mark.parametrize(
    ("elements", "code"),
    [
        ({"Rows": 65535, "Columns": 65535}, Code.FILE_TOO_LARGE),
        ({"NumberOfFrames": 1_000_000}, Code.FILE_TOO_LARGE),
        ({"NumberOfFrames": -3}, Code.PIXEL_DATA),
        ({"Rows": 0}, Code.PIXEL_DATA),
        ({"Rows": 4000, "Columns": 4000}, Code.PIXEL_DATA),
        ({"SamplesPerPixel": 60000}, Code.UNSUPPORTED_IMAGE),
        ({"BitsAllocated": 64}, Code.PIXEL_DATA),
        ({"BitsAllocated": 7}, Code.UNSUPPORTED_IMAGE),
        ({"BitsStored": 60000, "HighBit": 59999}, Code.PIXEL_DATA),
        ({"PixelRepresentation": 9}, "read"),
        ({"PhotometricInterpretation": "HSV"}, Code.UNSUPPORTED_IMAGE),
    ],
)
def test_lies_about_size_and_layout_are_refused_by_the_header(tmp_path, elements, code):
    assert outcome(write_dicom(tmp_path / "a.dcm", STORED, **elements)) == code


@pytest.mark.parametrize("syntax", [uid.RLELossless, uid.JPEG2000Lossless, uid.JPEGLSLossless])
def test_compressed_frames_never_decode_beyond_the_header(tmp_path, syntax):
    dataset = compress(dicom_dataset(np.zeros((2000, 2000), dtype=np.uint8)), syntax)
    dataset.Rows = dataset.Columns = 20
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert outcome(tmp_path / "a.dcm") is Code.PIXEL_DATA


def test_wrong_value_representations_are_read_or_refused(tmp_path):
    content = write_dicom(tmp_path / "a.dcm", STORED, RescaleSlope=2, WindowCenter=40, WindowWidth=400).read_bytes()
    outcomes = set()
    for tag in (b"\x28\x00\x10\x00US", b"\x28\x00\x00\x01US", b"\x28\x00\x53\x10DS", b"\x28\x00\x50\x10DS"):
        assert tag in content
        for wrong in (b"PN", b"SQ", b"UN", b"FD", b"OB", b"AT", b"XX", b"\0\0"):
            (tmp_path / "a.dcm").write_bytes(content.replace(tag, tag[:4] + wrong, 1))
            outcomes.add(outcome(tmp_path / "a.dcm"))
    assert outcomes <= {"read", Code.PIXEL_DATA, Code.FILE_UNREADABLE, Code.UNSUPPORTED_IMAGE, Code.NO_PIXELS}
    assert len(outcomes) > 1


def mutants(sources, *, count, seed):
    draw = np.random.default_rng(seed)
    for turn in range(count):
        content = bytearray(sources[turn % len(sources)])
        for _ in range(int(draw.integers(1, 8))):
            at = int(draw.integers(0, min(len(content), 2000) if draw.random() < 0.7 else len(content)))
            match int(draw.integers(5)):
                case 0:
                    content[at] ^= 1 << int(draw.integers(8))
                case 1:
                    content[at] = int(draw.integers(256))
                case 2:
                    content[at : at + 4] = draw.bytes(4)
                case 3 if draw.random() < 0.3:
                    del content[at:]
                    content += b"\0" * (2 if len(content) < 2 else 0)
                case _:
                    content[at : at + 2] = b"\xff\xff"
        yield bytes(content)


def test_five_hundred_mutants_are_read_or_refused_soon_and_in_little_memory(tmp_path):
    window = {"WindowCenter": 40, "WindowWidth": 400, "PixelPaddingValue": 0, "BitsStored": 12}
    syntaxes = (uid.ExplicitVRLittleEndian, uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless)
    sources = []
    for syntax in syntaxes:
        dataset = dicom_dataset(np.stack([STORED, STORED]), **window)
        if syntax.is_compressed:
            compress(dataset, syntax)
        dataset.save_as(tmp_path / "source.dcm", enforce_file_format=True)
        sources.append((tmp_path / "source.dcm").read_bytes())
    outcomes, before = set(), peak_bytes()
    for content in mutants(sources, count=500, seed=11):
        (tmp_path / "a.dcm").write_bytes(content)
        outcomes.add(outcome(tmp_path / "a.dcm"))
    assert {"read", Code.PIXEL_DATA, Code.FILE_UNREADABLE} <= outcomes
    assert peak_bytes() - before < 1 << 30


def planted_elements():
    """Every element of the standard that holds text, with a canary, explicit little endian."""
    longest = {"AE": 16, "AS": 4, "CS": 16, "DA": 8, "SH": 16, "TM": 14}
    texts = {*longest, "DS", "DT", "IS", "LO", "LT", "PN", "ST"}
    for tag, (vr, _, _, _, keyword) in pydicom.datadict.DicomDictionary.items():
        if vr in texts and keyword and 2 < tag >> 16 < 0x7FE0 and keyword != "SpecificCharacterSet":
            value = f"{CANARY}^x"[: longest.get(vr, 64)].encode()
            yield struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), len(value)) + value


@pytest.mark.parametrize(
    "damage",
    [
        "none",
        "photometric",
        "frames",
        "characters",
        "slope",
        "class",
        "syntax",
        "cut",
        "pixels cut",
        "rows",
        "codestream",
    ],
)
def test_no_text_of_a_file_reaches_a_message_a_log_a_warning_or_a_stream(tmp_path, caplog, capfd, damage):
    dataset = dicom_dataset(STORED, BitsStored=12)
    if damage == "codestream":
        compress(dataset, uid.JPEG2000Lossless)
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    content = (tmp_path / "a.dcm").read_bytes()
    start = content.index(b"\x08\x00\x16\x00")
    # What the file says itself comes later, and replaces what is planted.
    content = content[:start] + b"".join(planted_elements()) + content[start:]
    assert content.count(CANARY[:4].encode()) > 1000
    class_uid, native = uid.CTImageStorage.encode(), uid.ExplicitVRLittleEndian.encode()
    content = {
        "none": content,
        "photometric": content.replace(b"MONOCHROME2", b"Canarybirds"),
        "frames": content.replace(b"\x28\x00\x04\x00CS", b"\x28\x00\x08\x00IS").replace(
            b"MONOCHROME2 ", b"Canarybird  "
        ),
        "characters": content.replace(b"\x08\x00\x01\x00", b"\x08\x00\x05\x00"),
        "slope": content,
        "class": content.replace(class_uid, b"Canarybird".ljust(len(class_uid), b"x")).replace(
            PIXEL_TAG, b"\xe0\x7f\x40\x00"
        ),
        "syntax": content.replace(native, b"Canarybird".ljust(len(native), b"x"), 1),
        "cut": content[: len(content) // 3],
        "pixels cut": content[:-100],
        "rows": content.replace(b"\x28\x00\x10\x00US", b"\x28\x00\x10\x00PN"),
        "codestream": content.replace(b"\xff\x4f\xff\x51", b"\xff\x4f\xff\x50"),
    }[damage]
    (tmp_path / "a.dcm").write_bytes(content)
    shown = []
    caplog.clear()
    capfd.readouterr()
    with warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        for read in (read_dicom, describe_dicom):
            try:
                described = read(tmp_path / "a.dcm")
                shown += [flag.message for flag in getattr(described, "flags", ())]
            except SourceError as error:
                assert error.__suppress_context__ or error.__context__ is None  # noqa: PT017
                shown += [str(error), repr(error.__cause__)]
    shown += [caplog.text, *capfd.readouterr(), *(str(warning.message) for warning in caught)]
    assert "Cana" not in "".join(shown)


def test_native_pixels_that_are_cut_off_are_refused_before_they_are_read(tmp_path):
    stored = np.arange(64, dtype=np.uint16).reshape(8, 8)
    whole = write_dicom(tmp_path / "whole.dcm", stored)
    describe_image(whole)
    (tmp_path / "cut.dcm").write_bytes(whole.read_bytes()[:-40])
    with pytest.raises(PixelDataError, match=r"cut\.dcm is truncated: at least \d+ bytes are missing\. Transfer"):
        describe_image(tmp_path / "cut.dcm")
