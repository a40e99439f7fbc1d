"""How fast the command line answers."""

import statistics

from benchmarks.command import run_command

_REPEATS = 9


def run() -> dict[str, object]:
    run_command(["--help"])  # compiles the modules
    seconds = [run_command(["--help"]) for _ in range(_REPEATS)]
    return {
        "command": "mediscan --help",
        "median_seconds": round(statistics.median(seconds), 3),
        "slowest_seconds": round(max(seconds), 3),
        "repeats": _REPEATS,
    }
