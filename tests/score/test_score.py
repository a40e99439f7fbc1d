import csv
import json
import logging
import sys
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pydicom
import pytest
from dicom_builders import write_dicom

from mediscan.cli import main
from mediscan.errors import ConfigError
from mediscan.manifest import Manifest
from mediscan.score import run as module
from mediscan.score.run import score
from mediscan.study import ImageRef, NoteSection

PREDICTION_COLUMNS = [
    *("study_id", "patient_id", "finding", "probability", "lower", "upper", "decision", "modalities"),
    *("out_of_distribution", "bundle_id", "input_sha256"),
]
LEDGER_COLUMNS = ["study_id", "status", "code", "message", "seconds"]
CANARY = "zanzibarcanary"
FATES = {
    "missing-file": ("refused", "file_not_found", "Check the path"),
    "truncated": ("refused", "pixel_data", "again"),
    "text-as-dicom": ("refused", "not_dicom", "export this one as a DICOM Part 10 file"),
    "no-note": ("scored", "empty_note", "Add text in one of the sections"),
    "twice": ("refused", "duplicate_study_id", "Give every study an id of its own"),
    "crossing-1": ("scored", "patient_in_two_splits", "into one split"),
    "crossing-2": ("scored", "patient_in_two_splits", "into one split"),
}
"""Study → its status, its code, and words of the remedy in its message."""


@pytest.fixture(scope="module")
def complete(workspace):
    """Studies that are whole: images and note."""
    studies = workspace.manifest.studies()
    return [study for study in studies if study.images and study.note][:14]


@pytest.fixture
def broken_studies(complete, tmp_path):
    """Eight good studies and seven rows with something wrong, mixed."""
    good = [replace(study, study_id=f"good-{number}") for number, study in enumerate(complete[:8])]
    base = complete[8:]
    text = tmp_path / "letter.dcm"
    text.write_text(f"{CANARY}: not an image", encoding="utf-8")
    whole = write_dicom(
        tmp_path / "whole.dcm",
        np.random.default_rng(0).integers(0, 4096, (64, 64), dtype=np.uint16),
        PatientName=f"{CANARY}^Name",
    )
    truncated = tmp_path / "truncated.dcm"
    truncated.write_bytes(whole.read_bytes()[:-3000])
    assert pydicom.dcmread(truncated, stop_before_pixels=True).PatientName == f"{CANARY}^Name"
    named = NoteSection(name="history", text=f"{CANARY} has a fever")

    def wrong(study_id, study, **changes):
        return replace(study, study_id=study_id, **changes)

    return [
        good[0],
        wrong("missing-file", base[0], images=(ImageRef(path=str(tmp_path / "gone.dcm")),), note=(named,)),
        good[1],
        wrong("truncated", base[1], images=(ImageRef(path=str(truncated)),), note=(named,)),
        wrong("text-as-dicom", base[2], images=(ImageRef(path=str(text)),), note=(named,)),
        good[2],
        wrong("no-note", base[3], note=()),
        wrong("twice", base[4], note=(named,)),
        good[3],
        good[4],
        wrong("twice", base[4], note=(named,)),
        wrong("crossing-1", base[5], patient_id="crossing", split="train"),
        wrong("crossing-2", base[5], patient_id="crossing", split="test", note=(named,)),
        *good[5:],
    ]


def manifest_of(studies, folder, findings):
    """As `Manifest.write`, which would refuse what these tests plant."""
    table = Manifest.of(studies, findings=findings, root=folder)._table
    pq.write_table(table, folder / "manifest.parquet")
    return Manifest.read(folder / "manifest.parquet")


def csv_of(studies, folder):
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["study_id", "patient_id", "split", "images", "note_history"])
        for study in studies:
            paths = ";".join(image.path for image in study.images)
            text = " ".join(section.text for section in study.note)
            writer.writerow([study.study_id, study.patient_id, study.split, paths, text])
    return folder / "manifest.csv"


def read(path):
    return pq.read_table(path).to_pylist()


