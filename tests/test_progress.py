import os
import pty
import subprocess
import sys

from mediscan.progress import progress_bars, silent

# A stage with a detail, seen from outside: bars need a terminal, which only another process can be given.
PROGRAM = """
from mediscan.progress import progress_bars
with progress_bars() as progress:
    for done in range(5):
        progress("read train", done, 4)
    progress("read train", 4, 4, detail="all read")
"""


def lines(capsys, *calls):
    with progress_bars() as progress:
        for stage, done, total, detail in calls:
            progress(stage, done, total, detail=detail)
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def run_on_a_terminal() -> tuple[bytes, bytes]:
    """What the program writes to stdout, and to a terminal as its stderr."""
    reader, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=terminal, env=environment
    ) as process:
        os.close(terminal)
        shown = b""
        try:
            while chunk := os.read(reader, 4096):
                shown += chunk
        except OSError:  # how Linux says that the other side of a terminal is closed
            pass
        written, _ = process.communicate()
    os.close(reader)
    assert process.returncode == 0
    return written, shown


def test_a_log_holds_one_line_for_the_begin_and_one_for_the_end(capsys):
    calls = [("score", done, 100, "") for done in range(1, 101)]
    assert lines(capsys, *calls) == ["score: 1 of 100", "score: 100 of 100"]


def test_a_log_holds_a_line_for_each_new_detail(capsys):
    shown = lines(
        capsys,
        ("train", 1, 4, ""),
        ("train", 2, 4, "epoch 1"),
        ("train", 3, 4, ""),
        ("train", 3, 4, "epoch 1"),
        ("train", 4, 4, "epoch 2"),
    )
    assert shown == ["train: 1 of 4", "train: 2 of 4, epoch 1", "train: 4 of 4, epoch 2"]


def test_a_log_shows_the_end_of_a_stage_whose_detail_stays_the_same(capsys):
    shown = lines(capsys, ("train", 1, 2, "epoch 1"), ("train", 2, 2, "epoch 1"))
    assert shown == ["train: 1 of 2, epoch 1", "train: 2 of 2, epoch 1"]


def test_a_log_keeps_stages_apart(capsys):
    shown = lines(capsys, ("a", 0, 2, ""), ("b", 0, 2, ""), ("a", 1, 2, ""), ("b", 2, 2, ""), ("a", 2, 2, ""))
    assert shown == ["a: 0 of 2", "b: 0 of 2", "b: 2 of 2", "a: 2 of 2"]


def test_text_in_brackets_is_shown_as_it_is(capsys):
    assert lines(capsys, ("read", 0, 1, "[bold]file[/bold]")) == ["read: 0 of 1, [bold]file[/bold]"]


def test_long_lines_are_not_wrapped(capsys):
    detail = "word " * 60 + "end"
    assert lines(capsys, ("read", 0, 1, detail)) == [f"read: 0 of 1, {detail}"]


def test_a_terminal_gets_bars_and_stdout_nothing():
    written, shown = run_on_a_terminal()
    assert written == b""
    text = shown.decode()
    assert "━" in text
    assert "\x1b[" in text
    assert "4/4" in text
    assert "all read" in text
    assert "read train: 4 of 4" not in text


def test_silence_shows_nothing(capsys):
    silent("score", 1, 2, detail="x")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")
