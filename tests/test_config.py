import json
from pathlib import Path

import pytest

from mediscan.config import Augmentation, ModelConfig, RunConfig, VolumeReading
from mediscan.errors import ConfigError
from mediscan.presets import preset_names

BAD = {
    "data.findings": ["pneumonia", [1]],
    "data.note_sections": ["history", [1]],
    "data.note_cutoff": ["yesterday"],
    "data.redact_names": ["covid", [1]],
    "data.redact_tests": ["pcr", [1]],
    "data.image_size": [31, 2049, "large"],
    "data.max_images": [0, 65],
    "data.planes_per_volume": [0, 33],
    "data.max_note_tokens": [15, 8193],
    "data.modalities": ["sound"],
    "data.volumes": ["some"],
    "data.volume_size": [15, 513],
    "data.volume_depth": [7, 513],
    "data.max_volumes": [0, 17],
    "data.values": ["age_years", [1]],
    "model.initial": [3],
    "model.image_weights": [3],
    "model.image_adapter_rank": [-1, 257],
    "model.volume_encoder": [3],
    "model.text_adapter_rank": [-1, 257],
    "model.fusion": ["both"],
    "model.image_encoder": [3],
    "model.text_encoder": [3],
    "model.text_window": [15, 4097],
    "model.trainable_text_layers": [-1, 1.5],
    "model.width": [15, 2049],
    "model.heads": [0, 65],
    "model.fusion_layers": [0, 25],
    "model.dropout": [-0.1, 1.0, float("nan")],
    "train.method": ["guess"],
    "train.knowledge": [3],
    "train.epochs": [0],
    "train.batch_size": [1],
    "train.learning_rate": [0.0, float("inf")],
    "train.text_learning_rate": [0.0, float("inf")],
    "train.weight_decay": [-0.1, float("inf")],
    "train.warmup": [-0.1, 1.0],
    "train.patience": [0],
    "train.modality_dropout": [-0.1, 0.5],
    "train.single_modality_weight": [-0.1, float("inf")],
    "train.token_dropout": [-0.1, 1.0],
    "train.label_smoothing": [-0.1, 0.5],
    "train.class_weighting": ["rare"],
    "train.augmentation": ["mirror"],
    "train.precision": ["fp16"],
    "train.seed": [-1, "x"],
    "train.workers": [-1],
    "train.threads": [-1],
    "train.cache_gib": [-0.5, 1e6],
    "train.accumulate": [0],
    "train.layer_decay": [0.0, 1.1],
    "train.frozen_epochs": [-1],
    "train.average_decay": [-0.1, 1.0],
    "train.checkpoint_steps": [-1],
    "train.recompute": ["maybe"],
    "train.deterministic": ["maybe"],
    "train.tracker": ["paper"],
    "pretrain.note_sections": ["history", [1]],
    "pretrain.epochs": [0],
    "pretrain.batch_size": [3],
    "pretrain.learning_rate": [0.0, float("inf")],
    "pretrain.loss": ["triplet"],
    "pretrain.local_weight": [-0.1],
    "pretrain.masked_words_weight": [-0.1],
    "pretrain.image_weight": [-0.1],
    "evaluate.bootstrap_draws": [19],
}
CHANGED = {
    "data": {"findings": ["pneumonia"], "note_sections": ["exam", "history"], "image_size": 64},
    "model": {"width": 48, "heads": 3, "dropout": 0.25},
    "train": {"augmentation": "strong", "precision": "fp32", "seed": 7},
    "evaluate": {"bootstrap_draws": 50},
}


def toml(folder, text):
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def every_key():
    return {
        f"{section}.{key}" for section, field in RunConfig.model_fields.items() for key in field.annotation.model_fields
    }


def test_without_a_file_the_defaults_hold():
    assert RunConfig.load() == RunConfig()


def test_a_file_overrides_defaults_and_set_overrides_the_file(tmp_path):
    path = toml(tmp_path, "[train]\nepochs = 5\nseed = 11\n[model]\nwidth = 64\n")
    config = RunConfig.load(path, overrides=["train.epochs=9", "data.image_size = 96"])
    assert config.train.epochs == 9
    assert config.train.seed == 11
    assert config.model.width == 64
    assert config.data.image_size == 96
    assert config.train.batch_size == RunConfig().train.batch_size


def test_a_preset_is_named_like_a_file(tmp_path):
    assert RunConfig.load(Path("3d-ct"), overrides=["train.epochs=3"]).data.volumes is VolumeReading.WHOLE
    assert RunConfig.load(Path("tiny-cpu")) == RunConfig()
    with pytest.raises(ConfigError, match=r"presets: 3d-ct, base-gpu"):
        RunConfig.load(tmp_path / "base-gpu-2")


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_valid(name):
    assert RunConfig.load(Path(name)) is not None


