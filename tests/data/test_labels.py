"""Labels of studies as a matrix."""

import numpy as np

from mediscan.data.labels import label_matrix
from mediscan.findings import FindingSet
from mediscan.study import Study


def test_a_study_of_a_class_that_is_not_asked_for_is_unknown_in_its_group():
    findings = FindingSet(("fracture", "etiology:a", "etiology:b"))
    studies = [
        Study(study_id="1", patient_id="1", labels={"fracture": 0, "etiology:a": 1, "etiology:b": 0, "etiology:c": 0}),
        Study(study_id="2", patient_id="2", labels={"fracture": 1, "etiology:a": 0, "etiology:b": 0, "etiology:c": 1}),
    ]

    labels = label_matrix(studies, findings)

    assert labels[0].tolist() == [0, 1, 0]
    assert labels[1, 0] == 1
    assert np.isnan(labels[1, 1:]).all()


def test_a_finding_that_is_not_labelled_is_unknown():
    labels = label_matrix([Study(study_id="1", patient_id="1")], FindingSet(("fracture",)))

    assert np.isnan(labels).all()
