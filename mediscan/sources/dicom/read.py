"""DICOM images: stored samples to values in physical units, and how the file wants them shown."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.pixels import apply_color_lut

from mediscan.errors import PixelDataError
from mediscan.sources.boundary import refusing
from mediscan.sources.description import ImageDescription
from mediscan.sources.dicom.decode import decode
from mediscan.sources.dicom.header import Header, frame_macro, image_meta, numbers, open_header, patient_facts, text
from mediscan.sources.pixels import LookupTable, Pixels, VoiFunction, Window, luminance

_REMEDY = "Export the image again from its origin."


def read_dicom(path: Path) -> Pixels:
    """One DICOM file: a radiograph, a slice, or all frames of a multi-frame object.

    Values are in modality units: after the modality lookup table, or after rescale slope and intercept (Hounsfield
    units for CT, whatever RescaleType or Units names otherwise). Colour and palette images become their luminance.

    Raises:
        NotDicomError: The file is not DICOM.
        UnsupportedImageError: It holds no image, or one that no decoder handles.
        PixelDataError: The pixel data are truncated, corrupt, or do not fit the header.
        SourceError: The file cannot be read or is too large.

    Source: DICOM PS3.3 C.7.6.3 (image pixel), C.11.1 (modality LUT), C.11.2 (VOI LUT), C.7.6.16 (functional groups).
    """
    return to_pixels(open_header(path))


def describe_dicom(path: Path) -> ImageDescription:
    """What a DICOM file's header says of its image; the pixel data are not read.

    Raises:
        SourceError: As `read_dicom`, as far as the header tells.
    """
    header = open_header(path)
    header.require_image()
    return ImageDescription(meta=image_meta(header), patient=patient_facts(header))


def to_pixels(header: Header) -> Pixels:
    """The image of a file whose header is already read; raises as `read_dicom`."""
    header.require_image()
    meta = image_meta(header)
    stored = decode(header)
    with refusing(header.path, "has a damaged description of its values", remedy=_REMEDY):
        if stored.ndim == 4:
            full = np.iinfo(stored.dtype).max
            return Pixels(values=luminance(stored), voi=Window.full_range(full), meta=meta)
        if header.dataset.PhotometricInterpretation == "PALETTE COLOR":
            colours, full = _through_palette(header.dataset, stored)
            return Pixels(values=luminance(colours), voi=Window.full_range(full), meta=meta)
        return Pixels(
            values=_to_modality_units(header, stored),
            voi=_presentation(header),
            inverted=header.dataset.PhotometricInterpretation == "MONOCHROME1",
            meta=meta,
        )


def _to_modality_units(header: Header, stored: NDArray[Any]) -> NDArray[np.float32]:
    """(S, H, W) float32 from stored samples of the same shape."""
    dataset = header.dataset
    if dataset.get("ModalityLUTSequence"):
        first, _, table = _table(header, dataset.ModalityLUTSequence[0])
        indices = np.clip(stored.astype(np.int64) - first, 0, table.size - 1)
        return table.astype(np.float32)[indices]
    values = np.empty(stored.shape, dtype=np.float32)
    for frame, plane in enumerate(stored):
        rescale = frame_macro(dataset, "PixelValueTransformationSequence", frame)
        slope, intercept = (
            default if rescale.get(keyword) is None else float(rescale.get(keyword))
            for keyword, default in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0))
        )
        values[frame] = plane * np.float64(slope) + np.float64(intercept)
    return values


def _presentation(header: Header) -> Window | LookupTable | None:
    """The file's first VOI lookup table, or else its first window; None where it has no valid one.

    A window that is no window (a width of 0) only means that the file does not say how to show its values.
    """
    source = frame_macro(header.dataset, "FrameVOILUTSequence")
    if source.get("VOILUTSequence"):
        first, bits, table = _table(header, source.VOILUTSequence[0])
        full = max((1 << bits) - 1, int(table.max()))
        return LookupTable(first=first, grey=tuple((table / full).tolist()))
    center, width = numbers(source, "WindowCenter"), numbers(source, "WindowWidth")
    name = (text(source, "VOILUTFunction") or VoiFunction.LINEAR).upper()
    if not center or not width or name not in set(VoiFunction):
        return None
    function = VoiFunction(name)
    if width[0] <= 0 or (function is VoiFunction.LINEAR and width[0] < 1):
        return None
    return Window(center=center[0], width=width[0], function=function)


def _table(header: Header, item: pydicom.Dataset) -> tuple[int, int, NDArray[np.int64]]:
    """First mapped value, bits per entry and entries of a modality or VOI lookup table.

    Source: DICOM PS3.3 C.11.1.1 and C.11.2.1.1.
    """
    length, first, bits = (int(number) for number in item.LUTDescriptor)
    length = length or 1 << 16
    data = item.LUTData
    order = "<" if header.syntax.is_little_endian else ">"
    if not isinstance(data, bytes):
        words = [data] if isinstance(data, int) else list(data)
        data = struct.pack(f"{order}{len(words)}H", *(word & 0xFFFF for word in words))
    # Entries of 8 bits may stand two to a word.
    packed = bits <= 8 and len(data) in (length, length + 1)
    entries = np.frombuffer(data, dtype="u1" if packed else f"{order}u2")[:length]
    if entries.size < length:
        raise PixelDataError(
            f"{header.path} has a lookup table of {entries.size} entries where {length} are announced", remedy=_REMEDY
        )
    return first, bits, entries.astype(np.int64)


def _through_palette(dataset: pydicom.Dataset, stored: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """(S, H, W, 3) colours, and the value of full intensity."""
    length, first, bits = (int(number) for number in dataset.RedPaletteColorLookupTableDescriptor)
    # pydicom keeps the index in the entries' type, where one beyond the table would wrap around.
    index = np.clip(stored, first, first + (length or 1 << 16) - 1)
    colours = apply_color_lut(index, dataset)[..., :3]  # (S, H, W, 3), without alpha
    full = (1 << bits) - 1
    return colours, full if int(colours.max()) <= full else int(np.iinfo(colours.dtype).max)
