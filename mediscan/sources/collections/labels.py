"""Labels as collections write them, made into present (1), absent (0) and unknown (-1)."""

import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediscan.errors import ManifestError

Labels = NDArray[np.int8]
"""(rows, findings): 1 present, 0 absent, -1 unknown."""

UNKNOWN = -1

CHEXPERT = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
"""The fourteen observations of the CheXpert labeller, which MIMIC-CXR and CheXpert Plus use as well.

Source: Irvin et al., CheXpert, AAAI 2019, table 1.
"""

FROM_REPORT = (
    "The labels were derived from the findings and impression of the same reports: a model that is fed these sections "
    "reads its answer. Leakage-safe sections are indication, history, exam and vitals."
)


def finding_name(label: str) -> str:
    """The name of a finding as a manifest has it: `Pleural Effusion` is `pleural_effusion`."""
    return re.sub(r"[\W_]+", "_", label.lower()).strip("_")


def ternary(columns: pd.DataFrame, *, file: str) -> Labels:
    """Labels written as 1 (present), 0 (absent), -1 (uncertain) or nothing (not mentioned).

    Uncertain and not mentioned are unknown, never absent.

    Args:
        columns: One column of text per finding.
        file: The table's name, for the message.

    Raises:
        ManifestError: A cell holds something else.
    """
    numbers = columns.apply(pd.to_numeric, errors="coerce")
    strange = (numbers.isna() & columns.notna()) | (numbers.notna() & ~numbers.isin((1, 0, -1)))
    if strange.to_numpy().any():
        name = strange.columns[strange.to_numpy().any(axis=0)][0]
        raise ManifestError(
            f"column {name!r} of {file} holds a label that is not 1, 0, -1 or empty",
            remedy="Download the table again from the collection.",
        )
    known: Labels = numbers.fillna(UNKNOWN).to_numpy(dtype=np.int8)
    return known


def listed(present: Sequence[Iterable[str] | None], *, findings: Sequence[str]) -> Labels:
    """Labels of records that list what is present; what a record does not list is absent.

    Args:
        present: The names of the findings of each record; None where nothing is known.
        findings: All names.
    """
    position = {name: index for index, name in enumerate(findings)}
    labels = np.zeros((len(present), len(findings)), dtype=np.int8)
    for row, names in enumerate(present):
        if names is None:
            labels[row] = UNKNOWN
        else:
            labels[row, [position[name] for name in names]] = 1
    return labels
