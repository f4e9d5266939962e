"""The process that unwraps: kept from mesh to mesh, replaced when it dies, never left behind."""

import gc
import os
import subprocess
import sys
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import numpy as np
import pytest

from backend.geometry.simplify import simplify
from backend.geometry.unwrap import Unwrapping, unwrap
from backend.geometry.unwrap_process import UnwrapProcesses
from tests.backend.geometry.bodies import body_mesh

MESH = simplify(body_mesh(resolution=32), faces=300)


@pytest.fixture
def processes():
    made = UnwrapProcesses()
    yield made
    made.close()


def unwrapped(processes: UnwrapProcesses, *, seconds: float = 30.0):
    with Unwrapping(MESH, texture_px=64, time_limit=seconds, processes=processes) as unwrapping:
        return unwrapping.result()


def idle_pid(processes: UnwrapProcesses) -> int:
    process = processes.take()
    processes.give_back(process)
    return process.pid


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_process_unwraps_mesh_after_mesh(processes):
    processes.prepare()
    pid = idle_pid(processes)
    first, second = unwrapped(processes), unwrapped(processes)
    assert idle_pid(processes) == pid
    assert np.array_equal(first.uv, second.uv)
    assert np.array_equal(first.uv, unwrap(MESH, texture_px=64).uv)


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_a_process_that_was_killed_is_replaced(processes):
    processes.prepare()
    dead = idle_pid(processes)
    os.kill(dead, 9)
    time.sleep(0.1)
    assert unwrapped(processes).is_charted
    assert idle_pid(processes) != dead


def test_a_process_that_is_too_slow_is_not_kept(processes):
    processes.prepare()
    slow = idle_pid(processes)
    assert unwrapped(processes, seconds=1e-3).is_charted
    assert idle_pid(processes) != slow


def test_two_meshes_at_once_get_a_process_each(processes):
    with (
        Unwrapping(MESH, texture_px=64, processes=processes) as one,
        Unwrapping(MESH, texture_px=64, processes=processes) as other,
    ):
        assert np.array_equal(one.result().uv, other.result().uv)


@pytest.mark.skipif(sys.platform == "win32", reason="asks by signal")
def test_nobody_has_to_close_it():
    processes = UnwrapProcesses()
    processes.prepare()
    pid = idle_pid(processes)
    del processes
    gc.collect()
    assert not is_running(pid)


@pytest.mark.skipif(sys.platform == "win32", reason="asks by signal")
def test_it_ends_when_its_owner_is_killed():
    script = (
        "import time\nfrom backend.geometry.unwrap_process import UnwrapProcesses\n"
        "made = UnwrapProcesses()\nmade.prepare()\nprint(made.take().pid, flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        owner.kill()
    end = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not is_running(pid)


def test_a_thread_that_waits_for_charts_is_let_go_when_their_context_is_left(processes):
    """It must not make quicker charts that nobody wants any more."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        with Unwrapping(MESH, texture_px=64, processes=processes) as unwrapping:
            waiting = thread.submit(unwrapping.result)
        with pytest.raises(CancelledError):
            waiting.result(10.0)
