"""Configurations to start from, by name: `mediscan train … --config base-gpu`."""

from importlib.resources import files
from pathlib import Path

_SUFFIX = ".toml"


def preset_names() -> tuple[str, ...]:
    """The presets there are."""
    files_here = (entry.name for entry in files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in files_here if name.endswith(_SUFFIX)))


def preset_path(name: str) -> Path | None:
    """The file of a preset; None where there is none of that name."""
    return Path(str(files(__name__) / f"{name}{_SUFFIX}")) if name in preset_names() else None