def assert_fates(out, studies):
    ledger = read(out / "ledger.parquet")
    assert [row["study_id"] for row in ledger] == [study.study_id for study in studies]
    for row in ledger:
        if row["study_id"] in FATES:
            status, code, remedy = FATES[row["study_id"]]
            assert (row["status"], row["code"]) == (status, code), row
            assert remedy in row["message"], row
        else:
            assert row["status"] == "scored", row
            assert row["code"] in ("ok", "out_of_distribution"), row
    scored = [row["study_id"] for row in ledger if row["status"] == "scored"]
    predictions = read(out / "predictions.parquet")
    assert list(dict.fromkeys(row["study_id"] for row in predictions)) == scored
    return ledger, predictions


def run_cli(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["mediscan", *map(str, arguments)])
    with pytest.raises(SystemExit, match=r"^[0-9]+$") as left:
        main()
    return left.value.code


def test_every_wrong_record_is_refused_or_flagged_and_every_other_is_scored(
    workspace, broken_studies, tmp_path, monkeypatch, capfd, caplog
):
    caplog.set_level(logging.DEBUG)
    findings = workspace.manifest.findings
    manifest = manifest_of(broken_studies, tmp_path, findings)
    out = tmp_path / "scores"

    code = run_cli(monkeypatch, "score", workspace.bundle, manifest.path, "--out", out, "--workers", "0", "--json")

    assert code == 4
    ledger, predictions = assert_fates(out, broken_studies)
    assert len(predictions) == 11 * len(findings)
    by_study = {row["study_id"]: row for row in predictions}
    assert by_study["no-note"]["modalities"] == "image"
    assert by_study["good-0"]["modalities"] == "image+note"
    shown = capfd.readouterr()
    assert json.loads(shown.out)["refused"] == 5
    run = (out / "run.json").read_text(encoding="utf-8")
    for text in (str(ledger), str(predictions), run, shown.out, shown.err, caplog.text):
        assert CANARY not in text


def test_a_manifest_written_by_hand_as_csv_meets_the_same_fate(workspace, diagnoser, broken_studies, tmp_path):
    manifest = Manifest.read(csv_of(broken_studies, tmp_path))
    result = score(diagnoser, manifest, tmp_path / "scores", bundle=workspace.bundle)

    assert_fates(tmp_path / "scores", broken_studies)
    assert (result.scored, result.refused) == (10 + 1, 5)
    assert result.codes["duplicate_study_id"] == 2


def test_the_tables_and_the_run_have_exactly_the_contracts_columns_and_keys(workspace, diagnoser, complete, tmp_path):
    manifest = manifest_of(complete[:3], tmp_path, workspace.manifest.findings)
    out = tmp_path / "scores"
    score(diagnoser, manifest, out, bundle=workspace.bundle, command="mediscan score …")
    run = json.loads((out / "run.json").read_text(encoding="utf-8"))

    assert pq.read_schema(out / "predictions.parquet").names == PREDICTION_COLUMNS
    assert pq.read_schema(out / "ledger.parquet").names == LEDGER_COLUMNS
    assert {"command", "versions", "bundle_id", "manifest_sha256", "start", "end", "counts"} <= set(run)
    assert run["command"] == "mediscan score …"
    assert run["bundle_id"] == diagnoser.bundle_id
    assert run["manifest_sha256"] == manifest.sha256
    assert run["counts"]["records"] == run["counts"]["scored"] == 3
    assert run["start"] <= run["end"]
    assert sorted(path.name for path in out.iterdir()) == ["ledger.parquet", "predictions.parquet", "run.json"]
    for row in read(out / "predictions.parquet"):
        assert 0 <= row["lower"] <= row["probability"] <= row["upper"] <= 1
        assert row["decision"] in ("positive", "negative", "uncertain")


class Stopped(Exception):  # noqa: N818  (a stop, not an error)
    """What a kill would be."""


