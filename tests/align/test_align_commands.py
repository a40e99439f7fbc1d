"""The commands of alignment, from end to end on phantom studies."""

import json

import pyarrow.parquet as pq
import pytest
import torch

from mediscan.align.zero_shot import SIMILARITIES
from mediscan.console import Exit
from mediscan.study import Availability, Split

SMALL = [
    "--set=data.image_size=32",
    "--set=model.width=16",
    "--set=model.heads=2",
    "--set=model.text_window=64",
    "--set=train.workers=0",
    "--set=train.precision=fp32",
    "--set=train.threads=1",
    "--set=pretrain.epochs=1",
    "--set=pretrain.batch_size=32",
    "--set=evaluate.bootstrap_draws=20",
]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Arithmetic this small only waits for a second thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def manifest(workspace):
    return workspace.folder / "manifest.parquet"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("commands") / "aligned"


@pytest.fixture
def aligned(run, folder, manifest, tiny_text_encoder):
    if not folder.exists():
        code, out, _ = run(
            "pretrain", manifest, "--out", folder, *SMALL, f"--set=model.text_encoder={tiny_text_encoder}", "--json"
        )
        assert code == Exit.DONE
        told = json.loads(out)
        assert told["epochs"] == 1
        assert told["validation"]["candidates"] == told["validation"]["n_studies"]
    return folder


def pairs_of(workspace, split):
    return [s for s in workspace.manifest.studies(split) if s.availability is Availability.BOTH]


def test_retrieval_is_measured_both_ways(run, aligned, manifest, workspace):
    code, out, _ = run("retrieve", aligned, manifest, "--candidates", 20, "--draws", 20, "--workers", 0, "--json")
    told = json.loads(out)
    assert code == Exit.DONE
    assert told["n_studies"] == len(pairs_of(workspace, Split.TEST))
    assert told["candidates"] == 20
    assert 0 <= told["image_to_note"]["recall@1"] <= told["image_to_note"]["recall@10"] <= 1
    code, out, _ = run("retrieve", aligned, manifest, "--draws", 20, "--workers", 0)
    assert "note to image: recall@1 0." in out


def test_a_text_and_a_study_are_looked_for(run, aligned, manifest, workspace, tmp_path):
    said = tmp_path / "said.txt"
    said.write_text("left pleural effusion")
    code, out, _ = run("retrieve", aligned, manifest, "--text-file", said, "-k", 3, "--workers", 0, "--json")
    assert code == Exit.DONE
    assert len(json.loads(out)["hits"]) == 3
    study = pairs_of(workspace, Split.TEST)[0].study_id
    code, out, _ = run("retrieve", aligned, manifest, "--study", study, "-k", 2, "--workers", 0)
    assert code == Exit.DONE
    assert len(out.splitlines()) == 2
    code, _, told = run("retrieve", aligned, manifest, "--study", study, "--text-file", said)
    assert code == Exit.USAGE
    assert "--text-file and --study are both given" in told


def test_findings_by_prompts_are_similarities(run, aligned, manifest, workspace, tmp_path):
    code, out, told = run("zero-shot", aligned, manifest, "--out", tmp_path / "out", "--workers", 0, "--json")
    with_image = [s for s in workspace.manifest.studies(Split.TEST) if s.images]
    table = pq.read_table(tmp_path / "out" / "similarities.parquet")
    assert table.schema == SIMILARITIES
    assert table.num_rows == len(with_image) * len(workspace.manifest.findings)
    assert "probability" not in table.column_names
    lacking = len(workspace.manifest.studies(Split.TEST)) - len(with_image)
    assert code == (Exit.SOME_REFUSED if lacking else Exit.DONE)
    assert told.count("refused phantom-") == lacking
    metrics = json.loads(out)["metrics"]
    assert metrics["findings"].keys() == set(workspace.manifest.findings)
    assert metrics["split"] == "test"


def test_prompts_of_a_file_are_used(run, aligned, manifest, tmp_path):
    prompts = tmp_path / "prompts.toml"
    prompts.write_text('[edema]\npositive = ["haze"]\nnegative = ["clear"]\n')
    code, out, _ = run(
        "zero-shot",
        aligned,
        manifest,
        "--prompts",
        prompts,
        "--out",
        tmp_path / "out",
        "--workers",
        0,
        "--compare",
        "image+note",
    )
    assert code in (Exit.DONE, Exit.SOME_REFUSED)
    assert "edema: AUROC 0." in out
    assert "similarities are no probabilities" in out


@pytest.mark.parametrize("which", ["aligned encoders", "bundle"])
def test_similar_studies_come_from_an_index_or_are_found_at_once(run, aligned, manifest, workspace, tmp_path, which):
    model = aligned if which == "aligned encoders" else workspace.bundle
    index = tmp_path / "index.npz"
    code, out, _ = run("index", model, manifest, "--out", index, "--split", "val", "--workers", 0, "--json")
    assert code == Exit.DONE
    assert json.loads(out)["studies"] == len(workspace.manifest.studies(Split.VAL))
    study = workspace.manifest.studies(Split.TEST)[0].study_id
    code, indexed, _ = run("similar", model, manifest, "--study", study, "-k", 3, "--index", index, "--json")
    assert code == Exit.DONE
    code, at_once, _ = run(
        "similar", model, manifest, "--study", study, "-k", 3, "--split", "val", "--workers", 0, "--json"
    )
    assert code == Exit.DONE
    assert json.loads(indexed) == json.loads(at_once)
    assert len(json.loads(indexed)["similar"]) == 3
    assert json.loads(indexed)["similar"][0]["labels"].keys() == set(workspace.manifest.findings)


def test_an_index_of_another_model_is_refused(run, aligned, manifest, workspace, tmp_path):
    index = tmp_path / "index.npz"
    run("index", aligned, manifest, "--out", index, "--split", "val", "--workers", 0)
    study = workspace.manifest.studies(Split.TEST)[0].study_id
    code, _, told = run("similar", workspace.bundle, manifest, "--study", study, "--index", index)
    assert code == Exit.BAD_INPUT
    assert "was made with model" in told


def test_a_bundle_is_no_folder_of_aligned_encoders(run, workspace, manifest):
    code, _, told = run("retrieve", workspace.bundle, manifest)
    assert code == Exit.BAD_INPUT
    assert "holds no aligned encoders" in told
