"""The command line. Nothing heavy is imported before the command that needs it runs.

- `app`: the program; `main` runs it
- `start`: demo, doctor
- `prepare`: ingest
- `protect`: deidentify
- `learn`: train, evaluate, info
- `compare`: compare
- `align`: pretrain, zero-shot, retrieve, index, similar
- `use`: score, explain, dashboard (`browser` starts it)
"""

# Importing declares the commands, in the order of `--help`.
from mediscan.cli import start, prepare, protect, learn, compare, align, use  # isort: skip
from mediscan.cli.app import app, main

__all__ = ["align", "app", "compare", "learn", "main", "prepare", "protect", "start", "use"]
