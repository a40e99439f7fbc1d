import numpy as np
import pytest

from mediscan.model.reference import Reference

WIDTH = 6


def draw(count, *, seed):
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(WIDTH, WIDTH))
    return (rng.normal(size=(count, WIDTH)) @ mixing + 3.0).astype(np.float32)


@pytest.fixture
def reference():
    return Reference.fit(
        {"image": draw(800, seed=0), "note": draw(800, seed=1)}, {"image": draw(600, seed=2), "note": draw(600, seed=3)}
    )


def test_studies_like_those_of_training_are_seldom_strange(reference):
    strange = reference.strange({"image": draw(2000, seed=4), "note": draw(2000, seed=5)})

    assert strange["image"].shape == (2000,)
    for modality in ("image", "note"):
        assert 0 < strange[modality].mean() < 0.02


def test_far_studies_are_strange_in_the_modality_that_is_far(reference):
    far = draw(50, seed=6) + 40.0
    strange = reference.strange({"image": far, "note": draw(50, seed=7)})

    assert strange["image"].all()
    assert strange["note"].mean() < 0.2


def test_distance_is_measured_in_the_spread_of_the_training_studies():
    narrow = np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32) * np.array([10.0, 0.1], dtype=np.float32)
    reference = Reference.fit({"image": narrow[:250]}, {"image": narrow[250:]})
    points = np.array([[10.0, 0.0], [0.0, 10.0]], dtype=np.float32)

    assert reference.strange({"image": points})["image"].tolist() == [False, True]


def test_a_modality_with_too_few_studies_is_not_judged():
    reference = Reference.fit(
        {"image": draw(100, seed=0), "note": draw(7, seed=1)}, {"image": draw(100, seed=2), "note": draw(90, seed=3)}
    )

    assert list(reference.strange({"image": draw(3, seed=4), "note": draw(3, seed=5)})) == ["image"]


def test_saving_and_loading_is_exact(reference, tmp_path):
    reference.save(tmp_path / "reference.npz")
    loaded = Reference.load(tmp_path / "reference.npz")

    assert sorted(loaded.ellipsoids) == ["image", "note"]
    for modality, before in reference.ellipsoids.items():
        after = loaded.ellipsoids[modality]
        assert np.array_equal(before.mean, after.mean)
        assert np.array_equal(before.precision, after.precision)
        assert before.bound == after.bound


def test_a_reference_that_holds_a_pickle_is_not_opened(tmp_path):
    pickled = np.array([{"code": "to run"}], dtype=object)
    np.savez(tmp_path / "reference.npz", image_mean=pickled, image_precision=pickled, image_bound=pickled)

    with pytest.raises(ValueError, match="allow_pickle=False"):
        Reference.load(tmp_path / "reference.npz")
