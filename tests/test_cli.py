import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
import typer
from PIL import Image

from mediscan.cli import app
from mediscan.console import Exit, exit_for, pairs
from mediscan.diagnosis import Refusal
from mediscan.errors import Code, ConfigError, ExportError
from mediscan.manifest import Manifest
from mediscan.study import Availability, ImageRef, Split, Study
from mediscan.version import __version__

COMMANDS = sorted(typer.main.get_command(app).commands)
PROGRAM = [sys.executable, "-m", "mediscan"]
# Threads that wait for each other on a busy machine take many times longer than one alone.
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
HEAVY = {"torch", "monai", "transformers", "streamlit", "pandas"}
SMALL_TRAINING = [
    "--set=data.image_size=32",
    "--set=model.width=16",
    "--set=model.heads=2",
    "--set=model.text_window=64",
    "--set=model.fusion_layers=1",
    "--set=train.batch_size=8",
    "--set=train.workers=0",
    "--set=train.precision=fp32",
    "--set=evaluate.bootstrap_draws=20",
]


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def run_apart(*arguments, flags=()):
    """Run the real program in a process of its own."""
    command = [sys.executable, *flags, "-m", "mediscan", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def report(out):
    """What `--json` wrote: one JSON value and nothing else."""

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    return json.loads(out, parse_constant=refuse)


@pytest.fixture(scope="module")
def few(workspace, tmp_path_factory):
    """A manifest of some test studies, the first of them with both modalities."""
    folder = tmp_path_factory.mktemp("few")
    studies = workspace.manifest.studies(Split.TEST)
    studies = sorted(studies[:16], key=lambda study: study.availability is not Availability.BOTH)
    studies.append(replace(studies[0], study_id="image-only", note=()))
    Manifest.of(studies, findings=workspace.manifest.findings, root=folder).write(folder / "few.parquet")
    return folder / "few.parquet"


@pytest.fixture(scope="module")
def to_train_on(workspace, tmp_path_factory):
    """A manifest of as few studies as can be trained on."""
    folder = tmp_path_factory.mktemp("to-train-on")
    manifest = workspace.manifest
    studies = [*manifest.studies(Split.TRAIN)[:40], *manifest.studies(Split.VAL)[:30]]
    Manifest.of(studies, findings=manifest.findings, root=folder).write(folder / "m.parquet")
    return folder / "m.parquet"


@pytest.fixture(scope="module")
def some_unreadable(few, tmp_path_factory):
    """The same with one more study whose image is not there, in the same split."""
    folder = tmp_path_factory.mktemp("some-unreadable")
    manifest = Manifest.read(few)
    gone = Study(
        study_id="gone", patient_id="p-gone", images=(ImageRef(path=str(folder / "gone.dcm")),), split=Split.TEST
    )
    Manifest.of([*manifest.studies(), gone], findings=manifest.findings, root=folder).write(folder / "some.parquet")
    return folder / "some.parquet"


@pytest.fixture(scope="module")
def altered_bundle(workspace, tmp_path_factory):
    """A bundle in which one file is no longer the one that was saved."""
    folder = tmp_path_factory.mktemp("altered") / "bundle"
    shutil.copytree(workspace.bundle, folder, ignore=shutil.ignore_patterns("model.safetensors"))
    (folder / "model.safetensors").symlink_to(workspace.bundle / "model.safetensors")
    metrics = folder / "metrics.json"
    metrics.write_text(metrics.read_text(encoding="utf-8") + " ", encoding="utf-8")
    return folder


# --- help


def test_help_answers_in_under_half_a_second():
    def seconds():
        started = time.perf_counter()
        assert run_apart("--help").returncode == 0
        return time.perf_counter() - started

    seconds()  # fills the caches of files and byte code
    assert min(seconds() for _ in range(5)) < 0.5


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["train", "--help"], ["doctor"], ["score", "--oops"]])
def test_nothing_heavy_is_imported_before_it_is_needed(arguments):
    done = run_apart(*arguments, flags=("-X", "importtime"))
    imported = {
        match[1].split(".")[0] for match in re.finditer(r"^import time:.*\|\s*([\w.]+)$", done.stderr, re.MULTILINE)
    }
    assert "mediscan" in imported
    assert not imported & HEAVY


