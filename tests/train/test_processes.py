"""Several real processes, started by torchrun and joined by gloo, train as one does."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mediscan.config import RunConfig
from mediscan.train.loop import train

SETTINGS = {
    "epochs": 3,
    "batch_size": 7,  # shares are uneven, and the last batch of an epoch has three studies
    "learning_rate": 2e-4,  # Adam turns rounding into steps of this size where a gradient is nearly zero
    "modality_dropout": 0.3,
    "token_dropout": 0.2,
    "augmentation": "strong",
    "tracker": "tensorboard",
    "threads": 1,
}


@pytest.fixture(scope="module")
def config(config):
    content = config.model_dump(mode="json")
    content["train"] |= SETTINGS
    content["model"]["dropout"] = 0.0
    return RunConfig.from_mapping(content)


@pytest.fixture(scope="module")
def alone(config, manifest, tmp_path_factory):
    """One process with the whole batch: the bundle."""
    return train(manifest, config, tmp_path_factory.mktemp("alone") / "bundle").bundle


@pytest.fixture(scope="module")
def together(config, manifest_path, write_config, tmp_path_factory):
    """Run two processes: the bundle."""

    def run(*options):
        folder = tmp_path_factory.mktemp("together")
        settings = write_config(config, folder / "run.toml")
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        command = ["-m", "mediscan", "train", manifest_path, "--out", folder / "bundle", "--config", settings]
        done = subprocess.run([*launcher, *command, *options], capture_output=True, text=True, check=False, timeout=240)
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stdout.count("bundle ") == 1, "only one process reports"
        return folder / "bundle"

    return run


@pytest.fixture(scope="module")
def replicated(together):
    return together()


def curve(bundle, name):
    events = EventAccumulator(str(bundle.with_name(f"{bundle.name}.tensorboard")))
    events.Reload()
    return [event.value for event in events.Scalars(name)]


@pytest.mark.thorough
def test_two_processes_have_the_loss_curve_of_one_with_the_whole_batch(alone, replicated):
    one, two = curve(alone, "step/loss"), curve(replicated, "step/loss")

    assert len(one) == 3 * 4
    assert max(one) - min(one) > 0.05  # something was learned, or there is nothing to compare
    assert two == pytest.approx(one, abs=1e-4)
    assert curve(replicated, "epoch/val_auroc") == pytest.approx(curve(alone, "epoch/val_auroc"), abs=0.02)


@pytest.mark.thorough
def test_sharded_weights_end_as_replicated_ones(replicated, together):
    sharded = together("--parallel", "fsdp")
    one, other = (load_file(bundle / "model.safetensors") for bundle in (replicated, sharded))

    assert curve(sharded, "step/loss") == pytest.approx(curve(replicated, "step/loss"), abs=1e-4)
    assert one.keys() == other.keys()
    apart = {name for name, value in one.items() if not torch.allclose(value.float(), other[name].float(), atol=1e-4)}
    # A batch normalisation takes out whatever bias stands before it: that has no gradient but rounding, which Adam
    # makes steps of.
    assert {name for name in apart if not name.endswith(("downsample.0.bias", "downsample.1.running_mean"))} == set()
