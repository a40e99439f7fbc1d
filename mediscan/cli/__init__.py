"""The command line. Nothing heavy is imported before the command that needs it runs.

- `app`: the program; `main` runs it
- `start`: demo, doctor
- `prepare`: ingest
- `learn`: train, evaluate, info
- `use`: score, explain, dashboard (`browser` starts it)
"""

from mediscan.cli import start, prepare, learn, use  # noqa: I001  (importing declares the commands, in the order of `--help`)
from mediscan.cli.app import app, main

__all__ = ["app", "learn", "main", "prepare", "start", "use"]
