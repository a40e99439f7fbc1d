"""The command that takes identity out of data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mediscan.cli.app import app
from mediscan.cli.options import AsJson
from mediscan.console import Exit, report
from mediscan.errors import ConfigError


@app.command()
def deidentify(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A DICOM file or a folder of them.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the copies, the ledger and a report.")],
    secret: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What surrogates are drawn from; made where it does not exist. Without it, the environment variable "
            "MEDISCAN_DEIDENTIFY_SECRET, or else a secret that is forgotten after the run.",
        ),
    ] = None,
    regions: Annotated[
        Path | None, typer.Option(metavar="RULES.toml", help="Pixel regions to black out, by device and size.")
    ] = None,
    clean_modality: Annotated[
        list[str] | None, typer.Option(metavar="MOD", help="A modality whose pixels are known to hold no text.")
    ] = None,
    keep_characteristics: Annotated[
        bool, typer.Option("--keep-characteristics", help="Keep age (capped at 90), sex, size and weight.")
    ] = False,
    keep_overlays: Annotated[bool, typer.Option("--keep-overlays", help="Keep overlay graphics.")] = False,
    remove_descriptions: Annotated[
        bool, typer.Option("--remove-descriptions", help="Remove descriptions instead of reducing them to known words.")
    ] = False,
    notes: Annotated[Path | None, typer.Option(metavar="TABLE", help="A table of the same patients' notes.")] = None,
    note_patient: Annotated[str, typer.Option(metavar="COL", help="Its column with the patient's id.")] = "patient_id",
    note: Annotated[list[str] | None, typer.Option(metavar="COL", help="A column of notes.")] = None,
    note_study: Annotated[str | None, typer.Option(metavar="COL", help="Its column with the study's id.")] = None,
    note_names: Annotated[
        list[str] | None, typer.Option(metavar="COL", help="A column with names that the notes may hold.")
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="COL", help="A column that identifies nobody and is copied.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Copy DICOM files and notes without what identifies a patient; refuse what cannot be made safe."""
    from mediscan.deidentify.files import DicomRules
    from mediscan.deidentify.profile import Characteristics, Descriptors, Overlays, Profile
    from mediscan.deidentify.regions import RegionRules
    from mediscan.deidentify.run import DeidentifyOptions
    from mediscan.deidentify.run import deidentify as run
    from mediscan.deidentify.table import NoteTable
    from mediscan.progress import progress_bars

    if notes is not None and not note:
        raise ConfigError("--notes names a table but no column of it", remedy="Add --note COL.")
    profile = Profile(
        overlays=Overlays.KEEP if keep_overlays else Overlays.REMOVE,
        descriptors=Descriptors.REMOVE if remove_descriptions else Descriptors.VOCABULARY,
        characteristics=Characteristics.KEEP if keep_characteristics else Characteristics.REMOVE,
    )
    options = DeidentifyOptions(
        secret=secret,
        dicom=DicomRules(
            regions=RegionRules.from_toml(regions) if regions else RegionRules(),
            clean_modalities=frozenset(name.upper() for name in clean_modality or ()),
            profile=profile,
        ),
        notes=None
        if notes is None
        else NoteTable(
            path=notes,
            patient=note_patient,
            notes=tuple(note or ()),
            study=note_study,
            names=tuple(note_names or ()),
            keep=tuple(keep or ()),
        ),
        workers=workers,
    )
    with progress_bars() as progress:
        result = run(source, out, options, progress=progress)
    report(
        {
            "out": str(result.out),
            "ledger": str(result.ledger),
            "report": str(result.report),
            "deidentified": result.deidentified,
            "refused": result.refused,
            "codes": result.codes,
            "actions": result.actions,
            "notices": list(result.notices),
        },
        as_json=as_json,
        text=[
            f"{result.deidentified} de-identified, {result.refused} refused; ledger: {result.ledger}",
            *(f"{code}: {count}" for code, count in result.codes.items()),
            f"what was done to which attribute: {result.report}",
            *result.notices,
        ],
    )
    if result.refused:
        raise typer.Exit(Exit.SOME_REFUSED)
