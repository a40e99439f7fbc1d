"""From logits to probabilities: what calibration found on validation studies, and how far that can be trusted.

Each finding, and each class group, has a slope (inverse temperature) and an offset per availability pattern; the offset
takes back what class weighting in the loss had shifted. Beside the fit stand bootstrap fits; the spread of their
probabilities is the interval shown with every probability.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mediscan.diagnosis import Decision
from mediscan.errors import BundleError, Code
from mediscan.findings import FindingSet
from mediscan.study import Availability

INTERVAL = (2.5, 97.5)
"""Percentiles of the bootstrap fits that bound a probability."""


@dataclass(frozen=True, kw_only=True)
class Probabilities:
    """Calibrated probabilities, each (N, F) float64 in [0, 1]; within a class group `value` sums to 1."""

    value: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Fitted parameters.

    Attributes:
        findings: The findings, in the order of the logits.
        thresholds: (F,) decision thresholds on calibrated probabilities (Youden's index on validation).
        parameters: Per availability pattern and unit (a finding's or a class group's name) (1 + K, 1 + M): row 0 the
            fit, then K bootstrap fits; column 0 the slope, then an offset for each of the unit's M logits.
        studies: Per availability pattern the number of validation studies behind the fit.
    """

    findings: FindingSet
    thresholds: NDArray[np.float64]
    parameters: Mapping[Availability, Mapping[str, NDArray[np.float64]]]
    studies: Mapping[Availability, int]

    def require(self, pattern: Availability) -> None:
        """Refuse a pattern that validation could not calibrate.

        Raises:
            BundleError: No probability can be given for such studies.
        """
        if pattern not in self.parameters:
            known = ", ".join(self.parameters)
            raise BundleError(
                f"the bundle is not calibrated for studies with {pattern} only",
                remedy=f"Give it studies with {known}, or retrain with validation studies of that kind.",
                code=Code.UNCALIBRATED,
            )

    def apply(self, logits: NDArray[np.float32], pattern: Availability) -> Probabilities:
        """Probabilities of studies that all have the same modalities.

        Args:
            logits: (N, F).
            pattern: The modalities that the logits were made from.

        Raises:
            BundleError: That pattern was not calibrated.
        """
        self.require(pattern)
        shape = logits.shape
        value, lower, upper = np.empty(shape), np.empty(shape), np.empty(shape)
        for unit, members in units(self.findings).items():
            parameters = self.parameters[pattern][unit]
            drawn = unit_probabilities(logits[:, list(members)].astype(np.float64), parameters)  # (1 + K, N, M)
            value[:, list(members)] = drawn[0]
            low, high = np.percentile(drawn[1:], INTERVAL, axis=0)
            # The fit itself belongs inside its interval, even where the bootstrap is lopsided.
            lower[:, list(members)] = np.minimum(low, drawn[0])
            upper[:, list(members)] = np.maximum(high, drawn[0])
        return Probabilities(value=value, lower=lower, upper=upper)

    def decide(self, finding: int, *, probability: float, lower: float, upper: float) -> Decision:
        """Uncertain where the interval contains the threshold, else the side on which the probability lies."""
        threshold = self.thresholds[finding]
        if lower <= threshold < upper:
            return Decision.UNCERTAIN
        return Decision.POSITIVE if probability >= threshold else Decision.NEGATIVE

    def save(self, path: Path) -> None:
        """Write as JSON."""
        content = {
            "method": "slope and offset per finding and availability pattern, fitted on validation by penalised "
            "maximum likelihood; interval: 95 % patient bootstrap of the fit",
            "findings": self.findings.names,
            "thresholds": self.thresholds.tolist(),
            "studies": dict(self.studies),
            "parameters": {
                pattern: {unit: values.tolist() for unit, values in by_unit.items()}
                for pattern, by_unit in self.parameters.items()
            },
        }
        path.write_text(json.dumps(content), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            findings=FindingSet(tuple(content["findings"])),
            thresholds=np.asarray(content["thresholds"]),
            parameters={
                Availability(pattern): {unit: np.asarray(values) for unit, values in by_unit.items()}
                for pattern, by_unit in content["parameters"].items()
            },
            studies={Availability(pattern): count for pattern, count in content["studies"].items()},
        )


def units(findings: FindingSet) -> dict[str, tuple[int, ...]]:
    """What is calibrated together: each single finding, and each class group, with the positions of its logits."""
    single = {findings.names[index]: (index,) for index in findings.independent}
    return {**single, **findings.groups}


def unit_probabilities(logits: NDArray[np.float64], parameters: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of one unit under several parameter sets.

    Args:
        logits: (N, M); M is 1 for a single finding.
        parameters: (K, 1 + M).

    Returns:
        (K, N, M).
    """
    shifted = parameters[:, :1, None] * logits[None] + parameters[:, None, 1:]  # (K, N, M)
    if logits.shape[1] == 1:
        return 1.0 / (1.0 + np.exp(-np.clip(shifted, -60.0, 60.0)))
    shifted -= shifted.max(axis=2, keepdims=True)
    weights = np.exp(shifted)
    softmax: NDArray[np.float64] = weights / weights.sum(axis=2, keepdims=True)
    return softmax


def availability_rows(available: Sequence[Availability]) -> dict[Availability, NDArray[np.intp]]:
    """Rows of each availability pattern that occurs."""
    values = np.asarray([str(pattern) for pattern in available])
    return {pattern: rows for pattern in Availability if len(rows := np.flatnonzero(values == str(pattern)))}
