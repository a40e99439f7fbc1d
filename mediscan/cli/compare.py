"""The command that compares models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mediscan.cli.app import app
from mediscan.cli.learn import SplitName
from mediscan.cli.options import AsJson, ManifestPath, OutFolder
from mediscan.console import report


@app.command()
def compare(
    manifest: ManifestPath,
    out: OutFolder,
    vary: Annotated[
        list[str],
        typer.Option(
            "--vary",
            metavar="section.key=A,B",
            help="Values to compare; several --vary give all combinations. The first of each is the reference.",
        ),
    ],
    config: Annotated[Path | None, typer.Option(help="What they share: a TOML file, or the name of a preset.")] = None,
    override: Annotated[
        list[str] | None, typer.Option("--set", metavar="section.key=value", help="Change one value for all.")
    ] = None,
    split: Annotated[SplitName, typer.Option(help="The part to measure on.")] = SplitName.test,
    folds: Annotated[
        int, typer.Option(min=0, help="Cross-validate over train and val by patient instead; 3 or more folds.")
    ] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each; their probabilities are averaged.")] = 1,
    draws: Annotated[int, typer.Option(min=20, help="Bootstrap draws behind every interval.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """Train variants of a configuration and compare them on the same patients; stop and start again at will."""
    from mediscan.compare.grid import variants
    from mediscan.errors import ConfigError
    from mediscan.manifest import Manifest
    from mediscan.progress import progress_bars
    from mediscan.study import Split

    if folds in (1, 2):
        raise ConfigError(
            f"{folds} fold(s) leave nothing to train on", remedy="Give 3 or more: one to measure, one to choose by."
        )
    chosen = variants(config, overrides=override or (), vary=vary)
    studies = Manifest.read(manifest)

    from mediscan.compare.run import Plan
    from mediscan.compare.run import compare as run
    from mediscan.compare.table import as_json as to_json
    from mediscan.compare.table import lines, write_comparison

    plan = Plan(split=Split(split), folds=folds, seeds=seeds, draws=draws)
    with progress_bars() as progress:
        comparison = run(studies, chosen, out, plan=plan, progress=progress)
    write_comparison(comparison, out)
    report(to_json(comparison), as_json=as_json, text=lines(comparison))
