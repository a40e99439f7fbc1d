"""What the command line's commands share: exit codes, and how results and refusals are told."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import typer

from mediscan.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mediscan.diagnosis import Refusal


class Exit:
    """Exit codes."""

    DONE = 0
    FAILURE = 1
    USAGE = 2
    BAD_INPUT = 3
    SOME_REFUSED = 4
    INTERRUPTED = 130


def pairs(options: Iterable[str] | None, name: str) -> dict[str, str]:
    """`NAME=COLUMN` options as a mapping.

    Raises:
        ConfigError: One is not of that form.
    """
    named: dict[str, str] = {}
    for option in options or ():
        key, equals, column = option.partition("=")
        if not equals or not key or not column:
            raise ConfigError(
                f"{name} {option!r} is not of the form NAME=COLUMN", remedy=f"Example: {name} age_years=age."
            )
        if key in named:
            raise ConfigError(f"{name} {key!r} is given twice", remedy="Name each once.")
        named[key] = column
    return named


def pattern(option: str, name: str) -> re.Pattern[str]:
    """A regular expression.

    Raises:
        ConfigError: It is none.
    """
    try:
        return re.compile(option)
    except re.error as error:
        raise ConfigError(f"{name} is no regular expression: {error}", remedy="Mend it.") from None


def metric_lines(metrics: Mapping[str, Any]) -> list[str]:
    """The gist of metrics.json, for people."""

    def line(name: str, values: Mapping[str, Any]) -> str:
        if values.get("auroc") is None:
            return f"{name}: AUROC not measurable"
        interval = values.get("auroc_ci")
        bounds = f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
        return f"{name}: AUROC {values['auroc']:.3f}{bounds}"

    gain = metrics["fusion_gain"]
    lines = [f"split {metrics['split']}: {metrics['n_studies']} studies of {metrics['n_patients']} patients"]
    lines.append(line("macro", metrics["macro"]))
    lines += [line(f"  {name}", values) for name, values in metrics["by_modality"].items()]
    if gain["auroc"] is not None:
        interval = f" ({gain['ci'][0]:+.3f} to {gain['ci'][1]:+.3f})" if gain["ci"] else ""
        lines.append(f"  fusion gain over {gain['over']}: {gain['auroc']:+.3f}{interval}")
    return lines


def report(data: Mapping[str, Any], *, as_json: bool, text: Iterable[str]) -> None:
    """Put a result on stdout: as JSON for programs, as lines for people."""
    if as_json:
        typer.echo(json.dumps(data, indent=1, allow_nan=False, default=str))
    else:
        for line in text:
            typer.echo(line)


def exit_for(refused: Iterable[Refusal], *, ledger: Path | None = None) -> None:
    """Name refused records on stderr and leave with the code that says so."""
    listed = list(refused)
    if not listed:
        return
    for refusal in listed[:10]:
        say(f"refused {refusal.study_id}: [{refusal.code}] {refusal.message}")
    if len(listed) > 10:
        say(f"and {len(listed) - 10} more" + (f"; all of them: {ledger}" if ledger else ""))
    raise typer.Exit(Exit.SOME_REFUSED)


def say(message: str) -> None:
    """Tell people something, on stderr."""
    typer.echo(message, err=True)
