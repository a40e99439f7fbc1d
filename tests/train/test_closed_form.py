import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from mediscan.config import RunConfig
from mediscan.errors import ConfigError
from mediscan.findings import FindingSet
from mediscan.manifest import Manifest
from mediscan.predict import Diagnoser
from mediscan.study import NoteSection, Split, Study
from mediscan.train import closed_form
from mediscan.train.loop import train

FINDINGS = FindingSet(("bright", "fever", "kind:a", "kind:b"))


@pytest.fixture(scope="module")
def kernel_config(config):
    return changed(config, model={"image_encoder": "texture"}, train={"method": "kernel"})


def changed(config, **sections):
    whole = config.model_dump(mode="json")
    for section, values in sections.items():
        whole[section] |= values
    return RunConfig.from_mapping(whole)


@pytest.fixture(scope="module")
def trained(manifest, kernel_config, tmp_path_factory):
    return train(manifest, kernel_config, tmp_path_factory.mktemp("kernel") / "bundle")


def test_what_the_note_says_is_learned(trained):
    assert trained.metrics["findings"]["fever"]["auroc"] > 0.85  # of a random encoder
    assert trained.history == ()


def test_the_same_training_gives_the_same_bundle(trained, manifest, kernel_config, tmp_path):
    assert train(manifest, kernel_config, tmp_path / "again").bundle_id == trained.bundle_id


def test_a_bundle_says_what_was_chosen(trained):
    provenance = json.loads((trained.bundle / "config.json").read_text())["provenance"]

    assert provenance["note_gamma"] in closed_form.NOTE_GAMMAS
    assert provenance["image_strength"] in closed_form.IMAGE_STRENGTHS
    assert provenance["image_weight"] in closed_form.IMAGE_WEIGHTS
    assert provenance["knowledge_texts"] == 0


def test_a_bundle_opens_and_explains_itself(trained, studies):
    diagnoser = Diagnoser.load(trained.bundle)
    study = next(study for study in studies if study.split is Split.VAL and study.images)
    evidence = diagnoser.explain(study, "fever")

    assert {span.section for span in evidence.spans} == {"history"}
    assert len(evidence.heatmaps) == len(study.images)
    assert sum(evidence.shares.values()) == pytest.approx(evidence.logit - evidence.baseline_logit, abs=1e-4)


def test_unknown_labels_are_ignored(studies, kernel_config, tmp_path):
    def weights(name, given):
        Manifest.of(given, findings=FINDINGS, root=tmp_path).write(tmp_path / f"{name}.parquet")
        train(Manifest.read(tmp_path / f"{name}.parquet"), kernel_config, tmp_path / name)
        return Diagnoser.load(tmp_path / name).bundle.network.note_head.coefficients

    forgotten = studies[0].study_id  # the first row of the training studies
    partly = [
        replace(study, labels={name: value for name, value in study.labels.items() if name != "fever"})
        if study.study_id == forgotten
        else study
        for study in studies
    ]
    known, unknown = weights("all", studies), weights("partly", partly)

    assert not unknown[0, FINDINGS.index("fever")]
    assert known[0, FINDINGS.index("fever")]
    assert unknown[0, FINDINGS.index("bright")]


def test_texts_of_a_knowledge_file_move_the_answer_in_their_direction(studies, kernel_config, tmp_path):
    """Chills are in no training note; the file says that they go with fever."""
    path = tmp_path / "texts.toml"
    path.write_text('[fever]\nx = ["chills", "shaking chills"]\n[absent]\nx = ["well", "feels well"]\n')

    def logit(name, settings):
        Manifest.of(studies, findings=FINDINGS, root=tmp_path).write(tmp_path / f"{name}.parquet")
        train(Manifest.read(tmp_path / f"{name}.parquet"), settings, tmp_path / name)
        diagnoser = Diagnoser.load(tmp_path / name)
        study = Study(study_id="N", patient_id="N", note=(NoteSection(name="history", text="shaking chills"),))
        probabilities = {result.finding: result.probability for result in diagnoser.predict(study).findings}
        return probabilities["fever"], diagnoser.bundle.provenance

    plain, _ = logit("plain", kernel_config)
    taught, provenance = logit("taught", changed(kernel_config, train={"knowledge": str(path)}))

    assert taught > plain + 0.05
    assert provenance["knowledge_texts"] == 4
    assert len(provenance["knowledge_sha256"]) == 64


def test_a_model_of_notes_alone_is_the_note_part_of_the_fused_one(trained, manifest, kernel_config, tmp_path):
    settings = changed(kernel_config, data={"modalities": "note"})
    alone = Diagnoser.load(train(manifest, settings, tmp_path / "note").bundle).bundle.network
    fused = Diagnoser.load(trained.bundle).bundle.network

    assert not alone.image_head.is_fitted
    assert alone.note_head.landmarks.equal(fused.note_head.landmarks)
    assert torch.allclose(unit_columns(alone.note_head.coefficients), unit_columns(fused.note_head.coefficients))


def unit_columns(coefficients):
    return coefficients / coefficients.norm(dim=0)


def test_images_alone_can_be_learned_from(manifest, kernel_config, tmp_path):
    settings = changed(kernel_config, data={"modalities": "image"})
    result = train(manifest, settings, tmp_path / "image")

    assert not Diagnoser.load(result.bundle).bundle.network.note_head.is_fitted
    assert result.metrics["macro"]["auroc"] is not None


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("data", "values", ["age_years"]),
        ("data", "volumes", "whole"),
        ("model", "trainable_text_layers", 1),
        ("model", "text_adapter_rank", 4),
        ("model", "image_adapter_rank", 4),
        ("model", "image_weights", "some.safetensors"),
        ("model", "initial", "some-folder"),
    ],
)
def test_what_this_method_does_not_read_is_refused_by_its_key(manifest, kernel_config, tmp_path, section, key, value):
    with pytest.raises(ConfigError, match=rf"configuration {section}\.{key} is not read by train\.method = 'kernel'"):
        train(manifest, changed(kernel_config, **{section: {key: value}}), tmp_path / "bundle")


def test_an_encoder_without_weights_is_refused(manifest, kernel_config, tmp_path):
    settings = changed(kernel_config, model={"image_encoder": "resnet-small"})
    with pytest.raises(ConfigError, match=r"'resnet-small' has no weights yet.*Set model.image_encoder = \"texture\""):
        train(manifest, settings, tmp_path / "bundle")


def test_too_many_cases_are_refused_with_the_other_method(manifest, kernel_config, tmp_path, monkeypatch):
    monkeypatch.setattr(closed_form, "MOST_ROWS", 20)
    with pytest.raises(ConfigError, match=r"20 studies and texts at most, not 24. Set train.method = \"gradient\""):
        train(manifest, kernel_config, tmp_path / "bundle")


@pytest.mark.slow
def test_the_preset_trains_on_the_command_line(workspace, run, tmp_path):
    manifest, bundle = workspace.folder / "manifest.parquet", tmp_path / "bundle"
    code, out, err = run(
        *("train", manifest, "--out", bundle, "--config", "few-cases", "--json"),
        *("--set", "data.image_size=64", "--set", "train.workers=0", "--set", "evaluate.bootstrap_draws=20"),
    )

    assert code == 0, err
    assert np.isfinite(json.loads(out)["validation"]["auroc"])
    code, _, err = run(
        "explain",
        bundle,
        manifest,
        "--study",
        workspace.manifest.studies(Split.TEST)[0].study_id,
        "--out",
        tmp_path / "evidence",
    )
    assert code == 0, err
    assert (tmp_path / "evidence" / "evidence.json").is_file()
