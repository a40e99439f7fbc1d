"""The whole comparison, on studies of the phantom."""

import json

import pytest

from mediscan.compare import run as comparing
from mediscan.config import RunConfig
from mediscan.manifest import Manifest
from mediscan.study import Split

TINY = (
    *("--set", "data.image_size=32", "--set", "model.width=32", "--set", "model.heads=2", "--set", "train.epochs=1"),
    *("--set", "train.workers=0", "--set", "evaluate.bootstrap_draws=20", "--draws", "50"),
)


@pytest.fixture(scope="module")
def small(workspace, tmp_path_factory):
    """A manifest of some of the workspace's studies, so that many can be trained."""
    folder = tmp_path_factory.mktemp("compared")
    manifest = workspace.manifest
    studies = [study for split in (Split.TRAIN, Split.VAL, Split.TEST) for study in manifest.studies(split)[:48]]
    path = folder / "small.parquet"
    Manifest.of(studies, findings=manifest.findings, root=folder, sections=manifest.note_sections).write(path)
    return path


def test_variants_are_measured_on_the_same_studies_and_done_ones_are_not_done_again(small, tmp_path, run, monkeypatch):
    arguments = ("compare", small, "--out", tmp_path / "out", "--vary", "data.modalities=all,note", *TINY, "--json")
    code, printed, _ = run(*arguments)

    assert code == 0
    found = json.loads(printed)
    assert [variant["name"] for variant in found["variants"]] == ["modalities all", "modalities note"]
    assert found["n_studies"] + found["n_left_out"] == 48
    reference, other = found["variants"]
    assert reference["difference"] is None
    assert other["difference"]["auroc"] == pytest.approx(other["macro"]["auroc"] - reference["macro"]["auroc"])
    assert reference["cost"]["trained_parameters"] < reference["cost"]["parameters"]
    assert json.loads((tmp_path / "out" / "compare.json").read_text(encoding="utf-8")) == found
    table = (tmp_path / "out" / "compare.md").read_text(encoding="utf-8")
    assert "| modalities note |" in table
    assert "reference" in table

    monkeypatch.setattr("mediscan.compare.runs.train", None)
    assert json.loads(run(*arguments)[1]) == found


def test_with_folds_every_study_is_measured_by_a_model_that_has_not_seen_it(small, tmp_path, run):
    code, printed, _ = run(
        "compare", small, "--out", tmp_path, "--vary", "model.fusion=late,gated", "--folds", "3", *TINY, "--json"
    )

    assert code == 0
    found = json.loads(printed)
    assert found["measured_on"] == "3 folds of train and val"
    assert found["n_studies"] + found["n_left_out"] == 96
    tested = set()
    for fold in (1, 2, 3):
        manifest = Manifest.read(tmp_path / "folds" / f"{fold}-of-3.parquet")
        parts = {split: {study.patient_id for study in manifest.studies(split)} for split in Split}
        assert not parts[Split.TEST] & (parts[Split.TRAIN] | parts[Split.VAL])
        assert not parts[Split.TRAIN] & parts[Split.VAL]
        tested |= {study.study_id for study in manifest.studies(Split.TEST)}
    assert len(tested) == 96


def test_too_few_folds_are_refused(small, tmp_path, run):
    code, _, errors = run("compare", small, "--out", tmp_path, "--vary", "model.fusion=late,gated", "--folds", "2")
    assert code == 2
    assert "3 or more" in errors


def test_seeds_follow_one_another():
    seeded = comparing._seeded(RunConfig.load(overrides=["train.seed=5"]), 3)
    assert [config.train.seed for config in seeded] == [5, 6, 7]
