"""Transfer syntaxes: what dcmtk and gdcm wrote is read bit by bit, and the decoder is recorded."""

import zlib

import numpy as np
import pydicom
import pytest
from dicom_builders import compress, dicom_dataset, smooth, transcoded, write_dicom
from pydicom import uid
from pydicom.encaps import encapsulate, generate_frames

from mediscan.errors import Code, PixelDataError, SourceError, UnsupportedImageError
from mediscan.sources import read_image
from mediscan.sources.dicom import decode
from mediscan.sources.dicom.decode import DECODERS
from mediscan.sources.dicom.header import open_header
from mediscan.sources.dicom.read import read_dicom
from mediscan.sources.pixels import luminance

GREY = {
    "8": {"bits": 8},
    "8 signed": {"bits": 8, "signed": True},
    "10": {"bits": 10},
    "12": {"bits": 12},
    "12 signed": {"bits": 12, "signed": True},
    "16": {"bits": 16},
    "16 signed": {"bits": 16, "signed": True},
}
LOSSLESS = {
    "RLE, dcmtk": ("dcmcrle",),
    "RLE, gdcm": ("gdcmconv", "--rle"),
    "JPEG lossless SV1, dcmtk": ("dcmcjpeg", "+e1"),
    "JPEG lossless, selection value 2": ("dcmcjpeg", "+el", "+sv", "2"),
    "JPEG lossless, selection value 7": ("dcmcjpeg", "+el", "+sv", "7"),
    "JPEG lossless, gdcm": ("gdcmconv", "--jpeg"),
    "JPEG-LS, dcmtk": ("dcmcjpls",),
    "JPEG-LS, gdcm": ("gdcmconv", "--jpegls"),
    "JPEG 2000, gdcm": ("gdcmconv", "--j2k"),
    "big endian": ("dcmconv", "+tb"),
    "implicit VR": ("dcmconv", "+ti"),
    "deflated": ("dcmconv", "+td"),
}
DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"


@pytest.mark.parametrize("kind", GREY)
@pytest.mark.parametrize("command", LOSSLESS)
def test_what_other_toolkits_compress_losslessly_is_read_bit_by_bit(tmp_path, kind, command):
    stored = smooth((2, 33, 37), **GREY[kind])
    source = write_dicom(tmp_path / "a.dcm", stored, BitsStored=GREY[kind]["bits"])
    packed = transcoded(source, *LOSSLESS[command])
    np.testing.assert_array_equal(read_dicom(packed).values, stored)


@pytest.mark.parametrize("command", sorted(LOSSLESS.keys() - {"RLE, gdcm"}))  # which fails on colour by pixel
def test_colour_that_other_toolkits_compress_losslessly_is_read_bit_by_bit(tmp_path, command):
    stored = np.stack([smooth((33, 37), bits=8)] * 3, axis=-1)
    stored[..., 1] += 40
    stored[..., 2] //= 3
    packed = transcoded(write_dicom(tmp_path / "a.dcm", stored, SamplesPerPixel=3), *LOSSLESS[command])
    np.testing.assert_array_equal(read_dicom(packed).values[0], luminance(stored))


@pytest.mark.parametrize("bits", [10, 12])
def test_jpeg_extended_of_12_bits_agrees_with_dcmtk(tmp_path, bits):
    packed = transcoded(
        write_dicom(tmp_path / "a.dcm", smooth((3, 64, 48), bits=bits), BitsStored=bits), "dcmcjpeg", "+ee"
    )
    reference = transcoded(packed, "dcmdjpeg")
    assert open_header(packed).syntax == uid.JPEGExtended12Bit
    read = read_dicom(packed)
    np.testing.assert_array_equal(read.values, read_dicom(reference).values)
    assert read.decoder == "imagecodecs"


def test_jpeg_extended_of_8_bits_keeps_the_decoder_of_baseline(tmp_path):
    packed = transcoded(write_dicom(tmp_path / "a.dcm", smooth((64, 48), bits=8)), "dcmcjpeg", "+ee")
    reference = transcoded(packed, "dcmdjpeg")
    read = read_dicom(packed)
    assert read.decoder == "imagecodecs"
    assert np.abs(read.values - read_dicom(reference).values).max() <= 1


@pytest.mark.parametrize("shape", [(64, 48), (3, 33, 37)])
def test_grey_jpeg_of_8_bits_has_the_same_samples_by_each_decoder_and_by_pydicom(tmp_path, monkeypatch, shape):
    packed = transcoded(write_dicom(tmp_path / "a.dcm", smooth(shape, bits=8)), "dcmcjpeg", "+eb")
    assert open_header(packed).syntax == uid.JPEGBaseline8Bit
    expected = pydicom.dcmread(packed).pixel_array.reshape(-1, *shape[-2:])
    for decoder in ("imagecodecs", "pillow"):
        monkeypatch.setattr(decode, "_JPEG_GREY", (decoder,))
        read = read_dicom(packed)
        assert read.decoder == decoder
        np.testing.assert_array_equal(read.values, expected)


