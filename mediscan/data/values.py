"""The structured values of a study as numbers: age, sex, and whatever else its manifest has columns for."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mediscan.study import Sex, Study


def _age_years(study: Study) -> float | None:
    return study.age_years


def _sex(study: Study) -> float | None:
    return {Sex.FEMALE: 0.0, Sex.MALE: 1.0}.get(study.sex) if study.sex else None


_NAMED: Mapping[str, Callable[[Study], float | None]] = {"age_years": _age_years, "sex": _sex}


def value_matrix(studies: Sequence[Study], names: Sequence[str]) -> NDArray[np.float32]:
    """The values of studies: (N, K) float32, NaN where unknown.

    Args:
        studies: N studies.
        names: `age_years` (years), `sex` (0 female, 1 male; other sexes count as unknown), or the name of a
            `value_<name>` column, in its own unit.
    """
    values = np.full((len(studies), len(names)), np.nan, dtype=np.float32)
    for column, name in enumerate(names):
        read = _NAMED.get(name)
        for row, study in enumerate(studies):
            value = read(study) if read else study.values.get(name)
            if value is not None:
                values[row, column] = value
    return values
