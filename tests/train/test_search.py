from pathlib import Path

import pytest

from mediscan.config import Augmentation, RunConfig
from mediscan.errors import ConfigError
from mediscan.model.bundle import Bundle
from mediscan.train.search import search
from mediscan.train.search_space import DEFAULT_SPACE, Choice, Range, SearchSpace, merged

SPACE = SearchSpace(
    {
        "train.learning_rate": Range(low=1e-3, high=1e-2, log=True),
        "train.augmentation": Choice(choices=("none", "strong")),
        "model.fusion_layers": Range(low=1, high=2),
    }
)


@pytest.fixture
def config(config):
    return config.model_copy(update={"train": config.train.model_copy(update={"epochs": 1})})


def test_a_search_goes_on_where_it_was_stopped_and_keeps_the_best_bundle(config, manifest, tmp_path):
    trained = []

    def count(stage, done, total, *, detail=""):
        if stage == "read train" and done == total:
            trained.append(stage)

    first = search(manifest, config, tmp_path, space=SPACE, trials=2, progress=count)
    assert (first.trials, len(trained)) == (2, 2)

    second = search(manifest, config, tmp_path, space=SPACE, trials=3, progress=count)
    assert (second.trials, len(trained)) == (3, 3)

    assert second.auroc >= first.auroc
    bundle = Bundle.load(second.bundle)
    assert bundle.metrics["macro"]["auroc"] == second.auroc
    assert bundle.config == merged(config.model_dump(mode="json"), dict(second.best))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "search.db"]

    with pytest.raises(ConfigError, match=r"was made with another space\. Run with the former ones"):
        search(manifest, config, tmp_path, space=SearchSpace({"model.dropout": Range(low=0, high=0.5)}), trials=4)


def test_the_default_space_is_read_and_holds_the_default_configuration():
    space = SearchSpace.load()
    usual = RunConfig().model_dump(mode="json")

    for name, entry in space.entries.items():
        section, key = name.split(".")
        value = usual[section][key]
        assert value in entry.choices if isinstance(entry, Choice) else entry.low <= value <= entry.high
    assert isinstance(space.entries["train.augmentation"], Choice)
    assert Augmentation.MILD in space.entries["train.augmentation"].choices


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('"train.learning_rte" = { low = 0.1, high = 0.2 }', r"unknown configuration key 'train\.learning_rte'"),
        ('"train.learning_rate" = { low = -1.0, high = 0.2 }', r"train\.learning_rate = -1\.0"),
        ('"train.learning_rate" = { low = 0.3, high = 0.2 }', "is neither a range nor a choice"),
        ('"train.learning_rate" = { low = 0.1 }', "is neither a range nor a choice"),
        ('"train.augmentation" = { choices = [] }', "is neither a range nor a choice"),
        ('"train.augmentation" = { choices = ["mild", "wild"] }', r"train\.augmentation = 'wild'"),
        ("", "is empty"),
        ("= 3", "cannot read search space"),
    ],
)
def test_a_space_that_makes_no_configuration_is_refused_before_any_training(tmp_path, text, words):
    (tmp_path / "space.toml").write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError, match=words):
        SearchSpace.load(tmp_path / "space.toml")


def test_the_documented_default_space_is_the_one_that_is_searched():
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    lines = [line.strip() for line in page.splitlines() if line.startswith('    "')]

    assert "\n".join(lines) == DEFAULT_SPACE.strip()
