"""Lookup tables of DICOM: modality, VOI and palette tables as arrays."""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.pixels import apply_color_lut
from pydicom.uid import ExplicitVRBigEndian

from mediscan.errors import PixelDataError
from mediscan.sources.dicom.header import Header

_COLOURS = ("Red", "Green", "Blue")


@dataclass(frozen=True, kw_only=True)
class Table:
    """A lookup table.

    `entries` is (N,) int64 for the inputs `first`, `first + 1` and so on; `bits` is how many each entry states to have.
    """

    first: int
    bits: int
    entries: NDArray[np.int64]

    @property
    def full(self) -> int:
        """The entry of full intensity; of two bytes where the entries are larger than their stated bits."""
        stated = (1 << self.bits) - 1
        return stated if int(self.entries.max()) <= stated else (1 << 16) - 1

    def __call__(self, stored: NDArray[Any]) -> NDArray[np.int64]:
        """The entries for integers of any shape; inputs outside the table take its ends."""
        return self.entries[np.clip(stored.astype(np.int64) - self.first, 0, self.entries.size - 1)]


def lookup_table(header: Header, item: pydicom.Dataset) -> Table:
    """A modality or VOI lookup table.

    Source: DICOM PS3.3 C.11.1.1 and C.11.2.1.1.
    """
    return _table(header, item.LUTDescriptor, item.LUTData)


def palette(header: Header) -> tuple[Table, Table, Table]:
    """The red, green and blue tables of a palette image.

    Source: DICOM PS3.3 C.7.6.3.1.5 and C.7.9 (segmented).
    """
    dataset = header.dataset
    if "SegmentedRedPaletteColorLookupTableData" in dataset and "RedPaletteColorLookupTableData" not in dataset:
        return _segmented_palette(dataset)
    red, green, blue = (
        _table(header, dataset[f"{name}PaletteColorLookupTableDescriptor"].value, data)
        for name in _COLOURS
        for data in (dataset[f"{name}PaletteColorLookupTableData"].value,)
    )
    return red, green, blue


def _table(header: Header, descriptor: Any, data: Any) -> Table:  # noqa: ANN401 - pydicom's values have no types
    length, first, bits = (int(number) for number in descriptor)
    length = length & 0xFFFF or 1 << 16
    if first > 0x7FFF and header.dataset.get("PixelRepresentation"):
        first -= 1 << 16  # negative, but written as unsigned
    order = ">" if header.syntax == ExplicitVRBigEndian else "<"
    if not isinstance(data, bytes):
        words = [data] if isinstance(data, int) else list(data)
        data = struct.pack(f"{order}{len(words)}H", *(word & 0xFFFF for word in words))
    # Entries of 8 bits may stand two to a word.
    packed = bits <= 8 and len(data) in (length, length + 1)
    entries = np.frombuffer(data[: len(data) // 2 * 2], dtype="u1" if packed else f"{order}u2")[:length]
    if entries.size < length:
        raise PixelDataError(
            f"{header.path} has a lookup table of {entries.size} entries where {length} are announced",
            remedy="Export the image again from its origin.",
        )
    return Table(first=first, bits=bits, entries=entries.astype(np.int64))


def _segmented_palette(dataset: pydicom.Dataset) -> tuple[Table, Table, Table]:
    length, first, bits = (int(number) for number in dataset.RedPaletteColorLookupTableDescriptor)
    length = length & 0xFFFF or 1 << 16
    inputs = np.arange(first, first + length, dtype=np.int64)
    colours = apply_color_lut(inputs, dataset)  # (N, 3 or 4): pydicom expands the segments
    red, green, blue = (Table(first=first, bits=bits, entries=colours[:, index].astype(np.int64)) for index in range(3))
    return red, green, blue
