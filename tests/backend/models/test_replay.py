"""Replayed functions give what the plain ones give."""

import pytest
import torch

from backend.devices import free_caches, held_memory
from backend.models.replay import Replayed


def _curve(x: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
    return torch.sin(x) * slope + x.mean()


def test_off_the_gpu_the_function_itself_is_called():
    x, slope = torch.randn(5), torch.tensor(2.0)
    assert torch.equal(Replayed(_curve)(x, slope), _curve(x, slope))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_every_replay_sees_its_own_inputs():
    replayed = Replayed(_curve)
    inputs = [(torch.randn(5, device="cuda"), torch.tensor(float(i), device="cuda")) for i in range(3)]
    results = [replayed(*pair) for pair in inputs]
    for result, pair in zip(results, inputs, strict=True):
        torch.testing.assert_close(result, _curve(*pair))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_recordings_leave_no_memory_behind():
    device = torch.device("cuda")
    matrix = torch.randn(256, 256, device=device)
    for _ in range(3):
        Replayed(torch.matmul)(matrix, matrix)
    del matrix
    free_caches(device)
    assert held_memory(device) < 2**20
