"""DICOM headers, read safely: a file up to its pixel data."""

import math
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pydicom
from pydicom.uid import UID

from mediscan.errors import Code, NotDicomError, PixelDataError, SourceError, UnsupportedImageError
from mediscan.sources.boundary import refusing, require_decoded_size, require_file_size, too_large
from mediscan.sources.dicom.elements import text, whole
from mediscan.sources.dicom.objects import other_object, registered_name
from mediscan.sources.dicom.parsing import PREAMBLE_BYTES, PREFIX, Parsed, opened, parse

# The groups that a file without preamble may start with, and either no VR or one that their first elements have.
_BARE_START = re.compile(
    rb"[\x02\x08]\x00[\x00-\x18]\x00(UL|OB|UI|CS|SH|LO|DA|[\x00-\xff][\x00-\x01]\x00\x00)", re.DOTALL
)
_MAX_FRAMES = 50_000  # each takes some time, however small it is
HEADER_REMEDY = "Export the file again from its origin."


@dataclass(frozen=True, kw_only=True)
class Header:
    """A DICOM file up to its pixel data."""

    path: Path
    parsed: Parsed

    @property
    def dataset(self) -> pydicom.Dataset:
        """The elements before the pixel data."""
        return self.parsed.dataset

    @property
    def has_pixels(self) -> bool:
        """Whether pixel data follow."""
        return self.parsed.pixel_offset is not None

    @cached_property
    def syntax(self) -> UID:
        """The transfer syntax."""
        return UID(self.dataset.file_meta.TransferSyntaxUID)

    @cached_property
    def frames(self) -> int:
        """Number of planes."""
        return int(self.dataset.get("NumberOfFrames") or 1)

    @cached_property
    def samples_per_pixel(self) -> int:
        """1 for grey and palette images, 3 for colour."""
        return whole(self.dataset, "SamplesPerPixel") or 1

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """(S, H, W): planes, rows, columns."""
        return self.frames, _present(self.dataset, "Rows"), _present(self.dataset, "Columns")

    def require_image(self) -> None:
        """Refuse a header without an image, or with one too large to decode.

        Raises:
            SourceError: There are no pixels (NO_PIXELS), they are cut off (PIXEL_DATA), or too many (FILE_TOO_LARGE).
        """
        if self._problem is not None:
            raise self._problem

    @cached_property
    def _problem(self) -> SourceError | None:
        # Looked for once, however often it is asked for.
        try:
            self._look_for_image()
        except SourceError as error:
            return error
        return None

    def _look_for_image(self) -> None:
        with refusing(self.path, "has a damaged image description", remedy=HEADER_REMEDY):
            sop_class = text(self.dataset, "SOPClassUID") or ""
            storage = registered_name(sop_class) or "no known SOP class"
            other = other_object(sop_class)
            if other:
                raise UnsupportedImageError(
                    f"{self.path} is DICOM but holds no image ({storage}: {other.name})",
                    remedy=other.remedy,
                    code=Code.UNSUPPORTED_IMAGE if self.has_pixels else Code.NO_PIXELS,
                )
            if not self.has_pixels and ("Rows" in self.dataset or "Image Storage" in storage):
                raise PixelDataError(
                    f"{self.path} ends before its pixel data", remedy="Transfer the file again; it is incomplete."
                )
            if not self.has_pixels:
                raise UnsupportedImageError(
                    f"{self.path} is DICOM but holds no image ({storage})",
                    remedy="Send image objects; leave out reports, documents and directory files.",
                    code=Code.NO_PIXELS,
                )
            if self.frames > _MAX_FRAMES:
                raise too_large(self.path, f"has {self.frames} frames")
            require_decoded_size(self.path, samples=math.prod(self.shape) * self.samples_per_pixel)


def _present(dataset: pydicom.Dataset, keyword: str) -> int:
    number = whole(dataset, keyword)
    if number is None:
        raise AttributeError(keyword)  # as pydicom does; callers are inside `refusing`
    return number


def is_dicom(start: bytes) -> bool:
    """Whether a file is DICOM by its first 132 bytes or more.

    It is where the prefix DICM follows the preamble, or where it starts with what a data set without a preamble starts
    with: an element of group 0002 or 0008, little endian.

    Source: DICOM PS3.10 7.1.
    """
    return start[PREAMBLE_BYTES : PREAMBLE_BYTES + len(PREFIX)] == PREFIX or bool(_BARE_START.match(start))


def open_header(path: Path, content: bytes | None = None) -> Header:
    """The header of a DICOM file, and whether pixel data follow it.

    Args:
        path: The file.
        content: What is in it, where it was read already: its pixel data will then be taken from there.

    Raises:
        NotDicomError: The file is not DICOM.
        SourceError: The file cannot be read, its header is damaged, or larger than any image has.
    """
    reading = refusing(path, "has a damaged DICOM header", kind=SourceError, remedy=HEADER_REMEDY)
    with reading, opened(path, content) as file:
        if not is_dicom(file.read(PREAMBLE_BYTES + len(PREFIX))):
            raise _not_dicom(path)
        if content is None:
            require_file_size(path)
        return Header(path=path, parsed=parse(path, file, content=content))


def read_header(path: str | Path) -> pydicom.Dataset:
    """The header of a DICOM file without its pixel data.

    Values are converted when they are asked for, and a broken one raises then: use `text` to ask.

    Raises:
        NotDicomError: The file is not DICOM.
        SourceError: The file is missing (FILE_NOT_FOUND), cannot be read, or its header is damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise SourceError(f"{path} is no file", remedy="Check the path.", code=Code.FILE_NOT_FOUND)
    return open_header(path).dataset


def _not_dicom(path: Path) -> NotDicomError:
    return NotDicomError(
        f"{path} is not DICOM: it has no DICM mark after a 128-byte preamble, and starts with no element",
        remedy="Name files by what they are, or export this one as a DICOM Part 10 file.",
    )
