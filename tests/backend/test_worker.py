"""The backend as a real process: messages out, messages in, and how it ends."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TypeVar, cast

import pytest

from backend.errors import Cancelled as JobCancelled
from backend.lines import encode
from backend.protocol import (
    PROTOCOL_VERSION,
    STAGE_FILES,
    AskMemory,
    Cancel,
    Cancelled,
    Command,
    Done,
    Event,
    Failed,
    Hello,
    Progress,
    Ready,
    Request,
    Shutdown,
    Stage,
    StageDone,
    Submit,
    decode_event,
)
from backend.worker import Channel, RunJob, run_job, waiting

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 120


EventT = TypeVar("EventT", bound=Event)


class Worker:
    """A child process with two-step presets."""

    def __init__(self) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.backend.quick", "worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env=environment,
        )
        self.seen: list[Event] = []
        # A process that hangs must not hang the tests.
        self._alarm = threading.Timer(TIMEOUT_S, self.process.kill)
        self._alarm.start()

    def send(self, command: Command) -> None:
        self.write(encode(command))

    def write(self, line: bytes) -> None:
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def event(self) -> Event:
        line = self.process.stdout.readline()
        assert line, f"the worker ended with {self.process.wait()}"
        self.seen.append(decode_event(line.rstrip(b"\n")))
        return self.seen[-1]

    def wait(self, kind: type[EventT]) -> EventT:
        """Read events until one of that kind; `seen` holds them all."""
        self.seen.clear()
        while not isinstance(event := self.event(), kind):
            assert not isinstance(event, Done | Failed), event
        return event

    def end(self) -> int:
        self.process.stdin.close()
        code = self.process.wait(TIMEOUT_S)
        self._alarm.cancel()
        self.process.stdout.close()
        return code


@pytest.fixture(scope="module")
def worker():
    """One process for all tests that leave it working."""
    child = Worker()
    child.wait(Ready)
    assert [type(event) for event in child.seen] == [Hello, Ready]
    yield child
    assert child.end() == 0


@pytest.fixture
def submit(tmp_path, cutout, tiny_weights) -> Submit:
    request = Request(image=str(cutout), weights=str(tiny_weights))
    return Submit(job="a", folder=str(tmp_path / "job"), request=request)


def test_job_comes_back_with_its_files(worker, submit):
    worker.send(submit)
    done = worker.wait(Done)
    assert [Path(path).name for path in done.paths] == list(STAGE_FILES[Stage.TEXTURE])
    assert all(Path(path).is_file() for path in done.paths)
    assert [event.stage for event in worker.seen if isinstance(event, StageDone)] == list(Stage)
    assert {event.job for event in worker.seen if not isinstance(event, Ready)} == {"a"}
    assert done.report["mesh"]["watertight"]


def test_memory_is_told_anew_after_a_job(worker, submit):
    worker.send(submit)
    worker.wait(Done)
    told = worker.event()
    assert isinstance(told, Ready)
    assert 0 < told.free_bytes < told.total_bytes


def test_memory_is_told_when_asked_for(worker):
    worker.send(AskMemory())
    told = worker.event()
    assert isinstance(told, Ready)
    assert 0 < told.free_bytes < told.total_bytes
    assert told.held_bytes == 0  # of a graphics card alone


def test_memory_asked_for_during_a_job_is_told_once_at_its_end(worker, submit):
    worker.send(submit)
    worker.wait(Progress)
    worker.send(AskMemory())
    worker.wait(Done)
    assert isinstance(worker.event(), Ready)
    worker.send(submit)
    worker.wait(Done)
    assert not any(isinstance(event, Ready) for event in worker.seen)
    assert isinstance(worker.event(), Ready)


def test_bad_picture_fails_its_job_alone(worker, submit, tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    request = Request(image=str(tmp_path / "a.png"), weights=submit.request.weights)
    worker.send(Submit(job="bad", folder=submit.folder, request=request))
    failed = worker.wait(Failed)
    assert (failed.job, failed.code) == ("bad", "input")
    worker.send(submit)
    worker.wait(Done)


def test_running_job_is_cancelled_at_its_next_step(worker, submit):
    worker.send(submit)
    worker.wait(Progress)
    worker.send(Cancel(job="a"))
    assert worker.wait(Cancelled) == Cancelled(job="a")


def test_name_of_a_cancelled_job_is_free_at_once(worker, submit):
    for _ in range(3):
        worker.send(submit)
        worker.send(Cancel(job="a"))
        worker.wait(Cancelled)


def test_waiting_job_is_cancelled_at_once(worker, submit, tmp_path):
    worker.send(submit)
    worker.send(Submit(job="b", folder=str(tmp_path / "b"), request=submit.request))
    worker.send(Cancel(job="b"))
    worker.wait(Done)
    assert Cancelled(job="b") in worker.seen
    assert not (tmp_path / "b").exists()


def test_refused_request_fails_its_job_alone(worker, submit):
    worker.write(encode(submit).replace(b'"seed":0', b'"seed":-1'))
    failed = worker.wait(Failed)
    assert (failed.job, failed.code) == ("a", "protocol")


def test_hello_comes_before_torch_is_imported():
    child = Worker()
    hello = child.wait(Hello)
    assert (hello.protocol, hello.pid) == (PROTOCOL_VERSION, child.process.pid)
    maps = Path(f"/proc/{child.process.pid}/maps")
    if maps.exists():
        assert "libtorch" not in maps.read_text()
    child.send(Shutdown())
    assert child.end() == 0


def test_broken_messages_end_the_process():
    child = Worker()
    child.write(b"{]\n")
    assert child.wait(Failed).job is None
    assert child.end() == 0


class Stopping(Channel):
    """A channel that keeps its events."""

    def __init__(self) -> None:
        self.events = []
        self.is_asked = False

    @property
    def is_stopping(self) -> bool:
        return self.is_asked

    def send(self, event: Event) -> None:
        self.events.append(event)


def test_unexpected_fault_is_reported_and_ends_the_job_alone(submit, caplog):
    def fail(submit, on_event):
        raise ZeroDivisionError

    failed = run_job(submit, cast("RunJob", fail), Stopping())
    assert isinstance(failed, Failed)
    assert (failed.job, failed.code) == ("a", "error")
    assert "Traceback" in caplog.text


def test_job_that_is_to_stop_sends_nothing_more(submit):
    channel = Stopping()

    def work(submit, on_event):
        on_event(Progress(job="a", stage=Stage.VIEWS, step=0, total=1))
        channel.is_asked = True
        on_event(Progress(job="a", stage=Stage.VIEWS, step=1, total=1))

    assert run_job(submit, cast("RunJob", work), channel) == Cancelled(job="a")
    assert len(channel.events) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere end-of-file ends the process")
def test_worker_dies_with_its_parent(tmp_path):
    """The parent is killed; the worker's stdin stays open, so only the death signal can end it."""
    fifo = tmp_path / "stdin"
    os.mkfifo(fifo)
    keeper = os.open(fifo, os.O_RDWR)
    script = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-m', 'backend', 'worker'], stdin=open({str(fifo)!r}))\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert isinstance(decode_event(parent.stdout.readline().rstrip(b"\n")), Hello)
    parent.kill()
    parent.wait()
    parent.stdout.read()  # Ends when the worker, which holds the other end, is gone.
    parent.stdout.close()
    os.close(keeper)


