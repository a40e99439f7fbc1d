"""How synthetic studies are drawn."""

from dataclasses import dataclass
from enum import StrEnum

from mediscan.errors import ConfigError


class Target(StrEnum):
    """What the labels of radiographs say."""

    FINDINGS = "findings"
    """Diagnoses, which need image and note."""
    PATTERNS = "patterns"
    """What is drawn, which the image alone tells."""


@dataclass(frozen=True, kw_only=True)
class StudyOptions:
    """How studies of any kind are drawn; every rate lies in [0, 1].

    Args:
        pattern_rate: How often each image pattern is drawn, independently of the others.
        context_rate: How often each context is stated, independently of everything else.
        unknown_rate: How often a label is unknown.
        second_study_rate: Share of the patients that have two studies.
        missing_image_rate: Share of the studies without an image; never those without a note.
        missing_note_rate: Share of the studies without a note.
        misspelling_rate: How often a word that is often misspelt is.
        split_fractions: Shares of train, val and test.
        split_counts: Studies in train, val and test, instead of shares; they add up to all.

    Raises:
        ConfigError: A value is out of range.
    """

    pattern_rate: float = 0.5
    context_rate: float = 0.5
    unknown_rate: float = 0.0
    second_study_rate: float = 0.1
    missing_image_rate: float = 0.02
    missing_note_rate: float = 0.03
    misspelling_rate: float = 0.03
    split_fractions: tuple[float, float, float] = (0.66, 0.17, 0.17)
    split_counts: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        for name, value in self.__dict__.items():
            if name.endswith("_rate") and not 0 <= value <= 1:
                raise ConfigError(f"{name} is {value}", remedy="Give a share between 0 and 1.")
        if self.missing_image_rate + self.missing_note_rate > 1:
            raise ConfigError(
                "missing_image_rate and missing_note_rate add up to more than 1", remedy="Lower one of them."
            )
        if min(self.split_fractions) < 0 or abs(sum(self.split_fractions) - 1) > 1e-6:
            raise ConfigError(
                f"split_fractions are {self.split_fractions}", remedy="Give three shares that add up to 1."
            )


@dataclass(frozen=True, kw_only=True)
class PhantomOptions(StudyOptions):
    """How radiographs are drawn beside that.

    Args:
        size: Rows and columns of a radiograph.
        lateral_rate: Share of the studies that have a lateral view beside the frontal one.
        monochrome1_rate: Share of the images that are stored as MONOCHROME1.
        with_reports: Whether a radiologist's report of the images, sections `findings` and `impression`, stands beside
            the note. The chests then vary more, so that a report tells its image from others.
        target: What the labels say.

    Raises:
        ConfigError: A value is out of range.
    """

    size: int = 256
    lateral_rate: float = 0.25
    monochrome1_rate: float = 0.1
    with_reports: bool = False
    target: Target = Target.FINDINGS

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 64 <= self.size <= 2048:
            raise ConfigError(f"size is {self.size}", remedy="Give a number of pixels between 64 and 2048.")


@dataclass(frozen=True, kw_only=True)
class VolumeOptions(StudyOptions):
    """How computed tomography is drawn beside that.

    Args:
        size: Rows and columns of a plane.
        planes: Planes of a volume.

    Raises:
        ConfigError: A value is out of range.
    """

    size: int = 128
    planes: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (32 <= self.size <= 512 and 16 <= self.planes <= 512):
            raise ConfigError(
                f"size is {self.size} and planes {self.planes}",
                remedy="Give 32 to 512 rows and columns, and 16 to 512 planes.",
            )
