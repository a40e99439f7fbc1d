"""Write the course of a training down where a tool can draw it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from mediscan.config import Tracker
from mediscan.errors import ConfigError


class Record(Protocol):
    """Called with named numbers and the step they belong to."""

    def __call__(self, values: Mapping[str, float], step: int) -> None:
        """Write them."""


def _nothing(values: Mapping[str, float], step: int) -> None:
    """Write nothing."""


@contextmanager
def tracking(tracker: Tracker, folder: Path, *, from_step: int = 0) -> Iterator[Record]:
    """Where to write to.

    Args:
        tracker: Which tool.
        folder: Its files; created if there is a tool.
        from_step: Where a resumed training goes on; what was written of later steps is void.

    Raises:
        ConfigError: The tool is not installed.
    """
    if tracker is Tracker.NONE:
        yield _nothing
        return
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise ConfigError(
            "TensorBoard is not installed",
            remedy="Install it: pip install 'mediscan[tracking]', or set train.tracker to none.",
        ) from error
    with SummaryWriter(str(folder), purge_step=from_step) as writer:

        def record(values: Mapping[str, float], step: int) -> None:
            for name, value in values.items():
                writer.add_scalar(name, value, step)

        yield record
