"""The file forms that a radiograph is written in."""

import gzip
from enum import StrEnum
from io import BytesIO

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.pixels import get_encoder
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from mediscan.errors import ConfigError
from mediscan.phantom.cases import PhantomCase
from mediscan.phantom.dicom import dicom_bytes, spacing_mm
from mediscan.phantom.image import Shot


class FileForm(StrEnum):
    """A file format, and for DICOM how its pixels are packed; all are lossless."""

    DICOM = "dicom"
    DICOM_RLE = "dicom-rle"
    DICOM_JPEG_LS = "dicom-jpeg-ls"
    DICOM_JPEG_2000 = "dicom-jpeg-2000"
    PNG = "png"
    NIFTI = "nifti"

    @property
    def suffix(self) -> str:
        """How file names end."""
        return {FileForm.PNG: ".png", FileForm.NIFTI: ".nii.gz"}.get(self, ".dcm")

    @property
    def folder(self) -> str:
        """The folder that files of this form go to."""
        return self.value.partition("-")[0]

    @property
    def transfer_syntax(self) -> str | None:
        """The DICOM transfer syntax; None for what is not DICOM."""
        return {
            FileForm.DICOM: ExplicitVRLittleEndian,
            FileForm.DICOM_RLE: RLELossless,
            FileForm.DICOM_JPEG_LS: JPEGLSLossless,
            FileForm.DICOM_JPEG_2000: JPEG2000Lossless,
        }.get(self)

    def require_codec(self) -> None:
        """Make sure that this form can be written.

        Raises:
            ConfigError: It needs a codec that is not installed.
        """
        syntax = self.transfer_syntax
        if syntax in (None, ExplicitVRLittleEndian):
            return
        if not get_encoder(syntax).is_available:
            raise ConfigError(
                f"form {self.value!r} needs a codec that is not installed",
                remedy="Install mediscan[codecs], or choose another form.",
            )


def encode(case: PhantomCase, shot: Shot, pixels: NDArray[np.uint16], *, form: FileForm) -> bytes:
    """A radiograph as the bytes of a file; the same arguments give the same bytes.

    PNG takes the 12 bits as the upper ones of 16, as its readers show the whole range. NIfTI takes them as they are,
    in one plane whose columns run to the patient's left and whose rows run to the back: the format has no word for a
    projection, and converters write it so.

    Args:
        case: Whose it is.
        shot: How it was taken.
        pixels: (H, W) uint16 in [0, 4095], bright where dense.
        form: The file's form.
    """
    syntax = form.transfer_syntax
    if syntax is not None:
        return dicom_bytes(case, shot, pixels, transfer_syntax=syntax)
    buffer = BytesIO()
    if form is FileForm.PNG:
        Image.fromarray(pixels << 4).save(buffer, format="PNG", optimize=True)
        return buffer.getvalue()
    side = spacing_mm(shot, case.size)
    image = nib.Nifti1Image(pixels.T[:, :, np.newaxis].astype(np.int16), np.diag([-side, -side, 1.0, 1.0]))
    return gzip.compress(image.to_bytes(), mtime=0)  # a time of writing would make every file another
