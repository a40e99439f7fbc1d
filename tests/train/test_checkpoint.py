import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from mediscan.errors import ConfigError
from mediscan.train.average import Average, learned
from mediscan.train.checkpoint import Checkpoints, TrainingState, pack, unpack

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


def save(checkpoints, state, network, optimizer, *, best, average=None):
    checkpoints.save(state, last=pack(network, optimizer, average), best=learned(network) if best else None)


def resume(checkpoints, network, optimizer, *, average=None):
    state, tensors = checkpoints.resume(TrainingState(identity=IDENTITY))
    unpack(tensors, network=network, optimizer=optimizer, average=average)
    return state


def fresh(seed):
    network = make_network(seed=seed)
    return network, make_optimizer(network)


def test_going_on_from_a_checkpoint_is_going_on(tmp_path):
    network, optimizer = fresh(0)
    take_steps(network, optimizer, 5)
    state = TrainingState(identity=IDENTITY, epoch=1, best_score=0.7, best_epoch=1, history=[{"loss": 1.5}])
    save(Checkpoints(tmp_path / "run"), state, network, optimizer, best=True)
    take_steps(network, optimizer, 5, first=5)

    other, its_optimizer = fresh(1)
    other[3].load_state_dict(network[3].state_dict())  # frozen weights are had from their source
    resumed = resume(Checkpoints(tmp_path / "run"), other, its_optimizer)
    take_steps(other, its_optimizer, 5, first=5)

    assert resumed == state
    assert_same_weights(network, other)


def test_the_moving_average_goes_on_too_and_steps_within_an_epoch_have_files_of_their_own(tmp_path):
    network, optimizer = fresh(0)
    average = Average(network, decay=0.5)
    take_steps(network, optimizer, 5)
    average.update(100)
    state = TrainingState(identity=IDENTITY, epoch=1, step=3, loss=2.5)
    save(Checkpoints(tmp_path), state, network, optimizer, best=False, average=average)

    other, its_optimizer = fresh(1)
    its_average = Average(other, decay=0.5)
    other[3].load_state_dict(network[3].state_dict())
    resumed = resume(Checkpoints(tmp_path), other, its_optimizer, average=its_average)

    assert (resumed.epoch, resumed.step, resumed.loss) == (1, 3, 2.5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last-1-3.safetensors", "state.json"]
    assert average.weights.keys() == its_average.weights.keys()
    assert all(torch.equal(value, its_average.weights[name]) for name, value in average.weights.items())
    assert not torch.equal(average.weights["0.weight"], network.state_dict()["0.weight"])


def test_without_a_checkpoint_resuming_starts_from_the_given_state(tmp_path):
    given = TrainingState(identity=IDENTITY)

    assert Checkpoints(tmp_path / "none").resume(given) == (given, {})
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"configuration": {"width": 64}}, "another configuration"),
        ({"manifest": "def"}, "another manifest"),
        ({"configuration": {}, "manifest": "def"}, "another configuration and manifest"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path, changed, words):
    network, optimizer = fresh(0)
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, TrainingState(identity=IDENTITY, epoch=1), network, optimizer, best=False)

    with pytest.raises(ConfigError, match=f"was made with {words}. Run with the former ones"):
        checkpoints.resume(TrainingState(identity=IDENTITY | changed))


def test_the_best_weights_come_back_after_worse_epochs(tmp_path):
    network, optimizer = fresh(0)
    checkpoints = Checkpoints(tmp_path)
    take_steps(network, optimizer, 3)
    best = {name: value.clone() for name, value in network.state_dict().items()}
    state = TrainingState(identity=IDENTITY, epoch=1, best_score=0.9, best_epoch=1)
    save(checkpoints, state, network, optimizer, best=True)
    for epoch in (2, 3):
        take_steps(network, optimizer, 3, first=3 * epoch)
        state.epoch = epoch
        save(checkpoints, state, network, optimizer, best=False)
    network.load_state_dict(checkpoints.best(state), strict=False)

    for name, value in network.state_dict().items():
        assert torch.equal(value, best[name]), name


def test_only_the_last_and_the_best_are_kept(tmp_path):
    network, optimizer = fresh(0)
    checkpoints = Checkpoints(tmp_path)
    for epoch, best in ((1, 1), (2, 2), (3, 2), (4, 2)):
        state = TrainingState(identity=IDENTITY, epoch=epoch, best_epoch=best)
        save(checkpoints, state, network, optimizer, best=epoch == best)

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best-2.safetensors",
        "last-4-0.safetensors",
        "state.json",
    ]


def test_frozen_weights_are_not_stored_and_buffers_are(tmp_path):
    network, optimizer = fresh(0)
    take_steps(network, optimizer, 1)
    state = TrainingState(identity=IDENTITY, epoch=1, best_epoch=1)
    save(Checkpoints(tmp_path), state, network, optimizer, best=True)
    stored = load_file(tmp_path / "best-1.safetensors")

    assert "3.weight" not in stored
    assert {"0.weight", "1.running_mean", "4.bias"} <= set(stored)


def test_a_stop_while_saving_leaves_the_former_checkpoint_whole(tmp_path):
    network, optimizer = fresh(0)
    checkpoints = Checkpoints(tmp_path)
    take_steps(network, optimizer, 2)
    saved = {name: value.clone() for name, value in network.state_dict().items()}
    state = TrainingState(identity=IDENTITY, epoch=1, best_score=0.5, best_epoch=1)
    save(checkpoints, state, network, optimizer, best=True)
    take_steps(network, optimizer, 2, first=2)
    # Not JSON, so the state, which is written last, fails after the weights of epoch 2 are there.
    broken = TrainingState(identity={**IDENTITY, "configuration": object()}, epoch=2, best_epoch=2)
    with pytest.raises(TypeError, match="JSON serializable"):
        save(checkpoints, broken, network, optimizer, best=True)

    other, its_optimizer = fresh(1)
    other[3].load_state_dict(network[3].state_dict())
    resumed = resume(Checkpoints(tmp_path), other, its_optimizer)

    assert resumed.epoch == 1
    for name, value in other.state_dict().items():
        assert torch.equal(value, saved[name]), name


def test_removing_leaves_nothing_and_may_be_done_twice(tmp_path):
    network, optimizer = fresh(0)
    checkpoints = Checkpoints(tmp_path / "run")
    save(checkpoints, TrainingState(identity=IDENTITY, epoch=1), network, optimizer, best=False)
    checkpoints.remove()
    checkpoints.remove()

    assert not (tmp_path / "run").exists()