def test_asking_a_bundle_what_it_is_imports_no_torch(workspace):
    done = run_apart("info", workspace.bundle, flags=("-X", "importtime"))
    assert done.returncode == 0
    assert not re.search(r"\|\s*(torch|monai|transformers)$", done.stderr, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(run, command):
    code, out, err = run(command, "--help")
    assert code == 0
    assert f"mediscan {command}" in out
    assert typer.main.get_command(app).commands[command].help.split()[0] in out
    assert err == ""


def test_help_lists_every_command_and_every_exit_code(run):
    code, out, _ = run("--help")
    assert code == 0
    assert all(re.search(rf"^\W*{command} ", out, re.MULTILINE) for command in COMMANDS)
    codes = {value for name, value in vars(Exit).items() if name.isupper()}
    assert codes <= {int(number) for number in re.findall(r"\d+", out.partition("Exit codes")[2])}


def test_the_version_is_on_stdout(run):
    assert run("--version") == (0, f"{__version__}\n", "")


# --- wrong usage: 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["train", "m.parquet", "--out", "b", "--oops"], "No such option"),
        (["train", "--out", "b"], "Missing argument"),
        (["train", "m.parquet"], "Missing option"),
        (["score", "b", "m.parquet", "--out", "o", "--workers", "-1"], "--workers"),
        (["evaluate", "b", "m.parquet", "--out", "o", "--split", "dev"], "dev"),
        (["evaluate", "b", "m.parquet", "--out", "o", "--draws", "1"], "--draws"),
        (["demo", "--studies", "5"], "--studies"),
        (["train", "m.parquet", "--out", "b", "--set", "train.epoch=3"], "Did you mean 'epochs'?"),
        (["train", "m.parquet", "--out", "b", "--set", "train.epochs=none"], "train.epochs = 'none'"),
        (["train", "m.parquet", "--out", "b", "--set", "epochs"], "section.key=value"),
        (["train", "m.parquet", "--out", "b", "--config", "none.toml"], "none.toml"),
        (["ingest", "--note", "history", "--out", "m.parquet"], "--note 'history' is not of the form NAME=COLUMN"),
    ],
)
def test_wrong_usage_is_told_on_stderr_with_code_2(run, monkeypatch, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    code, out, err = run(*arguments)
    assert code == Exit.USAGE
    assert out == ""
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_wrong_usage_gives_code_2_in_a_process_of_its_own_without_a_traceback():
    done = run_apart("train", "m.parquet", "--out", "b", "--set", "trian.epochs=3")
    assert done.returncode == Exit.USAGE
    assert done.stdout == ""
    assert "Did you mean 'train'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_finding_is_wrong_usage(run, workspace, few, tmp_path):
    study = Manifest.read(few).studies()[0].study_id
    code, out, err = run(
        "explain", workspace.bundle, few, "--study", study, "--finding", "gout", "--out", tmp_path / "e"
    )
    assert (code, out) == (Exit.USAGE, "")
    assert "no finding 'gout'" in err


# --- bad input: 3


@pytest.mark.parametrize("command", [["train", "{manifest}"], ["score", "{bundle}", "{manifest}"]])
def test_a_missing_manifest_is_bad_input(run, workspace, tmp_path, command):
    filled = [part.format(manifest=tmp_path / "none.parquet", bundle=workspace.bundle) for part in command]
    code, out, err = run(*filled, "--out", tmp_path / "out")
    assert (code, out) == (Exit.BAD_INPUT, "")
    assert "none.parquet" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "command",
    [["info"], ["score", "{m}", "--out=o"], ["evaluate", "{m}", "--out=o"], ["explain", "{m}", "--study=1", "--out=o"]],
)
def test_an_altered_bundle_is_bad_input_to_every_command_that_opens_one(
    run, monkeypatch, tmp_path, altered_bundle, few, command
):
    monkeypatch.chdir(tmp_path)
    name, *rest = command
    code, out, err = run(name, altered_bundle, *(part.format(m=few) for part in rest))
    assert (code, out) == (Exit.BAD_INPUT, "")
    assert "metrics.json in bundle" in err
    assert "is not the file that was saved" in err


