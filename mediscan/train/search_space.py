"""Which configurations a search may try, as TOML."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mediscan.config import RunConfig
from mediscan.errors import ConfigError

DEFAULT_SPACE = """\
"train.learning_rate" = { low = 2e-4, high = 4e-3, log = true }
"train.weight_decay" = { low = 1e-3, high = 0.3, log = true }
"train.modality_dropout" = { low = 0.0, high = 0.3 }
"train.token_dropout" = { low = 0.0, high = 0.3 }
"train.augmentation" = { choices = ["mild", "strong"] }
"train.class_weighting" = { choices = ["none", "sqrt", "balanced"] }
"model.dropout" = { low = 0.0, high = 0.4 }
"model.fusion_layers" = { low = 1, high = 3 }
"""
"""What is searched where no space is given: what matters most for small data, around the default configuration."""


class Suggest(Protocol):
    """Whatever draws values; an optuna trial is one."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool) -> float:
        """A number between two."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool) -> int:
        """A whole number between two."""

    def suggest_categorical(self, name: str, choices: Any) -> Any:  # noqa: ANN401  (optuna's own)
        """One of several."""


@dataclass(frozen=True, kw_only=True)
class Range:
    """Numbers from `low` to `high`, both included; whole ones where both are whole. `log` draws orders of magnitude."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of several values."""

    choices: tuple[Any, ...]


class SearchSpace:
    """Per `section.key` of the configuration a range or a choice.

    Args:
        entries: What may be tried.
    """

    def __init__(self, entries: dict[str, Range | Choice]) -> None:
        self.entries = entries

    @classmethod
    def load(cls, path: Path | None = None) -> "SearchSpace":
        """Read a TOML file; the default space without one.

        Raises:
            ConfigError: It cannot be read, or an entry names no key, or values that the key cannot have.
        """
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8") if path else DEFAULT_SPACE)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(
                f"cannot read search space {path}: {type(error).__name__}", remedy="Give a readable TOML file."
            ) from error
        if not table:
            raise ConfigError(f"search space {path} is empty", remedy=f"Write lines such as:\n{DEFAULT_SPACE}")
        space = cls({name: _entry(name, given) for name, given in table.items()})
        # Both ends of everything must make a configuration; what is wrong is told before hours of search.
        for place in (0, -1):
            for name, entry in space.entries.items():
                end = entry.choices[place] if isinstance(entry, Choice) else (entry.low, entry.high)[place]
                merged({}, {name: end})
        return space

    def suggest(self, trial: Suggest) -> dict[str, Any]:
        """Draw one configuration's values, by `section.key`."""
        return {name: _suggest(trial, name, entry) for name, entry in self.entries.items()}


def merged(base: dict[str, Any], values: dict[str, Any]) -> RunConfig:
    """A configuration with some values, by `section.key`, changed.

    Raises:
        ConfigError: A key or a value is not valid.
    """
    content = {section: dict(entries) for section, entries in base.items()}
    for name, value in values.items():
        section, _, key = name.partition(".")
        content.setdefault(section, {})[key] = value
    return RunConfig.from_mapping(content)


def _entry(name: str, given: object) -> Range | Choice:
    if isinstance(given, dict):
        keys = set(given)
        if keys == {"choices"} and isinstance(given["choices"], list) and given["choices"]:
            return Choice(choices=tuple(given["choices"]))
        is_numeric = all(isinstance(given.get(end), int | float) for end in ("low", "high"))
        if is_numeric and keys <= {"low", "high", "log"} and given["low"] <= given["high"]:
            return Range(low=given["low"], high=given["high"], log=bool(given.get("log", False)))
    raise ConfigError(
        f"search space: {name} = {given!r} is neither a range nor a choice",
        remedy="Write { low = 1e-4, high = 1e-2, log = true }, or { choices = [...] }.",
    )


def _suggest(trial: Suggest, name: str, entry: Range | Choice) -> object:
    if isinstance(entry, Choice):
        return trial.suggest_categorical(name, entry.choices)
    if isinstance(entry.low, int) and isinstance(entry.high, int):
        return trial.suggest_int(name, entry.low, entry.high, log=entry.log)
    return trial.suggest_float(name, entry.low, entry.high, log=entry.log)
