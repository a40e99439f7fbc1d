"""Which configurations are compared."""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from mediscan.config import RunConfig
from mediscan.errors import ConfigError

_MOST = 200
"""Combinations: more are a slip, for each is trained."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One configuration of a comparison.

    Attributes:
        name: What is varied in it, as a table shows it.
        settings: `section.key` → value, of what is varied.
        config: All of it.
    """

    name: str
    settings: dict[str, str]
    config: RunConfig


def variants(config: Path | None, *, overrides: Iterable[str], vary: Sequence[str]) -> tuple[Variant, ...]:
    """Every combination of the varied values, the first of each first.

    Args:
        config: The configuration that they share: a TOML file, the name of a preset, or None.
        overrides: `section.key=value`, for all of them.
        vary: `section.key=value,value,…`; values that hold commas are written as a TOML list.

    Raises:
        ConfigError: A key or a value is not valid, nothing is varied, or there are too many combinations.
    """
    axes = [_axis(entry) for entry in vary]
    combinations = [dict(chosen) for chosen in product(*axes)]
    if not axes or len(combinations) > _MOST:
        raise ConfigError(
            f"there are {len(combinations) if axes else 0} configurations to compare",
            remedy=f"Give --vary section.key=value,value; at most {_MOST} combinations are trained.",
        )
    shared = list(overrides)
    return tuple(
        Variant(
            name=", ".join(f"{key.partition('.')[2]} {_shown(value)}" for key, value in chosen.items()),
            settings=chosen,
            config=RunConfig.load(config, overrides=[*shared, *(f"{key}={value}" for key, value in chosen.items())]),
        )
        for chosen in combinations
    )


def _axis(entry: str) -> list[tuple[str, str]]:
    """The values of one key, each as `--set` takes it."""
    key, equals, text = entry.partition("=")
    values = _values(text.strip())
    if not equals or not key.strip() or len(values) < 2 or len(set(values)) < len(values):
        raise ConfigError(
            f"--vary {entry!r} is not of the form section.key=value,value with different values",
            remedy="For example: --vary model.fusion=cross-attention,late.",
        )
    return [(key.strip(), value) for value in values]


def _values(text: str) -> list[str]:
    if not text.startswith("["):
        return [value.strip() for value in text.split(",") if value.strip()]
    try:
        listed = tomllib.loads(f"values = {text}")["values"]
    except tomllib.TOMLDecodeError:
        return []
    return [_as_toml(value) for value in listed]


def _as_toml(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_as_toml(entry) for entry in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def _shown(value: str) -> str:
    return value.strip('"')