def test_a_folder_that_is_no_bundle_is_bad_input(run, tmp_path):
    code, _, err = run("info", tmp_path)
    assert code == Exit.BAD_INPUT
    assert "is not a bundle" in err


def test_a_study_that_is_not_there_is_bad_input(run, workspace, few, tmp_path):
    code, _, err = run("explain", workspace.bundle, few, "--study", "nobody", "--out", tmp_path / "e")
    assert code == Exit.BAD_INPUT
    assert "no study 'nobody'" in err


def test_an_unreadable_study_cannot_be_explained_and_is_bad_input(run, workspace, some_unreadable, tmp_path):
    code, _, err = run("explain", workspace.bundle, some_unreadable, "--study", "gone", "--out", tmp_path / "e")
    assert code == Exit.BAD_INPUT
    assert "gone.dcm does not exist" in err


def test_any_other_error_on_purpose_is_a_failure(run, monkeypatch):
    def fail():
        raise ExportError("the disk is full", remedy="Make room.")

    monkeypatch.setattr("mediscan.doctor.examine", fail)
    code, out, err = run("doctor")
    assert (code, out, err) == (Exit.FAILURE, "", "the disk is full. Make room.\n")


# --- done: 0, some refused: 4


def test_score_answers_every_record_and_logs_to_stderr_only(run, workspace, few, tmp_path):
    out_folder = tmp_path / "scores"
    code, out, err = run("score", workspace.bundle, few, "--out", out_folder, "--workers", 0, "--json")
    assert code == 0
    told = report(out)
    ledger = pq.read_table(out_folder / "ledger.parquet").to_pandas()
    assert told["scored"] == len(ledger) == len(Manifest.read(few))
    assert told["refused"] == 0
    assert told["codes"] == ledger["code"].value_counts().to_dict()
    assert "score: " in err
    assert json.loads((out_folder / "run.json").read_text(encoding="utf-8"))["counts"]["scored"] == told["scored"]


def test_score_with_an_unreadable_study_scores_the_others_and_gives_code_4(run, workspace, some_unreadable, tmp_path):
    out_folder = tmp_path / "scores"
    code, out, _ = run("score", workspace.bundle, some_unreadable, "--out", out_folder, "--workers", 0)
    assert code == Exit.SOME_REFUSED
    records = len(Manifest.read(some_unreadable))
    assert out.splitlines()[0] == f"{records - 1} scored, 1 refused; ledger: {out_folder / 'ledger.parquet'}"
    ledger = pq.read_table(out_folder / "ledger.parquet").to_pandas().set_index("study_id")
    assert len(ledger) == records
    assert ledger.loc["gone", "code"] == "file_not_found"


def test_evaluate_reports_what_it_wrote(run, workspace, few, tmp_path):
    out_folder = tmp_path / "evaluation"
    code, out, err = run(
        "evaluate", workspace.bundle, few, "--out", out_folder, "--draws", 20, "--workers", 0, "--json"
    )
    assert code == 0
    assert report(out) == json.loads((out_folder / "metrics.json").read_text(encoding="utf-8"))
    assert report(out)["split"] == "test"
    assert sorted(path.name for path in out_folder.iterdir()) == ["metrics.json", "predictions.parquet", "report.html"]
    assert "read test: " in err


