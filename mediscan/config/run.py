"""A whole configuration, and how it is read: defaults < TOML file < `--set section.key=value`."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from mediscan.config.sections import (
    DataConfig,
    EvaluateConfig,
    ModelConfig,
    PretrainConfig,
    Section,
    TrainConfig,
)
from mediscan.errors import ConfigError
from mediscan.presets import preset_names, preset_path


class RunConfig(Section):
    """A whole run."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    pretrain: PretrainConfig = PretrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()

    @classmethod
    def load(cls, path: Path | None = None, *, overrides: Iterable[str] = ()) -> Self:
        """Read a TOML file and apply `section.key=value` overrides.

        Args:
            path: The file, or the name of a preset; None for the defaults alone.
            overrides: Values are written as in TOML; a bare word is taken as a string.

        Raises:
            ConfigError: The file or an override cannot be read, or a key or a value is not valid.
        """
        return cls.from_mapping(_apply(_read_toml(path) if path else {}, overrides))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Check a nested mapping, as read from TOML or from a bundle's config.json.

        Raises:
            ConfigError: A key or a value is not valid; the message names the nearest valid key.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise _explain(error) from None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((preset_path(str(path)) or path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read configuration {path}: {type(error).__name__}",
            remedy=f"Give a readable TOML file, or one of the presets: {', '.join(preset_names())}.",
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"configuration {path} is not TOML: {error}", remedy="Mend that line.") from error


def _apply(values: dict[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    for override in overrides:
        name, equals, text = override.partition("=")
        path = name.strip().split(".")
        if not equals or len(path) != 2 or not all(path):
            raise ConfigError(
                f"--set {override!r} is not of the form section.key=value", remedy="For example: --set train.epochs=10."
            )
        section = values.setdefault(path[0], {})
        if not isinstance(section, dict):
            raise ConfigError(f"configuration {path[0]} = {section!r} is no section", remedy=f"Write [{path[0]}].")
        section[path[1]] = _value(text.strip())
    return values


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _explain(error: ValidationError) -> ConfigError:
    first = error.errors()[0]
    location = [str(part) for part in first["loc"]]
    name = ".".join(location)
    if first["type"] == "extra_forbidden":
        valid = _keys(location[:-1])
        near = difflib.get_close_matches(location[-1], valid, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        return ConfigError(f"unknown configuration key {name!r}", remedy=f"{hint}Valid keys: {', '.join(valid)}.")
    return ConfigError(f"configuration {name} = {first['input']!r}: {first['msg']}", remedy="Change that value.")


def _keys(section: Sequence[str]) -> list[str]:
    model: Any = RunConfig
    for part in section:
        model = model.model_fields[part].annotation
    return sorted(model.model_fields)
