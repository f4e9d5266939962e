"""Fusing the small operations of training steps: norms, activations and sums between convolutions."""

import argparse

from torch import nn

LIMIT = 64
"""Graphs kept of one block's code: every width and every side of the canvas is one."""


def compile_blocks(net: nn.Module, kinds: tuple[type[nn.Module], ...]) -> int:
    """Compile every block of the given kinds in place, each for the shapes it meets; returns how many.

    Whole networks are not compiled: what attention keeps beside its result would split the graph anyway.
    Compiling takes a minute or two and pays in runs of many minutes.
    """
    from torch._dynamo import config

    config.recompile_limit = LIMIT
    found = [module for module in net.modules() if isinstance(module, kinds)]
    for module in found:
        module.compile()
    return len(found)


def add_compile_argument(parser: argparse.ArgumentParser) -> None:
    """The option of commands that may compile."""
    parser.add_argument("--compile", action="store_true", help="fuse small operations, for long runs")
