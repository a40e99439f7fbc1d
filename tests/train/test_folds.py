from collections import Counter

import numpy as np
import pytest

from mediscan.errors import ConfigError
from mediscan.study import Split, Study
from mediscan.train.folds import folds


def make_studies(count=300, *, seed=0, test=20):
    """Studies of patients with one to four each, a rare finding in 5 %, a common one, and a group; some unknown."""
    rng = np.random.default_rng(seed)
    studies = []
    patient = 0
    while len(studies) < count:
        patient += 1
        for _ in range(int(rng.integers(1, 5))):
            labels = {"rare": int(rng.random() < 0.05), "common": int(rng.random() < 0.5)}
            if rng.random() < 0.3:
                del labels["common"]
            kind = rng.integers(3)
            labels |= {f"kind:{name}": int(kind == place) for place, name in enumerate("abc")}
            split = Split.TEST if patient <= test else [Split.TRAIN, Split.VAL, None][patient % 3]
            studies.append(Study(study_id=f"S{len(studies)}", patient_id=f"P{patient}", split=split, labels=labels))
    return studies


@pytest.mark.parametrize("k", [2, 5, 10])
def test_each_study_is_validated_on_once_and_test_is_left_alone(k):
    studies = make_studies()
    runs = folds(studies, k, 0)

    assert len(runs) == k
    for study in studies:
        given = Counter(run[study.study_id] for run in runs)
        assert given == ({Split.TEST: k} if study.split is Split.TEST else {Split.VAL: 1, Split.TRAIN: k - 1})


def test_no_patient_is_on_both_sides_of_a_fold():
    studies = make_studies()

    for run in folds(studies, 5, 0):
        sides = {(study.patient_id, run[study.study_id]) for study in studies}
        assert len(sides) == len({study.patient_id for study in studies})


@pytest.mark.parametrize("seed", range(5))
def test_every_fold_has_its_share_of_studies_and_of_every_finding(seed):
    studies = make_studies(seed=seed)
    free = [study for study in studies if study.split is not Split.TEST]
    for name in ("rare", "common", "kind:a", "kind:b", "kind:c"):
        share = sum(study.labels.get(name) == 1 for study in free) / 5
        for run in folds(studies, 5, seed):
            validated = [study for study in free if run[study.study_id] is Split.VAL]
            assert abs(sum(study.labels.get(name) == 1 for study in validated) - share) <= max(2.0, 0.15 * share)
            assert abs(len(validated) - len(free) / 5) <= 4


def test_the_order_of_the_studies_does_not_matter_and_the_seed_does():
    studies = make_studies()
    once = folds(studies, 5, 0)

    assert folds(studies[::-1], 5, 0) == once
    assert folds(studies, 5, 1) != once


def test_labels_are_not_needed():
    studies = [Study(study_id=f"S{number}", patient_id=f"P{number}") for number in range(10)]
    runs = folds(studies, 5, 0)

    assert [sum(split is Split.VAL for split in run.values()) for run in runs] == [2] * 5


@pytest.mark.parametrize("k", [0, 1, 11])
def test_folds_that_cannot_be_made_are_refused(k):
    studies = [Study(study_id=f"S{number}", patient_id=f"P{number // 2}") for number in range(20)]

    with pytest.raises(ConfigError, match=rf"10 patients outside split 'test' cannot be dealt into {k} folds\. Choose"):
        folds(studies, k, 0)