def test_evaluate_names_what_it_could_not_read_and_gives_code_4(run, workspace, some_unreadable, tmp_path):
    code, out, err = run(
        "evaluate", workspace.bundle, some_unreadable, "--out", tmp_path / "e", "--draws", 20, "--workers", 0
    )
    assert code == Exit.SOME_REFUSED
    assert re.search(r"^macro: AUROC ", out, re.MULTILINE)
    assert "refused gone: [file_not_found]" in err


def test_evaluate_on_a_split_without_studies_is_bad_input(run, workspace, few, tmp_path):
    code, _, err = run("evaluate", workspace.bundle, few, "--split", "val", "--out", tmp_path / "e", "--workers", 0)
    assert code == Exit.BAD_INPUT
    assert "split 'val' has no study" in err


def test_explain_reports_the_evidence_it_wrote(run, workspace, few, tmp_path):
    study = Manifest.read(few).studies()[0]
    out_folder = tmp_path / "evidence"
    code, out, _ = run("explain", workspace.bundle, few, "--study", study.study_id, "--out", out_folder, "--json")
    assert code == 0
    told = report(out)
    assert told == json.loads((out_folder / "evidence.json").read_text(encoding="utf-8"))
    assert told["study_id"] == study.study_id
    assert sum(told["shares"].values()) == pytest.approx(told["logit"] - told["baseline_logit"], abs=1e-3)
    for heatmap in told["heatmaps"]:
        with Image.open(out_folder / heatmap["heatmap"]) as shown:
            row, column = np.unravel_index(int(np.asarray(shown).argmax()), (shown.height, shown.width))
        assert heatmap["peak"] == {"row": row, "column": column}
    written = {section.name: section.text for section in study.note}
    assert told["spans"]
    assert all(span["text"] == written[span["section"]][span["start"] : span["end"]] for span in told["spans"])


def test_explain_takes_the_finding_it_is_asked_for(run, workspace, few, tmp_path):
    *_, last = Manifest.read(few).findings
    code, out, _ = run(
        "explain", workspace.bundle, few, "--study", "image-only", "--finding", last, "--out", tmp_path / "evidence"
    )
    assert code == 0
    assert out.startswith(f"study image-only: {last} ")
    assert re.search(r"^shares in log-odds: image [+-]", out, re.MULTILINE)


def test_info_says_what_a_bundle_is(run, workspace):
    code, out, err = run("info", workspace.bundle, "--json")
    assert (code, err) == (0, "")
    told = report(out)
    assert told["findings"] == list(workspace.manifest.findings)
    assert told["metrics"] == json.loads((workspace.bundle / "metrics.json").read_text(encoding="utf-8"))
    code, out, err = run("info", workspace.bundle)
    assert (code, err) == (0, "")
    assert out.startswith(f"bundle {told['bundle_id']}, made by mediscan {__version__}\n")
    assert f"findings: {', '.join(told['findings'])}" in out


def test_doctor_reports_on_stdout_only(run):
    code, out, err = run("doctor", "--json")
    assert (code, err) == (0, "")
    assert report(out)["healthy"] is True
    code, out, err = run("doctor")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == "ready"


def test_doctor_fails_where_the_main_job_cannot_run(run, monkeypatch):
    monkeypatch.setattr("mediscan.doctor._version", lambda _: None)
    code, out, _ = run("doctor", "--json")
    assert code == Exit.FAILURE
    assert report(out)["healthy"] is False


