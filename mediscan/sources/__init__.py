"""Where images come from: every reader hands on `Pixels`, and every failure is a `SourceError`.

- `reading`: any image by its path
- `dicom`, `dicom_header`, `dicom_decode`, `dicom_series`: DICOM files and series (`gdcm_child` runs one decoder apart)
- `nifti`, `raster`: the other formats
- `pixels`: what all of them return
- `boundary`: size caps, silence and errors
"""

from mediscan.sources.dicom_header import read_header
from mediscan.sources.pixels import LookupTable, Pixels, VoiFunction, Window
from mediscan.sources.reading import ImageKind, describe_image, file_sha256, image_kind, read_image

__all__ = [
    "ImageKind",
    "LookupTable",
    "Pixels",
    "VoiFunction",
    "Window",
    "describe_image",
    "file_sha256",
    "image_kind",
    "read_header",
    "read_image",
]
