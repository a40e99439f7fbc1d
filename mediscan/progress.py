"""How long-running work reports how far it is; how that is shown is for the caller to choose."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Called whenever something moves on.

    Args:
        stage: What is being done, in the user's words.
        done: How much is done.
        total: Out of how much.
        detail: One short fact to show beside it.
    """

    def __call__(self, stage: str, done: int, total: int, *, detail: str = "") -> None:
        """Take note."""


def silent(stage: str, done: int, total: int, *, detail: str = "") -> None:
    """Show nothing."""


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Bars with rate and time left on stderr, one per stage; plain lines where stderr is no terminal."""
    from rich.console import Console  # noqa: PLC0415  (only commands that show bars need rich)
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars  # noqa: PLC0415

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True))
        return
    columns = (
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("eta"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[detail]}"),
    )
    tasks: dict[str, TaskID] = {}
    with Bars(*columns, console=console) as bars:

        def show(stage: str, done: int, total: int, *, detail: str = "") -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, detail=detail)
            bars.update(tasks[stage], completed=done, total=total)
            if detail:
                bars.update(tasks[stage], detail=detail)

        yield show


def _lines(say: Callable[[str], None]) -> Progress:
    """A line when a stage begins, when it ends, and for each new detail: what a log can hold."""
    last: dict[str, tuple[str, bool]] = {}

    def show(stage: str, done: int, total: int, *, detail: str = "") -> None:
        moment = (detail or last.get(stage, ("", False))[0], done >= total)
        if last.get(stage) != moment:
            last[stage] = moment
            say(f"{stage}: {done} of {total}" + (f", {detail}" if detail else ""))

    return show
