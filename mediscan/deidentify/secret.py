"""The secret that surrogates are drawn from: read from where only its owner can, or made."""

import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path

from mediscan.errors import ConfigError

ENVIRONMENT = "MEDISCAN_DEIDENTIFY_SECRET"
"""The environment variable that may hold the secret instead of a file."""

_BYTES = 32


def secret_from(path: Path | None, *, apart_from: Sequence[Path]) -> bytes:
    """The secret of a file, which is made if it does not exist; else of the environment; else one for this once.

    Args:
        path: A file that nobody but its owner can read.
        apart_from: Folders that must not hold it: what is shared must not carry the key to itself.

    Raises:
        ConfigError: The file lies in such a folder, or others can read it.
    """
    if path is None:
        return _of_environment() or secrets.token_bytes(_BYTES)
    path = path.resolve()
    for folder in apart_from:
        if path.is_relative_to(folder.resolve()):
            raise ConfigError(
                "the secret's file lies in the folder of the images or of their copies",
                remedy="Keep it elsewhere: whoever has it can tell which copy is whose.",
            )
    if not path.exists():
        _make(path)
    try:
        mode = path.stat().st_mode
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigError("others can read the secret's file", remedy=f"Run chmod 600 {path}.")
        return path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(
            f"the secret's file cannot be read ({type(error).__name__})", remedy="Check --secret."
        ) from None


def is_kept(path: Path | None) -> bool:
    """Whether the secret outlives the run, so that a later one can draw the same surrogates."""
    return path is not None or bool(_of_environment())


def _of_environment() -> bytes:
    return os.environ.get(ENVIRONMENT, "").strip().encode()


def _make(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(
            f"the secret's file cannot be made ({type(error).__name__})", remedy="Check --secret."
        ) from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(_BYTES) + "\n")
