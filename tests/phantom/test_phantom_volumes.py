"""CT volumes: what is drawn where, in which file form, and what it has to do with the note."""

import json
import warnings
from dataclasses import replace
from hashlib import sha256
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pydicom
import pytest

from mediscan.errors import ConfigError
from mediscan.manifest import Manifest
from mediscan.phantom import (
    VOLUME_RULES,
    Context,
    VolumeForm,
    VolumeOptions,
    VolumePattern,
    make_volume_cases,
    write_volumes,
)
from mediscan.phantom.ct.files import dicom_series
from mediscan.phantom.ct.scan import Grid
from mediscan.phantom.rules import Side, Zone
from mediscan.sources.reading import file_sha256, read_image
from mediscan.study import Split

SMALL = VolumeOptions(size=64, planes=32)


@pytest.fixture(scope="module")
def cases():
    return make_volume_cases(40, seed=9, options=SMALL)


@pytest.fixture(scope="module")
def many():
    return make_volume_cases(1500, seed=11)


@pytest.fixture(scope="module")
def manifests(cases, tmp_path_factory):
    """The same studies, once all as DICOM series and once all as NIfTI."""
    return {
        form: write_volumes(cases[:8], tmp_path_factory.mktemp(form.value), forms=(form,), workers=1)
        for form in VolumeForm
    }


def test_the_same_seed_gives_the_same_cases_and_voxels_however_many_follow(cases):
    again = make_volume_cases(4, seed=9, options=SMALL)
    assert [replace(case, split=Split.TRAIN) for case in again] == [
        replace(case, split=Split.TRAIN) for case in cases[:4]
    ]
    assert np.array_equal(again[0].draw().values, cases[0].draw().values)
    assert again[0].draw().regions == cases[0].draw().regions


def test_another_seed_gives_another_chest():
    ours, theirs = (make_volume_cases(1, seed=seed, options=SMALL)[0] for seed in (1, 2))
    assert ours.chest != theirs.chest


def test_the_two_studies_of_a_patient_share_the_chest_but_not_the_noise():
    cases = make_volume_cases(2, seed=9, options=replace(SMALL, second_study_rate=1, pattern_rate=0))
    assert cases[0].patient_id == cases[1].patient_id
    assert cases[0].chest == cases[1].chest
    assert cases[0].seed != cases[1].seed


def test_patterns_contexts_age_and_sex_are_independent_of_each_other(many):
    facts = np.array(
        [
            [p in case.patterns for p in VolumePattern]
            + [c in case.contexts for c in Context]
            + [case.age_years, case.sex == "M"]
            for case in many
        ],
        dtype=float,
    )
    assert np.all(np.abs(facts[:, :8].mean(axis=0) - 0.5) < 0.06)
    linked = np.corrcoef(facts.T)
    assert max(abs(linked[i, j]) for i, j in combinations(range(facts.shape[1]), 2)) < 0.1


def test_labels_that_leaned_on_the_note_alone_would_be_noticed(many):
    """A finding correlates with its pattern and its context, far beyond the bound above."""
    found = np.array([case.truth["pneumonia"] for case in many])
    for fact in (
        [VolumePattern.CONSOLIDATION in case.patterns for case in many],
        [Context.INFECTION in case.contexts for case in many],
    ):
        assert np.corrcoef(found, fact)[0, 1] > 0.4


@pytest.mark.parametrize("name", list(VOLUME_RULES))
def test_a_finding_holds_exactly_where_pattern_and_context_meet(many, name):
    rule = VOLUME_RULES[name]
    for case in many:
        wanted = rule.pattern in case.patterns and (rule.context is None or rule.context in case.contexts)
        assert case.labels[name] == int(wanted)


