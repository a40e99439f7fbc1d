"""What the training studies looked like to the network, to tell when a new study is unlike them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

_QUANTILE = 0.995
"""Share of validation studies within the bound, per modality: one in two hundred is flagged by construction."""

_LEAST = 8
"""Fewer studies than this describe no distribution; the modality is then not judged."""


@dataclass(frozen=True, kw_only=True)
class _Ellipsoid:
    mean: NDArray[np.float64]
    precision: NDArray[np.float64]
    bound: float

    def distance(self, summaries: NDArray[np.float32]) -> NDArray[np.float64]:
        difference = summaries - self.mean
        squared: NDArray[np.float64] = np.einsum("nd,de,ne->n", difference, self.precision, difference)
        return squared


@dataclass(frozen=True)
class Reference:
    """One ellipsoid per modality (`image`, `note`) in the space of the network's summaries.

    A study is out of distribution where its squared Mahalanobis distance (Ledoit-Wolf covariance of the training
    studies) is beyond that of 99.5 % of the validation studies.
    """

    ellipsoids: Mapping[str, _Ellipsoid]

    @classmethod
    def fit(cls, train: Mapping[str, NDArray[np.float32]], validation: Mapping[str, NDArray[np.float32]]) -> Self:
        """Describe the studies.

        Args:
            train: Per modality (N, D), of the training studies that have it.
            validation: The same of the validation studies, which set the bound.
        """
        ellipsoids = {}
        for modality, summaries in train.items():
            if min(len(summaries), len(validation[modality])) < _LEAST:
                continue
            fitted = LedoitWolf().fit(summaries.astype(np.float64))
            ellipsoid = _Ellipsoid(mean=fitted.location_, precision=fitted.precision_, bound=0.0)
            bound = float(np.quantile(ellipsoid.distance(validation[modality]), _QUANTILE))
            ellipsoids[modality] = _Ellipsoid(mean=ellipsoid.mean, precision=ellipsoid.precision, bound=bound)
        return cls(ellipsoids)

    def strange(self, summaries: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.bool_]]:
        """Per modality (N,) bool, True where a study lies outside; modalities without a reference are left out."""
        return {
            modality: ellipsoid.distance(summaries[modality]) > ellipsoid.bound
            for modality, ellipsoid in self.ellipsoids.items()
        }

    def save(self, path: Path) -> None:
        """Write as npz without pickles."""
        arrays = {
            f"{modality}_{name}": np.asarray(getattr(ellipsoid, name))
            for modality, ellipsoid in self.ellipsoids.items()
            for name in ("mean", "precision", "bound")
        }
        np.savez(path, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            modalities = sorted(name.removesuffix("_bound") for name in arrays if name.endswith("_bound"))
            return cls(
                {
                    modality: _Ellipsoid(
                        mean=arrays[f"{modality}_mean"],
                        precision=arrays[f"{modality}_precision"],
                        bound=float(arrays[f"{modality}_bound"]),
                    )
                    for modality in modalities
                }
            )
