"""Stored samples of grey images into values in modality units, and how the file wants them shown."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mediscan.sources.dicom.elements import frame_macro, numbers, text
from mediscan.sources.dicom.header import Header
from mediscan.sources.dicom.tables import lookup_table
from mediscan.sources.pixels import PADDING, Intent, LookupTable, VoiFunction, Window

_PADDING_PREFIXES = ("Pixel", "FloatPixel", "DoubleFloatPixel")


def modality_values(header: Header, stored: NDArray[Any]) -> NDArray[np.float32]:
    """Values in modality units, with `PADDING` where there is no image.

    Args:
        header: The file's header.
        stored: (S, H, W) integer or float samples.

    Returns:
        (S, H, W) float32, after the modality lookup table or else rescale slope and intercept, frame by frame.

    Source: DICOM PS3.3 C.11.1 (modality LUT), C.7.6.16.2.9 (pixel value transformation), C.7.5.1.1.2 (padding).
    """
    padded = _padded(header, stored)
    if header.dataset.get("ModalityLUTSequence"):
        values = lookup_table(header, header.dataset.ModalityLUTSequence[0])(stored).astype(np.float32)
    else:
        values = _rescaled(header, stored)
    if padded is not None:
        values[padded] = PADDING
    return values


def presentation(header: Header) -> Window | LookupTable | None:
    """The file's first VOI lookup table, or else its first window; None where it has no valid one.

    A window that is no window (a width of 0) only means that the file does not say how to show its values, and an
    image for processing is not to be shown as it is.

    Source: DICOM PS3.3 C.11.2.
    """
    if intent(header) is Intent.PROCESSING:
        return None
    source = frame_macro(header.dataset, "FrameVOILUTSequence")
    if source.get("VOILUTSequence"):
        table = lookup_table(header, source.VOILUTSequence[0])
        return LookupTable(first=table.first, grey=tuple((table.entries / table.full).tolist()))
    center, width = numbers(source, "WindowCenter"), numbers(source, "WindowWidth")
    name = (text(source, "VOILUTFunction") or VoiFunction.LINEAR).upper()
    if not center or not width or name not in set(VoiFunction):
        return None
    function = VoiFunction(name)
    if width[0] <= 0 or (function is VoiFunction.LINEAR and width[0] < 1):
        return None
    return Window(center=center[0], width=width[0], function=function)


def is_inverted(header: Header) -> bool:
    """Whether low values are to be shown bright.

    The presentation LUT shape says so where there is one, and the photometric interpretation otherwise: a radiograph in
    MONOCHROME1 states INVERSE as well, and is turned once.

    Source: DICOM PS3.3 C.8.11.3.1.2, C.11.6.
    """
    shape = (text(header.dataset, "PresentationLUTShape") or "").upper()
    if shape in ("IDENTITY", "INVERSE"):
        return shape == "INVERSE"
    return (text(header.dataset, "PhotometricInterpretation") or "").upper() == "MONOCHROME1"


def intent(header: Header) -> Intent | None:
    """What a radiograph was processed for, where its header says so."""
    stated = (text(header.dataset, "PresentationIntentType") or "").upper()
    return Intent(stated) if stated in set(Intent) else None


def _rescaled(header: Header, stored: NDArray[Any]) -> NDArray[np.float32]:
    values = np.empty(stored.shape, dtype=np.float32)
    for frame, plane in enumerate(stored):
        rescale = frame_macro(header.dataset, "PixelValueTransformationSequence", frame)
        given = rescale.get("RescaleSlope"), rescale.get("RescaleIntercept")
        slope, intercept = (
            default if one is None else float(one) for one, default in zip(given, (1.0, 0.0), strict=True)
        )
        # Doubles between, as in pydicom: rounded to single precision once.
        values[frame] = plane if (slope, intercept) == (1.0, 0.0) else plane * np.float64(slope) + np.float64(intercept)
    return values


def _padded(header: Header, stored: NDArray[Any]) -> NDArray[np.bool_] | None:
    """(S, H, W) whether a sample is padding; None where the file states no padding."""
    for prefix in _PADDING_PREFIXES:
        value = header.dataset.get(f"{prefix}PaddingValue")
        if value is None or isinstance(value, (str, bytes)):
            continue
        limit = header.dataset.get(f"{prefix}PaddingRangeLimit")
        first, last = (_as_stored(bound, stored) for bound in (value, value if limit is None else limit))
        padded: NDArray[np.bool_] = (stored >= min(first, last)) & (stored <= max(first, last))
        return padded
    return None


def _as_stored(bound: float, stored: NDArray[Any]) -> float:
    """A bound as the samples hold it: writers mix up its signed and unsigned form."""
    if stored.dtype.kind not in "iu":
        return float(bound)
    info = np.iinfo(stored.dtype)
    span = 1 << info.bits
    number = int(bound)
    return number - span if number > info.max else number + span if number < info.min else number
