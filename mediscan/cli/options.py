"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

ManifestPath = Annotated[Path, typer.Argument(metavar="M.parquet", help="The manifest.")]
BundlePath = Annotated[Path, typer.Argument(metavar="BUNDLE", help="The folder that train wrote.")]
OutFolder = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")]
AsJson = Annotated[bool, typer.Option("--json", help="Report as JSON.")]
Workers = Annotated[int, typer.Option("--workers", min=0, help="Processes that decode images.")]
