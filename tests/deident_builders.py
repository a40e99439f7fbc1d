"""DICOM files in which every attribute of a list holds a value of its own that must not be found again."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector
from pydicom import DataElement, Dataset, FileMetaDataset
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRLittleEndian

IDENTIFYING = re.compile(
    "Patient(?!Orientation|Position)|Physician|Operator|Institution|Address|Telephone|Telecom|Comment|Person|Author"
    "|Observer|Reviewer|Performer|Recorder|Transcriber|Interpreter|Approver|Accession|Admission|Insurance|Issuer"
    "|Station|SerialNumber|Description(?!Label)|Notes|History|Occupation|Location|Residence|Recipient|Creator|Owner"
    "|Placer|Filler|Requesting|EthnicGroup|Allerg|Religio|Military|Country|Region(?!Location|Spatial|Data|Flag)"
)
"""Names of attributes that may identify, written down apart from the standard's tables."""
_TEXT = frozenset({"LO", "SH", "ST", "LT", "UC", "UT", "PN", "AE", "CS", "UR"})
_NOT_SEARCHED = frozenset({"PixelData", "SOPClassUID", "TransferSyntaxUID", "SpecificCharacterSet"})
_CONSONANTS = "BCDFGHJKLMNPRSTVWXYZ"
_REPEATING = {0x50000022: "LO", 0x50003000: "OW", 0x60000022: "LO", 0x60003000: "OW", 0x60004000: "LT"}
PREAMBLE = b"MZ of a program"
_FIRST_DAY = date(1931, 1, 1)


def annex_e() -> frozenset[int]:
    """All tags of PS3.15 Annex E, as dicom-anonymizer lists its newest edition."""
    tags = dicom_anonymization_database_selector("dicomfields_2026c")["ALL_TAGS"]
    return frozenset((tag[0] << 16) | tag[1] for tag in tags if len(tag) == 2)


def named_like_identity() -> frozenset[int]:
    """All text and names of the dictionary whose attribute sounds like it identifies, and every PN, AE and UR."""
    return frozenset(
        tag
        for tag, (vr, _, _, _, keyword) in DicomDictionary.items()
        if tag >> 16 > 4 and (vr in ("PN", "AE", "UR") or (vr in _TEXT - {"CS"} and IDENTIFYING.search(keyword)))
    )


def _vr(tag: int) -> str:
    # The tables name attributes that are younger than pydicom's dictionary.
    return str(DicomDictionary[tag][0]).split(" or ")[0] if tag in DicomDictionary else "LO"


def canary(number: int) -> str:
    """A word of eight letters that no other number has, nor any part of it a name elsewhere."""
    letters = []
    for _ in range(5):
        number, letter = divmod(number, len(_CONSONANTS))
        letters.append(_CONSONANTS[letter])
    return f"ZQX{''.join(letters)}"


_VALUES: dict[str, Callable[[int], object]] = {
    **dict.fromkeys(("LO", "SH", "ST", "LT", "UC", "UT", "AE", "CS"), canary),
    "PN": lambda number: f"{canary(number)}",
    "UR": lambda number: f"https://{canary(number)}.example/",
    "UI": lambda number: f"1.2.826.0.1.77{number:05d}.9",
    "DA": lambda number: f"{_FIRST_DAY + timedelta(days=number):%Y%m%d}",
    "DT": lambda number: f"{_FIRST_DAY + timedelta(days=number):%Y%m%d}101112.{number:06d}",
    "TM": lambda number: f"{number % 24:02d}{number % 60:02d}13.{number:06d}",
    "AS": lambda number: f"0{10 + number % 80:02d}Y",
    "DS": lambda number: f"77.{number:05d}",
    "IS": lambda number: f"77{number:05d}",
    **dict.fromkeys(("US", "SS"), lambda number: 20000 + number),
    **dict.fromkeys(("FD", "FL", "UL", "SL"), lambda number: 770000 + number),
    **dict.fromkeys(("OB", "OW", "UN"), lambda number: canary(number).encode() + b"."),
}


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A value that was planted: where, and what would be found of it."""

    keyword: str
    path: tuple[int, ...]
    value: str

    @property
    def needles(self) -> tuple[bytes, ...]:
        """What to search a file's bytes for; empty for numbers and ages, which occur by chance."""
        core = re.search(r"ZQX[A-Z]{5}|1\.2\.826\.0\.1\.77\d{5}\.9", self.value)
        return tuple(core[0].encode(encoding) for encoding in ("latin-1", "utf-16-le", "utf-16-be")) if core else ()


