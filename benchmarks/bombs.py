"""DICOM files built to exhaust whoever reads them: little to send, much to decode, or slow to parse."""

import struct
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from random import Random

from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

Bomb = Callable[[Random], bytes]

DEFLATED_FRAMES = UID("1.2.840.10008.1.2.8.1")
_UNDEFINED = 0xFFFFFFFF
_LONG = ("OB", "OW", "SQ", "UN", "UT", "UC")
_SIDES = (64, 2000, 4096, 11_000, 16_384, 65_535)
_KIB = 1 << 10
_LENGTHS = (64 * _KIB, 64 * _KIB, _KIB * _KIB, 8 * _KIB * _KIB)  # few of the largest, as they take long to write
_MOST = 60 * _KIB * _KIB


def element(tag: int, vr: str, value: bytes, *, length: int | None = None) -> bytes:
    """An explicit little-endian element; `length` may differ from what follows."""
    long, stated = vr in _LONG, len(value) if length is None else length
    start = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode("ascii"))
    return start + (struct.pack("<2xI", stated) if long else struct.pack("<H", stated)) + value


def item(value: bytes, *, length: int | None = None) -> bytes:
    """An item of a sequence, or a fragment."""
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(value) if length is None else length) + value


def part_10(
    syntax: UID,
    body: bytes = b"",
    *,
    pixels: bytes = b"",
    rows: int = 64,
    columns: int = 64,
    bits: int = 16,
    frames: int = 1,
    samples: int = 1,
) -> bytes:
    """A CT image of that syntax. `body` are whole elements that stand right before the encoded element `pixels`."""
    meta = element(0x00020010, "UI", _even(syntax.encode("ascii"))) + element(
        0x00020002, "UI", _even(CTImageStorage.encode("ascii"))
    )
    dataset = b"".join(
        (
            element(0x00080016, "UI", _even(CTImageStorage.encode("ascii"))),
            element(0x00080018, "UI", b"1.2.3.4\0"),
            element(0x00080060, "CS", b"CT"),
            element(0x0020000D, "UI", b"1.2\0"),
            element(0x0020000E, "UI", b"1.3\0"),
            element(0x00280002, "US", struct.pack("<H", samples)),
            element(0x00280004, "CS", b"MONOCHROME2 " if samples == 1 else b"RGB "),
            element(0x00280006, "US", b"\0\0"),
            element(0x00280008, "IS", _even(str(frames).encode("ascii"))),
            element(0x00280010, "US", struct.pack("<H", rows)),
            element(0x00280011, "US", struct.pack("<H", columns)),
            element(0x00280100, "US", struct.pack("<H", bits)),
            element(0x00280101, "US", struct.pack("<H", bits)),
            element(0x00280102, "US", struct.pack("<H", bits - 1)),
            element(0x00280103, "US", b"\0\0"),
        )
    )
    rest = dataset + body + pixels
    if syntax == DeflatedExplicitVRLittleEndian:
        rest = _deflated(rest)
    return bytes(128) + b"DICM" + element(0x00020000, "UL", struct.pack("<I", len(meta))) + meta + rest


def encapsulated(*frames: bytes, offsets: bytes = b"") -> bytes:
    """Encapsulated pixel data of one fragment a frame."""
    fragments = item(offsets) + b"".join(map(item, frames)) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return element(0x7FE00010, "OB", fragments, length=_UNDEFINED)


