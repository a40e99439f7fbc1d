"""DICOM images: stored samples to values in physical units, and how the file wants them shown."""

from pathlib import Path

import numpy as np

from mediscan.sources.boundary import quiet, refusing
from mediscan.sources.description import ImageDescription
from mediscan.sources.dicom.decode import decode
from mediscan.sources.dicom.flags import header_flags
from mediscan.sources.dicom.header import Header, open_header
from mediscan.sources.dicom.meta import image_meta, patient_facts
from mediscan.sources.dicom.tables import palette
from mediscan.sources.dicom.values import intent, is_inverted, modality_values, presentation
from mediscan.sources.pixels import Pixels, Window, luminance

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
    with quiet():  # once for all that is asked of the header
        return to_pixels(open_header(path))


def describe_dicom(path: Path) -> ImageDescription:
    """What a DICOM file's header says of its image; the pixel data are not read.

    Raises:
        SourceError: As `read_dicom`, as far as the header tells.
    """
    with quiet():
        header = open_header(path)
        header.require_image()
        return ImageDescription(meta=image_meta(header), patient=patient_facts(header), flags=header_flags(header))


def to_pixels(header: Header) -> Pixels:
    """The image of a file whose header is already read; raises as `read_dicom`."""
    header.require_image()
    meta, patient = image_meta(header), patient_facts(header)
    stored = decode(header)
    samples, decoder = stored.samples, stored.decoder
    with refusing(header.path, "has a damaged description of its values", remedy=_REMEDY):
        if samples.ndim == 4:
            window = Window.full_range(np.iinfo(samples.dtype).max)
            return Pixels(values=luminance(samples), voi=window, decoder=decoder, meta=meta, patient=patient)
        if stored.photometric == "PALETTE COLOR":
            tables = palette(header)
            colours = np.stack([table(samples) for table in tables], axis=-1)  # (S, H, W) → (S, H, W, 3)
            window = Window.full_range(max(table.full for table in tables))
            return Pixels(values=luminance(colours), voi=window, decoder=decoder, meta=meta, patient=patient)
        return Pixels(
            values=modality_values(header, samples),
            voi=presentation(header),
            inverted=is_inverted(header),
            intent=intent(header),
            decoder=decoder,
            meta=meta,
            patient=patient,
        )
