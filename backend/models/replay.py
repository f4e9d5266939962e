"""Steps of a sampler recorded once and replayed, for a GPU that waits for Python otherwise.

A step of the six-view network launches thousands of kernels, which takes a processor far longer than
the kernels take. A CUDA graph launches them all at once.
"""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

WARM_UP_CALLS = 2
"""Calls before recording, in which libraries choose their kernels and take their memory."""


@cache
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    """One for all recordings: libraries keep memory for every stream that they have seen."""
    return torch.cuda.Stream(device)


class Replayed:
    """A function of tensors whose shapes stay the same, replayed on CUDA and simply called elsewhere.

    The function must not draw random numbers, wait for the device or change anything but its result.
    """

    def __init__(self, function: Callable[..., Tensor]) -> None:
        self._function = function
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: list[Tensor] = []
        self._result: Tensor | None = None

    def __call__(self, *inputs: Tensor) -> Tensor:
        """The function's result, the caller's to keep."""
        if inputs[0].device.type != "cuda":
            return self._function(*inputs)
        if self._graph is None or self._result is None:
            self._graph, self._result = self._record(inputs)
        for own, new in zip(self._inputs, inputs, strict=True):
            own.copy_(new)
        self._graph.replay()
        return self._result.clone()

    def _record(self, inputs: tuple[Tensor, ...]) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        self._inputs = [value.clone() for value in inputs]
        # Recording wants a stream of its own, and so do the calls that prepare it.
        stream = _side_stream(inputs[0].device)
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_CALLS):
                self._function(*self._inputs)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            result = self._function(*self._inputs)
        return graph, result