def deflated_data_set(draw: Random) -> bytes:
    """Zeros behind an honest header or a modest one."""
    length = draw.choice((1 << 20, 64 << 20, 300 << 20))
    side = draw.choice((64, int((length // 2) ** 0.5)))
    pixels = element(0x7FE00010, "OW", b"", length=length)
    honest = part_10(ExplicitVRLittleEndian, pixels=pixels, rows=side, columns=side)
    start = honest.index(element(0x00080016, "UI", b"")[:4])
    empty = part_10(DeflatedExplicitVRLittleEndian)
    meta = empty[: 132 + 12 + int.from_bytes(empty[140:144], "little")]
    return meta + _deflated_with_zeros(honest[start:], length)


def run_lengths(draw: Random) -> bytes:
    side, stated = draw.choice(_SIDES[:-1]), draw.choice(_SIDES[:-1])
    segment = b"\x81\x00" * (side * side // 128 + 1)
    frame = struct.pack("<16L", 2, 64, 64 + len(segment), *[0] * 13) + segment * 2
    return part_10(RLELossless, pixels=encapsulated(frame), rows=stated, columns=stated)


def deflated_frames(draw: Random) -> bytes:
    length = draw.choice((1 << 20, 64 << 20, 300 << 20))
    side = draw.choice((64, int((length // 2) ** 0.5)))
    frames = draw.choice((1, 3))
    packed = _deflated_with_zeros(b"", length)
    return part_10(DEFLATED_FRAMES, pixels=encapsulated(*[packed] * frames), rows=side, columns=side, frames=frames)


def codestream_sizes(draw: Random) -> bytes:
    """A tiny codestream that claims to be huge; the header agrees, or does not."""
    coded, stated = draw.choice(_SIDES), draw.choice(_SIDES)
    stated = draw.choice((coded, coded, stated))
    syntax, build = draw.choice(
        (
            (JPEG2000Lossless, _jpeg_2000),
            (JPEGBaseline8Bit, _jpeg),
            (JPEGLSLossless, _jpeg_ls),
            (JPEGLosslessSV1, _lossless),
        )
    )
    frames = draw.choice((1, 1, 500))
    pixels = encapsulated(*[build(coded, draw)] * frames)
    return part_10(syntax, pixels=pixels, rows=stated, columns=stated, bits=8, frames=frames)


def offset_tables(draw: Random) -> bytes:
    """A basic offset table of lies, with frames in one fragment or in several."""
    frames = draw.choice((1, 3, 50))
    lies = [
        draw.choice((0, 4, 7, _UNDEFINED, 0x7FFFFFFF, draw.randrange(1 << 16)))
        for _ in range(draw.choice((frames, 1, 100_000)))
    ]
    frame = _jpeg_ls(64, draw)
    pixels = encapsulated(*[frame] * frames, offsets=struct.pack(f"<{len(lies)}I", *lies))
    return part_10(JPEGLSLossless, pixels=pixels, bits=8, frames=frames)


def empty_fragments(draw: Random) -> bytes:
    count = draw.choice((1000, 100_000, 1_000_000))
    syntax = draw.choice((RLELossless, JPEG2000Lossless, DEFLATED_FRAMES))
    frames = draw.choice((1, count))
    return part_10(syntax, pixels=encapsulated(*[b""] * count), rows=1, columns=1, frames=frames)


def tiny_elements(draw: Random) -> bytes:
    """A header of nothing but small elements: flat or in a sequence, of defined length or not, asked for or not."""
    count = draw.choice((*_LENGTHS, draw.choice(_LENGTHS), _MOST if draw.random() < 0.1 else _LENGTHS[0])) // 8
    tiny = element(0x00280002, "US", b"") * count
    tag = draw.choice((0x52009229, 0x52009230, 0x00283010, 0x00283000, 0x00540220, 0x00091010))
    match draw.randrange(5):
        case 0:
            body = tiny
        case 1:
            body = element(tag, "SQ", item(tiny))
        case 2:
            body = element(tag, "UN", item(tiny))
        case 3:
            body = element(tag, "SQ", item(b"") * count)
        case _:
            inner = element(0x00289110, "SQ", item(tiny))
            body = element(tag, "SQ", item(inner) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0), length=_UNDEFINED)
    return part_10(ExplicitVRLittleEndian, body, pixels=_native())


def private_elements(draw: Random) -> bytes:
    length = draw.choice(_LENGTHS)
    body = element(0x00090010, "LO", b"NOBODY") + element(0x00091001, draw.choice(("OB", "UN")), bytes(length))
    stated = draw.choice((length, 2 * length, _UNDEFINED - 1))
    return part_10(ExplicitVRLittleEndian, body[:-length] + bytes(length), pixels=_native()).replace(
        struct.pack("<I", length) + bytes(16), struct.pack("<I", stated) + bytes(16), 1
    )


def character_sets(draw: Random) -> bytes:
    """More character sets than there are, and texts that are nothing but switches between them."""
    sets = b"\\".join(
        [draw.choice((b"ISO 2022 IR 87", b"ISO 2022 IR 149", b"", b"\xff" * 16))] * draw.choice((2, 3000))
    )
    switches = draw.choice((b"\x1b$B", b"\x1b(J", b"\x1b", b"=^\\")) * draw.choice((1000, 20_000))
    body = element(0x00080005, "CS", _even(sets)[:65_534])
    body += element(0x00100010, "PN", _even(switches)[:65_534]) + element(0x00100020, "LO", _even(switches)[:65_534])
    body += element(0x00104000, "UT", _even(switches * draw.choice((1, 50))))
    return part_10(ExplicitVRLittleEndian, body, pixels=_native())


def long_numbers(draw: Random) -> bytes:
    """Numbers written as megabytes of text where one number belongs."""
    length = draw.choice((60_000, *_LENGTHS))
    text = draw.choice((b"1\\", b"9", b"1e", b"\\\\", b"0.", b"- ")) * length
    text = _even(text[:length])
    tag, vr = draw.choice(
        (
            (0x00280008, "IS"),
            (0x00280030, "DS"),
            (0x00281050, "DS"),
            (0x00281053, "DS"),
            (0x00200011, "IS"),
            (0x00200032, "DS"),
            (0x00280010, "US"),
            (0x00280004, "CS"),
            (0x00080008, "CS"),
            (0x00280120, "US"),
        )
    )
    vr = vr if len(text) < 1 << 16 else "UN"
    return part_10(ExplicitVRLittleEndian, element(tag, vr, text), pixels=_native())


def pixel_representations(draw: Random) -> bytes:
    """Pixel data under a value representation and a length that do not fit."""
    vr = draw.choice(("OB", "OW", "UN", "SQ", "UT", "OF", "PN", "US", "XX"))
    length = draw.choice((None, _UNDEFINED, 0, 1, 0xFFFFFFFE, 7))
    if vr not in _LONG and length is not None:
        length &= 0xFFFF
    syntax = draw.choice((ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, JPEG2000Lossless))
    tag = draw.choice((0x7FE00010, 0x7FE00008, 0x7FE00009))
    return part_10(syntax, pixels=element(tag, vr, bytes(8192), length=8192 if length is None else length))


def group_lengths(draw: Random) -> bytes:
    """Group lengths, of the meta information too, that are not those of their groups."""
    spoilt = bytearray(
        part_10(ExplicitVRLittleEndian, element(0x00280000, "UL", b"\xff\xff\xff\xff"), pixels=_native())
    )
    struct.pack_into("<I", spoilt, 140, draw.choice((0, 1, 8, _UNDEFINED, draw.randrange(1 << 16))))
    return bytes(spoilt)


def mislabelled(draw: Random) -> bytes:
    """One encoding under the name of another."""
    written, named = draw.sample(
        (
            "1.2.840.10008.1.2.1",
            "1.2.840.10008.1.2.2",
            "1.2.840.10008.1.2.5",
            "1.2.840.10008.1.2.4.90",
            "1.2.840.10008.1.2",
        ),
        2,
    )
    syntax = UID(written if written != "1.2.840.10008.1.2" else "1.2.840.10008.1.2.1")
    native = syntax in (ExplicitVRLittleEndian, "1.2.840.10008.1.2.2")
    content = part_10(syntax, pixels=_native() if native else encapsulated(bytes(8192)))
    return content.replace(
        _even(syntax.encode("ascii")),
        _even(named.encode("ascii")).ljust(len(_even(syntax)), b"\0")[: len(_even(syntax))],
        1,
    )


def _native() -> bytes:
    return element(0x7FE00010, "OW", bytes(range(256)) * 32)


def _even(value: bytes | str) -> bytes:
    value = value.encode("ascii") if isinstance(value, str) else value
    return value + b"\0" * (len(value) % 2)


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@cache
def _zeros(length: int) -> bytes:
    """A deflated run of zeros, ready to follow a flushed start."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(length >> 20)) + packer.flush()


def _deflated_with_zeros(start: bytes, length: int) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH) + _zeros(length)


def _jpeg_2000(side: int, draw: Random) -> bytes:
    tile = draw.choice((side, 64))
    size = struct.pack(">HHIIIIIIIIH3B", 41, 0, side, side, 0, 0, tile, tile, 0, 0, 1, 7, 1, 1)
    style = struct.pack(">HBBHBBBBBB", 12, 0, 0, 1, 0, draw.choice((0, 5, 32)), 4, 4, 0, 1)
    quantisation = struct.pack(">HBB", 4, 0x40, 0x40)
    tile_part = struct.pack(">HHIBB", 10, 0, 0, 0, 1)
    return (
        b"\xff\x4f\xff\x51" + size + b"\xff\x52" + style + b"\xff\x5c" + quantisation
        + b"\xff\x90" + tile_part + b"\xff\x93" + bytes(draw.choice((0, 64))) + b"\xff\xd9"
    )  # fmt: skip


def _jpeg(side: int, draw: Random) -> bytes:
    return _of_jpeg_family(b"\xff\xc0", side, draw, tables=b"\xff\xdb" + struct.pack(">HB", 67, 0) + b"\x01" * 64)


def _lossless(side: int, draw: Random) -> bytes:
    return _of_jpeg_family(b"\xff\xc3", side, draw)


def _of_jpeg_family(marker: bytes, side: int, draw: Random, *, tables: bytes = b"") -> bytes:
    frame = marker + struct.pack(">HBHHB3B", 11, 8, side, side, 1, 1, 0x11, 0)
    codes = b"".join(
        b"\xff\xc4" + struct.pack(">HB", 20, kind) + b"\x01" + bytes(15) + b"\x00" for kind in (0x00, 0x10)
    )
    scan = b"\xff\xda" + struct.pack(">HBBB3B", 8, 1, 1, 0, 1 if marker == b"\xff\xc3" else 0, 63 if tables else 0, 0)
    return b"\xff\xd8" + tables + frame + codes + scan + bytes(draw.choice((0, 16, 100_000))) + b"\xff\xd9"


def _jpeg_ls(side: int, draw: Random) -> bytes:
    frame = b"\xff\xf7" + struct.pack(">HBHHB3B", 11, 8, side, side, 1, 1, 0x11, 0)
    scan = b"\xff\xda" + struct.pack(">HBBB3B", 8, 1, 1, 0, 0, 0, 0)
    return b"\xff\xd8" + frame + scan + b"\xfe" * draw.choice((0, 16, 100_000)) + b"\xff\xd9"


BOMBS: Mapping[str, Bomb] = {
    "deflated data sets of zeros": deflated_data_set,
    "run lengths of zeros": run_lengths,
    "deflated frames of zeros": deflated_frames,
    "codestreams that claim huge sizes": codestream_sizes,
    "offset tables that lie": offset_tables,
    "a million empty fragments": empty_fragments,
    "millions of tiny elements": tiny_elements,
    "huge private elements": private_elements,
    "character sets without end": character_sets,
    "numbers of a megabyte": long_numbers,
    "pixel data that lie about their kind": pixel_representations,
    "group lengths that lie": group_lengths,
    "one encoding under the name of another": mislabelled,
}
