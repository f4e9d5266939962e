"""Two processes take turns, and a dead one keeps nobody waiting."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from backend.errors import Cancelled
from backend.turns import turn

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys, time
from pathlib import Path
from backend.turns import turn
with turn(Path(sys.argv[1]), on_wait=print):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock."""
    path = tmp_path / "data" / "gpu.lock"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield path, process
    process.kill()
    process.wait()
    process.stdout.close()


def test_waiting_is_told_and_can_be_stopped(holder):
    path, _ = holder
    told = []

    def on_wait(is_first):
        told.append(is_first)
        if len(told) == 2:
            raise Cancelled

    with pytest.raises(Cancelled), turn(path, on_wait=on_wait):
        pytest.fail("the lock is another's")
    assert told == [True, False]


def test_the_turn_of_a_killed_process_is_over(holder):
    path, process = holder
    process.kill()
    start = time.monotonic()
    with turn(path, on_wait=lambda is_first: None):
        assert time.monotonic() - start < 2


def test_a_free_lock_is_taken_at_once_and_again(tmp_path):
    def refuse(is_first):
        pytest.fail("nobody holds it")

    for _ in range(2):
        with turn(tmp_path / "lock", on_wait=refuse):
            pass
