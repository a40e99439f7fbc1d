"""Broken files that are not DICOM, and folders and archives of them: each written below a place, by a generator."""

import gzip
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian

from benchmarks.bombs import element, item, part_10
from benchmarks.mutations import flip_bits, flip_header_bits, insert_noise, overwrite_block, truncate

Builder = Callable[[Path, Random], Path]

_SPOIL = (flip_bits, flip_header_bits, truncate, insert_noise, overwrite_block)
_HEADER_BYTES = 348
_NAMES = (
    "../../escaped.dcm",
    "/escaped.dcm",
    "C:\\escaped.dcm",
    "a/../../escaped.dcm",
    "..\\escaped.dcm",
    "a.dcm",
    "",
)


def nifti(place: Path, draw: Random) -> Path:
    """A NIfTI-1 header of lies: dimensions, offsets, types, scales, and extensions that are longer than the file."""
    header = bytearray(_nifti_header())
    for _ in range(draw.choice((1, 3))):
        match draw.randrange(6):
            case 0:
                struct.pack_into("<h", header, 40 + 2 * draw.randrange(8), draw.choice((-1, 0, 1, 3, 8, 32767)))
            case 1:
                struct.pack_into("<f", header, 108, draw.choice((0, -1, 351, 1e9, 1e30, float("nan"), float("inf"))))
            case 2:
                struct.pack_into(
                    "<hh", header, 70, draw.choice((0, 1, 2, 16, 32, 128, 1024, -5)), draw.choice((0, 8, 64))
                )
            case 3:
                struct.pack_into(
                    "<ff", header, 112, draw.choice((0, 1e38, float("nan"))), draw.choice((0, float("inf")))
                )
            case 4:
                header[76:108] = draw.randbytes(32)
            case _:
                header[280:328] = draw.randbytes(48)
    extension = struct.pack("<4BII", 1, 0, 0, 0, draw.choice((0, 8, 16, 0x7FFFFFFF, 0xFFFFFFFF)), 6) + bytes(8)
    content = bytes(header) + draw.choice((bytes(4), extension)) + bytes(range(256)) * 32
    content = draw.choice((lambda data, _: data, *_SPOIL))(content, draw)
    packed = draw.random() < 0.5
    if packed:
        content = draw.choice((lambda data, _: data, *_SPOIL))(gzip.compress(content, 1), draw)
    return _write(place / ("a.nii.gz" if packed else "a.nii"), content)


def nifti_bomb(place: Path, draw: Random) -> Path:
    """Zeros behind a header that is honest, or modest."""
    side = draw.choice((16, 300, 500))
    header = bytearray(_nifti_header())
    struct.pack_into("<8h", header, 40, 3, side, side, side, 1, 1, 1, 1)
    return _write(place / "a.nii.gz", _gzipped_with_zeros(bytes(header) + bytes(4), draw.choice((1 << 20, 300 << 20))))


def raster(place: Path, draw: Random) -> Path:
    kind = draw.choice(("PNG", "JPEG", "TIFF"))
    out = BytesIO()
    Image.fromarray(np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)).save(out, kind)
    return _write(place / f"a.{kind.lower()}", draw.choice(_SPOIL)(out.getvalue(), draw))


def raster_bomb(place: Path, draw: Random) -> Path:
    """Pictures of one colour, far larger than their files, that are what they say or only say so."""
    side = draw.choice((2000, 9000, 16_384, 40_000, 65_000))
    match draw.randrange(3):
        case 0:
            start = struct.pack(">IIBBBBB", side, side, draw.choice((1, 8, 16)), draw.choice((0, 2)), 0, 0, 0)
            text = _chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 20)))
            data = _chunk(b"IDAT", _zlib_zeros(draw.choice((1, 64, 300)) << 20))
            content = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", start) + text + data + _chunk(b"IEND", b"")
            return _write(place / "a.png", content)
        case 1:
            out = BytesIO()
            Image.new("L", (64, 64)).save(out, "JPEG")
            content = out.getvalue().replace(struct.pack(">HH", 64, 64), struct.pack(">HH", side, side), 1)
            return _write(place / "a.jpg", content)
        case _:
            packed = _zlib_zeros(draw.choice((1, 64, 300)) << 20)
            tags = (
                (256, side),
                (257, side),
                (258, 8),
                (259, 8),
                (262, 1),
                (273, 8),
                (277, 1),
                (278, side),
                (279, len(packed)),
            )
            directory = struct.pack("<H", len(tags)) + b"".join(
                struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags
            )
            content = b"II*\0" + struct.pack("<I", 8 + len(packed)) + packed + directory + bytes(4)
            return _write(place / "a.tif", content)


