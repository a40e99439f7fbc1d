"""The program itself: its name, its errors and its exit codes."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from mediscan.console import Exit, say
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
