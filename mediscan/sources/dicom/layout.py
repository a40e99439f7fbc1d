"""How stored samples lie in a file: the image pixel description of a header, checked."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import DeflatedExplicitVRLittleEndian

from mediscan.errors import PixelDataError, UnsupportedImageError
from mediscan.sources.boundary import refusing
from mediscan.sources.dicom.elements import whole
from mediscan.sources.dicom.header import Header
from mediscan.sources.dicom.parsing import PixelElement

_PHOTOMETRICS = frozenset(
    (
        *("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB"),
        *("YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT"),
    )
)
_REMEDY = "Transfer or export the file again; it is incomplete or altered."
_HALVED = ("YBR_FULL_422", "YBR_PARTIAL_422")  # native: two pixels share their colours


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The layout of samples that a header states.

    `high_bit` is the highest bit that belongs to a value, counted from 0.

    Source: DICOM PS3.3 C.7.6.3, PS3.5 8.
    """

    frames: int
    rows: int
    columns: int
    samples_per_pixel: int
    photometric: str
    planar_configuration: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    offsets: tuple[bytes, bytes] | None

    @classmethod
    def of(cls, header: Header) -> Self:
        """The layout in a header.

        Raises:
            UnsupportedImageError: Its samples are of a kind that is not read.
            AttributeError, TypeError, ValueError: Something is missing; callers are inside `refusing`.
        """
        dataset = header.dataset
        photometric = str(dataset.PhotometricInterpretation).strip("\0 ").upper()
        allocated = whole(dataset, "BitsAllocated") or 0
        if photometric not in _PHOTOMETRICS or header.samples_per_pixel not in (1, 3):
            raise UnsupportedImageError(
                f"{header.path} has an unknown colour space, or {header.samples_per_pixel} samples a pixel",
                remedy="Export it as MONOCHROME1, MONOCHROME2, PALETTE COLOR, RGB or YBR_FULL.",
            )
        if allocated not in (1, 8, 16, 32, 64):
            raise UnsupportedImageError(
                f"{header.path} packs its samples into {allocated} bits",
                remedy="Convert it so that each sample takes whole bytes (gdcmconv).",
            )
        stored = whole(dataset, "BitsStored") or allocated
        high_bit = whole(dataset, "HighBit")
        offsets = (dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths"))
        return cls(
            frames=header.frames,
            rows=header.shape[1],
            columns=header.shape[2],
            samples_per_pixel=header.samples_per_pixel,
            photometric=photometric,
            planar_configuration=whole(dataset, "PlanarConfiguration") or 0,
            bits_allocated=allocated,
            bits_stored=stored,
            high_bit=stored - 1 if high_bit is None else high_bit,
            signed=bool(whole(dataset, "PixelRepresentation")),
            offsets=offsets if all(offsets) else None,
        )

    @property
    def is_grey_of_bytes(self) -> bool:
        """Whether samples are single bytes without sign, all bits used, and stand one a pixel."""
        all_bits = (self.bits_allocated, self.bits_stored, self.high_bit) == (8, 8, 7)
        return all_bits and self.samples_per_pixel == 1 and not (self.signed or self.offsets)

    @property
    def frame_bits(self) -> int:
        """Bits of one native frame."""
        bits = self.rows * self.columns * self.samples_per_pixel * self.bits_allocated
        return bits * 2 // 3 if self.photometric in _HALVED else bits

    @property
    def native_bytes(self) -> int:
        """Bytes of all native frames, without padding."""
        return math.ceil(self.frame_bits * self.frames / 8)

    def require_aligned(self, path: Path, *, realigned: bool) -> None:
        """Refuse values that lie elsewhere than in the lowest bits, unless `shifted_down` can bring them there.

        The standard demands the lowest bits since 2014; ACR-NEMA did not.

        Args:
            path: The file, for the message.
            realigned: Whether the transfer syntax keeps all bits of a sample as they were.
        """
        fits = self.bits_stored - 1 <= self.high_bit < self.bits_allocated
        if self.high_bit != self.bits_stored - 1 and not (realigned and fits):
            raise UnsupportedImageError(
                f"{path} stores its {self.bits_stored} bits up to bit {self.high_bit}"
                f" instead of {self.bits_stored - 1}",
                remedy="Convert it with a tool that realigns the samples (dcmconv, gdcmconv).",
            )

    def shifted_down(self, samples: NDArray[Any]) -> NDArray[Any]:
        """Samples of any shape with their values in the lowest bits, and the sign kept."""
        unused = self.high_bit + 1 - self.bits_stored
        return samples >> np.asarray(unused, dtype=samples.dtype) if unused and samples.dtype.kind in "iu" else samples

    def options(self, element: PixelElement) -> dict[str, Any]:
        """What pydicom needs to know for decoding; bits above the high bit (overlays, in old files) are cleared."""
        options: dict[str, Any] = {
            "number_of_frames": self.frames,
            "rows": self.rows,
            "columns": self.columns,
            "samples_per_pixel": self.samples_per_pixel,
            "photometric_interpretation": self.photometric,
            "bits_allocated": self.bits_allocated,
            "bits_stored": self.high_bit + 1,
            "pixel_representation": int(self.signed),
            "pixel_keyword": element.keyword,
            "pixel_vr": element.vr,
            "allow_excess_frames": False,
        }
        if self.samples_per_pixel > 1:
            options["planar_configuration"] = self.planar_configuration
        if self.offsets:
            options["extended_offsets"] = self.offsets
        return options


def require_whole(header: Header) -> None:
    """Refuse a file that ends within its pixel data, as far as that can be told without reading them.

    It can where they are neither compressed nor deflated; all else is told when they are decoded.

    Raises:
        PixelDataError: The file is shorter than its header states.
    """
    with refusing(header.path, "has a damaged image description", remedy=_REMEDY):
        syntax, start = header.syntax, header.parsed.pixel_offset
        if start is None or syntax.is_encapsulated or syntax == DeflatedExplicitVRLittleEndian:
            return
        missing = Layout.of(header).native_bytes - (header.path.stat().st_size - start)
        if missing > 0:
            raise PixelDataError(f"{header.path} is truncated: at least {missing} bytes are missing", remedy=_REMEDY)
