"""The loss of findings and class groups together; what is unknown does not count."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mediscan.config import ClassWeighting
from mediscan.findings import FindingSet

_HEAVIEST = 20.0
"""Bound on a class's weight: a handful of cases must not steer the whole training."""

_EXPONENT = {ClassWeighting.NONE: 0.0, ClassWeighting.SQRT: 0.5, ClassWeighting.BALANCED: 1.0}


class DiagnosisLoss:
    """Binary cross-entropy of single findings and cross-entropy of class groups, averaged over what is known.

    Args:
        findings: The findings, in the order of the logits.
        labels: (N, F) training labels, NaN where unknown; they set the class weights.
        weighting: How strongly rare classes are lifted.
        smoothing: Label smoothing in [0, 0.5).
    """

    def __init__(
        self,
        findings: FindingSet,
        labels: NDArray[np.float32],
        *,
        weighting: ClassWeighting = ClassWeighting.NONE,
        smoothing: float = 0.0,
    ) -> None:
        self._independent = list(findings.independent)
        self._groups = [list(members) for members in findings.groups.values()]
        self._smoothing = smoothing
        exponent = _EXPONENT[weighting]
        positive = np.nansum(labels, axis=0)
        known = np.sum(~np.isnan(labels), axis=0)
        ratio = (known - positive) / np.maximum(positive, 1.0)
        self._positive_weight = torch.tensor(
            np.clip(ratio[self._independent] ** exponent, 1 / _HEAVIEST, _HEAVIEST), dtype=torch.float32
        )
        self._group_weights = [self._balance(positive[members], exponent) for members in self._groups]

    @staticmethod
    def _balance(counts: NDArray[np.float32], exponent: float) -> Tensor:
        weights = np.clip((counts.mean() / np.maximum(counts, 1.0)) ** exponent, 1 / _HEAVIEST, _HEAVIEST)
        return torch.tensor(weights, dtype=torch.float32)

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Mean loss.

        Args:
            logits: (B, F).
            labels: (B, F), NaN where unknown.
        """
        # A batch without any known label teaches nothing, and must not turn into NaN.
        return self.total(logits, labels) / max(self.count(labels), 1)

    def total(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Sum of the losses of what is known; arguments as above."""
        total = logits.sum() * 0.0  # so that there is always something to differentiate
        if self._independent:
            total = total + self._findings_loss(logits[:, self._independent], labels[:, self._independent])
        for members, weights in zip(self._groups, self._group_weights, strict=True):
            total = total + self._group_loss(logits[:, members], labels[:, members], weights)
        return total

    def count(self, labels: Tensor) -> int:
        """How many losses such a sum has: known findings, and class groups of which all members are known."""
        known = ~labels.isnan()
        groups = [known[:, members].all(dim=1).sum() for members in self._groups]
        return int(known[:, self._independent].sum() + sum(groups))

    def _findings_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        known = ~labels.isnan()
        target = labels.nan_to_num() * (1 - 2 * self._smoothing) + self._smoothing
        losses = functional.binary_cross_entropy_with_logits(
            logits, target, pos_weight=self._positive_weight.to(logits.device), reduction="none"
        )
        return losses[known].sum()

    def _group_loss(self, logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
        known = ~labels.isnan().any(dim=1)
        losses = functional.cross_entropy(
            logits[known],
            labels[known].argmax(dim=1),
            weight=weights.to(logits.device),
            label_smoothing=self._smoothing,
            reduction="none",
        )
        return losses.sum()
