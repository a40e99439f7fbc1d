"""How the fitted planes of one image are named and written in the cache: no pickles, and nothing believed unchecked."""

import hashlib
import struct
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from mediscan import sources
from mediscan.data import images, resampling, volumes
from mediscan.data.images import PREPROCESSING_VERSION, FittedPlane, Placement
from mediscan.version import __version__

_FORMAT = 1
_DECODERS = ("imagecodecs", "nibabel", "numpy", "pillow", "pydicom", "pyjpegls", "pylibjpeg-openjpeg", "python-gdcm")
_CHECKSUM_BYTES = 16
_PLANE = struct.Struct("<III")
"""Ahead of each plane: its position in the source volume, and the height and width of the source."""


def entry_name(sha256: str, *, size: int, planes: int = 0, depth: int = 0) -> bytes:
    """The name of an image's entry: 32 bytes that follow from everything its planes depend on.

    That is the image itself, the settings, and the code that decodes and fits. An entry that other code has made has
    another name, and is never met again.

    Args:
        sha256: Hash of the source file, as `file_sha256` gives it.
        size: Side of the square in pixels.
        planes: How many planes of a volume are taken, where it is read by planes.
        depth: How many slices it is fitted into, where it is read whole.
    """
    return hashlib.sha256(f"{_made_by()} {size} {planes} {depth} {sha256.lower()}".encode()).digest()


@cache
def _made_by() -> str:
    # Two releases of a lossy decoder may differ by a grey level.
    decoders = (f"{package}={_version(package)}" for package in _DECODERS)
    return f"{_FORMAT} {PREPROCESSING_VERSION} mediscan={__version__} {_code_sha256()} {' '.join(decoders)}"


def _code_sha256() -> str:
    """Hash of the modules that read and fit: who changes one gets new planes without thinking of the cache."""
    fitting = (Path(str(module.__file__)) for module in (images, resampling, volumes))
    modules = (*Path(sources.__file__).parent.rglob("*.py"), *fitting)
    return hashlib.sha256(b"".join(module.read_bytes() for module in sorted(modules))).hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def pack(planes: Sequence[FittedPlane], *, name: bytes) -> bytes:
    """An entry: a checksum, then each plane's position, source shape and (size, size) little-endian float16 values."""
    body = b"".join(
        _PLANE.pack(one.plane, one.placement.height, one.placement.width) + one.values.astype("<f2").tobytes()
        for one in planes
    )
    return _checksum(body, name) + body


def unpack(entry: bytes, *, name: bytes, size: int) -> tuple[FittedPlane, ...] | None:
    """The planes of an entry; None where it is not, to the last bit, what was written under this name.

    Args:
        entry: What the cache holds.
        name: The name under which it was found.
        size: Side of the square in pixels.
    """
    body = memoryview(entry)[_CHECKSUM_BYTES:]
    length = _PLANE.size + 2 * size * size
    if not body or len(body) % length or entry[:_CHECKSUM_BYTES] != _checksum(body, name):
        return None
    return tuple(_plane(body[start : start + length], size=size) for start in range(0, len(body), length))


def _plane(packed: memoryview, *, size: int) -> FittedPlane:
    plane, height, width = _PLANE.unpack_from(packed)
    values = np.frombuffer(packed, dtype="<f2", offset=_PLANE.size).reshape(size, size)  # (size, size)
    return FittedPlane(values=values, plane=plane, placement=Placement(height=height, width=width, size=size))


def _checksum(body: bytes | memoryview, name: bytes) -> bytes:
    # Keyed by the name, so that an entry under another's name is found out too.
    return hashlib.blake2b(body, digest_size=_CHECKSUM_BYTES, key=name).digest()
