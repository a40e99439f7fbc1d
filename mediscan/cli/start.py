"""Commands to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mediscan.cli.app import app
from mediscan.cli.browser import open_dashboard
from mediscan.cli.options import AsJson, OutFolder
from mediscan.console import Exit, report


@app.command()
def demo(
    out: OutFolder = Path("demo"),
    studies: Annotated[int, typer.Option(min=200, help="How many synthetic studies to make.")] = 2400,
    dashboard: Annotated[
        bool, typer.Option("--dashboard/--no-dashboard", help="Open the dashboard at the end.")
    ] = True,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same studies.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Make synthetic studies, train, evaluate, score and explain on them, and open the dashboard."""
    from mediscan.demo import run_demo
    from mediscan.progress import progress_bars

    with progress_bars() as progress:
        result = run_demo(out, studies=studies, seed=seed, progress=progress)
    report(result.as_dict, as_json=as_json, text=result.as_text)
    if dashboard:
        open_dashboard(result.scores, out / "reviews.sqlite", port=8501)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check this installation: packages, codecs, processor, memory, and what is missing for what."""
    from mediscan.doctor import examine

    found = examine()
    report(found.as_dict, as_json=as_json, text=found.as_text)
    if not found.healthy:
        raise typer.Exit(Exit.FAILURE)
