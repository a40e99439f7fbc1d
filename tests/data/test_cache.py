import multiprocessing
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mediscan.config import DataConfig
from mediscan.data.cache import PLACE, CacheUse, PlaneCache, Verify, cache_folder, open_cache
from mediscan.data.cache_entries import entry_name, pack, unpack
from mediscan.data.cache_store import EntryStore, open_store
from mediscan.data.examples import ExampleReader
from mediscan.data.images import FittedPlane, Placement
from mediscan.diagnosis import Refusal
from mediscan.errors import Code, ConfigError
from mediscan.sources.reading import file_sha256
from mediscan.study import ImageMeta, ImageRef

CONFIG = DataConfig(image_size=32)
SIZE = 64
MIB = 1 << 20


def fitted(*, seed=0, plane=0, size=SIZE):
    values = np.random.default_rng(seed).normal(size=(size, size)).astype(np.float16)
    return FittedPlane(values=values, plane=plane, placement=Placement(height=300 + seed, width=200, size=size))


def numbered(number):
    return entry_name(f"{number:064x}", size=SIZE, planes=1)


def made(numbers):
    return CacheUse(made={numbered(number): (fitted(seed=number),) for number in numbers})


def same(found, wanted):
    return (
        found is not None
        and [(one.plane, one.placement) for one in found] == [(one.plane, one.placement) for one in wanted]
        and all(
            one.values.dtype == other.values.dtype and np.array_equal(one.values, other.values)
            for one, other in zip(found, wanted, strict=True)
        )
    )


def kept(cache, numbers):
    return [number for number in numbers if cache.get(numbered(number), size=SIZE)]


@pytest.fixture
def cache(tmp_path):
    return PlaneCache(folder=tmp_path / "cache", max_bytes=16 * MIB)


@pytest.fixture
def read():
    """Reads studies through a cache, as a run does."""

    def read(studies, cache, *, workers=0, config=CONFIG):
        with ExampleReader(config, workers=workers, cache=cache) as reader:
            return list(reader.read(studies))

    return read


@pytest.fixture
def make_hashed(make_study):
    """A builder of studies whose images' hashes are known, as from a manifest."""

    def build(study_id="S1", **kwargs):
        study = make_study(study_id, **kwargs)
        images = (ImageRef(path=ref.path, meta=ImageMeta(sha256=file_sha256(ref.path))) for ref in study.images)
        return replace(study, images=tuple(images))

    return build


# --- what readers see


def test_what_comes_out_of_the_cache_is_what_was_decoded_to_the_last_bit(cache, read, make_hashed):
    studies = [make_hashed(f"S{number}", images=2, seed=10 * number) for number in range(3)]
    without, first, second = read(studies, None), read(studies, cache), read(studies, cache)
    for plain, cold, warm in zip(without, first, second, strict=True):
        assert plain.input_sha256 == cold.input_sha256 == warm.input_sha256
        assert [plane.image for plane in plain.planes] == [plane.image for plane in warm.planes]
        for entry in (cold, warm):
            assert same([p.fitted for p in entry.planes], [p.fitted for p in plain.planes])


def test_a_second_epoch_opens_no_source_file(cache, read, make_hashed):
    cache = replace(cache, verify=Verify.NEVER)
    study = make_hashed(images=2)
    (first,) = read([study], cache)
    for ref in study.images:
        Path(ref.path).unlink()
    (second,) = read([study], cache)
    np.testing.assert_array_equal(first.stack, second.stack)


def test_worker_processes_find_what_this_one_wrote_and_this_one_writes_what_they_decoded(cache, read, make_hashed):
    cache = replace(cache, verify=Verify.NEVER)
    studies = [make_hashed(f"S{number}", seed=number) for number in range(4)]
    first = read(studies[:2], cache) + read(studies[2:], cache, workers=2)
    for study in studies:
        Path(study.images[0].path).unlink()
    for again in (read(studies, cache), read(studies, cache, workers=2)):
        assert all(np.array_equal(one.stack, other.stack) for one, other in zip(first, again, strict=True))


