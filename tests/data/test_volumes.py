import numpy as np
import pytest

from mediscan.config import DataConfig, VolumeReading
from mediscan.data.cache import CacheUse, PlaneCache
from mediscan.data.examples import read_example
from mediscan.data.planes import PlaneReader
from mediscan.data.volumes import FittedVolume, fit_volume, is_volume
from mediscan.manifest import Manifest
from mediscan.phantom import VolumeForm, make_volume_cases, write_volumes
from mediscan.sources.pixels import Pixels

WHOLE = DataConfig(volumes=VolumeReading.WHOLE, volume_size=32, volume_depth=16)


def volume(values):
    return Pixels(values=np.asarray(values, dtype=np.float32))


def ball(*, planes=40, height=60, width=48, at=(30, 20, 12)):
    grid = np.stack(np.meshgrid(*map(np.arange, (planes, height, width)), indexing="ij"), axis=-1)
    near = np.linalg.norm(grid - np.asarray(at), axis=-1) < 5
    return volume(np.where(near, 100.0, 0.0) + np.random.default_rng(0).normal(0, 1, near.shape))


def test_a_volume_is_standardised_in_its_box_and_empty_outside_it():
    fitted = fit_volume(ball(), size=32, depth=16)

    assert fitted.values.shape == (16, 32, 32)
    assert fitted.values.dtype == np.float16
    inside = fitted.values[:, :, 3:29].astype(np.float32)  # 48 of 60 columns
    assert abs(inside.mean()) < 0.01
    assert inside.std() == pytest.approx(1.0, abs=0.02)
    assert not fitted.values[:, :, :3].any()
    assert not fitted.values[:, :, 29:].any()


def test_what_is_found_in_the_box_lies_where_it_is_in_the_source():
    at = (30, 20, 12)
    fitted = fit_volume(ball(at=at), size=32, depth=16)
    found = fitted.to_source(fitted.values.astype(np.float32))

    assert found.shape == (40, 60, 48)
    peak = np.argwhere(found > 0.8 * found.max()).mean(axis=0)
    assert np.abs(peak - at).max() < 1.5


def test_averaging_keeps_the_mean_of_what_is_made_smaller():
    values = np.random.default_rng(1).random((32, 64, 64))
    fitted = fit_volume(volume(values * 100), size=32, depth=16)
    blocks = values.reshape(16, 2, 32, 2, 32, 2).mean(axis=(1, 3, 5))
    assert np.corrcoef(blocks.ravel(), fitted.values.ravel().astype(float))[0, 1] > 0.8


def test_a_few_planes_are_no_volume():
    assert not is_volume(volume(np.zeros((7, 8, 8))))
    assert is_volume(volume(np.zeros((8, 8, 8))))


def test_a_volume_comes_out_of_its_slices_as_it_was():
    fitted = fit_volume(ball(), size=32, depth=16)
    back = FittedVolume.of_slices(fitted.slices)
    assert np.array_equal(back.values, fitted.values)
    assert (back.planes, back.placement) == (fitted.planes, fitted.placement)


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("volumes")
    cases = make_volume_cases(4, seed=1)
    return Manifest.read(
        write_volumes(cases, folder, forms=(VolumeForm.DICOM_SERIES, VolumeForm.NIFTI), workers=1)
    ).studies()


def test_series_and_nifti_are_read_whole(studies):
    for study in studies:
        if study.images:
            example = read_example(study, WHOLE)
            assert example.planes == ()
            assert example.boxes.shape == (len(study.images), 16, 32, 32)
            assert example.availability.image


def test_the_cache_gives_a_volume_as_it_was_read(studies, tmp_path):
    study = next(study for study in studies if study.images)
    cache = PlaneCache(folder=tmp_path, max_bytes=1 << 26)
    ref, sha256 = study.images[0], study.images[0].meta.sha256
    use = CacheUse()
    made = PlaneReader(config=WHOLE, cache=cache, use=use).read(ref, sha256)
    cache.record(use)

    again = CacheUse()
    found = PlaneReader(config=WHOLE, cache=cache, use=again).read(ref, sha256)
    assert again.found
    assert not again.made
    assert np.array_equal(found.values, made.values)
    # Read by planes, it is another entry.
    assert isinstance(PlaneReader(config=DataConfig(), cache=cache).read(ref, sha256), tuple)
