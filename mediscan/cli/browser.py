"""The dashboard, started from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from pathlib import Path


def open_dashboard(scores: Path, database: Path, *, port: int) -> None:
    """Serve it until it is stopped, and leave with its exit code."""
    import subprocess

    from mediscan.review.dashboard import command

    raise typer.Exit(subprocess.call(command(scores, database, port=port)))  # noqa: S603  (our own argument list)
