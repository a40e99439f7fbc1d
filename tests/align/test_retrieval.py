import numpy as np
import pytest

from mediscan.align.retrieval import measure_retrieval, recall
from mediscan.errors import ManifestError


def patients(count):
    return [f"P{number}" for number in range(count)]


def test_perfect_similarities_find_every_partner():
    measured = measure_retrieval(
        np.eye(120, dtype=np.float32), np.eye(120, dtype=bool), patients=patients(120), draws=50
    )
    assert measured["candidates"] == 100
    for way in ("image_to_note", "note_to_image"):
        assert measured[way]["recall@1"] == 1.0
        assert measured[way]["median_rank"] == 1.0
        assert measured[way]["recall@1_ci"] == (1.0, 1.0)


def test_recall_equals_that_of_many_random_draws():
    rng = np.random.default_rng(0)
    similarities = (np.eye(60) * 1.5 + rng.normal(size=(60, 60))).astype(np.float32)
    drawn = []
    for _ in range(4000):
        query = int(rng.integers(60))
        others = rng.choice(np.delete(np.arange(60), query), size=19, replace=False)
        drawn.append((similarities[query, others] >= similarities[query, query]).sum() < 5)
    assert recall(similarities, np.eye(60, dtype=bool), at=5, candidates=20) == pytest.approx(np.mean(drawn), abs=0.03)


def test_the_two_ways_are_told_apart():
    similarities = np.eye(10, dtype=np.float32)
    similarities[:, 0] = 2.0  # note 0 is every image's favourite, and note 0 itself is in doubt
    measured = measure_retrieval(similarities, np.eye(10, dtype=bool), patients=patients(10), draws=50)
    assert measured["image_to_note"]["recall@1"] == pytest.approx(0.1)
    assert measured["note_to_image"]["recall@1"] == pytest.approx(0.9)


def test_equal_scores_count_against_the_partner():
    assert recall(np.zeros((10, 10), dtype=np.float32), np.eye(10, dtype=bool), at=1, candidates=10) == 0.0


def test_notes_that_say_the_same_are_neither_right_nor_wrong():
    similarities = np.eye(4, dtype=np.float32)
    similarities[0, 1] = 5.0
    same = np.eye(4, dtype=bool)
    assert recall(similarities, same, at=1, candidates=4) == 0.75
    same[0, 1] = same[1, 0] = True
    assert recall(similarities, same, at=1, candidates=4) == 1.0


def test_one_study_is_too_few():
    with pytest.raises(ManifestError, match="1 studies have an image and a note; retrieval needs two"):
        measure_retrieval(np.eye(1, dtype=np.float32), np.eye(1, dtype=bool), patients=["P"])
