import pytest
import torch
from torch import nn

from mediscan.train.average import Average


def test_the_average_follows_the_weights_by_its_decay_and_leaves_them_alone():
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    network[0].weight.data.fill_(0.0)
    average = Average(network, decay=0.9)
    network[0].weight.data.fill_(1.0)
    network[1].num_batches_tracked.fill_(7)
    average.update(10_000)

    assert average.weights["0.weight"].flatten().tolist() == pytest.approx([0.1] * 4)
    assert int(average.weights["1.num_batches_tracked"]) == 7
    assert network[0].weight.flatten().tolist() == [1.0] * 4


def test_the_first_steps_soon_forget_the_random_start():
    network = nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(0.0)
    average = Average(network, decay=0.999)
    network.weight.data.fill_(1.0)
    for step in range(1, 30):
        average.update(step)

    assert float(average.weights["weight"]) > 0.99


def test_frozen_weights_are_not_kept_twice():
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    network[0].requires_grad_(requires_grad=False)

    assert set(Average(network, decay=0.9).weights) == {"1.weight", "1.bias"}


def test_the_average_is_on_the_device_of_the_weights():
    network = nn.Linear(2, 2, device="meta")

    assert Average(network, decay=0.9).weights["weight"].device == torch.device("meta")
