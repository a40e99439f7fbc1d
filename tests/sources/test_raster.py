import zlib

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from mediscan.errors import Code, PixelDataError, SourceError, UnsupportedImageError
from mediscan.sources import describe_image, read_image

LUMINANCE = np.array([0.299, 0.587, 0.114])


@pytest.fixture
def grey8():
    return np.random.default_rng(0).integers(60, 180, size=(9, 12)).astype(np.uint8)


def save(path, array, mode=None, **options):
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_8_bit_grey_is_value_over_255_and_not_stretched(tmp_path, grey8, suffix):
    pixels = read_image(save(tmp_path / f"a{suffix}", grey8))
    assert pixels.values.shape == (1, 9, 12)
    np.testing.assert_allclose(pixels.grey()[0], grey8 / 255, atol=1e-6)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_grey_is_value_over_65535(tmp_path, grey8, suffix):
    array = grey8.astype(np.uint16) * 97
    pixels = read_image(save(tmp_path / f"a{suffix}", array))
    np.testing.assert_array_equal(pixels.values[0], array)
    np.testing.assert_allclose(pixels.grey()[0], array / 65535, atol=1e-6)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colour_is_luminance(tmp_path, mode):
    array = np.random.default_rng(0).integers(0, 256, size=(9, 12, len(mode))).astype(np.uint8)
    pixels = read_image(save(tmp_path / "a.png", array))
    np.testing.assert_allclose(pixels.grey()[0], array[..., :3] @ LUMINANCE / 255, atol=1e-6)


def test_palette_is_luminance_of_its_colours(tmp_path):
    colours = np.zeros((4, 4, 3), dtype=np.uint8)
    colours[:2], colours[2:] = (255, 0, 0), (0, 0, 255)
    pixels = read_image(save(tmp_path / "a.png", colours, "P"))
    np.testing.assert_allclose(pixels.values[0, [0, 3], 0], [0.299 * 255, 0.114 * 255], atol=1e-3)


def test_grey_with_alpha_and_bilevel_images_are_grey(tmp_path, grey8):
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.png", grey8, "LA")).values[0], grey8)
    bilevel = read_image(save(tmp_path / "b.png", grey8, "1"))
    assert set(np.unique(bilevel.grey())) == {0.0, 1.0}


def test_transparency_is_not_looked_at(tmp_path, grey8):
    with_alpha = np.dstack([grey8, grey8, grey8, np.zeros_like(grey8)])
    np.testing.assert_allclose(read_image(save(tmp_path / "a.png", with_alpha)).values[0], grey8, atol=1e-3)


def test_cmyk_is_luminance_of_its_colours(tmp_path):
    smooth = np.linspace(50, 200, 32 * 32).reshape(32, 32).astype(np.uint8)
    grey = Image.merge("RGB", [Image.fromarray(smooth)] * 3).convert("CMYK")
    for name, options in (("a.jpg", {"quality": 95}), ("a.tif", {})):
        grey.save(tmp_path / name, **options)
        assert np.abs(read_image(tmp_path / name).values[0] - smooth).max() < 6


