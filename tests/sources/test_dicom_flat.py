import io
import random
import warnings
from pathlib import Path

import pydicom
import pytest

from mediscan.sources.boundary import quiet
from mediscan.sources.dicom import parsing
from mediscan.sources.dicom.flat import encapsulated_value
from mediscan.sources.dicom.parsing import PREAMBLE_BYTES, PREFIX, Parsed, parse, read_pixel_element

_DATA = Path(pydicom.__file__).parent / "data" / "test_files"
_START = PREAMBLE_BYTES + len(PREFIX)


def _files() -> list[Path]:
    return sorted(path for path in _DATA.rglob("*.dcm") if path.read_bytes()[PREAMBLE_BYTES:_START] == PREFIX)


def _by_pydicom(content: bytes, monkeypatch: pytest.MonkeyPatch) -> Parsed | Exception:
    with monkeypatch.context() as patch, quiet(), warnings.catch_warnings():
        patch.setattr(parsing, "_parse_flat", lambda *_args, **_options: None)
        try:
            return parse(Path("file"), io.BytesIO(content), content=content)
        except Exception as error:  # noqa: BLE001 - whatever a damaged file makes it raise
            return error


def _parts(parsed: Parsed) -> list[object]:
    parts: list[object] = [parsed.preamble, parsed.start, parsed.pixel_offset]
    for dataset in (parsed.dataset, parsed.dataset.file_meta):
        parts += [dataset.original_encoding, dataset.original_character_set]
        parts += [dataset.get_item(tag, keep_deferred=True) for tag in dataset.keys()]  # noqa: SIM118 - iterating converts
    return parts


def test_a_flat_header_is_read_as_pydicom_reads_it(monkeypatch):
    flat = 0
    for file in _files():
        content = file.read_bytes()
        found = parsing._parse_flat(content, start=_START)
        if found is not None:
            flat += 1
            other = _by_pydicom(content, monkeypatch)
            assert isinstance(other, Parsed), file.name
            assert _parts(found) == _parts(other), file.name
    assert flat > 40


def test_a_damaged_header_is_read_as_pydicom_reads_it_or_left_to_it(monkeypatch):
    draw = random.Random(5)
    flat = 0
    contents = [file.read_bytes()[:6000] for file in _files() if file.stat().st_size < 1 << 20]
    for _ in range(1500):
        content = bytearray(draw.choice(contents))
        for _ in range(draw.randint(1, 4)):
            content[draw.randrange(_START, min(len(content), 1500))] = draw.choice((0, 1, 8, 0xFF, draw.randrange(256)))
        damaged = bytes(content[: draw.choice((len(content), draw.randrange(_START, len(content))))])
        with quiet():
            try:
                found = parsing._parse_flat(damaged, start=_START)
            except Exception:  # noqa: BLE001, S112 - as pydicom, callers are inside `refusing`
                continue
        if found is not None:
            flat += 1
            other = _by_pydicom(damaged, monkeypatch)
            assert isinstance(other, Parsed)
            assert _parts(found) == _parts(other)
    assert flat > 200


def test_encapsulated_pixels_are_found_as_pydicom_finds_them(monkeypatch):
    seen = 0
    for file in _files():
        content = file.read_bytes()
        parsed = _by_pydicom(content, monkeypatch)
        if not isinstance(parsed, Parsed) or parsed.pixel_offset is None:
            continue
        value = encapsulated_value(content, parsed.pixel_offset)
        if value is not None:
            seen += 1
            monkeypatch.setattr(parsing, "encapsulated_value", lambda *_: None)
            element = read_pixel_element(file, parsed, expected=1 << 30)
            assert (element.keyword, element.vr, element.value) == ("PixelData", "OB", value), file.name
            assert element.declared == parsing.UNDEFINED_LENGTH
    assert seen > 20


def test_items_that_are_cut_off_are_left_to_pydicom():
    start = b"\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff"
    item, end = b"\xfe\xff\x00\xe0\x04\x00\x00\x00abcd", b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
    assert encapsulated_value(start + item + end, 0) == item
    for content in (start + item, start + item[:6], start + item[:-2] + end, b"\x00" + start + item + end):
        assert encapsulated_value(content, 0) is None
