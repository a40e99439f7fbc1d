"""Run mediscan as a user would, and time it."""

import subprocess
import sys
import time
from collections.abc import Sequence


class CommandError(RuntimeError):
    """A command ended with an exit code that it should not have."""


def run_command(arguments: Sequence[str], *, accept: Sequence[int] = (0,)) -> float:
    """Seconds that `mediscan ARGUMENTS` took.

    Raises:
        CommandError: It ended with another code than those accepted.
    """
    started = time.perf_counter()
    code = subprocess.run([sys.executable, "-m", "mediscan", *arguments], check=False).returncode
    if code not in accept:
        raise CommandError(f"mediscan {' '.join(arguments)} ended with exit code {code}")
    return time.perf_counter() - started
