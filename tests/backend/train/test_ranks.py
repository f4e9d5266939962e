"""Two processes together train as one that sees both their samples."""

import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from backend.train.loop import CHECKPOINT
from backend.train.ranks import Ranks

SCRIPT = Path(__file__).with_name("one_rank.py")
ROOT = Path(__file__).parents[3]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def environment(rank: int, port: int) -> dict[str, str]:
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    ours = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "PYTHONPATH": str(ROOT)}
    return os.environ | place | ours


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch was built without torch.distributed")
def test_two_processes_equal_one_with_both_their_samples(tmp_path: Path):
    port = free_port()
    command = [sys.executable, str(SCRIPT), str(tmp_path / "two")]
    started = [subprocess.Popen(command, env=environment(rank, port)) for rank in (0, 1)]
    assert [process.wait(timeout=120) for process in started] == [0, 0]
    spec = importlib.util.spec_from_file_location("one_rank", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    sys.modules["one_rank"] = script
    spec.loader.exec_module(script)
    script.run((0, 1), tmp_path / "one")
    two, one = (load_file(tmp_path / name / CHECKPOINT) for name in ("two", "one"))
    for key, value in one.items():
        assert_close(two[key], value)


def test_seeds_of_processes_never_meet():
    seeds = [Ranks(rank, 3).seed(seed) for seed in range(5) for rank in range(3)]
    assert len(set(seeds)) == len(seeds)


def test_alone_nothing_is_shared():
    parameter = torch.zeros(2, requires_grad=True)
    parameter.grad = torch.tensor([1.0, 2.0])
    Ranks().average_gradients([parameter])
    assert_close(parameter.grad, torch.tensor([1.0, 2.0]))
    assert Ranks().agree(0.25) == 0.25
    assert Ranks().seed(7) == 7
    assert Ranks().device("cuda") == "cuda"
