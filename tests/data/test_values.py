import numpy as np

from mediscan.data.values import value_matrix
from mediscan.study import Sex, Study


def study(**facts):
    return Study(study_id="S", patient_id="P", **facts)


def test_age_sex_and_other_values_are_numbers_and_what_is_unknown_is_nan():
    studies = [
        study(age_years=61.5, sex=Sex.MALE, values={"crp": 12.0}),
        study(sex=Sex.FEMALE),
        study(age_years=3.0, sex=Sex.OTHER, values={"crp": 0.0}),
    ]
    values = value_matrix(studies, ("age_years", "sex", "crp"))

    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, [[61.5, 1, 12], [np.nan, 0, np.nan], [3, np.nan, 0]])


def test_without_names_there_are_no_values():
    assert value_matrix([study(age_years=4.0)] * 3, ()).shape == (3, 0)
