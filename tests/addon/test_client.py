"""The client against a fake backend that misbehaves in every way we could think of."""

import gc
import time

import pytest

from tests.addon.extension import client, errors, launch, protocol

State = client.State
LIMIT_S = 20.0
QUICK = client.Patience(cancel_s=0.05, stop_s=0.3)


class Host:
    """Starts a fake backend, polls it, and keeps what it said and how the state moved."""

    def __init__(self, launch, folder, patience=None):
        self.client = client.Client(patience)
        self.folder = folder
        self.events = []
        self.client.start(launch)
        self.states = [self.client.state]

    def submit(self, job="a"):
        folder = self.folder / job
        folder.mkdir(exist_ok=True)
        request = protocol.Request(image="/none.png")
        self.client.submit(protocol.Submit(job=job, folder=str(folder), request=request))

    def until(self, is_done):
        """Poll until something holds; fails after a long time."""
        deadline = time.monotonic() + LIMIT_S
        while not is_done():
            assert time.monotonic() < deadline, (self.client.state, self.events[-3:])
            self.events += self.client.poll()
            if self.client.state is not self.states[-1]:
                self.states.append(self.client.state)
            time.sleep(0.001)
        return self.events

    def until_state(self, state):
        return self.until(lambda: self.client.state is state)

    def until_event(self, *kinds):
        self.until(lambda: any(isinstance(event, kinds) for event in self.events))
        return next(event for event in self.events if isinstance(event, kinds))


@pytest.fixture
def host(make_launch, tmp_path):
    """Makes a host of a fake backend; ends its process."""
    made = []

    def make(behaviour, patience=QUICK):
        made.append(Host(make_launch(behaviour), tmp_path, patience))
        return made[-1]

    yield make
    for host in made:
        host.client.stop()