def test_scoring_refuses_a_file_that_is_gone_though_the_cache_has_its_planes(cache, read, make_hashed):
    study = make_hashed()
    read([study], cache)
    Path(study.images[0].path).unlink()
    (entry,) = read([study], cache)
    assert isinstance(entry, Refusal)
    assert entry.code is Code.FILE_NOT_FOUND


def test_scoring_refuses_an_altered_file_though_the_cache_has_its_planes(cache, read, make_hashed, make_png):
    study = make_hashed()
    read([study], cache)
    shutil.copy(make_png("other.png", seed=99), study.images[0].path)
    (entry,) = read([study], cache)
    assert isinstance(entry, Refusal)
    assert entry.code is Code.HASH_MISMATCH


def test_an_image_whose_hash_nobody_stated_is_known_by_its_content(cache, read, make_study, make_png):
    cache = replace(cache, verify=Verify.NEVER)
    study = make_study()
    (before,) = read([study], cache)
    shutil.copy(make_png("other.png", seed=99), study.images[0].path)
    (after,) = read([study], cache)
    assert not np.array_equal(before.stack, after.stack)


def test_a_refused_image_is_not_cached_and_is_refused_again(cache, read, make_study, tmp_path):
    blank = tmp_path / "blank.png"
    Image.fromarray(np.full((40, 32), 7, dtype=np.uint8)).save(blank)
    study = replace(make_study(), images=(ImageRef(path=str(blank)),))
    for _ in range(2):
        (entry,) = read([study], cache)
        assert entry.code is Code.CONSTANT_IMAGE
    assert cache.get(entry_name(file_sha256(blank), size=32, planes=3), size=32) is None


def test_what_was_read_before_the_caller_stopped_is_kept(cache, make_hashed):
    cache = replace(cache, verify=Verify.NEVER)
    studies = [make_hashed(f"S{number}", seed=number) for number in range(3)]
    with ExampleReader(CONFIG, cache=cache) as reader:
        entries = reader.read(studies)
        next(entries)
        entries.close()
    name = entry_name(studies[0].images[0].meta.sha256, size=32, planes=3)
    assert cache.get(name, size=32) is not None


# --- names and contents of entries


def test_planes_come_back_as_they_were_packed():
    planes = (fitted(seed=1, plane=3), fitted(seed=2, plane=70_000))
    assert same(unpack(pack(planes, name=b"name"), name=b"name", size=SIZE), planes)