def stop_at(record):
    def progress(stage, done, total, *, detail=""):
        if done == record:
            raise Stopped("as asked")

    return progress


def without_seconds(path):
    return pq.read_table(path).drop_columns(["seconds"])


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(module, "_PART", 4)


@pytest.fixture
def mixed(workspace, broken_studies, tmp_path):
    return manifest_of(broken_studies, tmp_path, workspace.manifest.findings)


def assert_same_results(out, whole):
    assert (out / "predictions.parquet").read_bytes() == (whole / "predictions.parquet").read_bytes()
    # How long each record took is all that may differ.
    assert without_seconds(out / "ledger.parquet").equals(without_seconds(whole / "ledger.parquet"))


@pytest.mark.parametrize("stop", [6, 13])
def test_a_resumed_run_gives_the_tables_of_an_unbroken_one_and_scores_no_part_twice(
    workspace, diagnoser, mixed, small_parts, tmp_path, stop
):
    whole, out = tmp_path / "whole", tmp_path / "scores"
    score(diagnoser, mixed, whole, bundle=workspace.bundle)
    with pytest.raises(Stopped, match="as asked"):
        score(diagnoser, mixed, out, bundle=workspace.bundle, progress=stop_at(stop))
    assert not (out / "predictions.parquet").exists()

    told = []
    score(
        diagnoser,
        mixed,
        out,
        bundle=workspace.bundle,
        resume=True,
        progress=lambda *moved, **_: told.append(moved[1]),
    )

    finished = (stop - 1) // 4 * 4
    assert told == list(range(finished + 1, len(mixed) + 1))
    assert_same_results(out, whole)
    assert not (out / "parts").exists()


def test_a_part_that_went_missing_is_scored_again(workspace, diagnoser, mixed, small_parts, tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "scores"
    score(diagnoser, mixed, whole, bundle=workspace.bundle)
    with pytest.raises(Stopped, match="as asked"):
        score(diagnoser, mixed, out, bundle=workspace.bundle, progress=stop_at(14))
    (out / "parts" / "000001.ledger.parquet").unlink()
    score(diagnoser, mixed, out, bundle=workspace.bundle, resume=True)

    assert_same_results(out, whole)


def test_resuming_with_another_manifest_is_refused(workspace, diagnoser, mixed, complete, small_parts, tmp_path):
    out = tmp_path / "scores"
    with pytest.raises(Stopped, match="as asked"):
        score(diagnoser, mixed, out, bundle=workspace.bundle, progress=stop_at(6))
    (tmp_path / "other").mkdir()
    other = manifest_of(complete[:6], tmp_path / "other", workspace.manifest.findings)

    with pytest.raises(ConfigError, match=r"was of another bundle or manifest. Choose another --out"):
        score(diagnoser, other, out, bundle=workspace.bundle, resume=True)


def test_without_resume_a_stopped_run_starts_again(workspace, diagnoser, mixed, complete, small_parts, tmp_path):
    out = tmp_path / "scores"
    with pytest.raises(Stopped, match="as asked"):
        score(diagnoser, mixed, out, bundle=workspace.bundle, progress=stop_at(6))
    (tmp_path / "other").mkdir()
    other = manifest_of(complete[:3], tmp_path / "other", workspace.manifest.findings)
    score(diagnoser, other, out, bundle=workspace.bundle)

    assert [row["study_id"] for row in read(out / "ledger.parquet")] == [study.study_id for study in complete[:3]]


def test_a_manifest_of_refused_records_alone_still_gets_its_ledger(workspace, diagnoser, broken_studies, tmp_path):
    twice = [study for study in broken_studies if study.study_id == "twice"]
    result = score(
        diagnoser,
        manifest_of(twice, tmp_path, workspace.manifest.findings),
        tmp_path / "scores",
        bundle=workspace.bundle,
    )

    assert (result.scored, result.refused) == (0, 2)
    assert read(tmp_path / "scores" / "predictions.parquet") == []
    assert len(read(tmp_path / "scores" / "ledger.parquet")) == 2