def test_knowledge_without_kernels_is_refused_with_the_remedy():
    with pytest.raises(ConfigError, match=r'not read by train.method = \'gradient\'. Set train.method = "kernel"'):
        RunConfig.load(overrides=["train.knowledge=texts.toml"])
    assert RunConfig.load(overrides=["train.knowledge=texts.toml", "train.method=kernel"]).train.knowledge


def test_the_last_of_two_overrides_holds():
    assert RunConfig.load(overrides=["train.epochs=3", "train.epochs=4"]).train.epochs == 4


def test_overrides_are_written_as_in_toml_and_bare_words_are_strings():
    config = RunConfig.load(
        overrides=[
            'data.findings=["a", "b"]',
            "train.learning_rate=2e-4",
            "train.augmentation=none",
            "model.text_encoder=org/some-model=v2",
        ]
    )
    assert config.data.findings == ("a", "b")
    assert config.train.learning_rate == 2e-4
    assert config.train.augmentation is Augmentation.NONE
    assert config.model.text_encoder == "org/some-model=v2"


def test_every_key_of_the_configuration_has_a_bad_value_below():
    assert set(BAD) == every_key()


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_a_bad_value_is_refused_with_its_key(name, value):
    section, key = name.split(".")
    with pytest.raises(ConfigError, match=rf"configuration {section}\.{key}\b"):
        RunConfig.from_mapping({section: {key: value}})


def test_a_bad_value_is_quoted():
    with pytest.raises(ConfigError, match=r"train\.epochs = 'many'.*integer"):
        RunConfig.load(overrides=["train.epochs=many"])


def test_a_bad_choice_is_answered_with_the_choices():
    with pytest.raises(ConfigError, match=r"'fp16'.*'auto', 'bf16' or 'fp32'"):
        RunConfig.load(overrides=["train.precision=fp16"])


def test_heads_that_do_not_share_the_width_are_refused():
    with pytest.raises(ConfigError, match=r"model\.width = 128 is no multiple of model\.heads = 5"):
        RunConfig.load(overrides=["model.heads=5"])
    assert ModelConfig(width=125, heads=5).heads == 5


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.epoch=3", r"unknown configuration key 'train\.epoch'.*Did you mean 'epochs'\?.*batch_size"),
        ("trian.epochs=3", r"unknown configuration key 'trian'.*Did you mean 'train'\?.*evaluate"),
        ("model.zzzz=3", r"unknown configuration key 'model\.zzzz'\. Valid keys: dropout"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(override, message):
    with pytest.raises(ConfigError, match=message):
        RunConfig.load(overrides=[override])


@pytest.mark.parametrize("override", ["train.epochs", "epochs=3", "a.b.c=3", "train.=3", ".epochs=3", ""])
def test_an_override_of_another_form_is_refused_with_an_example(override):
    with pytest.raises(ConfigError, match=r"not of the form section\.key=value.*train\.epochs=10"):
        RunConfig.load(overrides=[override])


def test_an_override_into_something_that_is_no_section_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"train = 3 is no section"):
        RunConfig.load(toml(tmp_path, "train = 3\n"), overrides=["train.epochs=3"])


def test_a_section_that_is_a_number_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"configuration train = 3"):
        RunConfig.load(toml(tmp_path, "train = 3\n"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read configuration .*none\.toml: FileNotFoundError"):
        RunConfig.load(tmp_path / "none.toml")


def test_a_broken_file_is_refused_with_the_place(tmp_path):
    with pytest.raises(ConfigError, match=r"run\.toml is not TOML.*line 2"):
        RunConfig.load(toml(tmp_path, "[train]\nepochs = = 3\n"))


def test_a_file_of_another_encoding_is_refused(tmp_path):
    path = tmp_path / "run.toml"
    path.write_bytes(b"[train]\n# \xff\xfe\n")
    with pytest.raises(ConfigError, match=r"cannot read configuration .*UnicodeDecodeError"):
        RunConfig.load(path)


@pytest.mark.parametrize("values", [{}, CHANGED], ids=["defaults", "changed"])
def test_a_configuration_comes_back_from_its_json(values):
    config = RunConfig.from_mapping(values)
    stored = json.loads(json.dumps(config.model_dump(mode="json"), allow_nan=False))
    assert RunConfig.from_mapping(stored) == config
    assert stored["data"]["image_size"] == values.get("data", {}).get("image_size", 128)


def test_a_configuration_saved_whole_names_every_key():
    stored = RunConfig().model_dump(mode="json")
    assert {f"{section}.{key}" for section, keys in stored.items() for key in keys} == every_key()


def test_a_configuration_cannot_be_changed_in_place():
    with pytest.raises(ValueError, match="frozen"):
        RunConfig().train.epochs = 3


def test_findings_and_impressions_are_not_read_by_default():
    # Whoever wrote them knew the answer.
    assert not {"findings", "impression"} & set(RunConfig().data.note_sections)


def test_no_augmentation_mirrors():
    assert not any("flip" in kind or "mirror" in kind for kind in Augmentation)
