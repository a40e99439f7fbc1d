"""Text that is part of the pixels: which images are likely to have it, and where the user says that it stands."""

import tomllib
from pathlib import Path
from typing import Annotated, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydicom import Dataset

from mediscan.deidentify.record import values_of
from mediscan.errors import Code, ConfigError
from mediscan.sources.dicom.elements import text
from mediscan.sources.dicom.flags import header_flags
from mediscan.sources.dicom.header import Header

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # and its multi-frame variants below it
_REPORTS = ("SR", "DOC")  # captured as pictures
_DOSE_SCREEN = "DOSE"


class Rectangle(NamedTuple):
    """A rectangle of pixels; `left` and `top` count from 0."""

    left: Annotated[int, Field(ge=0)]
    top: Annotated[int, Field(ge=0)]
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


class RegionRule(BaseModel):
    """Where text stands in images of one kind.

    What is not given matches everything, and text matches in whatever case. An empty list of rectangles says that these
    images have no text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    modality: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    rows: int | None = None
    columns: int | None = None
    rectangles: tuple[Rectangle, ...]

    def applies_to(self, dataset: Dataset) -> bool:
        """Whether a header is of this kind."""
        wanted = {
            "Modality": self.modality,
            "Manufacturer": self.manufacturer,
            "ManufacturerModelName": self.model,
            "Rows": self.rows,
            "Columns": self.columns,
        }
        return all(
            value is None or (text(dataset, keyword) or "").casefold() == str(value).casefold()
            for keyword, value in wanted.items()
        )


class RegionRules(BaseModel):
    """Rules in order of precedence: the first that applies decides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: tuple[RegionRule, ...] = ()

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read `[[region]]` tables; a rectangle is written `[left, top, width, height]`.

        Raises:
            ConfigError: The file cannot be read, or has a key or value that means nothing.
        """
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(
                f"regions {path} cannot be read ({type(error).__name__})", remedy="Write them as TOML."
            ) from None
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise ConfigError(
                f"regions {path}: {name}: {first['msg']}",
                remedy=f"Write [[region]] tables of {', '.join(RegionRule.model_fields)}.",
            ) from None

    def rule_for(self, dataset: Dataset) -> RegionRule | None:
        """The first rule that applies."""
        return next((rule for rule in self.region if rule.applies_to(dataset)), None)


def says_text(dataset: Dataset) -> bool:
    """Whether a header says that annotation is burned in."""
    return (text(dataset, "BurnedInAnnotation") or "").upper() == "YES"


def likely_text(header: Header) -> bool:
    """Whether an image may hold text that identifies: what reading flags, and captured reports and dose screens.

    Source: DICOM PS3.3 C.7.6.1 (Burned In Annotation), A.8 (Secondary Capture).
    """
    if any(flag.code is Code.BURNED_IN_ANNOTATION for flag in header_flags(header)):
        return True
    if (text(header.dataset, "BurnedInAnnotation") or "").upper() == "NO":
        return False
    return (
        (text(header.dataset, "SOPClassUID") or "").startswith(_SECONDARY_CAPTURE)
        or (text(header.dataset, "Modality") or "").upper() in _REPORTS
        or any(kind.upper().startswith(_DOSE_SCREEN) for kind in values_of(header.dataset.get("ImageType")))
    )
