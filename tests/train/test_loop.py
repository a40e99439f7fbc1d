from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mediscan.config import RunConfig
from mediscan.errors import BundleError, Code, ConfigError, ManifestError
from mediscan.findings import FindingSet
from mediscan.manifest import Manifest
from mediscan.model.bundle import Bundle
from mediscan.study import ImageRef, Split
from mediscan.train.loop import train

FINDINGS = FindingSet(("bright", "fever", "kind:a", "kind:b"))
TRAIN, VAL = 24, 20  # of the studies fixture
STEPS = TRAIN // 8


def changed(config, **sections):
    content = config.model_dump(mode="json")
    for section, values in sections.items():
        content[section] |= values
    return RunConfig.from_mapping(content)


def manifest_of(studies, folder, *, findings=FINDINGS):
    return Manifest.of(studies, findings=findings, root=folder).write(folder / "manifest.parquet")


@pytest.fixture(scope="module")
def unbroken(studies, config, tmp_path_factory):
    """Four epochs in one go: the manifest, and what came of it."""
    folder = tmp_path_factory.mktemp("unbroken")
    manifest = manifest_of(studies, folder)
    return manifest, train(manifest, config, folder / "bundle")


class Stopped(Exception):  # noqa: N818  (a stop, not an error)
    """What a kill would be."""


def stop_at(step):
    """Progress that ends the training at a step, as a kill would."""

    def progress(stage, done, total, *, detail=""):
        if stage == "train" and done == step and not detail:
            raise Stopped("as asked")

    return progress


def epochs_run(into):
    def progress(stage, done, total, *, detail=""):
        if stage == "train" and not detail:
            into.append(done)

    return progress


@pytest.mark.parametrize("step", [2 * STEPS + 1, 3 * STEPS], ids=["within the third epoch", "at its end"])
def test_a_resumed_training_ends_with_the_weights_of_an_unbroken_one(unbroken, config, tmp_path, step):
    manifest, whole = unbroken
    with pytest.raises(Stopped, match="as asked"):
        train(manifest, config, tmp_path / "bundle", progress=stop_at(step))
    assert not (tmp_path / "bundle").exists()

    steps = []
    resumed = train(manifest, config, tmp_path / "bundle", resume=True, progress=epochs_run(steps))

    assert steps == list(range(2 * STEPS + 1, 4 * STEPS + 1))
    assert resumed.history == whole.history
    one, other = (load_file(result.bundle / "model.safetensors") for result in (whole, resumed))
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name
    assert resumed.bundle_id == whole.bundle_id
    assert not (tmp_path / "bundle.checkpoint").exists()


def test_without_resume_training_starts_again(unbroken, config, tmp_path):
    manifest, whole = unbroken
    with pytest.raises(Stopped, match="as asked"):
        train(manifest, config, tmp_path / "bundle", progress=stop_at(STEPS + 1))

    steps = []
    again = train(manifest, config, tmp_path / "bundle", progress=epochs_run(steps))

    assert steps[0] == 1
    assert again.bundle_id == whole.bundle_id


def test_a_checkpoint_of_another_configuration_or_manifest_is_refused(unbroken, studies, config, tmp_path):
    manifest, _ = unbroken
    with pytest.raises(Stopped, match="as asked"):
        train(manifest, config, tmp_path / "bundle", progress=stop_at(STEPS + 1))

    for other in (changed(config, train={"learning_rate": 0.01}), changed(config, data={"image_size": 48})):
        with pytest.raises(ConfigError, match=r"was made with another configuration. Run with the former"):
            train(manifest, other, tmp_path / "bundle", resume=True)
    (tmp_path / "other").mkdir()
    fewer = manifest_of(studies[:-1], tmp_path / "other")
    with pytest.raises(ConfigError, match=r"was made with another manifest. Run with the former"):
        train(fewer, config, tmp_path / "bundle", resume=True)


