"""Commands that bring data in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mediscan.cli.app import app
from mediscan.cli.options import AsJson
from mediscan.console import exit_for, pairs, pattern, report


@app.command()
def ingest(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="SOURCE...", help="Folders, zip archives or files: images, notes, messages, or a table."
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="M.parquet", help="The manifest to write.")] = Path(
        "manifest.parquet"
    ),
    table: Annotated[Path | None, typer.Option(help="A .csv, .tsv or .parquet table of studies.")] = None,
    id_column: Annotated[str | None, typer.Option("--id", metavar="COL", help="Column with the study's id.")] = None,
    patient: Annotated[str | None, typer.Option(metavar="COL", help="Column with the patient's id.")] = None,
    image: Annotated[str | None, typer.Option(metavar="COL", help="Column with the image's path.")] = None,
    note: Annotated[list[str] | None, typer.Option(metavar="SECTION=COL", help="A note section.")] = None,
    note_time: Annotated[
        list[str] | None, typer.Option(metavar="SECTION=COL", help="When a note section was written.")
    ] = None,
    report_column: Annotated[
        str | None, typer.Option("--report", metavar="COL", help="Whole reports, to be split into sections.")
    ] = None,
    value: Annotated[list[str] | None, typer.Option(metavar="NAME=COL", help="A number, or age_years, or sex.")] = None,
    finding: Annotated[list[str] | None, typer.Option(metavar="NAME=COL", help="A finding: 1, 0 or empty.")] = None,
    classes: Annotated[list[str] | None, typer.Option(metavar="GROUP=COL", help="Exclusive classes.")] = None,
    split_column: Annotated[str | None, typer.Option(metavar="COL", help="Column with train, val or test.")] = None,
    collection: Annotated[
        str | None, typer.Option(metavar="NAME", help="A public collection in its original layout, such as openi.")
    ] = None,
    note_layout: Annotated[
        str | None,
        typer.Option(
            metavar="PATTERN",
            help="Where text notes name patient and study: a regular expression over their paths, such as "
            "'(?P<patient>[^/]+)/(?P<study>[^/]+)'.",
        ),
    ] = None,
    select: Annotated[Path | None, typer.Option(metavar="RULES.toml", help="Which series of a study are used.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read images, notes, messages and tables into a manifest; refuse bad records with a reason."""
    from mediscan.progress import progress_bars
    from mediscan.sources.ingest import SelectionRules, TableColumns
    from mediscan.sources.ingest import ingest as run
    from mediscan.sources.notes.text_files import FILE_NAME

    columns = TableColumns(
        id=id_column,
        patient=patient,
        image=image,
        notes=pairs(note, "--note"),
        note_times=pairs(note_time, "--note-time"),
        report=report_column,
        values=pairs(value, "--value"),
        findings=pairs(finding, "--finding"),
        classes=pairs(classes, "--classes"),
        split=split_column,
    )
    with progress_bars() as progress:
        result = run(
            sources or [],
            out=out,
            table=table,
            columns=columns,
            collection=collection,
            rules=SelectionRules.from_toml(select) if select else None,
            note_layout=pattern(note_layout, "--note-layout") if note_layout else FILE_NAME,
            progress=progress,
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