@pytest.mark.parametrize("pattern", list(VolumePattern))
def test_a_lesion_changes_the_voxels_in_its_boxes_and_nothing_else(cases, pattern):
    expected = {
        VolumePattern.NODULES: (500, 1000),
        VolumePattern.CONSOLIDATION: (500, 1000),
        VolumePattern.EFFUSION: (500, 1000),
        VolumePattern.EMBOLUS: (-390, -190),
    }
    found = 0
    for case in cases:
        if pattern not in case.patterns:
            continue
        found += 1
        only = replace(case, lesions=tuple(x for x in case.lesions if x.pattern is pattern))
        drawn = only.draw()
        change = drawn.values.astype(int) - replace(case, lesions=()).draw().values
        assert len(drawn.regions) == len(only.lesions)
        inside = np.zeros(change.shape, dtype=bool)
        for region in drawn.regions:
            box = tuple(slice(first, after) for first, after in zip(region.box[:3], region.box[3:], strict=True))
            core = change[box]
            inside[box] = True
            strong = core[np.abs(core) > 0.5 * np.abs(core).max()]
            low, high = expected[pattern]
            assert low < np.median(strong) < high
            # Every face of the box touches the lesion.
            solid = np.abs(core) > 0.1 * np.abs(core).max()
            for axis in range(3):
                others = tuple(other for other in range(3) if other != axis)
                assert solid.any(axis=others)[[0, -1]].all()
        assert np.abs(change[inside]).sum() > 0.75 * np.abs(change).sum()
    assert found > 8


def test_boxes_in_millimetres_are_those_in_voxels_brought_into_the_patient(cases):
    for case in cases[:10]:
        affine = case.scan.affine
        for region in case.draw().regions:
            first, after = np.array(region.box[:3]), np.array(region.box[3:])
            middle = affine @ [*((first + after - 1) / 2), 1]
            low, high = np.array(region.box_mm)
            assert np.allclose((low + high) / 2, middle[:3], atol=0.02)
            size = (high - low)[[2, 1, 0]]  # z, y, x belong to planes, rows, columns
            step = np.array([case.scan.gap_mm, case.scan.pixel_mm, case.scan.pixel_mm])
            assert np.allclose(size, (after - first) * step, atol=0.03)


def test_left_lesions_lie_on_the_images_right_and_upper_ones_above_lower_ones(many):
    heights = {zone: [] for zone in Zone}
    for case in many[:60]:
        middle = case.scan.turn @ np.zeros(3) + case.scan.shift_mm
        for region in case.draw().regions:
            column = (region.box[2] + region.box[5] - 1) / 2 * case.scan.pixel_mm + case.scan.origin_mm[0]
            assert (column > middle[0]) == (region.side is Side.LEFT)
            if region.pattern is VolumePattern.NODULES:
                heights[region.zone].append((region.box_mm[0][2] + region.box_mm[1][2]) / 2 - middle[2])
    lower, centre, upper = (np.mean(heights[zone]) for zone in (Zone.LOWER, Zone.MIDDLE, Zone.UPPER))
    assert lower + 10 < centre < upper - 10


def test_tissues_have_their_hounsfield_units(cases):
    for case in cases[:6]:
        bare = replace(case, lesions=())
        values, grid = bare.draw().values, Grid(case.scan)

        def around(point, grid=grid, values=values):
            near = (grid.x - point[0]) ** 2 + (grid.y - point[1]) ** 2 + (grid.z - point[2]) ** 2 < 8**2
            return float(values[near].mean())

        x, y, z = case.chest.lung_centre(Side.LEFT)
        assert around((x, y, z + 50)) < -700
        assert 120 < around(case.chest.heart_centre) < 220
        assert around((0.0, 66.0, 0.0)) > 180
        assert np.median(values[:, :2]) < -950  # air in front of the body


def test_poses_differ(many):
    turns = np.array([case.scan.turn_deg for case in many])
    assert np.all(turns.std(axis=0) > 1)
    assert np.abs(turns).max() <= 9
    assert len({case.scan.origin_mm for case in many}) > 1400


def test_a_series_and_a_nifti_file_of_a_study_read_as_the_same_values_in_the_same_place(cases, manifests):
    pairs = zip(*(Manifest.read(manifests[form]).studies() for form in VolumeForm), strict=True)
    for case, (series, nifti) in zip(cases, pairs, strict=False):
        if not case.has_image:
            continue
        one, other = (read_image(s.images[0].path, expected_sha256=s.images[0].meta.sha256) for s in (series, nifti))
        drawn = case.draw()
        assert np.array_equal(one.values, drawn.values)
        assert np.array_equal(other.values, drawn.values)
        assert np.allclose(one.affine, case.scan.affine, atol=1e-3)
        assert np.allclose(other.affine, case.scan.affine, atol=1e-3)
        wanted = (case.scan.pixel_mm, case.scan.pixel_mm, case.scan.gap_mm)
        assert one.meta.spacing_mm == pytest.approx(wanted, abs=1e-4)
        assert other.meta.spacing_mm == pytest.approx(wanted, abs=1e-4)
        assert series.images[0].meta.spacing_mm == pytest.approx(wanted)
        assert np.allclose(one.grey(), other.grey(), atol=2e-3)


