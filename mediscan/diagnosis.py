"""What a model says of one study, why, and what it refuses to say."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from mediscan.errors import Code, MediscanError
from mediscan.study import Availability


class Decision(StrEnum):
    """Where a calibrated probability and its interval stand against the decision threshold."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, kw_only=True)
class Flag:
    """Something a reader must know of a study that was scored all the same."""

    code: Code
    message: str


@dataclass(frozen=True, kw_only=True)
class FindingResult:
    """One finding of one study.

    `probability` is calibrated on the bundle's validation studies; `lower` and `upper` are the 95 % interval that the
    size of that validation set allows (bootstrap of the calibration). All lie in [0, 1]. `decision` is uncertain where
    the interval contains `threshold`.
    """

    finding: str
    probability: float
    lower: float
    upper: float
    threshold: float
    decision: Decision


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """A model's answer for one study. `seconds` is what it took: reading, and its share of the batch."""

    study_id: str
    patient_id: str
    findings: tuple[FindingResult, ...]
    modalities: Availability
    out_of_distribution: bool
    flags: tuple[Flag, ...]
    bundle_id: str
    input_sha256: str
    seconds: float = 0.0

    @property
    def most_notable(self) -> FindingResult:
        """The finding whose probability stands furthest above its threshold, or least below."""
        return max(self.findings, key=lambda result: result.probability - result.threshold)

    def __getitem__(self, finding: str) -> FindingResult:
        for result in self.findings:
            if result.finding == finding:
                return result
        raise KeyError(finding)


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A study that gets no diagnosis, and why."""

    study_id: str
    code: Code
    message: str
    seconds: float = 0.0

    @classmethod
    def of(cls, study_id: str, error: MediscanError, *, seconds: float = 0.0) -> "Refusal":
        """The refusal that an error stands for."""
        return cls(study_id=study_id, code=error.code, message=str(error), seconds=seconds)


@dataclass(frozen=True, kw_only=True)
class Heatmap:
    """Where in one image the model looked.

    `values` is (H, W) float32 in [0, 1], aligned with the source pixels of plane `plane` of image `image` (the position
    in `Study.images`). 1 is the strongest support for the finding over all heatmaps of the evidence.
    """

    image: int
    plane: int
    values: NDArray[np.float32]

    @property
    def peak(self) -> tuple[int, int] | None:
        """Row and column of the strongest source pixel; None where nothing in this image supports the finding."""
        if not self.values.any():
            return None
        row, column = np.unravel_index(int(np.argmax(self.values)), self.values.shape)
        return int(row), int(column)


@dataclass(frozen=True, kw_only=True)
class NoteSpan:
    """A piece of a note section and how much the finding's log-odds fall when it is taken away.

    `start` and `end` count characters of the section's text; a negative `weight` speaks against the finding.
    """

    section: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Why a model said what it said of one finding.

    `shares` are exact Shapley values over the modalities present, in log-odds; they sum to `logit - baseline_logit`,
    the baseline being the model's answer with every modality absent.
    """

    study_id: str
    finding: str
    heatmaps: tuple[Heatmap, ...]
    spans: tuple[NoteSpan, ...]
    shares: Mapping[str, float]
    logit: float
    baseline_logit: float
