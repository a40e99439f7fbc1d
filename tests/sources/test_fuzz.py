"""The benchmark's broken files, a few hundred of them: read or refused, soon, in little memory, and nothing else."""

import os
import time
from collections import Counter

import pytest

from benchmarks import fuzz
from benchmarks.bombs import BOMBS
from benchmarks.mutations import MUTATIONS
from benchmarks.other_files import OTHER_FILES

MIB = 1 << 20


def numbers(kinds, *, each):
    """Numbers of broken files, so many of each kind."""
    left = Counter(dict.fromkeys(kinds, each))
    number = 0
    while left.total():
        kind = fuzz.kind_of(number)
        if left[kind]:
            left[kind] -= 1
            yield number
        number += 1


def require_kept(readings, *, most_mib):
    """What the benchmark promises, of each reading."""
    assert [one for one in readings if one.outcome.startswith("!")] == []
    assert [one for one in readings if one.own_seconds > fuzz.MOST_SECONDS] == []
    assert max(one.peak_bytes for one in readings) < most_mib * MIB


def outcomes(readings):
    return {one.outcome for one in readings}


def test_spoilt_dicom_files_are_read_or_refused():
    readings = list(fuzz.supervised(fuzz.read_dicom_number, numbers(MUTATIONS, each=100)))
    assert len(readings) == 2 * 100 * len(MUTATIONS)
    require_kept(readings, most_mib=600)
    assert {"read", "refused: pixel_data", "refused: file_unreadable", "refused: not_dicom"} <= outcomes(readings)


def test_bombs_are_read_or_refused_within_bounds():
    readings = list(fuzz.supervised(fuzz.read_dicom_number, numbers(BOMBS, each=3)))
    assert len(readings) == 2 * 3 * len(BOMBS)
    require_kept(readings, most_mib=800)
    assert {"read", "refused: pixel_data", "refused: file_too_large"} <= outcomes(readings)


def test_other_broken_files_folders_and_archives_are_read_or_refused():
    readings = list(fuzz.supervised(fuzz.read_other_number, range(10 * len(OTHER_FILES))))
    require_kept(readings, most_mib=1200)
    assert {"read", "refused: pixel_data", "refused: file_unreadable", "refused: file_too_large"} <= outcomes(readings)


def hangs_once(number, folder):
    if number == 1:
        time.sleep(600)
    yield fuzz.Reading(kind="kind", number=number, outcome="read")


def crashes_once(number, folder):
    if number == 1:
        os.abort()
    yield fuzz.Reading(kind="kind", number=number, outcome="read")


@pytest.mark.parametrize(
    ("reader", "seconds", "outcome"), [(hangs_once, 3.0, "! hang"), (crashes_once, 60.0, "! the process ended")]
)
def test_a_file_that_hangs_or_ends_the_process_is_noticed_and_the_next_is_read(reader, seconds, outcome):
    found = {one.number: one.outcome for one in fuzz.supervised(reader, range(3), hang_seconds=seconds)}
    assert found == {0: "read", 1: outcome, 2: "read"}


def test_a_number_names_the_same_file_for_good():
    first = [fuzz.broken_dicom(number) for number in range(11)]
    assert first == [fuzz.broken_dicom(number) for number in range(11)]
