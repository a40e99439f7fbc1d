"""Checkpoints: everything that is needed to go on after a stop, in safetensors and JSON."""

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from mediscan.errors import ConfigError

_OPTIMIZER = "optimizer."


@dataclass(kw_only=True)
class TrainingState:
    """How far training is.

    Attributes:
        identity: What must be the same to go on: configuration and manifest.
        epoch: Finished epochs.
        best_score: Best validation score so far.
        best_epoch: The epoch that had it, 0 before any.
        history: One entry per epoch.
    """

    identity: dict[str, Any]
    epoch: int = 0
    best_score: float = float("-inf")
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


class Checkpoints:
    """The last and the best state of a training in a folder beside the bundle.

    Args:
        folder: Created with the first checkpoint.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, state: TrainingState, *, network: nn.Module, optimizer: Optimizer, best: bool) -> None:
        """Keep this state as the last, and as the best where it is; a stop in between leaves the former one whole."""
        self._folder.mkdir(parents=True, exist_ok=True)
        weights = _learned(network)
        if best:
            self._write(weights, f"best-{state.epoch}.safetensors")
        self._write({**weights, **_flatten(network, optimizer)}, f"last-{state.epoch}.safetensors")
        part = self._folder / "state.json.part"
        part.write_text(json.dumps(asdict(state)), encoding="utf-8")
        part.replace(self._folder / "state.json")
        # Only now is nothing in need of the older files.
        kept = {f"last-{state.epoch}.safetensors", f"best-{state.best_epoch}.safetensors"}
        for file in self._folder.glob("*.safetensors"):
            if file.name not in kept:
                file.unlink()

    def resume(self, state: TrainingState, *, network: nn.Module, optimizer: Optimizer) -> TrainingState:
        """The saved state, its weights put back; the given state where nothing was saved.

        Raises:
            ConfigError: The saved state belongs to another configuration or manifest.
        """
        file = self._folder / "state.json"
        if not file.is_file():
            return state
        saved = TrainingState(**json.loads(file.read_text(encoding="utf-8")))
        different = sorted(name for name in state.identity if saved.identity.get(name) != state.identity[name])
        if different:
            raise ConfigError(
                f"the checkpoint in {self._folder} was made with another {' and '.join(different)}",
                remedy="Run with the former ones, or start again without --resume.",
            )
        tensors = load_file(self._folder / f"last-{saved.epoch}.safetensors")
        network.load_state_dict({k: v for k, v in tensors.items() if not k.startswith(_OPTIMIZER)}, strict=False)
        _unflatten(network, optimizer, {k: v for k, v in tensors.items() if k.startswith(_OPTIMIZER)})
        return saved

    def load_best(self, state: TrainingState, network: nn.Module) -> None:
        """Put the best weights into the network."""
        network.load_state_dict(load_file(self._folder / f"best-{state.best_epoch}.safetensors"), strict=False)

    def remove(self) -> None:
        """Delete all; called once the bundle is written."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _write(self, tensors: dict[str, Tensor], name: str) -> None:
        part = self._folder / f"{name}.part"
        save_file(tensors, part)
        part.replace(self._folder / name)


def _learned(network: nn.Module) -> dict[str, Tensor]:
    """Weights that training changes, and buffers; a frozen encoder's weights are had from their source."""
    frozen = {name for name, parameter in network.named_parameters() if not parameter.requires_grad}
    return {name: value.detach().contiguous() for name, value in network.state_dict().items() if name not in frozen}


def _flatten(network: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    names: dict[Tensor, str] = {parameter: name for name, parameter in network.named_parameters()}
    return {
        f"{_OPTIMIZER}{names[parameter]}:{key}": torch.as_tensor(value).contiguous()
        for parameter, values in optimizer.state.items()
        for key, value in values.items()
    }


def _unflatten(network: nn.Module, optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = dict(network.named_parameters())
    for key, tensor in tensors.items():
        name, _, entry = key.removeprefix(_OPTIMIZER).rpartition(":")
        optimizer.state[parameters[name]][entry] = tensor