def test_jpeg_is_close_to_what_was_saved(tmp_path):
    smooth = np.linspace(50, 200, 32 * 32).reshape(32, 32).astype(np.uint8)
    pixels = read_image(save(tmp_path / "a.jpg", smooth, quality=95))
    assert np.abs(pixels.grey()[0] - smooth / 255).max() < 0.02


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_all_exif_orientations_show_the_same_picture(tmp_path, grey8, orientation, suffix):
    stored = {
        1: grey8,
        2: grey8[:, ::-1],
        3: grey8[::-1, ::-1],
        4: grey8[::-1],
        5: grey8.T,
        6: np.rot90(grey8),
        7: grey8[::-1, ::-1].T,
        8: np.rot90(grey8, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / f"a{suffix}", np.ascontiguousarray(stored).astype(np.uint16) * 97, exif=exif)
    np.testing.assert_array_equal(read_image(path).values[0], grey8.astype(np.float32) * 97)


def test_exif_orientation_is_applied(tmp_path):
    array = np.zeros((16, 32), dtype=np.uint8)
    array[:8, :8] = 255  # top left
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    pixels = read_image(save(tmp_path / "a.jpg", array, exif=exif, quality=95))
    assert pixels.values.shape == (1, 32, 16)
    assert pixels.values[0, 2, 13] > 200
    assert pixels.values[0, 2, 2] < 50


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_with_white_as_zero_looks_like_its_inverse(tmp_path, grey8, dtype):
    array = grey8.astype(dtype)
    info = TiffImagePlugin.ImageFileDirectory_v2()
    path = tmp_path / "a.tif"
    save(path, array, tiffinfo=info)
    content = path.read_bytes()
    black_is_zero, white_is_zero = (b"\x06\x01\x03\x00\x01\x00\x00\x00" + bytes([value, 0]) for value in (1, 0))
    assert content.count(black_is_zero) == 1
    path.write_bytes(content.replace(black_is_zero, white_is_zero))
    maximum = np.iinfo(dtype).max
    np.testing.assert_allclose(read_image(path).grey()[0], (maximum - array) / maximum, atol=1e-6)


def test_float_tiff_keeps_its_values_and_has_no_window(tmp_path):
    array = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    pixels = read_image(save(tmp_path / "a.tif", array))
    np.testing.assert_array_equal(pixels.values[0], array)
    assert pixels.voi is None


def test_several_pages_are_refused(tmp_path, grey8):
    page = Image.fromarray(grey8)
    page.save(tmp_path / "a.tif", save_all=True, append_images=[page])
    for read in (read_image, describe_image):
        with pytest.raises(UnsupportedImageError, match="holds several images"):
            read(tmp_path / "a.tif")


def test_animated_png_is_refused(tmp_path, grey8):
    Image.fromarray(grey8).save(tmp_path / "a.png", save_all=True, append_images=[Image.fromarray(grey8[::-1])])
    with pytest.raises(UnsupportedImageError, match="holds several images"):
        read_image(tmp_path / "a.png")


def test_text_that_inflates_beyond_reason_is_refused_or_passed_over(tmp_path, grey8):
    path = save(tmp_path / "a.png", grey8)
    content = path.read_bytes()
    chunk = b"zTXtkey\0\0" + zlib.compress(bytes(256 << 20), 9)
    bomb = len(chunk[4:]).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    path.write_bytes(content[:33] + bomb + content[33:])
    try:
        np.testing.assert_array_equal(read_image(path).values[0], grey8)
    except SourceError as error:
        assert error.code in {Code.PIXEL_DATA, Code.FILE_TOO_LARGE}  # noqa: PT017 - either is right


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_truncated_image_is_refused(tmp_path, suffix):
    array = np.random.default_rng(0).integers(0, 256, size=(64, 64)).astype(np.uint8)
    path = save(tmp_path / f"a{suffix}", array)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(PixelDataError, match=r"cannot be decoded|not a readable"):
        read_image(path)


def test_size_is_refused_by_the_header_alone(tmp_path, grey8):
    path = save(tmp_path / "a.png", grey8)
    content = bytearray(path.read_bytes())
    for side in (20_000, 100_000):  # beyond mediscan's cap, and beyond Pillow's
        content[16:24] = side.to_bytes(4, "big") * 2
        content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
        path.write_bytes(content)
        for read in (read_image, describe_image):
            with pytest.raises(SourceError, match=r"would decode to|more pixels") as refused:
                read(path)
            assert refused.value.code is Code.FILE_TOO_LARGE


def test_constant_image_is_refused(tmp_path):
    with pytest.raises(UnsupportedImageError, match="constant"):
        read_image(save(tmp_path / "a.png", np.full((8, 8), 3, dtype=np.uint8)))


def test_mutated_images_are_read_or_refused_with_a_source_error(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, size=(16, 16)).astype(np.uint8)
    draw = np.random.default_rng(5)
    sources = [save(tmp_path / f"a.{suffix}", array).read_bytes() for suffix in ("png", "jpg", "tif")]
    outcomes = set()
    for turn in range(300):
        content = bytearray(sources[turn % 3])
        for _ in range(int(draw.integers(1, 4))):
            content[int(draw.integers(len(content)))] = int(draw.integers(256))
        path = tmp_path / "mutant.png"
        path.write_bytes(content)
        try:
            read_image(path)
            outcomes.add("read")
        except SourceError as error:
            outcomes.add(error.code)
    assert {"read", Code.PIXEL_DATA} <= outcomes
