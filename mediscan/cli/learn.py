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


@app.command()
def train(
    manifest: ManifestPath,
    out: Annotated[Path, typer.Option("--out", metavar="BUNDLE", help="The bundle to write.")],
    config: Annotated[Path | None, typer.Option(help="A TOML file with the run's configuration.")] = None,
    override: Annotated[
        list[str] | None, typer.Option("--set", metavar="section.key=value", help="Change one value.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train on split train, choose and calibrate on split val, and write a bundle."""
    from mediscan.config import RunConfig
    from mediscan.manifest import Manifest
    from mediscan.progress import progress_bars

    # A wrong key or path is told before the seconds that it takes to import a network.
    settings = RunConfig.load(config, overrides=override or ())
    studies = Manifest.read(manifest)

    from mediscan.train.loop import train as run

    with progress_bars() as progress:
        result = run(studies, settings, out, resume=resume, progress=progress)
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


class _SplitName(StrEnum):
    train = "train"
    val = "val"
    test = "test"


@app.command()
def evaluate(
    bundle: BundlePath,
    manifest: ManifestPath,
    out: OutFolder,
    split: Annotated[_SplitName, typer.Option(help="The part to measure on.")] = _SplitName.test,
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
