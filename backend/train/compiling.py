"""Fusing the small operations of training steps: norms, activations and sums between convolutions."""

import argparse
from collections.abc import Callable
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor, nn

from backend.models.blocks3d import GroupNorm

LIMIT = 64
"""Graphs kept of one block's code: every width and every side of the canvas is one."""


def compile_blocks(net: nn.Module, kinds: tuple[type[nn.Module], ...]) -> int:
    """Compile every block of the given kinds in place, each for the shapes it meets; returns how many.

    Whole networks are not compiled: what attention keeps beside its result would split the graph anyway.
    Compiling takes a minute or two and pays in runs of many minutes.
    """
    _keep_many_graphs()
    found = [module for module in net.modules() if isinstance(module, kinds)]
    for module in found:
        module.compile()
    return len(found)


def compile_norms(net: nn.Module) -> int:
    """Let group norms of 2D maps read and write channels last, as convolutions do; returns how many.

    torch's own reads and writes channels first, and every convolution around it turns that back.
    """
    _keep_many_graphs()
    found = [
        (parent, name, child)
        for parent in list(net.modules())
        for name, child in parent.named_children()
        if isinstance(child, GroupNorm)
    ]
    for parent, name, child in found:
        setattr(parent, name, ChannelsLastNorm(child))
    return len(found)


class ChannelsLastNorm(GroupNorm):
    """A group norm whose training steps are compiled for maps with channels last; the same parameters."""

    def __init__(self, norm: GroupNorm) -> None:
        super().__init__(norm.num_groups, norm.num_channels, norm.eps)
        self.weight, self.bias = norm.weight, norm.bias

    def forward(self, input: Float[Tensor, "b c *s"]) -> Float[Tensor, "b c *s"]:
        """Normalise; sums are kept in float32."""
        if not torch.is_grad_enabled() or not input.is_contiguous(memory_format=torch.channels_last):
            return super().forward(input)
        return _compiled()(input, self.weight, self.bias, self.num_groups, self.eps)


def normalised(x: Tensor, weight: Tensor, bias: Tensor, groups: int, eps: float) -> Tensor:
    """Group normalisation of "b c h w", channels last in memory before and after."""
    batch, channels, height, width = x.shape
    last = x.permute(0, 2, 3, 1)
    grouped = last.reshape(batch, height * width, groups, channels // groups).float()
    variance, mean = torch.var_mean(grouped, dim=(1, 3), correction=0, keepdim=True)
    even = ((grouped - mean) * torch.rsqrt(variance + eps)).reshape(last.shape)
    return (even * weight + bias).to(x.dtype).permute(0, 3, 1, 2)


@cache
def _compiled() -> Callable[[Tensor, Tensor, Tensor, int, float], Tensor]:
    return torch.compile(normalised)


def _keep_many_graphs() -> None:
    from torch._dynamo import config

    config.recompile_limit = LIMIT


def add_compile_argument(parser: argparse.ArgumentParser) -> None:
    """The option of commands that may compile."""
    parser.add_argument("--compile", action="store_true", help="fuse small operations, for long runs")
