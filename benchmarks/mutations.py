"""Ways to spoil a DICOM file, each drawn from a generator so that a number names the same broken file for good."""

import struct
from collections.abc import Callable, Mapping
from io import BytesIO
from random import Random

import pydicom
from pydicom.dataset import Dataset

Mutation = Callable[[bytes, Random], bytes]

_PREAMBLE = 128
_VRS = (b"AE", b"AS", b"CS", b"DA", b"DS", b"FD", b"FL", b"IS", b"OB", b"OW", b"PN", b"SQ", b"UI", b"UL", b"UN", b"US")
_DEEP = 1000
_MAGICS = (
    b"MZ\x90\x00\x03\x00\x00\x00",
    b"\x7fELF\x02\x01\x01\x00",
    b"%PDF-1.7\n",
    b"PK\x03\x04\x14\x00",
    b"#!/bin/sh\n",
    b"II*\x00\x08\x00\x00\x00",
)


def flip_bits(data: bytes, draw: Random) -> bytes:
    spoilt = bytearray(data)
    for _ in range(draw.choice((1, 4, 32, 256))):
        spoilt[draw.randrange(len(spoilt))] ^= 1 << draw.randrange(8)
    return bytes(spoilt)


def flip_header_bits(data: bytes, draw: Random) -> bytes:
    spoilt, end = bytearray(data), min(len(data), 4096)
    for _ in range(draw.choice((1, 4, 32))):
        spoilt[draw.randrange(min(_PREAMBLE, end - 1), end)] ^= 1 << draw.randrange(8)
    return bytes(spoilt)


def truncate(data: bytes, draw: Random) -> bytes:
    return data[: draw.randrange(len(data))]


def lie_about_lengths(data: bytes, draw: Random) -> bytes:
    spoilt = bytearray(data)
    places = [at for at in range(_PREAMBLE + 4, min(len(data) - 8, 8192)) if data[at : at + 2] in _VRS]
    for at in draw.sample(places, min(len(places), draw.choice((1, 3)))):
        wide = data[at : at + 2] in (b"OB", b"OW", b"SQ", b"UN")
        lie = draw.choice((0, 1, 0x7FFF, 0xFFFE, 0xFFFF, draw.randrange(1 << 16)))
        if wide:
            lie = draw.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF, draw.randrange(1 << 32)))
        struct.pack_into("<I" if wide else "<H", spoilt, at + (4 if wide else 2), lie)
    return bytes(spoilt)


def change_vrs(data: bytes, draw: Random) -> bytes:
    spoilt = bytearray(data)
    places = [at for at in range(_PREAMBLE + 4, min(len(data) - 8, 8192)) if data[at : at + 2] in _VRS]
    for at in draw.sample(places, min(len(places), draw.choice((1, 5, 20)))):
        spoilt[at : at + 2] = draw.choice(_VRS)
    return bytes(spoilt)


def insert_noise(data: bytes, draw: Random) -> bytes:
    at = draw.randrange(len(data))
    return data[:at] + draw.randbytes(draw.choice((1, 2, 7, 512))) + data[at:]


def overwrite_block(data: bytes, draw: Random) -> bytes:
    at, length = draw.randrange(len(data)), draw.choice((16, 256, 4096))
    filler = draw.choice((b"\0", b"\xff")) * length if draw.random() < 0.5 else draw.randbytes(length)
    return data[:at] + filler + data[at + length :]


def disguise(data: bytes, draw: Random) -> bytes:
    magic = draw.choice(_MAGICS)
    return magic + data[len(magic) :]


def claim_huge_images(data: bytes, draw: Random) -> bytes:
    dataset = pydicom.dcmread(BytesIO(data), force=True)
    dataset.Rows = draw.choice((0, 1, 16384, 65535))
    dataset.Columns = draw.choice((0, 1, 16384, 65535))
    dataset.NumberOfFrames = draw.choice((1, 1000, 1_000_000, 2**31 - 1))
    dataset.SamplesPerPixel = draw.choice((1, 3, 4, 65535))
    return _written(dataset)


def change_image_numbers(data: bytes, draw: Random) -> bytes:
    dataset = pydicom.dcmread(BytesIO(data), force=True)
    for keyword in ("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel", "Rows"):
        if draw.random() < 0.4:
            setattr(dataset, keyword, draw.choice((0, 1, 2, 3, 7, 8, 12, 13, 16, 31, 32, 64, 255, 65535)))
    for keyword in ("RescaleSlope", "WindowWidth"):
        if draw.random() < 0.4:
            setattr(dataset, keyword, draw.choice(("0", "-1", "1e30", "1E-30")))
    return _written(dataset)


def nest_sequences(data: bytes, draw: Random) -> bytes:
    # By hand, since pydicom itself cannot write this deep.
    lengths = draw.choice((True, False))
    block = b""
    for _ in range(draw.choice((50, 240, _DEEP))):
        if lengths:
            item = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(block)) + block
            block = b"\x08\x00\x40\x11SQ\0\0" + struct.pack("<I", len(item)) + item
        else:
            block = (
                b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
                + block
                + b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
            )
    at = data.find(b"\x10\x00\x10\x00")  # before the patient's name
    return data[:at] + block + data[at:] if at > 0 else data + block


def _written(dataset: Dataset) -> bytes:
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()


MUTATIONS: Mapping[str, Mutation] = {
    "bit flips": flip_bits,
    "bit flips in the header": flip_header_bits,
    "truncation": truncate,
    "lengths that lie": lie_about_lengths,
    "wrong value representations": change_vrs,
    "inserted bytes": insert_noise,
    "overwritten blocks": overwrite_block,
    "polyglot preamble": disguise,
    "huge rows, columns, frames": claim_huge_images,
    "impossible image numbers": change_image_numbers,
    "sequences nested up to 1,000 deep": nest_sequences,
}
