"""The command line. Nothing heavy is imported before the command that needs it runs."""

from __future__ import annotations

import json
import os
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mediscan.console import Exit, exit_for, metric_lines, pairs, report, say
from mediscan.errors import BundleError, ConfigError, ManifestError, MediscanError, SourceError
from mediscan.version import __version__

app = typer.Typer(
    name="mediscan",
    help="Diagnosis from medical images and clinical notes together. Not a medical device.",
    epilog="Exit codes: 0 done, 1 failure, 2 wrong usage, 3 bad input, 4 some records refused, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ManifestPath = Annotated[Path, typer.Argument(metavar="M.parquet", help="The manifest.")]
BundlePath = Annotated[Path, typer.Argument(metavar="BUNDLE", help="The folder that train wrote.")]
OutFolder = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")]
AsJson = Annotated[bool, typer.Option("--json", help="Report as JSON.")]
Workers = Annotated[int, typer.Option("--workers", min=0, help="Processes that decode images.")]


def main() -> None:
    """Run, and turn errors into messages and exit codes."""
    # Progress bars of libraries would mix with ours; their telemetry and look-ups would touch the network.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    try:
        code = app(standalone_mode=False) or Exit.DONE
        if code == Exit.INTERRUPTED:  # Typer makes a code of the interrupt itself
            say("interrupted")
        sys.exit(code)
    except (KeyboardInterrupt, typer.Abort):
        say("interrupted")
        sys.exit(Exit.INTERRUPTED)
    except typer.TyperException as error:
        # Typer's usage errors know how to show themselves; its stubs do not say so.
        error.show()  # type: ignore[attr-defined]
        sys.exit(Exit.USAGE)
    except ConfigError as error:
        say(str(error))
        sys.exit(Exit.USAGE)
    except (ManifestError, SourceError, BundleError) as error:
        say(str(error))
        sys.exit(Exit.BAD_INPUT)
    except MediscanError as error:
        say(str(error))
        sys.exit(Exit.FAILURE)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


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
        _serve(result.scores, out / "reviews.sqlite", port=8501)


@app.command()
def ingest(
    sources: Annotated[
        list[Path] | None, typer.Argument(metavar="SOURCE...", help="Folders of images, or a table.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="M.parquet", help="The manifest to write.")] = Path(
        "manifest.parquet"
    ),
    table: Annotated[Path | None, typer.Option(help="A .csv, .tsv or .parquet table of studies.")] = None,
    id_column: Annotated[str | None, typer.Option("--id", metavar="COL", help="Column with the study's id.")] = None,
    patient: Annotated[str | None, typer.Option(metavar="COL", help="Column with the patient's id.")] = None,
    image: Annotated[str | None, typer.Option(metavar="COL", help="Column with the image's path.")] = None,
    note: Annotated[list[str] | None, typer.Option(metavar="SECTION=COL", help="A note section.")] = None,
    value: Annotated[list[str] | None, typer.Option(metavar="NAME=COL", help="A number, or age_years, or sex.")] = None,
    finding: Annotated[list[str] | None, typer.Option(metavar="NAME=COL", help="A finding: 1, 0 or empty.")] = None,
    classes: Annotated[list[str] | None, typer.Option(metavar="GROUP=COL", help="Exclusive classes.")] = None,
    split_column: Annotated[str | None, typer.Option(metavar="COL", help="Column with train, val or test.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read a table and folders of images into a manifest; refuse bad rows with a reason."""
    from mediscan.progress import progress_bars
    from mediscan.sources.ingest import TableColumns
    from mediscan.sources.ingest import ingest as run

    columns = TableColumns(
        id=id_column,
        patient=patient,
        image=image,
        notes=pairs(note, "--note"),
        values=pairs(value, "--value"),
        findings=pairs(finding, "--finding"),
        classes=pairs(classes, "--classes"),
        split=split_column,
    )
    with progress_bars() as progress:
        result = run(
            sources or [],
            table=table,
            columns=columns,
            out=out,
            progress=lambda done, total: progress("describe images", done, total),
        )
    findings = {
        name: {"positive": count.positive, "negative": count.negative, "unknown": count.unknown}
        for name, count in result.by_finding.items()
    }
    summary = {
        "manifest": str(result.manifest),
        "ledger": str(result.ledger),
        "studies": result.studies,
        "images": result.images,
        "refused": result.refused,
        "flagged": result.flagged,
        "by_split": dict(result.by_split),
        "findings": findings,
        "notices": list(result.notices),
    }
    report(
        summary,
        as_json=as_json,
        text=[
            f"{result.studies} studies with {result.images} images in {result.manifest}",
            f"splits: {', '.join(f'{name} {count}' for name, count in result.by_split.items())}",
            *(
                f"{name}: {c['positive']} present, {c['negative']} absent, {c['unknown']} unknown"
                for name, c in findings.items()
            ),
            *result.notices,
        ],
    )
    exit_for(result.refusals, ledger=result.ledger)


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
def score(
    bundle: BundlePath,
    manifest: ManifestPath,
    out: OutFolder,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a stopped run was.")] = False,
    workers: Workers = 2,
    as_json: AsJson = False,
) -> None:
    """Score every record of a manifest: predictions.parquet, ledger.parquet and run.json."""
    import mediscan
    from mediscan.manifest import Manifest
    from mediscan.progress import progress_bars
    from mediscan.score.run import score as run

    diagnoser = mediscan.load(bundle)
    with progress_bars() as progress:
        result = run(
            diagnoser,
            Manifest.read(manifest),
            out,
            bundle=bundle,
            resume=resume,
            workers=workers,
            command=shlex.join(["mediscan", *sys.argv[1:]]),
            progress=progress,
        )
    report(
        {"out": str(out), "scored": result.scored, "refused": result.refused, "codes": result.codes},
        as_json=as_json,
        text=[
            f"{result.scored} scored, {result.refused} refused; ledger: {out / 'ledger.parquet'}",
            *(f"{code}: {count}" for code, count in result.codes.items()),
        ],
    )
    if result.refused:
        raise typer.Exit(Exit.SOME_REFUSED)


@app.command()
def explain(
    bundle: BundlePath,
    manifest: ManifestPath,
    study: Annotated[str, typer.Option(metavar="ID", help="The study.")],
    out: OutFolder,
    finding: Annotated[str | None, typer.Option(help="The finding; by default the one that stands out most.")] = None,
    as_json: AsJson = False,
) -> None:
    """Explain one finding of one study: heatmap in source pixels, note spans, modality shares."""
    import mediscan
    from mediscan.explain.write import write_evidence
    from mediscan.manifest import Manifest

    diagnoser = mediscan.load(bundle)
    chosen = Manifest.read(manifest).study(study)
    diagnosis = diagnoser.predict(chosen)
    name = finding or diagnosis.most_notable.finding
    evidence = diagnoser.explain(chosen, name)
    path = write_evidence(evidence, chosen, diagnosis, out)
    result = diagnosis[name]
    report(
        json.loads(path.read_text(encoding="utf-8")),
        as_json=as_json,
        text=[
            f"study {study}: {name} {result.decision}",
            f"probability {result.probability:.2f} ({result.lower:.2f} to {result.upper:.2f})",
            "shares in log-odds: " + ", ".join(f"{part} {share:+.2f}" for part, share in evidence.shares.items()),
            f"evidence: {path}",
        ],
    )


@app.command()
def dashboard(
    scores: Annotated[Path, typer.Argument(metavar="SCORES", help="The folder that score wrote.")] = Path(
        "demo/scores"
    ),
    database: Annotated[Path | None, typer.Option(help="Where reviews are kept; by default beside SCORES.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on the loopback address.")] = 8501,
) -> None:
    """Review scored studies in the browser."""
    _serve(scores, database or scores.parent / "reviews.sqlite", port=port)


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


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check this installation: packages, codecs, processor, memory, and what is missing for what."""
    from mediscan.doctor import examine

    found = examine()
    report(found.as_dict, as_json=as_json, text=found.as_text)
    if not found.healthy:
        raise typer.Exit(Exit.FAILURE)


def _serve(scores: Path, database: Path, *, port: int) -> None:
    import subprocess

    from mediscan.review.dashboard import command

    raise typer.Exit(subprocess.call(command(scores, database, port=port)))  # noqa: S603  (our own argument list)