def test_training_says_what_it_did(unbroken, config):
    manifest, result = unbroken
    bundle = Bundle.load(result.bundle)

    assert len(result.history) == 4
    assert all(np.isfinite(epoch["loss"]) and 0 <= epoch["val_auroc"] <= 1 for epoch in result.history)
    assert result.refused == ()
    assert result.bundle_id == bundle.bundle_id
    assert bundle.provenance["manifest_sha256"] == manifest.sha256
    assert bundle.provenance["train_studies"] == TRAIN
    assert bundle.provenance["val_patients"] == VAL
    assert bundle.config == config
    assert bundle.metrics == result.metrics
    assert result.metrics["split"] == "val"
    best = max(range(4), key=lambda epoch: (result.history[epoch]["val_auroc"], -epoch))
    assert bundle.provenance["best_epoch"] == best + 1


def test_a_frozen_text_encoder_is_stored_as_it_came(unbroken, tiny_text_encoder):
    _, result = unbroken
    stored, source = (load_file(path / "model.safetensors") for path in (result.bundle, tiny_text_encoder))

    assert [name for name in source if not torch.equal(stored[f"text_encoder.body.{name}"], source[name])] == []


def test_only_the_opened_text_layer_changes_its_weights(studies, config, tiny_text_encoder, tmp_path):
    opened = changed(config, model={"trainable_text_layers": 1}, train={"epochs": 1, "text_learning_rate": 0.001})
    result = train(manifest_of(studies, tmp_path), opened, tmp_path / "bundle")
    stored, source = (load_file(path / "model.safetensors") for path in (result.bundle, tiny_text_encoder))
    moved = {name for name in source if not torch.equal(stored[f"text_encoder.body.{name}"], source[name])}

    assert moved
    assert all(name.startswith("encoder.layer.1.") for name in moved)
    assert "encoder.layer.1.output.dense.weight" in moved
    assert Bundle.load(result.bundle).network.text_encoder.trainable_layers == 1


def test_a_study_that_cannot_be_read_is_refused_by_name_and_the_rest_is_trained_on(studies, config, tmp_path):
    broken = replace(studies[4], images=(ImageRef(path=str(tmp_path / "gone.png")),))
    result = train(
        manifest_of([broken if study is studies[4] else study for study in studies], tmp_path),
        changed(config, train={"epochs": 1}),
        tmp_path / "bundle",
    )

    assert [(refusal.study_id, refusal.code) for refusal in result.refused] == [("S4", Code.FILE_NOT_FOUND)]
    assert Bundle.load(result.bundle).provenance["train_studies"] == TRAIN - 1
    assert Bundle.load(result.bundle).provenance["refused_studies"] == 1


def test_chosen_findings_alone_are_learned(studies, config, tmp_path):
    chosen = changed(config, data={"findings": ["fever"]}, train={"epochs": 1})
    result = train(manifest_of(studies, tmp_path), chosen, tmp_path / "bundle")

    assert Bundle.load(result.bundle).findings.names == ("fever",)
    assert list(result.metrics["findings"]) == ["fever"]


def test_patience_ends_a_training_that_no_longer_improves(studies, config, tmp_path):
    hasty = changed(config, train={"epochs": 12, "patience": 1, "learning_rate": 1e-9})
    result = train(manifest_of(studies, tmp_path), hasty, tmp_path / "bundle")

    scores = [epoch["val_auroc"] for epoch in result.history]
    assert len(scores) < 12
    assert scores[-1] <= max(scores[:-1])


@pytest.mark.parametrize("split", [Split.TRAIN, Split.VAL])
@pytest.mark.parametrize(("label", "counts"), [(1, "[0-9]+ present and 0 absent"), (0, "0 present and [0-9]+ absent")])
def test_a_finding_without_both_classes_is_refused(studies, config, tmp_path, split, label, counts):
    one_sided = [
        replace(study, labels={**study.labels, "bright": label}) if study.split is split else study for study in studies
    ]

    with pytest.raises(ManifestError, match=rf"'bright' has {counts} cases in split '{split}'\. Both are needed"):
        train(manifest_of(one_sided, tmp_path), config, tmp_path / "bundle")


