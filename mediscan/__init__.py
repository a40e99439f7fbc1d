"""Diagnosis from medical images and clinical notes together.

`mediscan.load(path)` opens a trained bundle and returns a `Diagnoser`. Everything else is imported from its module;
this one imports nothing heavy, so that `mediscan --help` answers at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mediscan.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from mediscan.predict import Diagnoser

__all__ = ["__version__", "load"]


def load(path: str | Path) -> Diagnoser:
    """Open a bundle.

    Args:
        path: The bundle's folder.

    Raises:
        BundleError: The folder is no bundle, is altered, or was made by an incompatible version.
    """
    from mediscan.predict import Diagnoser  # noqa: PLC0415  (torch is imported only when a model is wanted)

    return Diagnoser.load(path)
