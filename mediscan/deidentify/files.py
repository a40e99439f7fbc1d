"""One DICOM file without identity: what is refused, what is changed, and the copy that is written."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
    RawDataStorage,
    UID_dictionary,
)

from mediscan.deidentify.dicom import Counts, declare, deidentify_dataset
from mediscan.deidentify.pixels import black_out, refusal, require_black, strip_hidden
from mediscan.deidentify.profile import Profile
from mediscan.deidentify.regions import Rectangle, RegionRules, likely_text, says_text
from mediscan.deidentify.surrogates import Surrogates
from mediscan.errors import SourceError
from mediscan.sources.boundary import refusing
from mediscan.sources.dicom.elements import text
from mediscan.sources.dicom.header import Header, open_header
from mediscan.sources.dicom.layout import Layout
from mediscan.sources.dicom.parsing import read_pixel_element

_IMPLICIT_PIXELS = {"PixelData": "OW", "FloatPixelData": "OF", "DoubleFloatPixelData": "OD"}
_REMEDY = "Leave it out, or export it again from its origin."


@dataclass(frozen=True, kw_only=True)
class DicomRules:
    """What decides over a DICOM file.

    Args:
        regions: Where text stands in the pixels of which images.
        clean_modalities: Modalities whose images the user declares to hold no text, unless their header says so.
        profile: What is kept of the header.
    """

    regions: RegionRules = field(default_factory=RegionRules)
    clean_modalities: frozenset[str] = frozenset()
    profile: Profile = field(default_factory=Profile)

    @property
    def identity(self) -> str:
        """The same text for the same rules."""
        modalities = ",".join(sorted(self.clean_modalities))
        return f"{self.regions.model_dump_json()} {modalities} {self.profile}"


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A copy that was written.

    Args:
        place: Where it belongs below the output folder: patient, study, series and instance, all surrogates.
        counts: What was done to attributes, and under the action `pixels` to the pixel data.
    """

    place: Path
    counts: Mapping[tuple[str, str], int]


def deidentify_file(source: Path, target: Path, surrogates: Surrogates, rules: DicomRules) -> Copy:
    """Write a copy of a DICOM file without identity; the source is only read.

    Args:
        source: The file.
        target: Where to write; the caller moves it to `Copy.place`.
        surrogates: What stands in for identities.
        rules: What to do.

    Raises:
        SourceError: The file cannot be read, or (NOT_DEIDENTIFIED) cannot be made safe. Messages of the latter name
            neither the file nor any of its values.
    """
    header = open_header(source)
    with refusing(source, "cannot be de-identified", kind=SourceError, remedy=_REMEDY):
        _require_known_kind(header.dataset)
        if "Image Storage" in UID(header.dataset.SOPClassUID).name:
            header.require_image()
        rectangles = _rectangles(header, rules)
        dataset = _with_pixels(header)
        pixels = Counter[tuple[str, str]]()
        if rectangles:
            black_out(header, dataset, rectangles)
            pixels["pixels", "blacked_out_regions"] += len(rectangles)
        if strip_hidden(dataset, frames=header.frames):
            pixels["pixels", "hidden_bytes_removed"] += 1
        counts = deidentify_dataset(dataset, surrogates, rules.profile)
        if rectangles:
            declare(dataset, "113101")
            dataset.BurnedInAnnotation = "NO"
        _write(dataset, target)
        if rectangles:
            require_black(open_header(target), rectangles)
        return Copy(place=_place(dataset, surrogates), counts=_sum(counts, pixels))


def _require_known_kind(dataset: Dataset) -> None:
    kind = text(dataset, "SOPClassUID")
    if kind == MediaStorageDirectoryStorage or "DirectoryRecordSequence" in dataset:
        raise refusal("it is a directory of other files", remedy="Nothing to do: make a new one for the copies.")
    if kind not in UID_dictionary or not text(dataset, "SOPInstanceUID"):
        raise refusal("it is of no kind that the standard knows", remedy="Leave it out.")
    if kind == RawDataStorage:
        raise refusal("it holds raw data in a private format", remedy="Leave it out.")
    if "ContentSequence" in dataset:
        raise refusal("it is a structured report, and holds free text", remedy="De-identify its text as a note.")
    if "EncapsulatedDocument" in dataset:
        raise refusal("it holds a document", remedy="De-identify the document's text as a note.")


def _rectangles(header: Header, rules: DicomRules) -> tuple[Rectangle, ...]:
    """What is to be blacked out; refuses an image that is likely to hold text of which nobody says where."""
    if not header.has_pixels:
        return ()
    rule = rules.regions.rule_for(header.dataset)
    if rule is not None:
        return rule.rectangles
    declared_clean = (text(header.dataset, "Modality") or "").upper() in rules.clean_modalities
    if says_text(header.dataset) or (likely_text(header) and not declared_clean):
        raise refusal(
            "text may be part of its pixels: its header says so, or its kind usually has it",
            remedy="Name the regions to black out (--regions), or declare the modality clean (--clean-modality).",
        )
    return ()


def _with_pixels(header: Header) -> Dataset:
    """The data set up to and with its pixel data; what follows (padding, signatures) is not for the copy."""
    dataset = header.dataset
    if header.has_pixels:
        expected = Layout.of(header).native_bytes
        element = read_pixel_element(header.path, header.parsed, expected=expected)
        # Implicit VR states none; the standard's is OW, OF or OD (PS3.5 A.1).
        vr = _IMPLICIT_PIXELS[element.keyword] if header.syntax.is_implicit_VR else element.vr
        dataset.add_new(element.keyword, vr, element.value)
        dataset[element.keyword].is_undefined_length = header.syntax.is_encapsulated
    return dataset


def _write(dataset: Dataset, target: Path) -> None:
    meta = dataset.file_meta
    if meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian:
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
    implicit, little = meta.TransferSyntaxUID.is_implicit_VR, meta.TransferSyntaxUID.is_little_endian
    dataset.save_as(target, implicit_vr=implicit, little_endian=little, enforce_file_format=True)


def _place(dataset: Dataset, surrogates: Surrogates) -> Path:
    instance = text(dataset, "SOPInstanceUID")  # the first, where a broken file has several
    study, series = (
        text(dataset, keyword) or surrogates.uid(f"{keyword} of {instance}")
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID")
    )
    patient = text(dataset, "PatientID") or surrogates.patient(f"study {study}")
    return Path(patient, study, series, f"{instance}.dcm")


def _sum(counts: Counts, pixels: Counts) -> Counts:
    return {**counts, **pixels}