def test_the_manifests_hash_of_a_series_is_the_readers(manifests):
    for form in VolumeForm:
        for study in Manifest.read(manifests[form]).studies():
            for image in study.images:
                assert Path(image.path).is_dir() == (form is VolumeForm.DICOM_SERIES)
                assert image.meta.sha256 == file_sha256(image.path)


def test_files_of_a_series_are_ct_objects_of_one_series_in_either_order(cases):
    falling = 0
    for case in cases[:10]:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            files = [pydicom.dcmread(pydicom.filebase.DicomBytesIO(f)) for f in dicom_series(case, case.draw().values)]
        assert len({f.SOPInstanceUID for f in files}) == len(files) == 32
        assert {f.SeriesInstanceUID for f in files} == {files[0].SeriesInstanceUID}
        assert {(f.RescaleIntercept, f.RescaleSlope, f.Modality) for f in files} == {(-1024, 1, "CT")}
        assert [f.InstanceNumber for f in files] == list(range(1, 33))
        heights = np.array([f.ImagePositionPatient[2] for f in files], dtype=float)
        assert np.allclose(np.abs(np.diff(heights)), case.scan.gap_mm, atol=1e-3)
        falling += heights[0] > heights[-1]
        assert files[0].PatientID == case.patient_id
    assert 1 < falling < 9


def test_nifti_files_run_along_their_axes_in_different_directions(cases, tmp_path):
    nibabel = pytest.importorskip("nibabel")
    write_volumes(cases[:12], tmp_path, forms=(VolumeForm.NIFTI,), workers=1)
    kinds = {"".join(nibabel.aff2axcodes(nibabel.load(path).affine)) for path in tmp_path.glob("nifti/*")}
    assert len(kinds) > 2


def test_studies_take_the_forms_in_turn_and_the_truth_has_the_boxes(tmp_path):
    cases = make_volume_cases(6, seed=3, options=replace(SMALL, missing_image_rate=0, missing_note_rate=0))
    manifest = write_volumes(cases, tmp_path, workers=1)
    assert len(list(tmp_path.glob("dicom/*/*.dcm"))) == 3 * 32
    assert len(list(tmp_path.glob("nifti/*.nii.gz"))) == 3
    read = Manifest.read(manifest)
    assert read.findings.names == tuple(VOLUME_RULES)
    rows = pq.read_table(tmp_path / "truth.parquet").to_pylist()
    for row, case, study in zip(rows, cases, read.studies(), strict=True):
        assert json.loads(row["findings"]) == case.truth
        (image,) = json.loads(row["images"])
        assert Path(study.images[0].path) == (tmp_path / image["path"]).absolute()
        wanted = [(r.pattern, list(r.box), [list(c) for c in r.box_mm]) for r in case.draw().regions]
        assert [(r["pattern"], r["box"], r["box_mm"]) for r in image["regions"]] == wanted
        assert {s.name: s.text for s in study.note} == case.note.sections


def test_files_are_the_same_with_every_number_of_workers(tmp_path):
    cases = make_volume_cases(70, seed=3, options=VolumeOptions(size=32, planes=16, missing_image_rate=0))
    files = {}
    for workers in (1, 2):
        out = tmp_path / str(workers)
        write_volumes(cases, out, workers=workers)
        files[workers] = {str(p.relative_to(out)): sha256(p.read_bytes()).hexdigest() for p in out.rglob("*.*")}
    assert files[1] == files[2]
    assert len(files[1]) > 35 * 16


def test_volumes_too_small_to_show_anything_are_refused():
    with pytest.raises(ConfigError, match="size is 16 and planes 32"):
        VolumeOptions(size=16)