def archive(place: Path, draw: Random) -> Path:
    """Members that lead outside, are links, lie about their size, come by the thousand, or inflate without end."""
    path = place / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for number in range(draw.choice((1, 3, 2000))):
            member = zipfile.ZipInfo(draw.choice(_NAMES) or f"{number}.dcm")
            if draw.random() < 0.1:
                member.external_attr = draw.choice((stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR)) << 16
            member.filename = member.filename if draw.random() < 0.5 else f"{number}.dcm"
            opened.writestr(member, draw.choice((b"", _slice(number), b"PK\x03\x04" + bytes(100))))
        if draw.random() < 0.2:
            opened.writestr("zeros.dcm", bytes(100 << 20), compresslevel=1)
    content = path.read_bytes()
    return _write(path, draw.choice((lambda data, _: data, *_SPOIL))(content, draw))


def directory(place: Path, draw: Random) -> Path:
    """A DICOMDIR whose records lead outside, to nothing, to directories and to itself."""
    (place / "a.dcm").write_bytes(_slice(0))
    (place.parent / "escaped.dcm").write_bytes(_slice(1))
    names = (
        b"..\\escaped.dcm",
        b"../escaped.dcm",
        b"/etc/passwd",
        b"A.DCM",
        b"DICOMDIR",
        b".",
        b"",
        b"A.DCM\\X",
        b"\0",
        b"\xff" * 40,
    )
    records = b"".join(
        item(element(0x00041430, "CS", b"IMAGE ") + element(0x00041500, "CS", name + b" " * (len(name) % 2)))
        for name in (draw.choice(names) for _ in range(draw.choice((1, 10, 3000))))
    )
    content = part_10(ExplicitVRLittleEndian, element(0x00041220, "SQ", records)) + draw.choice((b"", b"\0"))
    return _write(place / "DICOMDIR", draw.choice((lambda data, _: data, *_SPOIL))(content, draw))


def series(place: Path, draw: Random) -> Path:
    """A folder of slices of one series, some of them broken, that share positions or jump about."""
    for number in range(draw.choice((3, 40, 1000)) if draw.random() < 0.2 else 5):
        content = _slice(
            draw.choice((number, number, 0, 10**6)), position=draw.choice((str(number), "0", "nan", "1e308", ""))
        )
        _write(place / f"{number}.dcm", draw.choice(_SPOIL)(content, draw) if draw.random() < 0.3 else content)
    return place


def odd_names(place: Path, draw: Random) -> Path:
    """Names of bytes that are no text, line feeds, options and addresses; links that go round; pipes."""
    names = (
        b"a\nb.dcm",
        b"\xff\xfe.dcm",
        b"-rf.dcm",
        b"a#1.2.dcm",
        b"x" * 250 + b".dcm",
        b" .dcm",
        b"%s{0}.dcm",
        b"a;b'\".dcm",
    )
    for name in draw.sample(names, 4):
        (place / os.fsdecode(name)).write_bytes(draw.choice((b"", _slice(draw.randrange(9)))))
    (place / "round").symlink_to(place, target_is_directory=True)
    (place / "gone.dcm").symlink_to(place / "nothing")
    os.mkfifo(place / draw.choice(("pipe.dcm", "pipe.nii", "pipe.png", "DICOMDIR", "pipe")))
    return place


def _slice(number: int, *, position: str = "0") -> bytes:
    where = f"0\\0\\{position}"
    body = element(0x00200032, "DS", (where + " " * (len(where) % 2)).encode("ascii")) + element(
        0x00200037, "DS", b"1\\0\\0\\0\\1\\0 "
    )
    samples = np.random.default_rng(number).integers(0, 4096, 64 * 64, dtype=np.uint16).tobytes()
    return part_10(ExplicitVRLittleEndian, body, pixels=element(0x7FE00010, "OW", samples)).replace(
        b"1.2.3.4\0", f"1.2.{number:03}".encode("ascii")[:8].ljust(8, b"\0"), 1
    )


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@cache
def _nifti_header() -> bytes:
    header = bytearray(_HEADER_BYTES)
    struct.pack_into("<i", header, 0, _HEADER_BYTES)
    struct.pack_into("<8h", header, 40, 3, 16, 16, 16, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 4, 16)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 0, 0, 0, 0)
    struct.pack_into("<f", header, 108, 352)
    struct.pack_into("<hh12f", header, 252, 0, 1, *([0.0] * 6), 1, 0, 0, 0, 0, 1)
    header[344:348] = b"n+1\0"
    return bytes(header)


@cache
def _zlib_zeros(length: int) -> bytes:
    packer = zlib.compressobj()
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(length >> 20)) + packer.flush()


def _gzipped_with_zeros(start: bytes, length: int) -> bytes:
    # Two members, which a reader takes as one stream: the long one is made once.
    return gzip.compress(start, 1) + _gzip_zeros(length)


@cache
def _gzip_zeros(length: int) -> bytes:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(length >> 20)) + packer.flush()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


OTHER_FILES: Mapping[str, Builder] = {
    "NIfTI headers that lie": nifti,
    "gzipped NIfTI of zeros": nifti_bomb,
    "broken PNG, JPEG, TIFF": raster,
    "pictures of one colour": raster_bomb,
    "zip archives": archive,
    "DICOMDIRs": directory,
    "series of broken slices": series,
    "odd names, links and pipes": odd_names,
}
