"""DICOM headers: reading them safely, and what they say of an image."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pydicom
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import UID

from mediscan.errors import Code, NotDicomError, PixelDataError, SourceError, UnsupportedImageError
from mediscan.sources.boundary import quiet, refusing, require_decoded_size, require_file_size, too_large
from mediscan.sources.description import PatientFacts
from mediscan.sources.dicom.objects import other_object, registered_name
from mediscan.sources.dicom.parsing import PREAMBLE_BYTES, PREFIX, Parsed, opened, parse
from mediscan.study import ImageMeta, Sex

# The groups that a file without preamble may start with, and either no VR or one that their first elements have.
_BARE_START = re.compile(
    rb"[\x02\x08]\x00[\x00-\x18]\x00(UL|OB|UI|CS|SH|LO|DA|[\x00-\xff][\x00-\x01]\x00\x00)", re.DOTALL
)
_MAX_FRAMES = 50_000  # each takes some time, however small it is
_MAX_TEXT_BYTES = 1 << 20
_PLAIN_VRS = frozenset(("AS", "CS", "DA", "DT", "TM", "UI"))  # whatever the character set (PS3.5 6.1.2.2)
_MAX_NUMBERS_BYTES = 1 << 16
_HEADER_REMEDY = "Export the file again from its origin."

_VIEW_CODES = {  # DICOM PS3.16 CID 4010 and 4014, SNOMED CT → the defined terms of View Position (0018,5101)
    "399348003": "AP",
    "272479007": "PA",
    "399173006": "LL",
    "399198007": "RL",
    "399162004": "CC",
    "399368009": "MLO",
    "399260004": "ML",
    "399352003": "LM",
}
_AGE = re.compile(r"(?P<count>\d{1,3})(?P<unit>[DWMY])")
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,6}))?)?)?)?(?:[+-]\d{4})?$")
_PER_YEAR = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}
_DATE_AND_TIME = (
    ("AcquisitionDate", "AcquisitionTime"),
    ("SeriesDate", "SeriesTime"),
    ("StudyDate", "StudyTime"),
    ("ContentDate", "ContentTime"),
)


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
        return int(self.dataset.get("SamplesPerPixel") or 1)

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """(S, H, W): planes, rows, columns."""
        return self.frames, int(self.dataset.Rows), int(self.dataset.Columns)

    def require_image(self) -> None:
        """Refuse a header without an image, or with one too large to decode.

        Raises:
            SourceError: There are no pixels (NO_PIXELS), they are cut off (PIXEL_DATA), or too many (FILE_TOO_LARGE).
        """
        with refusing(self.path, "has a damaged image description", remedy=_HEADER_REMEDY):
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
    reading = refusing(path, "has a damaged DICOM header", kind=SourceError, remedy=_HEADER_REMEDY)
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


def text(dataset: pydicom.Dataset, keyword: str) -> str | None:
    """An element's (first) value as stripped text; None where it is absent, empty or unreadable.

    For descriptive elements only: a value that pixels depend on must not be read this way.
    """
    with quiet():
        try:
            element = dataset.get_item(tag_for_keyword(keyword) or keyword)
            if isinstance(element, RawDataElement) and element.VR in _PLAIN_VRS:
                # What pydicom gives, at a tenth of the time.
                first = (element.value or b"").partition(b"\\")[0]
                return (first.decode("latin-1").strip("\0 \t\r\n") or None) if len(first) <= _MAX_TEXT_BYTES else None
            value = _bounded(dataset, keyword, limit=_MAX_TEXT_BYTES)
            if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
                value = value[0] if len(value) else None
            return (str(value).strip("\0 \t\r\n") or None) if value is not None else None
        except Exception:  # noqa: BLE001 - conversion of a broken raw value raises anything; unknown is the answer
            return None


def texts(dataset: pydicom.Dataset, keyword: str) -> tuple[str, ...]:
    """All values of an element as stripped texts; empty where it is absent, empty or unreadable. As `text`."""
    with quiet():
        try:
            value = _bounded(dataset, keyword, limit=_MAX_NUMBERS_BYTES) or ()
            return tuple(str(part).strip("\0 \t\r\n") for part in ((value,) if isinstance(value, str) else value))
        except Exception:  # noqa: BLE001 - as in `text`
            return ()


def numbers(dataset: pydicom.Dataset, keyword: str) -> tuple[float, ...]:
    """An element's values as numbers; empty where it is absent, empty or unreadable. As `text`, descriptive only."""
    with quiet():
        try:
            value = _bounded(dataset, keyword, limit=_MAX_NUMBERS_BYTES)
            if value is None or isinstance(value, (str, bytes)):
                return ()
            found = tuple(float(part) for part in (value if isinstance(value, Sequence) else (value,)))
        except Exception:  # noqa: BLE001 - as in `text`
            return ()
    return found if all(math.isfinite(number) for number in found) else ()