class Planter:
    """Plants values, no two alike."""

    def __init__(self) -> None:
        self.planted: list[Planted] = []
        self._number = 0

    def plant(self, dataset: Dataset, tags: Iterable[int], path: tuple[int, ...] = ()) -> None:
        """Give a data set an element of every tag; a sequence gets one item with a comment."""
        for tag in sorted(tags):
            vr = _vr(tag)
            if vr == "SQ":
                item = Dataset()
                self._add(item, BaseTag(0x00204000), "LT", (*path, tag))
                dataset.add(DataElement(tag, "SQ", [item]))
            elif vr in _VALUES:
                self._add(dataset, BaseTag(tag), vr, path)

    def plant_private(self, dataset: Dataset, path: tuple[int, ...] = ()) -> None:
        """Give a data set a private block, with a sequence in it."""
        self._number += 1
        creator = canary(self._number)
        block = dataset.private_block(0x0029, creator, create=True)
        self.planted.append(Planted(keyword="private", path=(*path, 0x00290010), value=creator))
        for offset, vr in enumerate(("LO", "UN", "OB", "PN"), start=1):
            self._add(dataset, block.get_tag(offset), vr, path)
        item = Dataset()
        self._add(item, BaseTag(0x00100010), "PN", (*path, 0x00291009))
        block.add_new(9, "SQ", [item])

    def _add(self, dataset: Dataset, tag: BaseTag, vr: str, path: tuple[int, ...]) -> None:
        self._number += 1
        value = _VALUES[vr](self._number)
        dataset.add(DataElement(tag, vr, value))
        shown = value.decode() if isinstance(value, bytes) else str(value)
        self.planted.append(Planted(keyword=keyword_for_tag(tag) or "private", path=(*path, int(tag)), value=shown))


def planted_file(path: Path, tags: Iterable[int]) -> list[Planted]:
    """Write an image with every tag planted at the top, two sequences deep, in private blocks and in the file meta."""
    planter, dataset, deep = Planter(), _image(), Dataset()
    own = {tag for tag in tags if keyword_for_tag(tag) not in _NOT_SEARCHED and tag >> 16 not in (0, 2)}
    # Objects of documents and reports are refused as a whole; below the top their sequences are planted like others.
    planter.plant(dataset, own - {0x0040A730, 0x00420011})
    # ReferencedSeriesSequence > ReferencedInstanceSequence, which the tables leave alone.
    planter.plant(deep, own, (0x00081115, 0x0008114A))
    for tag, vr in _REPEATING.items():
        planter._add(dataset, BaseTag(tag), vr, ())
    planter.plant_private(dataset)
    planter.plant_private(deep, (0x00081115, 0x0008114A))
    middle = Dataset()
    middle.add_new(0x0008114A, "SQ", [deep])
    dataset.add_new(0x00081115, "SQ", [middle])
    planter.plant(dataset.file_meta, (0x00020016, 0x00020017, 0x00020018, 0x00020026, 0x00020027, 0x00020028))
    planter._add(dataset.file_meta, BaseTag(0x00020013), "SH", ())
    planter._add(dataset.file_meta, BaseTag(0x00020100), "UI", ())
    planter._add(dataset.file_meta, BaseTag(0x00020102), "OB", ())
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.preamble = PREAMBLE.ljust(128, b"\0")
    dataset.save_as(path, enforce_file_format=True)
    return planter.planted


def _image() -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    dataset.SOPInstanceUID, dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3.4", "1.2.3", "1.2.3.5"
    dataset.Modality, dataset.PhotometricInterpretation = "CT", "MONOCHROME2"
    dataset.Rows = dataset.Columns = 8
    dataset.SamplesPerPixel, dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 1, 8, 8, 7
    dataset.PixelRepresentation = 0
    dataset.PixelData = np.arange(64, dtype=np.uint8).tobytes()
    return dataset


def left_in(dataset: Dataset, raw: bytes, planted: Iterable[Planted]) -> Iterator[Planted]:
    """What of the planted is still there: the same value at its place, or its letters anywhere in the file."""
    for one in planted:
        if any(needle in raw for needle in one.needles) or _value_at(dataset, one.path) == one.value:
            yield one


def _value_at(dataset: Dataset, path: tuple[int, ...]) -> str | None:
    for tag in path[:-1]:
        items = dataset.get(BaseTag(tag))
        if items is None or not items.value:
            return None
        dataset = items.value[0]
    group = dataset.file_meta if path[-1] >> 16 == 2 else dataset
    element = group.get(BaseTag(path[-1]))
    if element is None or element.value is None:
        return None
    return element.value.decode("latin-1") if isinstance(element.value, bytes) else str(element.value)