def test_everything_that_planes_depend_on_is_in_their_name(monkeypatch):
    def names():
        entry_name.__globals__["_made_by"].cache_clear()
        return entry_name("ab" * 32, size=64, planes=3)

    before = names()
    assert entry_name("AB" * 32, size=64, planes=3) == before
    others = {
        entry_name("ac" * 32, size=64, planes=3),
        entry_name("ab" * 32, size=65, planes=3),
        entry_name("ab" * 32, size=64, planes=4),
    }
    for name, value in (
        ("PREPROCESSING_VERSION", 0),
        ("__version__", "another"),
        ("_version", lambda _: "another"),
        ("_code_sha256", lambda: "another"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(f"mediscan.data.cache_entries.{name}", value)
            others.add(names())
    assert len(others) == 7
    assert before not in others
    assert names() == before


@pytest.mark.parametrize("place", [0, 15, 16, 20, 28, 1000, -1])
def test_one_flipped_bit_anywhere_makes_an_entry_none(place):
    entry = bytearray(pack([fitted()], name=b"name"))
    entry[place] ^= 1
    assert unpack(bytes(entry), name=b"name", size=SIZE) is None


def test_an_entry_of_another_name_or_size_or_cut_short_or_empty_is_none():
    entry = pack([fitted()], name=b"name")
    assert unpack(entry, name=b"name", size=SIZE)
    assert unpack(entry, name=b"other", size=SIZE) is None
    assert unpack(entry, name=b"name", size=32) is None
    assert unpack(entry[:-1], name=b"name", size=SIZE) is None
    assert unpack(pack([], name=b"name"), name=b"name", size=SIZE) is None
    assert unpack(b"", name=b"name", size=SIZE) is None


def test_a_damaged_entry_is_made_anew(cache, read, make_hashed):
    study = make_hashed()
    (wanted,) = read([study], cache)
    name = entry_name(study.images[0].meta.sha256, size=32, planes=3)
    store = open_store(cache.folder, cache.max_bytes)
    whole = store.get(name)
    store.commit({name: whole[:50] + b"\xff" + whole[51:]}, used=(), keep_since=0)
    assert cache.get(name, size=32) is None
    (again,) = read([study], cache)
    np.testing.assert_array_equal(again.stack, wanted.stack)
    assert store.get(name) == whole


# --- size


def test_the_files_never_grow_beyond_the_bound(tmp_path):
    cache = PlaneCache(folder=tmp_path / "cache", max_bytes=4 * MIB, began_at=int(time.time()) + 10_000)
    for start in range(0, 2000, 50):  # 16 MiB in all
        cache.record(made(range(start, start + 50)))
    assert (cache.folder / "data.mdb").stat().st_size <= 4 * MIB
    there = kept(cache, range(2000))
    assert len(there) > 200
    assert there[-1] == 1999


def test_what_was_used_longest_ago_is_evicted_first(tmp_path, monkeypatch):
    folder, clock = tmp_path / "cache", 1_000_000
    monkeypatch.setattr(time, "time", lambda: float(clock))

    def run(*uses):
        nonlocal clock
        clock += 10_000  # each run begins hours after the one before
        cache = PlaneCache(folder=folder, max_bytes=4 * MIB)
        for use in uses:
            cache.record(use)

    run(made(range(100)))
    run(made(range(100, 200)))
    run(CacheUse(found=[numbered(number) for number in range(50)]))
    run(*(made(range(start, start + 10)) for start in range(200, 350, 10)))
    there = set(kept(PlaneCache(folder=folder, max_bytes=4 * MIB), range(400)))
    assert there >= {*range(50), *range(200, 350)}
    assert not there & set(range(50, 100))
    assert there & set(range(100, 200))  # no more than was needed


def test_a_run_does_not_push_out_what_it_has_used_itself(tmp_path):
    # Else a data set larger than the cache would never be found in it, however often it is read.
    cache = PlaneCache(folder=tmp_path / "cache", max_bytes=4 * MIB)
    for start in range(0, 1000, 50):
        cache.record(made(range(start, start + 50)))
    assert kept(cache, range(200)) == list(range(200))
    assert not kept(cache, range(900, 1000))


def test_more_than_fits_at_once_is_left_out(tmp_path):
    cache = PlaneCache(folder=tmp_path / "cache", max_bytes=4 * MIB)
    cache.record(made(range(3)))
    cache.record(made(range(10, 1000)))
    assert kept(cache, range(1000)) == [0, 1, 2]


# --- several processes, and their end


def _write_and_read(cache, numbers):
    for number in numbers:
        cache.record(made([number]))
        if not same(cache.get(numbered(number), size=SIZE), (fitted(seed=number),)):
            return False
    return True


def test_processes_read_and_write_at_once(cache):
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        done = [pool.submit(_write_and_read, cache, range(start, start + 40)) for start in (0, 10, 20, 30)]
        assert all(one.result() for one in done)
    assert all(same(cache.get(numbered(number), size=SIZE), (fitted(seed=number),)) for number in range(70))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_opens_the_files_for_itself(cache):
    cache.record(made(range(5)))
    fork = multiprocessing.get_context("fork").Pool(1)
    with fork as pool:
        assert pool.apply(_write_and_read, (cache, range(3, 9)))
    cache.record(made([9]))
    assert kept(cache, range(10)) == list(range(10))


def test_a_process_given_a_larger_bound_does_not_shut_the_others_out(cache):
    small, large = replace(cache, max_bytes=4 * MIB), replace(cache, max_bytes=32 * MIB)
    small.record(made(range(10)))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(large.record, made(range(10, 1000))).result()
    assert kept(small, range(1000)) == list(range(1000))
    small.record(made(range(1000, 1010)))
    assert not kept(small, range(1000, 1010))


_ENDLESS = """
import sys
from pathlib import Path
from test_cache import MIB, PlaneCache, made
cache = PlaneCache(folder=Path(sys.argv[1]), max_bytes=16 * MIB)
for start in range(0, 100_000, 20):
    cache.record(made(range(start, start + 20)))
    print(start, flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")
@pytest.mark.parametrize("pause", [0.0, 0.003, 0.011])
def test_a_killed_writer_leaves_whole_entries_and_an_open_door(cache, pause):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    with subprocess.Popen(
        [sys.executable, "-c", _ENDLESS, str(cache.folder)], stdout=subprocess.PIPE, env=environment
    ) as writer:
        for _ in range(5):
            assert writer.stdout.readline()
        time.sleep(pause)
        writer.send_signal(signal.SIGKILL)
    there = kept(cache, range(1000))
    assert len(there) >= 100
    assert len(there) % 20 == 0  # commits are whole
    assert all(same(cache.get(numbered(number), size=SIZE), (fitted(seed=number),)) for number in there)
    cache.record(made([5000]))
    assert kept(cache, [5000]) == [5000]


def test_files_that_are_none_of_lmdbs_are_made_anew(cache):
    cache.folder.mkdir()
    (cache.folder / "data.mdb").write_bytes(b"no database " * 1000)
    cache.record(made([1]))
    assert kept(cache, [1]) == [1]


def test_a_file_that_was_cut_short_is_made_anew_and_not_read_past_its_end(cache, tmp_path):
    cache.record(made(range(100)))
    cut = tmp_path / "cut"
    cut.mkdir()
    content = (cache.folder / "data.mdb").read_bytes()
    (cut / "data.mdb").write_bytes(content[: len(content) // 2])
    shortened = replace(cache, folder=cut)
    assert kept(shortened, range(100)) == []
    shortened.record(made([1]))
    assert kept(shortened, [1]) == [1]


# --- place and privacy


def test_the_files_are_closed_to_everybody_else(cache):
    cache.folder.mkdir(mode=0o755)
    cache.record(made([1]))
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    for file in cache.folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_files_name_no_patient_and_no_path(cache, read, make_hashed):
    study = replace(make_hashed("CANARY-STUDY"), patient_id="CANARY-PATIENT")
    read([study], cache)
    for file in cache.folder.iterdir():
        content = file.read_bytes()
        assert b"CANARY" not in content
        assert study.images[0].meta.sha256.encode() not in content


def test_the_cache_lies_where_the_user_says_and_else_in_no_shared_folder(monkeypatch, tmp_path):
    monkeypatch.setenv(PLACE, str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv(PLACE)
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert not cache_folder().is_relative_to(tempfile.gettempdir())
    assert cache_folder().is_relative_to("/home/somebody")


def test_a_cache_of_no_size_is_none():
    assert open_cache(0.0, verify=Verify.NEVER) is None


def test_a_named_place_that_cannot_be_used_is_refused(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv(PLACE, str(tmp_path / "file"))
    with pytest.raises(ConfigError, match=r"MEDISCAN_CACHE names .*file, where no cache can be kept"):
        open_cache(1.0, verify=Verify.NEVER)


def test_a_user_without_a_usable_cache_folder_goes_without(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.delenv(PLACE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    if sys.platform != "linux":
        pytest.skip("the default place follows XDG_CACHE_HOME on Linux")
    assert open_cache(1.0, verify=Verify.NEVER) is None


def test_a_cache_that_breaks_under_a_run_costs_nothing_but_time(cache, read, make_hashed, tmp_path):
    (tmp_path / "file").touch()
    broken = replace(cache, folder=tmp_path / "file" / "cache")
    (entry,) = read([make_hashed()], broken)
    assert len(entry.stack) == 1


def test_a_store_counts_only_what_it_holds(tmp_path):
    store = EntryStore(tmp_path / "store", 16 * MIB)
    empty = store.bytes_used
    store.commit({bytes([number]) * 32: bytes(MIB) for number in range(4)}, used=(), keep_since=0)
    full = store.bytes_used
    assert 4 * MIB < full - empty < 4.1 * MIB
