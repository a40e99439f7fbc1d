import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from mediscan.errors import ConfigError
from mediscan.train.checkpoint import Checkpoints, TrainingState

IDENTITY = {"configuration": {"width": 32}, "manifest": "abc"}


def make_network(*, seed):
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.GELU(), nn.Linear(8, 8), nn.Linear(8, 2))
    network[3].requires_grad_(requires_grad=False)
    return network


def make_optimizer(network):
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return torch.optim.AdamW(
        [
            {"params": [p for p in trained if p.ndim > 1], "lr": 0.05, "weight_decay": 0.1},
            {"params": [p for p in trained if p.ndim == 1], "lr": 0.01, "weight_decay": 0.0},
        ]
    )


def take_steps(network, optimizer, count, *, first=0):
    for step in range(first, first + count):
        generator = torch.Generator().manual_seed(step)
        optimizer.zero_grad()
        network(torch.randn(16, 4, generator=generator)).square().mean().backward()
        optimizer.step()


def assert_same_weights(one, other):
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def fresh(seed):
    network = make_network(seed=seed)
    return network, make_optimizer(network)


def test_going_on_from_a_checkpoint_is_going_on(tmp_path):
    network, optimizer = fresh(0)
    take_steps(network, optimizer, 5)
    state = TrainingState(identity=IDENTITY, epoch=1, best_score=0.7, best_epoch=1, history=[{"loss": 1.5}])
    Checkpoints(tmp_path / "run").save(state, network=network, optimizer=optimizer, best=True)
    take_steps(network, optimizer, 5, first=5)

    other, its_optimizer = fresh(1)
    other[3].load_state_dict(network[3].state_dict())  # frozen weights are had from their source
    resumed = Checkpoints(tmp_path / "run").resume(
        TrainingState(identity=IDENTITY), network=other, optimizer=its_optimizer
    )
    take_steps(other, its_optimizer, 5, first=5)

    assert resumed == state
    assert_same_weights(network, other)


def test_without_a_checkpoint_resuming_starts_from_the_given_state(tmp_path):
    network, optimizer = fresh(0)
    given = TrainingState(identity=IDENTITY)

    assert Checkpoints(tmp_path / "none").resume(given, network=network, optimizer=optimizer) is given
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"configuration": {"width": 64}}, "another configuration"),
        ({"manifest": "def"}, "another manifest"),
        ({"configuration": {}, "manifest": "def"}, "another configuration and manifest"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_and_touches_no_weight(tmp_path, changed, words):
    network, optimizer = fresh(0)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(TrainingState(identity=IDENTITY, epoch=1), network=network, optimizer=optimizer, best=False)
    other, its_optimizer = fresh(1)
    untouched, _ = fresh(1)

    with pytest.raises(ConfigError, match=f"was made with {words}. Run with the former ones"):
        checkpoints.resume(TrainingState(identity=IDENTITY | changed), network=other, optimizer=its_optimizer)

    assert_same_weights(other, untouched)


def test_the_best_weights_come_back_after_worse_epochs(tmp_path):
    network, optimizer = fresh(0)
    checkpoints = Checkpoints(tmp_path)
    take_steps(network, optimizer, 3)
    best = {name: value.clone() for name, value in network.state_dict().items()}
    state = TrainingState(identity=IDENTITY, epoch=1, best_score=0.9, best_epoch=1)
    checkpoints.save(state, network=network, optimizer=optimizer, best=True)
    for epoch in (2, 3):
        take_steps(network, optimizer, 3, first=3 * epoch)
        state.epoch = epoch
        checkpoints.save(state, network=network, optimizer=optimizer, best=False)
    checkpoints.load_best(state, network)

    for name, value in network.state_dict().items():
        assert torch.equal(value, best[name]), name


def test_only_the_last_and_the_best_are_kept(tmp_path):
    network, optimizer = fresh(0)
    checkpoints = Checkpoints(tmp_path)
    for epoch, best in ((1, 1), (2, 2), (3, 2), (4, 2)):
        state = TrainingState(identity=IDENTITY, epoch=epoch, best_epoch=best)
        checkpoints.save(state, network=network, optimizer=optimizer, best=epoch == best)

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best-2.safetensors",
        "last-4.safetensors",
        "state.json",
    ]


def test_frozen_weights_are_not_stored_and_buffers_are(tmp_path):
    network, optimizer = fresh(0)
    take_steps(network, optimizer, 1)
    state = TrainingState(identity=IDENTITY, epoch=1, best_epoch=1)
    Checkpoints(tmp_path).save(state, network=network, optimizer=optimizer, best=True)
    stored = load_file(tmp_path / "best-1.safetensors")

    assert "3.weight" not in stored
    assert {"0.weight", "1.running_mean", "4.bias"} <= set(stored)


def test_a_stop_while_saving_leaves_the_former_checkpoint_whole(tmp_path):
    network, optimizer = fresh(0)
    checkpoints = Checkpoints(tmp_path)
    take_steps(network, optimizer, 2)
    saved = {name: value.clone() for name, value in network.state_dict().items()}
    state = TrainingState(identity=IDENTITY, epoch=1, best_score=0.5, best_epoch=1)
    checkpoints.save(state, network=network, optimizer=optimizer, best=True)
    take_steps(network, optimizer, 2, first=2)
    # Not JSON, so the state, which is written last, fails after the weights of epoch 2 are there.
    broken = TrainingState(identity={**IDENTITY, "configuration": object()}, epoch=2, best_epoch=2)
    with pytest.raises(TypeError, match="JSON serializable"):
        checkpoints.save(broken, network=network, optimizer=optimizer, best=True)

    other, its_optimizer = fresh(1)
    other[3].load_state_dict(network[3].state_dict())
    resumed = Checkpoints(tmp_path).resume(TrainingState(identity=IDENTITY), network=other, optimizer=its_optimizer)

    assert resumed.epoch == 1
    for name, value in other.state_dict().items():
        assert torch.equal(value, saved[name]), name


def test_removing_leaves_nothing_and_may_be_done_twice(tmp_path):
    network, optimizer = fresh(0)
    checkpoints = Checkpoints(tmp_path / "run")
    checkpoints.save(TrainingState(identity=IDENTITY, epoch=1), network=network, optimizer=optimizer, best=False)
    checkpoints.remove()
    checkpoints.remove()

    assert not (tmp_path / "run").exists()
