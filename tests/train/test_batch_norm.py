"""What one process can see of it; several are tested in `test_processes`."""

import pytest
import torch
import torch.distributed as dist
from torch import nn

from mediscan.train.batch_norm import SynchronisedBatchNorm, synchronise


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    """The line of a process that is alone."""
    store = dist.FileStore(str(tmp_path_factory.mktemp("store") / "store"), 1)
    return dist.ProcessGroupGloo(store, 0, 1)


def pair(group, *, kind=nn.BatchNorm2d, shape=(6, 3, 4, 4)):
    torch.manual_seed(0)
    own, theirs = nn.Sequential(kind(3)), nn.Sequential(kind(3))
    synchronise(own, group)
    values = (torch.randn(shape) * 2 + 100.0).requires_grad_()  # a mean that swamps the spread in one pass
    return own, theirs, values, values.detach().clone().requires_grad_()


@pytest.mark.parametrize(("kind", "shape"), [(nn.BatchNorm2d, (6, 3, 4, 4)), (nn.BatchNorm3d, (4, 3, 2, 4, 4))])
def test_alone_it_is_pytorchs_batch_normalisation(group, kind, shape):
    own, theirs, values, same = pair(group, kind=kind, shape=shape)
    assert isinstance(own[0], SynchronisedBatchNorm)
    weights = torch.randn(shape)
    for network, given in ((own, values), (theirs, same)):
        (network(given) * weights).sum().backward()

    assert torch.allclose(own(values), theirs(same), atol=1e-4)
    assert torch.allclose(values.grad, same.grad, atol=1e-4)
    for one, other in zip(own.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, rtol=1e-4, atol=1e-3)
    assert own.state_dict().keys() == theirs.state_dict().keys()
    for name, value in own.state_dict().items():
        assert torch.allclose(value, theirs.state_dict()[name], rtol=1e-4), name
    assert torch.allclose(own.eval()(values), theirs.eval()(same), rtol=1e-4)


def test_no_planes_at_all_leave_no_trace(group):
    own, _, values, _ = pair(group)
    before = {name: value.clone() for name, value in own.state_dict().items()}
    empty = own(values[:0])
    (empty.sum() * 0.0).backward()

    assert empty.shape == (0, 3, 4, 4)
    assert all(torch.equal(value, before[name]) for name, value in own.state_dict().items())
    assert torch.isfinite(own[0].weight.grad).all()


def test_half_precision_planes_stay_so_and_are_summed_in_full(group):
    own, theirs, values, _ = pair(group)
    half = own(values.bfloat16())

    assert half.dtype == torch.bfloat16
    assert torch.allclose(half.float(), theirs(values.bfloat16().float()), atol=0.02)
