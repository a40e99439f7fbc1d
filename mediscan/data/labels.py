"""Labels of studies as a matrix."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mediscan.findings import FindingSet
from mediscan.study import Study


def label_matrix(studies: Sequence[Study], findings: FindingSet) -> NDArray[np.float32]:
    """(N, F) float32: 1 present, 0 absent, NaN unknown."""
    rows = [[study.labels.get(name, np.nan) for name in findings.names] for study in studies]
    labels = np.asarray(rows, dtype=np.float32).reshape(len(studies), len(findings))
    # Where a group's one true member is not among the findings, nothing is known of those that are.
    for members in map(list, findings.groups.values()):
        labels[np.ix_(~(labels[:, members] == 1).any(axis=1), members)] = np.nan
    return labels
