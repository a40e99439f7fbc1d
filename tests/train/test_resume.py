"""A training that is killed in the middle of an epoch, for good, goes on to the very same bits."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from mediscan.config import RunConfig
from mediscan.errors import ConfigError
from mediscan.train.loop import train

SETTINGS = {
    "epochs": 4,
    "batch_size": 2,  # twelve steps an epoch
    "patience": 4,
    "checkpoint_steps": 1,
    "average_decay": 0.9,
    "deterministic": True,
    "threads": 1,
}
OPENED = {"trainable_text_layers": 1, "dropout": 0.2}
"""So that PyTorch draws in every step, in the text encoder and in the fusion."""


@pytest.fixture
def config(config):
    content = config.model_dump(mode="json")
    content["train"] |= SETTINGS
    content["model"] |= OPENED
    return RunConfig.from_mapping(content)


def kill_within_an_epoch(process, state_file, *, seconds=120):
    """Kill -9 once a checkpoint lies within the second epoch; the state that was left."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, "the training ended before it could be killed"
        if state_file.is_file():
            state = json.loads(state_file.read_text(encoding="utf-8"))
            if state["epoch"] == 1 and state["step"] >= 3:
                process.send_signal(signal.SIGKILL)
                process.wait()
                return json.loads(state_file.read_text(encoding="utf-8"))
        time.sleep(0.002)
    pytest.fail("no checkpoint within the second epoch")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL there")
def test_a_training_killed_within_an_epoch_ends_with_the_same_bits(
    config, manifest, manifest_path, write_config, tmp_path
):
    whole = train(manifest, config, tmp_path / "whole")
    settings = write_config(config, tmp_path / "run.toml")
    bundle, state_file = tmp_path / "killed", tmp_path / "killed.checkpoint" / "state.json"
    command = [sys.executable, "-m", "mediscan", "train", manifest_path, "--out", bundle]
    process = subprocess.Popen([*command, "--config", settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        left = kill_within_an_epoch(process, state_file)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert 0 < left["step"] < 12
    assert not bundle.exists()

    steps = []

    def count(stage, done, total, *, detail=""):
        if stage == "train" and not detail:
            steps.append(done)

    resumed = train(manifest, config, bundle, resume=True, progress=count)

    assert steps == list(range(left["epoch"] * 12 + left["step"] + 1, 4 * 12 + 1))
    assert resumed.history == whole.history
    one, other = (load_file(result.bundle / "model.safetensors") for result in (whole, resumed))
    assert one.keys() == other.keys()
    assert [name for name, value in one.items() if not torch.equal(value, other[name])] == []
    assert resumed.bundle_id == whole.bundle_id


def test_a_checkpoint_of_another_number_of_threads_is_refused_in_deterministic_mode(config, manifest, tmp_path):
    class Stopped(Exception):  # noqa: N818  (a stop, not an error)
        pass

    def stop(stage, done, total, *, detail=""):
        if stage == "train":
            raise Stopped

    with pytest.raises(Stopped, match=r"^$"):
        train(manifest, config, tmp_path / "bundle", progress=stop)
    state_file = tmp_path / "bundle.checkpoint" / "state.json"
    state = json.loads(state_file.read_text(encoding="utf-8"))
    state["identity"]["number of threads"] = 7
    state_file.write_text(json.dumps(state), encoding="utf-8")

    with pytest.raises(ConfigError, match=r"was made with another number of threads\. Run with the former ones"):
        train(manifest, config, tmp_path / "bundle", resume=True)
