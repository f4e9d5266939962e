"""Norms for training steps are those of torch, in another layout."""

import torch
from torch import nn
from torch.testing import assert_close

from backend.models.blocks3d import GroupNorm
from backend.train.compiling import compile_norms, normalised


def test_norms_with_channels_last_equal_those_of_torch():
    torch.manual_seed(0)
    norm = GroupNorm(4, 12)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    x = (3 + torch.randn(2, 12, 5, 7)).contiguous(memory_format=torch.channels_last)
    found = normalised(x, norm.weight, norm.bias, norm.num_groups, norm.eps)
    assert_close(found, norm(x))
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_norms_are_exchanged_with_their_parameters_and_names():
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(GroupNorm(2, 4), nn.SiLU()))
    before = dict(net.named_parameters())
    assert compile_norms(net) == 1
    after = dict(net.named_parameters())
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
