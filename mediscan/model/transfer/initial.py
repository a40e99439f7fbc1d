"""Start training from aligned encoders."""

from dataclasses import dataclass
from pathlib import Path

from mediscan.errors import ConfigError
from mediscan.model.network import DiagnosisNetwork
from mediscan.model.transfer.aligned import ENCODERS, read_stored, read_tensors

_SHOWN = 4


@dataclass(frozen=True, kw_only=True)
class InitialReport:
    """What became of the weights of a folder, by their keys in the network.

    Attributes:
        loaded: Taken over.
        left_out: In the folder, but the network has no such weight, or one of another shape.
        missing: Weights of the network's encoders that the folder does not have; they stay as they were.
    """

    loaded: tuple[str, ...]
    left_out: tuple[str, ...]
    missing: tuple[str, ...]

    def __str__(self) -> str:
        """One line for people."""
        parts = [f"{len(self.loaded)} loaded"]
        parts += [f"{len(names)} {what} ({_few(names)})" for what, names in self._others if names]
        return "pretrained weights: " + ", ".join(parts)

    @property
    def _others(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return (("left out", self.left_out), ("missing", self.missing))


def load_initial(network: DiagnosisNetwork, folder: Path) -> InitialReport:
    """Put the encoders and projections that `mediscan pretrain` learned into a network.

    The fusion and the heads, which know of labels, stay as they are.

    Args:
        network: The network that will be trained.
        folder: What pretraining wrote.

    Raises:
        BundleError: Pretraining did not write the folder, or it was altered.
        ConfigError: Not one weight of the image encoder fits.
    """
    stored = read_stored(folder)
    given = read_tensors(folder / ENCODERS)
    own = network.state_dict()
    fitting = {name: value for name, value in given.items() if name in own and own[name].shape == value.shape}
    if not any(name.startswith("image_encoder.") for name in fitting):
        encoder = stored.get("config", {}).get("model", {}).get("image_encoder")
        raise ConfigError(
            f"model.initial = {str(folder)!r} holds an image encoder {encoder!r}, which is another",
            remedy=f"Set model.image_encoder to {encoder!r}, or leave model.initial empty.",
        )
    network.load_state_dict(fitting, strict=False)
    prefixes = tuple({f"{name.partition('.')[0]}." for name in given})
    return InitialReport(
        loaded=tuple(fitting),
        left_out=tuple(name for name in given if name not in fitting),
        missing=tuple(name for name in own if name.startswith(prefixes) and name not in fitting),
    )


def _few(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
