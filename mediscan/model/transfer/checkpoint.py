"""Reading a checkpoint as names and tensors. What would need code to be read is refused."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from mediscan.errors import ConfigError
from mediscan.model.image.hugging_face import load_vision_network

Weights = Mapping[str, Tensor]

_SUFFIXES = (".safetensors", ".pt", ".pth")
_TENSORS_ONLY = (
    "Where you trust its origin, open it there and save only its weights: "
    "safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')."
)


def read_checkpoint(path: Path) -> Weights:
    """All tensors of a checkpoint, by name, on the processor.

    Args:
        path: A .safetensors, .pt or .pth file; a MONAI bundle (a folder with `models/model.safetensors` or
            `models/model.pt`); or a Hugging Face folder (with `config.json`).

    Raises:
        ConfigError: There is no such checkpoint, it needs code to be read, or a weight is not finite.
    """
    weights = _read(path)
    if not weights:
        raise ConfigError(f"checkpoint {path} holds no weights", remedy=_TENSORS_ONLY)
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ConfigError(
                f"checkpoint {path} has weights that are not finite, in {name}", remedy="Take another checkpoint."
            )
    return weights


def _read(path: Path) -> Weights:
    if path.is_dir():
        for name in ("model.safetensors", "model.pt"):
            if (path / "models" / name).is_file():
                return _read(path / "models" / name)
        if (path / "config.json").is_file():
            network, _ = load_vision_network(str(path))
            return network.state_dict()
    if not path.is_file():
        raise ConfigError(
            f"there is no checkpoint at {path}",
            remedy="Give a .safetensors, .pt or .pth file, a MONAI bundle with models/model.pt, or a Hugging Face "
            "folder with config.json and model.safetensors.",
        )
    if path.suffix not in _SUFFIXES:
        raise ConfigError(f"checkpoint {path} is none of {', '.join(_SUFFIXES)}", remedy=_TENSORS_ONLY)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return dict(_tensors(torch.load(path, map_location="cpu", weights_only=True)))
    except (SafetensorError, OSError, EOFError, RuntimeError, KeyError, ValueError) as error:
        raise ConfigError(
            f"checkpoint {path} is damaged or of another format: {type(error).__name__}", remedy=_TENSORS_ONLY
        ) from error
    except pickle.UnpicklingError as error:
        raise ConfigError(
            f"checkpoint {path} holds more than tensors, and would run code when opened", remedy=_TENSORS_ONLY
        ) from error


def _tensors(stored: object, prefix: str = "") -> Weights:
    """The tensors of nested mappings, as trainers save them beside epochs and optimisers."""
    found: dict[str, Tensor] = {}
    if isinstance(stored, Mapping):
        for key, value in stored.items():
            if isinstance(value, Tensor):
                found[f"{prefix}{key}"] = value
            else:
                found.update(_tensors(value, f"{prefix}{key}."))
    return found
