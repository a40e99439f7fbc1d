"""Commands that make bundles and measure them."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mediscan.cli.app import app
from mediscan.cli.options import AsJson, BundlePath, ManifestPath, OutFolder, Workers
from mediscan.console import exit_for, metric_lines, report
from mediscan.train.parallel import Parallel


@app.command()
def train(
    manifest: ManifestPath,
    out: Annotated[Path, typer.Option("--out", metavar="BUNDLE", help="The bundle to write.")],
    config: Annotated[Path | None, typer.Option(help="A TOML file with the run's configuration.")] = None,
    override: Annotated[
        list[str] | None, typer.Option("--set", metavar="section.key=value", help="Change one value.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    parallel: Annotated[
        Parallel, typer.Option(help="Under torchrun: whole networks in every process, or shards of one.")
    ] = Parallel.DDP,
    as_json: AsJson = False,
) -> None:
    """Train on split train, choose and calibrate on split val, and write a bundle.

    Several processes: torchrun --nproc-per-node N -m mediscan train ...
    """
    from mediscan.config import RunConfig
    from mediscan.manifest import Manifest
    from mediscan.progress import progress_bars

    # A wrong key or path is told before the seconds that it takes to import a network.
    settings = RunConfig.load(config, overrides=override or ())
    studies = Manifest.read(manifest)

    from mediscan.train.loop import train as run
    from mediscan.train.processes import is_first, leave

    with progress_bars() as progress:
        result = run(studies, settings, out, resume=resume, parallel=parallel, progress=progress)
    leave()
    if not is_first():
        return
    report(
        {
            "bundle": str(result.bundle),
            "bundle_id": result.bundle_id,
            "validation": result.metrics["macro"],
            "epochs": len(result.history),
            "refused": len(result.refused),
        },
        as_json=as_json,
        text=[f"bundle {result.bundle_id} in {result.bundle}", *metric_lines(result.metrics)],
    )
    exit_for(result.refused)


@app.command()
def search(
    manifest: ManifestPath,
    out: OutFolder,
    trials: Annotated[int, typer.Option(min=1, help="Trainings in all, those of a former search included.")] = 20,
    space: Annotated[Path | None, typer.Option(help="A TOML file with what may be tried.")] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file with what all trials share.")] = None,
    override: Annotated[
        list[str] | None, typer.Option("--set", metavar="section.key=value", help="Change one value.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Search for a configuration by its AUROC on split val; the same command goes on where it was stopped."""
    from mediscan.config import RunConfig
    from mediscan.manifest import Manifest
    from mediscan.progress import progress_bars
    from mediscan.train.search_space import SearchSpace

    settings, tried = RunConfig.load(config, overrides=override or ()), SearchSpace.load(space)
    studies = Manifest.read(manifest)

    from mediscan.train.search import search as run

    with progress_bars() as progress:
        found = run(studies, settings, out, space=tried, trials=trials, progress=progress)
    report(
        {"bundle": str(found.bundle), "auroc": found.auroc, "best": dict(found.best), "trials": found.trials},
        as_json=as_json,
        text=[
            f"best of {found.trials} trials: validation macro AUROC {found.auroc:.3f}, in {found.bundle}",
            *(f"  {name} = {value}" for name, value in found.best.items()),
        ],
    )


class SplitName(StrEnum):
    """A split on the command line."""

    train = "train"
    val = "val"
    test = "test"


@app.command()
def evaluate(
    bundle: BundlePath,
    manifest: ManifestPath,
    out: OutFolder,
    split: Annotated[SplitName, typer.Option(help="The part to measure on.")] = SplitName.test,
    draws: Annotated[int, typer.Option(min=20, help="Bootstrap draws behind every interval.")] = 1000,
    workers: Workers = 2,
    as_json: AsJson = False,
) -> None:
    """Measure a bundle: metrics.json, predictions.parquet and report.html."""
    import mediscan
    from mediscan.evaluate.run import evaluate as run
    from mediscan.manifest import Manifest
    from mediscan.progress import progress_bars
    from mediscan.study import Split

    diagnoser = mediscan.load(bundle)
    with progress_bars() as progress:
        result = run(
            diagnoser, Manifest.read(manifest), out, split=Split(split), draws=draws, workers=workers, progress=progress
        )
    report(result.metrics, as_json=as_json, text=[*metric_lines(result.metrics), f"report: {out / 'report.html'}"])
    exit_for(result.refused)


@app.command()
def info(bundle: BundlePath, as_json: AsJson = False) -> None:
    """Say what a bundle is: findings, training data, measured quality; its files are checked."""
    from mediscan.model.bundle_files import check, read_config

    check(bundle)
    stored = read_config(bundle)
    metrics = json.loads((bundle / "metrics.json").read_text(encoding="utf-8"))
    report(
        {**stored, "metrics": metrics},
        as_json=as_json,
        text=[
            f"bundle {stored['bundle_id']}, made by mediscan {stored['mediscan_version']}",
            f"findings: {', '.join(stored['findings'])}",
            *(f"{name.replace('_', ' ')}: {value}" for name, value in stored["provenance"].items()),
            *metric_lines(metrics),
        ],
    )