@pytest.mark.parametrize("damage", [0x00, 0x40, 0xFF])
def test_corrupt_12_bit_jpeg_is_read_or_refused_and_nothing_else(tmp_path, damage):
    packed = transcoded(write_dicom(tmp_path / "a.dcm", smooth((64, 48), bits=12), BitsStored=12), "dcmcjpeg", "+ee")
    content = packed.read_bytes()
    start = content.index(b"\xff\xd8\xff")
    refused = 0
    for at in range(start, min(len(content), start + 700), 3):
        packed.write_bytes(content[:at] + bytes([damage]) + content[at + 1 :])
        try:
            read_dicom(packed)
        except SourceError as error:
            refused += 1
            assert error.code in {Code.PIXEL_DATA, Code.UNSUPPORTED_IMAGE}  # noqa: PT017 - both outcomes are allowed
    assert refused > 10


def test_the_first_installed_decoder_decodes_and_is_recorded(tmp_path, monkeypatch):
    stored = smooth((33, 37), bits=12)
    packed = transcoded(write_dicom(tmp_path / "a.dcm", stored, BitsStored=12), "dcmcjpeg", "+e1")
    assert read_dicom(packed).decoder == "imagecodecs"
    monkeypatch.setitem(DECODERS, uid.JPEGLosslessSV1, ("not installed", "gdcm"))
    read = read_dicom(packed)
    assert read.decoder == "gdcm"
    np.testing.assert_array_equal(read.values[0], stored)
    monkeypatch.setitem(DECODERS, uid.JPEGLosslessSV1, ("not installed",))
    with pytest.raises(UnsupportedImageError, match=r"JPEG Lossless.*no decoder\. Install the decoders"):
        read_dicom(packed)


def test_native_pixels_are_recorded_as_such(tmp_path):
    assert read_dicom(write_dicom(tmp_path / "a.dcm", smooth((33, 37), bits=8))).decoder == "native"


def test_video_is_refused_by_the_name_of_its_compression(tmp_path):
    dataset = dicom_dataset(smooth((33, 37), bits=8))
    dataset.PixelData = encapsulate([b"\0\0\x01\xb3" + b"\0" * 60])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = uid.MPEG2MPML
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(UnsupportedImageError, match=r"compressed as MPEG2.*no decoder"):
        read_dicom(tmp_path / "a.dcm")


def write_deflated_frames(path, stored, frames, **elements):
    dataset = dicom_dataset(stored, **elements)
    packed = []
    for frame in frames:
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed.append(packer.compress(frame) + packer.flush())
    dataset.PixelData = encapsulate([frame + b"\0" * (len(frame) % 2) for frame in packed])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = uid.JPEG2000Lossless  # pydicom does not know the other yet
    dataset.save_as(path, enforce_file_format=True)
    path.write_bytes(path.read_bytes().replace(uid.JPEG2000Lossless.encode(), DEFLATED_FRAMES.encode() + b"\0", 1))
    return path


@pytest.mark.parametrize("bits", [8, 16])
def test_deflated_frames_are_read_bit_by_bit(tmp_path, bits):
    stored = smooth((3, 33, 37), bits=bits)
    path = write_deflated_frames(tmp_path / "a.dcm", stored, [plane.tobytes() for plane in stored])
    read = read_dicom(path)
    np.testing.assert_array_equal(read.values, stored)
    assert read.decoder == "zlib"


def test_a_deflated_frame_that_inflates_beyond_its_size_is_refused(tmp_path):
    stored = smooth((33, 37), bits=8)
    path = write_deflated_frames(tmp_path / "a.dcm", stored, [stored.tobytes() + b"\0" * (64 << 20)])
    assert path.stat().st_size < 1 << 20
    with pytest.raises(PixelDataError, match="inflates frame 1 to other than the 1221 bytes"):
        read_dicom(path)


BITS = np.random.default_rng(5).integers(0, 2, size=(3, 5, 7)).astype(np.uint8)
ONE_BIT = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}


def packed_frames(bits):
    return [np.packbits(frame, bitorder="little").tobytes() for frame in bits]


def test_single_bits_run_on_from_frame_to_frame_in_native_data(tmp_path):
    dataset = dicom_dataset(BITS, **ONE_BIT)
    packed = np.packbits(BITS, bitorder="little").tobytes()
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    np.testing.assert_array_equal(read_dicom(tmp_path / "a.dcm").values, BITS)


def test_single_bits_of_a_deflated_frame_fill_whole_bytes(tmp_path):
    path = write_deflated_frames(tmp_path / "a.dcm", BITS, packed_frames(BITS), **ONE_BIT)
    np.testing.assert_array_equal(read_dicom(path).values, BITS)