def test_memory_is_given_back_once_after_a_while_without_jobs(tmp_path):
    """The job that comes next runs all the same."""
    reading, writing = os.pipe()
    with (tmp_path / "events").open("wb") as sink:
        channel = Channel(reading, sink)
        calls = []

        def on_idle():
            calls.append("idle")
            os.write(writing, encode(Submit(job="a", folder="/a", request=Request())))

        threading.Thread(target=channel.read, daemon=True).start()
        submit = channel.next_job(idle_s=0.01, on_idle=on_idle, on_ask=lambda: calls.append("ask"))
        assert submit is not None
        assert (submit.job, calls) == ("a", ["idle"])
    # The pipe stays open: its end would end this process.


def test_who_asks_for_memory_does_not_keep_networks_in_it(tmp_path):
    """Asked for again and again, it is told each time, and given back all the same."""
    reading, writing = os.pipe()
    with (tmp_path / "events").open("wb") as sink:
        channel = Channel(reading, sink)
        calls = []

        def on_ask():
            calls.append("ask")
            os.write(writing, encode(AskMemory()))

        def on_idle():
            calls.append("idle")
            os.write(writing, encode(Submit(job="a", folder="/a", request=Request())))

        threading.Thread(target=channel.read, daemon=True).start()
        os.write(writing, encode(AskMemory()))
        assert channel.next_job(idle_s=0.1, on_idle=on_idle, on_ask=on_ask) is not None
        assert calls.count("idle") == 1
        assert calls.count("ask") > 1


def test_a_job_that_waits_its_turn_says_so_and_can_be_cancelled():
    channel = Stopping()
    on_wait = waiting("a", channel.send, channel)
    on_wait(True)
    on_wait(False)
    assert [event.TYPE for event in channel.events] == ["log"]
    channel.is_asked = True
    with pytest.raises(JobCancelled):
        on_wait(False)