def test_a_patient_in_two_splits_is_refused(studies, config, tmp_path):
    crossing = [replace(study, patient_id="P0") if study.study_id == f"S{TRAIN}" else study for study in studies]

    with pytest.raises(ManifestError, match=r"patients in more than one split: .*S0.*S24.*into one split") as refused:
        train(manifest_of(crossing, tmp_path), config, tmp_path / "bundle")

    assert refused.value.code is Code.PATIENT_IN_TWO_SPLITS


def test_a_split_that_is_not_there_is_refused(studies, config, tmp_path):
    alone = [study for study in studies if study.split is Split.TRAIN]

    with pytest.raises(ManifestError, match="split 'val' has no readable study"):
        train(manifest_of(alone, tmp_path), config, tmp_path / "bundle")


def test_an_out_folder_with_something_in_it_is_refused_before_any_work(unbroken, config, tmp_path):
    manifest, _ = unbroken
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "mine.txt").write_text("keep", encoding="utf-8")
    told = []

    with pytest.raises(BundleError, match=r"is not empty. Choose another --out"):
        train(manifest, config, tmp_path / "bundle", progress=lambda *moved, **_: told.append(moved))

    assert told == []
    assert (tmp_path / "bundle" / "mine.txt").read_text(encoding="utf-8") == "keep"


def test_the_same_seed_gives_the_same_model_and_another_gives_another(unbroken, config, tmp_path):
    manifest, whole = unbroken
    other = train(manifest, changed(config, train={"seed": 1}), tmp_path / "bundle")
    one, two = (load_file(result.bundle / "model.safetensors") for result in (whole, other))

    assert not torch.equal(one["image_head.1.weight"], two["image_head.1.weight"])


def test_validation_studies_that_nothing_calibrates_are_left_out_and_counted(studies, config, tmp_path):
    # Only two validation studies keep their note, both of one class: notes and pairs cannot be calibrated.
    few = [study for study in studies if study.split is Split.VAL and study.images][:2]
    changed = [
        study
        if study.split is Split.TRAIN or study.study_id in {one.study_id for one in few}
        else replace(study, note=())
        for study in studies
        if study.images or study.split is Split.TRAIN
    ]
    changed = [
        replace(study, labels={**study.labels, "bright": 0, "fever": 0, "kind:a": 1, "kind:b": 0})
        if study.study_id in {one.study_id for one in few}
        else study
        for study in changed
    ]
    manifest = Manifest.of(changed, findings=FINDINGS, root=tmp_path).write(tmp_path / "m.parquet")

    result = train(manifest, config, tmp_path / "bundle")

    bundle = Bundle.load(result.bundle)
    assert bundle.provenance["uncalibrated_val_studies"] == len(few)
    assert result.metrics["n_studies"] == bundle.provenance["val_studies"] - len(few)


def test_a_training_that_diverges_says_so(studies, config, tmp_path, monkeypatch):
    manifest = Manifest.of(studies, findings=FINDINGS, root=tmp_path).write(tmp_path / "m.parquet")
    monkeypatch.setattr("mediscan.train.loop.macro_auroc", lambda *_: float("nan"))

    with pytest.raises(ConfigError, match=r"diverged.*Lower train\.learning_rate"):
        train(manifest, config, tmp_path / "bundle")


def test_a_text_encoder_that_is_not_there_is_named(studies, config, tmp_path):
    manifest = Manifest.of(studies, findings=FINDINGS, root=tmp_path).write(tmp_path / "m.parquet")
    missing = config.model_copy(update={"model": config.model.model_copy(update={"text_encoder": "./no-such-folder"})})

    with pytest.raises(ConfigError, match=r"'\./no-such-folder' cannot be loaded"):
        train(manifest, missing, tmp_path / "bundle")
