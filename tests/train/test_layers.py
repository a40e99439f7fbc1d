import pytest
import torch
from torch import nn

from mediscan.config import TrainConfig
from mediscan.train.layers import layers_above, recomputing, resting
from mediscan.train.optimize import build_optimizer


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.dropout = nn.Dropout(0.5)

    def forward(self, values):
        return self.dropout(torch.relu(self.norm(self.linear(values))))


class Body(nn.Module):
    """As transformers are: embeddings, a list of blocks, a last norm."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(4, 4)
        self.blocks = nn.ModuleList(Block() for _ in range(3))
        self.norm = nn.LayerNorm(4)

    def forward(self, values):
        values = self.embed(values)
        for block in self.blocks:
            values = block(values)
        return self.norm(values)


class Network(nn.Module):
    def __init__(self, *, pretrained):
        super().__init__()
        self.text_encoder = Body()
        self.image_encoder = Body()
        self.image_encoder.pretrained = pretrained
        self.volume_encoder = None
        self.head = nn.Linear(4, 1)


def make_body():
    torch.manual_seed(0)
    return Body()


def test_embeddings_lie_below_the_first_layer_and_the_last_norm_beside_the_last():
    above = layers_above(Body())

    assert above["embed.weight"] == 3
    assert [above[f"blocks.{place}.linear.weight"] for place in range(3)] == [2, 1, 0]
    assert above["norm.weight"] == 0


@pytest.mark.parametrize("pretrained", [True, False])
def test_rates_decay_down_the_layers_of_pretrained_encoders_only(pretrained):
    network = Network(pretrained=pretrained)
    settings = TrainConfig(learning_rate=1e-3, text_learning_rate=1e-4, layer_decay=0.5)
    optimizer = build_optimizer(network, settings)
    rate = {id(p): group["base_lr"] for group in optimizer.param_groups for p in group["params"]}

    assert len(rate) == len(list(network.parameters()))
    assert rate[id(network.head.weight)] == 1e-3
    assert rate[id(network.text_encoder.blocks[2].linear.weight)] == 1e-4
    assert rate[id(network.text_encoder.blocks[0].linear.weight)] == 0.25e-4
    assert rate[id(network.text_encoder.embed.bias)] == 0.125e-4
    assert rate[id(network.image_encoder.embed.weight)] == (0.125e-3 if pretrained else 1e-3)


def test_norms_and_biases_have_no_weight_decay():
    network = Network(pretrained=False)
    optimizer = build_optimizer(network, TrainConfig(weight_decay=0.1, layer_decay=0.5))
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}

    assert {decay[id(p)] for p in network.parameters() if p.ndim > 1} == {0.1}
    assert {decay[id(p)] for p in network.parameters() if p.ndim == 1} == {0.0}


def test_a_resting_encoder_answers_as_in_evaluation_learns_nothing_and_wakes_up():
    body, values = make_body().train(), torch.randn(8, 4)
    before = {name: value.clone() for name, value in body.state_dict().items()}
    with resting([body]):
        answer = body(values)
        assert not answer.requires_grad
    assert all(torch.equal(value, body.state_dict()[name]) for name, value in before.items())
    assert body.training
    assert body(values).requires_grad

    body.load_state_dict(before)
    assert torch.equal(body.eval()(values), answer)


def test_recomputing_changes_neither_gradients_nor_statistics():
    found = []
    for context in (recomputing([]), None):
        body, values = make_body().train(), torch.randn(8, 4, generator=torch.Generator().manual_seed(1))
        with context or recomputing([body]):
            torch.manual_seed(2)  # dropout draws the same in both, and again in the second pass
            body(values).square().sum().backward()
        found.append(([p.grad for p in body.parameters()], list(body.buffers())))
    (gradients, buffers), (again, its_buffers) = found

    assert all(torch.equal(one, other) for one, other in zip(gradients, again, strict=True))
    assert all(torch.equal(one, other) for one, other in zip(buffers, its_buffers, strict=True))
    assert int(next(b for b in buffers if b.ndim == 0)) == 1


def test_recomputing_keeps_less_for_the_backward_pass():
    kept = []
    for encoders in ([], [make_body().train()]):
        body = encoders[0] if encoders else make_body().train()
        sizes = []

        def note(tensor, sizes=sizes):
            sizes.append(tensor.numel())
            return tensor

        with recomputing(encoders), torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            body(torch.randn(64, 4))
        kept.append(sum(sizes))

    assert kept[1] < kept[0] * 2 / 3