def test_ingest_refuses_bad_rows_by_name_and_keeps_the_others(run, tmp_path, make_png):
    table = tmp_path / "table.csv"
    rows = [
        {
            "id": f"s{number}",
            "who": f"p{number}",
            "file": make_png(f"{number}.png", seed=number).name,
            "sick": number % 2,
        }
        for number in range(6)
    ]
    rows[4]["file"] = "gone.png"
    pd.DataFrame(rows).to_csv(table, index=False)
    manifest = tmp_path / "m.parquet"
    options = ["--id", "id", "--patient", "who", "--image", "file", "--finding", "pneumonia=sick"]
    code, out, err = run("ingest", "--table", table, *options, "--out", manifest, "--json")
    assert code == Exit.SOME_REFUSED
    told = report(out)
    assert (told["studies"], told["refused"]) == (5, 1)
    assert told["findings"]["pneumonia"] == {"positive": 3, "negative": 2, "unknown": 0}
    assert "refused s4: [file_not_found]" in err
    assert len(Manifest.read(manifest)) == 5


def test_a_long_list_of_refusals_is_cut_and_the_ledger_named(capsys):
    refusals = [Refusal(study_id=f"s{number}", code=Code.NO_INPUT, message="nothing.") for number in range(13)]
    with pytest.raises(typer.Exit, match="4"):
        exit_for(refusals, ledger=Path("ledger.parquet"))
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 11
    assert err[-1] == "and 3 more; all of them: ledger.parquet"


def test_no_refusals_are_no_reason_to_leave():
    assert exit_for([]) is None


def test_train_writes_a_bundle_that_info_can_read(run, one_thread, to_train_on, tiny_text_encoder, tmp_path):
    bundle = tmp_path / "bundle"
    encoder = f"--set=model.text_encoder={tiny_text_encoder}"
    code, out, err = run(
        "train", to_train_on, "--out", bundle, *SMALL_TRAINING, encoder, "--set=train.epochs=1", "--json"
    )
    assert code == 0
    told = report(out)
    assert told["epochs"] == 1
    assert "train: " in err
    code, out, _ = run("info", bundle, "--json")
    assert code == 0
    assert report(out)["bundle_id"] == told["bundle_id"]


# --- interrupted: 130


def interrupt_once(stage, arguments):
    """Start the program, interrupt it when a stage has begun, and wait: (exit code, stdout, stderr)."""
    command = [*PROGRAM, *map(str, arguments)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ONE_THREAD,
        # A shell that runs the tests in the background has them ignore the signal, and so all that they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  (no thread is running yet)
    ) as process:
        log = []
        for line in process.stderr:
            log.append(line)
            if line.startswith(stage):
                process.send_signal(signal.SIGINT)
        out = process.stdout.read()  # little enough to have waited in the pipe
    return process.returncode, out, "".join(log)


@pytest.mark.slow
def test_an_interrupted_score_gives_code_130_and_no_half_result(workspace, tmp_path):
    out_folder = tmp_path / "scores"
    arguments = ["score", workspace.bundle, workspace.folder / "manifest.parquet", "--out", out_folder, "--workers", 0]
    code, out, err = interrupt_once("score:", arguments)
    assert code == Exit.INTERRUPTED
    assert out == ""
    assert err.splitlines()[-1] == "interrupted"
    assert "Traceback" not in err
    assert not (out_folder / "predictions.parquet").exists()


@pytest.mark.slow
def test_an_interrupted_training_gives_code_130_and_can_be_resumed(to_train_on, tiny_text_encoder, tmp_path):
    bundle = tmp_path / "bundle"
    arguments = [
        "train",
        to_train_on,
        "--out",
        bundle,
        *SMALL_TRAINING,
        f"--set=model.text_encoder={tiny_text_encoder}",
        "--set=train.epochs=2000",
        "--set=train.patience=2000",
    ]
    code, out, err = interrupt_once("train: 5 of", arguments)
    assert code == Exit.INTERRUPTED
    assert out == ""
    assert err.splitlines()[-1] == "interrupted"
    assert "Traceback" not in err
    assert not bundle.exists()
    assert list(tmp_path.glob("bundle.checkpoint/last-*.safetensors"))


def test_a_name_given_twice_is_wrong_usage():
    with pytest.raises(ConfigError, match="--value 'age_years' is given twice"):
        pairs(["age_years=a", "age_years=b"], "--value")
