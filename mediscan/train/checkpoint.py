"""Checkpoints: everything that is needed to go on after a stop, in safetensors and JSON."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from mediscan.errors import ConfigError
from mediscan.train.average import Average, learned
from mediscan.train.sharding import like, whole

_OPTIMIZER = "optimizer."
_AVERAGE = "average."


@dataclass(kw_only=True)
class TrainingState:
    """How far training is.

    Attributes:
        identity: What must be the same to go on: configuration and manifest.
        epoch: Finished epochs.
        step: Finished steps of the epoch after those.
        loss: Sum over the studies of those steps.
        best_score: Best validation score so far.
        best_epoch: The epoch that had it, 0 before any.
        history: One entry per epoch.
    """

    identity: dict[str, Any]
    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    best_score: float = float("-inf")
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


def pack(network: nn.Module, optimizer: Optimizer, average: Average | None) -> dict[str, Tensor]:
    """Everything that changes in training, whole and in the processor's memory; every process must ask at once."""
    names: dict[Tensor, str] = {parameter: name for name, parameter in network.named_parameters()}
    moments = {
        f"{_OPTIMIZER}{names[parameter]}:{key}": torch.as_tensor(value)
        for parameter, values in optimizer.state.items()
        for key, value in values.items()
    }
    averages = {f"{_AVERAGE}{name}": tensor for name, tensor in average.weights.items()} if average else {}
    return whole({**learned(network), **moments, **averages})


@torch.no_grad()
def unpack(tensors: Mapping[str, Tensor], *, network: nn.Module, optimizer: Optimizer, average: Average | None) -> None:
    """Put everything back where `pack` found it, on any number of processes."""
    for name, live in learned(network).items():
        live.copy_(like(tensors[name], live))
    if average:
        for name, live in average.weights.items():
            live.copy_(like(tensors[f"{_AVERAGE}{name}"], live))
    parameters = dict(network.named_parameters())
    for key, tensor in tensors.items():
        if key.startswith(_OPTIMIZER):
            name, _, entry = key.removeprefix(_OPTIMIZER).rpartition(":")
            parameter = parameters[name]
            # Moments lie as their parameter does; the count of steps is a number, and stays on the processor.
            optimizer.state[parameter][entry] = like(tensor, parameter) if tensor.ndim else tensor


class Checkpoints:
    """The last and the best state of a training in a folder beside the bundle.

    A stop at any moment, of the process or of the machine, leaves the former checkpoint or the new one, whole.

    Args:
        folder: Created with the first checkpoint.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, state: TrainingState, *, last: Mapping[str, Tensor], best: Mapping[str, Tensor] | None) -> None:
        """Keep a state.

        Args:
            state: How far training is.
            last: What going on from there needs.
            best: Weights that are better than all before them.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        if best is not None:
            self._write(best, f"best-{state.epoch}.safetensors")
        self._write(last, _last(state))
        part = self._folder / "state.json.part"
        part.write_text(json.dumps(asdict(state)), encoding="utf-8")
        _settle(part)
        part.replace(self._folder / "state.json")
        _settle(self._folder)
        # Only now is nothing in need of the older files.
        kept = {_last(state), f"best-{state.best_epoch}.safetensors"}
        for file in self._folder.glob("*.safetensors"):
            if file.name not in kept:
                file.unlink()

    def resume(self, state: TrainingState) -> tuple[TrainingState, dict[str, Tensor]]:
        """The saved state, and what going on from there needs; the given state and nothing where none was saved.

        Raises:
            ConfigError: The saved state belongs to another configuration or manifest.
        """
        file = self._folder / "state.json"
        if not file.is_file():
            return state, {}
        saved = TrainingState(**json.loads(file.read_text(encoding="utf-8")))
        names = {*state.identity, *saved.identity}
        different = sorted(name for name in names if saved.identity.get(name) != state.identity.get(name))
        if different:
            raise ConfigError(
                f"the checkpoint in {self._folder} was made with another {' and '.join(different)}",
                remedy="Run with the former ones, or start again without --resume.",
            )
        return saved, load_file(self._folder / _last(saved))

    def best(self, state: TrainingState) -> dict[str, Tensor]:
        """The best weights so far."""
        return load_file(self._folder / f"best-{state.best_epoch}.safetensors")

    def remove(self) -> None:
        """Delete all; called once the bundle is written."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _write(self, tensors: Mapping[str, Tensor], name: str) -> None:
        part = self._folder / f"{name}.part"
        save_file(dict(tensors), part)
        _settle(part)
        part.replace(self._folder / name)


def _last(state: TrainingState) -> str:
    return f"last-{state.epoch}-{state.step}.safetensors"


def _settle(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if path.is_dir() and os.name == "nt":  # a folder cannot be opened there, and needs no such care
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