def run_lengths(*segments):
    """An RLE frame of segments that are copied literally."""
    coded = [b"".join(bytes([len(part) - 1]) + part for part in chunks(one)) for one in segments]
    coded = [one + b"\x80" * (len(one) % 2) for one in coded]
    offsets = [64 + sum(map(len, coded[:number])) for number in range(len(coded))]
    return b"".join(n.to_bytes(4, "little") for n in [len(coded), *offsets, *[0] * (15 - len(coded))]) + b"".join(coded)


def chunks(content):
    return [content[start : start + 128] for start in range(0, len(content), 128)]


def write_rle(path, stored, frames, **elements):
    dataset = dicom_dataset(stored, **elements)
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = uid.RLELossless
    dataset.save_as(path, enforce_file_format=True)
    return path


def test_single_bits_in_run_lengths_are_read(tmp_path):
    path = write_rle(tmp_path / "a.dcm", BITS, [run_lengths(frame) for frame in packed_frames(BITS)], **ONE_BIT)
    np.testing.assert_array_equal(read_dicom(path).values, BITS)


@pytest.mark.parametrize("decoder", ["imagecodecs", "pydicom"])
def test_run_lengths_that_decode_beyond_the_frame_are_refused(tmp_path, monkeypatch, decoder):
    monkeypatch.setitem(DECODERS, uid.RLELossless, (decoder,))
    stored = smooth((33, 37), bits=8)
    path = write_rle(tmp_path / "a.dcm", stored, [run_lengths(stored.tobytes())])
    np.testing.assert_array_equal(read_dicom(path).values[0], stored)
    bomb = run_lengths(stored.tobytes()) + b"\x81\x00" * (1 << 20)
    write_rle(path, stored, [bomb])
    with pytest.raises(PixelDataError, match=r"run lengths beyond the size of frame 1|cannot be decoded"):
        read_dicom(path)


@pytest.mark.parametrize("layout", ["by pixel", "by plane"])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_planar_configuration_does_not_change_colours(tmp_path, layout, photometric):
    stored = np.random.default_rng(3).integers(0, 256, size=(6, 8, 3)).astype(np.uint8)
    written = stored if layout == "by pixel" else np.moveaxis(stored, -1, 0)
    dataset = dicom_dataset(stored, SamplesPerPixel=3, PhotometricInterpretation=photometric)
    dataset.PlanarConfiguration = int(layout == "by plane")
    dataset.PixelData = written.tobytes()
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    expected = pydicom.pixels.pixel_array(tmp_path / "a.dcm")  # RGB
    np.testing.assert_array_equal(read_dicom(tmp_path / "a.dcm").values[0], luminance(expected))


def test_ybr_full_422_is_read_as_pydicom_does(tmp_path):
    stored = np.random.default_rng(3).integers(0, 256, size=(6, 8, 3)).astype(np.uint8)
    dataset = dicom_dataset(stored, SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL_422")
    dataset.PixelData = stored.tobytes()[: 6 * 8 * 2]
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    expected = pydicom.pixels.pixel_array(tmp_path / "a.dcm")
    np.testing.assert_array_equal(read_dicom(tmp_path / "a.dcm").values[0], luminance(expected))


def test_ybr_partial_422_stretches_its_narrower_range(tmp_path):
    stored = np.zeros((2, 4, 3), dtype=np.uint8)
    dataset = dicom_dataset(stored, SamplesPerPixel=3, PhotometricInterpretation="YBR_PARTIAL_422")
    luma = [16, 235, 16 + 73, 126, 235, 16, 0, 255]
    pairs = [(luma[at], luma[at + 1], 128, 128) for at in range(0, 8, 2)]
    dataset.PixelData = bytes(value for pair in pairs for value in pair)
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    expected = np.clip([round((value - 16) * 255 / 219) for value in luma], 0, 255)
    np.testing.assert_allclose(read_dicom(tmp_path / "a.dcm").values.ravel(), expected, atol=1e-3)


def test_codestream_in_other_colours_than_the_header_says_is_refused(tmp_path):
    dataset = compress(dicom_dataset(smooth((33, 37), bits=8)), uid.JPEG2000Lossless)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(PixelDataError, match=r"as \(33, 37, 1\) where its header states \(33, 37, 3\)"):
        read_image(tmp_path / "a.dcm")


def test_a_second_decoder_is_not_tried_where_the_first_refuses(tmp_path):
    packed = transcoded(write_dicom(tmp_path / "a.dcm", smooth((33, 37), bits=12), BitsStored=12), "dcmcjpeg", "+e1")
    dataset = pydicom.dcmread(packed)
    frame = bytearray(next(generate_frames(dataset.PixelData, number_of_frames=1)))
    frame[frame.index(b"\xff\xc4") + 5] = 0xFF  # more codes than a Huffman table holds
    dataset.PixelData = encapsulate([bytes(frame)])
    dataset.save_as(packed, enforce_file_format=True)
    with pytest.raises(PixelDataError, match=r"cannot be decoded \(RuntimeError\)"):
        read_dicom(packed)