def _bounded(dataset: pydicom.Dataset, keyword: str, *, limit: int) -> Any:  # noqa: ANN401 - an element's value is of any type
    """An element's value; None where it is longer than any descriptive one, for converting it would take minutes."""
    tag = Tag(tag_for_keyword(keyword) or keyword)
    element = dataset.get_item(tag)
    if not isinstance(element, RawDataElement):
        return None if element is None else element.value
    return None if len(element.value or b"") > limit else dataset[tag].value


def frame_macro(dataset: pydicom.Dataset, macro: str, frame: int = 0) -> pydicom.Dataset:
    """Where a frame's attributes of one functional group stand: its own item, the shared one, or the data set.

    Source: DICOM PS3.3 C.7.6.16.
    """
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or ()
    shared = dataset.get("SharedFunctionalGroupsSequence") or ()
    for groups in (per_frame[frame : frame + 1], shared[:1]):
        for group in groups:
            items = group.get(macro)
            if items:
                return items[0]
    return dataset


def image_meta(header: Header) -> ImageMeta:
    """What a header says of its image; `sha256` is left to the caller.

    `acquired_at` is the local wall time of the place of acquisition, without time zone.
    """
    dataset = header.dataset
    with refusing(header.path, "has a damaged DICOM header", kind=SourceError, remedy=_HEADER_REMEDY):
        anatomy = frame_macro(dataset, "FrameAnatomySequence")
        return ImageMeta(
            modality=_term(dataset, "Modality"),
            body_part=_term(dataset, "BodyPartExamined"),
            view=_term(dataset, "ViewPosition") or _coded_view(dataset),
            laterality=_term(dataset, "ImageLaterality")
            or _term(dataset, "Laterality")
            or _term(anatomy, "FrameLaterality"),
            spacing_mm=_spacing_mm(dataset, frames=header.frames),
            acquired_at=_acquired_at(dataset),
        )


def patient_facts(header: Header) -> PatientFacts:
    """Whom a header says its image shows.

    Source: DICOM PS3.3 C.7.1.1 (patient), C.7.2.2 (age).
    """
    dataset = header.dataset
    sex = _term(dataset, "PatientSex")
    born = parse_moment((text(dataset, "PatientBirthDate") or "").replace(".", "").replace("-", ""))
    age = _AGE.fullmatch(_term(dataset, "PatientAge") or "")
    return PatientFacts(
        patient_id=text(dataset, "PatientID"),
        sex=Sex(sex) if sex in set(Sex) else None,
        birth_date=born.date() if born else None,
        age_years=int(age["count"]) / _PER_YEAR[age["unit"]] if age else None,
    )


def _term(dataset: pydicom.Dataset, keyword: str) -> str | None:
    value = text(dataset, keyword)
    return value.upper() if value else None


def _coded_view(dataset: pydicom.Dataset) -> str | None:
    for item in dataset.get("ViewCodeSequence") or ():
        code, meaning = text(item, "CodeValue"), text(item, "CodeMeaning")
        return _VIEW_CODES.get(code or "") or (meaning.upper() if meaning else None)
    return None


def _spacing_mm(dataset: pydicom.Dataset, *, frames: int) -> tuple[float, ...] | None:
    measures = frame_macro(dataset, "PixelMeasuresSequence")
    for source, keyword in ((measures, "PixelSpacing"), (dataset, "ImagerPixelSpacing")):
        plane = numbers(source, keyword)
        if len(plane) == 2 and min(plane) > 0:
            break
    else:
        return None
    if frames > 1:
        for keyword in ("SpacingBetweenSlices", "SliceThickness"):
            between = numbers(measures, keyword)
            if between and between[0] > 0:
                return (*plane, between[0])
    return plane


def _acquired_at(dataset: pydicom.Dataset) -> datetime | None:
    moment = parse_moment(text(dataset, "AcquisitionDateTime") or "")
    if moment:
        return moment
    for date, time in _DATE_AND_TIME:
        day = (text(dataset, date) or "").replace(".", "").replace("-", "")  # ACR-NEMA wrote 1997.04.24
        clock = (text(dataset, time) or "").replace(":", "")
        moment = parse_moment(day + clock) or parse_moment(day)
        if moment:
            return moment
    return None


def parse_moment(stamp: str) -> datetime | None:
    """A DICOM date and time (DT), of any precision from the day on, as local wall time; None if it is none.

    Source: DICOM PS3.5 6.2.
    """
    found = _MOMENT.match(stamp)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    try:
        # DICOM dates are local wall time; a leap second counts as the last of its minute.
        return datetime(year, month, day, hour, minute, min(second, 59), int((found[7] or "").ljust(6, "0")))  # noqa: DTZ001
    except ValueError:
        return None


def _not_dicom(path: Path) -> NotDicomError:
    return NotDicomError(
        f"{path} is not DICOM: it has no DICM mark after a 128-byte preamble, and starts with no element",
        remedy="Name files by what they are, or export this one as a DICOM Part 10 file.",
    )
