"""Commands that use a bundle."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from mediscan.cli.app import app
from mediscan.cli.browser import open_dashboard
from mediscan.cli.options import AsJson, BundlePath, ManifestPath, OutFolder, Workers
from mediscan.console import Exit, report


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
    open_dashboard(scores, database or scores.parent / "reviews.sqlite", port=port)
