"""Where images come from: every reader hands on `Pixels`, and every failure is a `SourceError`.

- `reading`: any image by its path
- `dicom`: DICOM files and series
- `nifti`, `raster`: the other formats
- `pixels`: what all of them return
- `boundary`: size caps, silence and errors
"""

from mediscan.sources.description import ImageDescription, PatientFacts
from mediscan.sources.dicom.header import read_header
from mediscan.sources.pixels import LookupTable, Pixels, VoiFunction, Window
from mediscan.sources.reading import ImageKind, describe_image, file_sha256, image_kind, read_image

__all__ = [
    "ImageDescription",
    "ImageKind",
    "LookupTable",
    "PatientFacts",
    "Pixels",
    "VoiFunction",
    "Window",
    "describe_image",
    "file_sha256",
    "image_kind",
    "read_header",
    "read_image",
]