@pytest.fixture
def no_collection():
    """No garbage collection while time is taken: a test that keeps all events would measure its own."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_a_job_goes_through_all_stages_and_leaves_the_client_idle(host):
    host = host("works")
    host.until_state(State.IDLE)
    host.submit()
    done = host.until_event(protocol.Done)
    stages = [event.stage for event in host.events if isinstance(event, protocol.StageDone)]
    assert stages == list(protocol.Stage)
    assert done.report["request"]["image"] == "/none.png"
    assert host.client.state is State.IDLE
    assert host.client.ready.device_name == "Fake device"


def test_jobs_run_in_their_order(host):
    host = host("works")
    host.submit("a")
    host.submit("b")
    host.until(lambda: sum(isinstance(event, protocol.Done) for event in host.events) == 2)
    assert [event.job for event in host.events if isinstance(event, protocol.Done)] == ["a", "b"]
    assert host.client.state is State.IDLE


def test_a_job_may_be_submitted_before_the_backend_is_ready(host):
    host = host("slow_start")
    host.submit()
    host.until_event(protocol.Done)
    assert host.states[:3] == [State.STARTING, State.BUSY, State.IDLE]


def test_noise_between_messages_does_no_harm(host):
    host = host("noisy")
    host.submit()
    assert host.until_event(protocol.Done, protocol.Failed).TYPE == "done"


def test_a_flood_of_messages_never_holds_blender_for_long(host, no_collection):
    host = host("floods")
    host.submit()
    turns = []
    while not any(isinstance(event, protocol.Done) for event in host.events):
        start = time.thread_time()  # not the clock on the wall, which a loaded machine holds up
        host.events += host.client.poll()
        turns.append(time.thread_time() - start)
    assert len(host.events) > 20_000
    # The budget of 5 ms, and a read of 64 KiB begun just before its end.
    assert max(turns) < 0.01


def test_last_words_count_when_the_process_is_gone(host):
    host = host("leaves")
    host.submit()
    host.until_state(State.FAILED)
    ends = [event.TYPE for event in host.events if isinstance(event, protocol.Done | protocol.Failed)]
    assert ends == ["done"]


def test_half_a_message_waits_for_its_other_half(host):
    host = host("halves")
    host.submit()
    host.until_state(State.BUSY)
    host.client.cancel("a")
    event = host.until_event(protocol.Progress)
    assert (event.step, event.total) == (1, 4)
    assert host.until_event(protocol.Cancelled).job == "a"


def test_death_ends_the_job_with_the_last_words_of_the_log(host):
    host = host("dies")
    host.submit()
    failed = host.until_event(protocol.Failed)
    assert failed.job == "a"
    assert "exit code 3" in failed.message
    assert "broken on purpose" in failed.message
    assert host.client.state is State.FAILED


def test_a_killed_backend_is_explained_by_memory(host):
    host = host("is_killed")
    host.submit()
    assert "memory" in host.until_event(protocol.Failed).message


def test_an_incomplete_environment_is_named(host):
    host = host("lacks_torch")
    host.submit()
    assert "environment is incomplete" in host.until_event(protocol.Failed).message


def test_a_backend_that_cannot_work_says_why_and_is_ended(host):
    host = host("cannot_work")
    host.submit()
    host.until_state(State.FAILED)
    assert host.client.error == "There is no CUDA device. Choose the CPU."
    assert [event.job for event in host.events if isinstance(event, protocol.Failed)] == [None, "a"]


def test_another_version_is_refused(host):
    host = host("other_version")
    host.submit()
    host.until_state(State.FAILED)
    assert "version 9.9.9" in host.client.error
    assert State.IDLE not in host.states


def test_a_failed_job_leaves_the_process_ready_for_the_next(host):
    host = host("fails")
    host.submit("a")
    host.until_event(protocol.Failed)
    assert host.client.state is State.IDLE
    host.submit("b")
    host.until(lambda: len([e for e in host.events if isinstance(e, protocol.Failed)]) == 2)


def test_cancel_is_answered_and_the_process_lives_on(host):
    host = host("waits", client.Patience())
    host.submit()
    host.until_event(protocol.Progress)
    pid = host.client.pid
    host.client.cancel("a")
    assert host.until_event(protocol.Cancelled).job == "a"
    assert host.client.state is State.IDLE
    assert host.client.pid == pid


@pytest.mark.parametrize("behaviour", ["ignores_cancel", "ignores_all"])
def test_a_backend_that_ignores_a_cancel_is_ended_and_what_waits_goes_to_a_new_one(host, behaviour):
    host = host(behaviour)
    host.submit("a")
    host.submit("b")
    host.until_event(protocol.Progress)
    pid = host.client.pid
    host.client.cancel("a")
    host.until_event(protocol.Cancelled)
    host.until(
        lambda: any(isinstance(event, protocol.Progress) and event.job == "b" for event in host.events)
    )
    assert host.client.pid not in (pid, None)
    assert not [event for event in host.events if isinstance(event, protocol.Failed)]


def test_a_stop_while_a_cancel_is_enforced_starts_nothing_new(host):
    host = host("ignores_all")
    host.submit("a")
    host.submit("b")
    host.until_event(protocol.Progress)
    host.client.cancel("a")
    host.until_state(State.STOPPING)
    host.events += host.client.stop()
    assert host.client.state is State.STOPPED
    assert {event.job for event in host.events if isinstance(event, protocol.Cancelled)} == {"a", "b"}


@pytest.mark.parametrize("behaviour", ["works", "ignores_all"])
def test_stop_ends_the_process_whatever_it_does(host, behaviour):
    host = host(behaviour)
    host.submit()
    host.until_event(protocol.Progress)
    host.client.stop()
    assert host.client.state is State.STOPPED
    assert host.client.pid is None


def test_a_client_starts_again_after_a_death(host, make_launch):
    host = host("dies")
    host.submit()
    host.until_state(State.FAILED)
    host.client.start(make_launch("works"))
    host.submit("b")
    assert host.until_event(protocol.Done).job == "b"


def test_the_third_death_within_a_minute_stops_the_restarts(host, make_launch):
    host = host("lacks_torch")
    host.until_state(State.FAILED)
    for _ in range(2):
        host.client.start(make_launch("lacks_torch"))
        host.until_state(State.FAILED)
    with pytest.raises(errors.BackendError, match="3 times within a minute"):
        host.client.start(make_launch("works"))
    assert host.client.state is State.FAILED
    host.client.forgive()
    host.client.start(make_launch("works"))
    host.until_state(State.IDLE)


def test_a_hundred_megabytes_without_an_end_do_no_harm(host):
    host = host("swamps")
    host.submit()
    assert host.until_event(protocol.Done, protocol.Failed).TYPE == "done"


def test_a_python_that_is_none_is_reported_at_once(tmp_path):
    lonely = client.Client()
    with pytest.raises(errors.BackendError, match="Cannot start"):
        lonely.start(launch.Launch(python=tmp_path / "nothing", data_root=tmp_path / "data"))
    assert lonely.state is State.FAILED


def test_an_illegal_move_is_a_fault():
    with pytest.raises(RuntimeError, match="cannot go from stopped to busy"):
        client.Client()._move(State.BUSY)


def test_every_state_can_be_left():
    assert set(client.MOVES) == set(State)
    assert all(client.MOVES.values())
