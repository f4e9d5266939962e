"""The backend as a child process: one object that starts, feeds, polls and stops it.

Nothing here blocks except `stop`, and nothing knows Blender: a timer calls `poll` in the window,
a loop calls it in scripts.
"""

import enum
import logging
import subprocess
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from ..backend import protocol
from .channel import Channel
from .diagnosis import Diagnosis, diagnose
from .errors import AddonError, BackendError
from .launch import Launch, log_tail, start_process
from .orphans import kill_tree, let_go
from .texts import tr

log = logging.getLogger(__name__)

POLL_BUDGET_S = 0.005
MEMORY_S = 5.0
"""Between two questions for free memory."""
MAX_DEATHS, DEATHS_WITHIN_S = 3, 60.0
"""So many deaths in so many seconds, a first start and two restarts, and it is not started again."""
_NEVER = float("inf")


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long the process gets to obey before it is made to."""

    cancel_s: float = 1.5
    """From a cancel of the running job to the end of the process; jobs that wait go to a new one."""
    stop_s: float = 2.0
    """From a shutdown to terminate, and from terminate to kill."""


class State(enum.Enum):
    """Life cycle of the process."""

    STOPPED = "stopped"
    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    STOPPING = "stopping"
    FAILED = "failed"


MOVES: dict[State, frozenset[State]] = {
    State.STOPPED: frozenset({State.STARTING}),
    State.STARTING: frozenset({State.IDLE, State.BUSY, State.STOPPING, State.FAILED}),
    State.IDLE: frozenset({State.BUSY, State.STOPPING, State.FAILED}),
    State.BUSY: frozenset({State.IDLE, State.STOPPING, State.FAILED}),
    State.STOPPING: frozenset({State.STOPPED, State.FAILED}),
    State.FAILED: frozenset({State.STARTING, State.STOPPED}),
}
"""Legal moves; anything else is a fault of ours and raises."""

_ALIVE = (State.STARTING, State.IDLE, State.BUSY, State.STOPPING)


class Client:
    """Owns at most one backend process."""

    def __init__(self, patience: Patience | None = None) -> None:
        self.state = State.STOPPED
        self.log_path: Path | None = None
        self.ready: protocol.Ready | None = None
        self.error = ""
        self.diagnosis: Diagnosis | None = None
        """Why the process died, if it did and did not say so itself."""
        self._deaths: deque[float] = deque(maxlen=MAX_DEATHS)
        self._patience = patience or Patience()
        self._channel: Channel[protocol.Event] | None = None
        self._jobs: dict[str, protocol.Submit] = {}
        """What was submitted and has not ended, in order: the first one runs."""
        self._launch: Launch | None = None
        self._is_to_resume = False
        self._cancelled: set[str] = set()
        self._reason = ""
        self._asked_at = -_NEVER
        self._cancel_until = self._terminate_at = self._kill_at = _NEVER

    @property
    def is_alive(self) -> bool:
        """A process is there, as far as the last poll could tell."""
        return self.state in _ALIVE

    @property
    def pid(self) -> int | None:
        """Process id of the backend, or None without one."""
        return self._channel.process.pid if self._channel else None

    def start(self, launch: Launch) -> None:
        """Start the process; returns at once, `poll` tells when it is ready.

        Raises:
            SetupError: the data folder cannot be written.
            BackendError: the chosen Python cannot be run, or the backend has just died again and again.
        """
        self._check_deaths()
        self._move(State.STARTING)
        self.error, self.ready, self.diagnosis = "", None, None
        self._reason = tr("The backend was stopped.")
        self._jobs, self._cancelled = {}, set()
        self._launch, self._is_to_resume = launch, False
        self._cancel_until = self._terminate_at = self._kill_at = _NEVER
        try:
            process, self.log_path = start_process(launch)
        except AddonError as error:
            self.error = str(error)
            self._move(State.FAILED)
            raise
        self._channel = Channel(process, protocol.decode_event)

    def forgive(self) -> None:
        """Forget earlier deaths: something was done about them."""
        self._deaths.clear()

    def _check_deaths(self) -> None:
        """Refuse to go on starting what dies at once."""
        is_full = len(self._deaths) == MAX_DEATHS
        if is_full and time.monotonic() - self._deaths[0] < DEATHS_WITHIN_S:
            text = (
                "The backend died {count} times within a minute. {reason} "
                "Click Repair in the add-on preferences, or wait a minute and generate again."
            )
            raise BackendError(tr(text, count=MAX_DEATHS, reason=self.error))

    def submit(self, message: protocol.Submit) -> None:
        """Hand over a job; a process that is still starting takes it when it is ready.

        Raises:
            BackendError: no process runs.
        """
        channel = self._open_channel()
        channel.send(message)
        self._jobs[message.job] = message
        if self.state is State.IDLE:
            self._move(State.BUSY)

    def cancel(self, job: str) -> None:
        """Ask a job to stop; the process is ended if the running job does not answer in time."""
        if job in self._jobs and job not in self._cancelled:
            self._cancelled.add(job)
            self._open_channel().send(protocol.Cancel(job=job))

    def is_cancelling(self, job: str) -> bool:
        """A job was asked to stop and has not answered."""
        return job in self._cancelled

    def ask_memory(self) -> None:
        """Have an idle process tell its memory again, in another `Ready`; not more often than it changes."""
        now = time.monotonic()
        if self.state is State.IDLE and now - self._asked_at >= MEMORY_S:
            self._asked_at = now
            self._open_channel().send(protocol.AskMemory())

    def request_stop(self) -> None:
        """Ask the process to end; `poll` sees to it. Its jobs count as cancelled."""
        self._cancelled.update(self._jobs)
        self._is_to_resume = False
        if self.state is State.STOPPING or self._channel is None:
            return
        self._move(State.STOPPING)
        self._channel.send(protocol.Shutdown())
        self._terminate_at = time.monotonic() + self._patience.stop_s

    def stop(self) -> list[protocol.Event]:
        """End the process and wait for that; returns the last events."""
        self.request_stop()
        events: list[protocol.Event] = []
        while self._channel is not None:
            events += self.poll()
            time.sleep(0.002)
        if self.state is State.FAILED:
            self._move(State.STOPPED)
        return events

    def poll(self) -> list[protocol.Event]:
        """Take what the process has sent, for a few milliseconds at most; never waits.

        Jobs that die with the process end in a `Failed` of our own making (or `Cancelled`, if that was
        asked for), so every job ends in an event.
        """
        channel = self._channel
        if channel is None:
            return []
        events: list[protocol.Event] = []
        for event in channel.events(until=time.perf_counter() + POLL_BUDGET_S):
            events += self._take(event)
        if channel.is_at_end:
            return events + self._bury(channel)
        self._enforce(channel.process, time.monotonic())
        return events

    def _take(self, event: protocol.Event) -> list[protocol.Event]:
        """Follow an event; returns what the owner of the jobs is to hear."""
        match event:
            case protocol.Hello():
                self._check_version(event)
            case protocol.Ready() if self.state is State.STARTING:
                self.ready = event
                self._move(State.BUSY if self._jobs else State.IDLE)
            case protocol.Ready():  # memory is another now
                self.ready = event
            case protocol.Failed(job=None):
                self._give_up(f"{event.message} {event.action}".strip())
            case protocol.Done(job=job) | protocol.Failed(job=str(job)) | protocol.Cancelled(job=job):
                if job not in self._jobs:
                    return []
                self._finish(job)
            case _:
                pass
        return [event]

    def _finish(self, job: str) -> None:
        if job == next(iter(self._jobs)):
            self._cancel_until = _NEVER
        del self._jobs[job]
        self._cancelled.discard(job)
        if not self._jobs and self.state is State.BUSY:
            self._move(State.IDLE)

    def _check_version(self, hello: protocol.Hello) -> None:
        found = (hello.protocol, hello.backend)
        wanted = (protocol.PROTOCOL_VERSION, protocol.BACKEND_VERSION)
        if found != wanted:
            text = (
                "The backend is version {theirs} (protocol {their_protocol}), but this add-on is "
                "{ours} (protocol {our_protocol}). Restart Blender after an upgrade."
            )
            numbers = {"their_protocol": found[0], "our_protocol": wanted[0]}
            self._give_up(tr(text, theirs=found[1], ours=wanted[1], **numbers))

    def _give_up(self, reason: str) -> None:
        """End a process that cannot work; its jobs fail with `reason`."""
        self.error = reason
        if self._channel is not None and self.state is not State.STOPPING:
            self._move(State.STOPPING)
            self._terminate(self._channel.process, time.monotonic())

    def _enforce(self, process: subprocess.Popen[bytes], now: float) -> None:
        """Make a process obey that had its time."""
        running = next(iter(self._jobs), None)
        if running in self._cancelled and self._cancel_until == _NEVER:
            self._cancel_until = now + self._patience.cancel_s
        if now >= self._cancel_until and self.state is not State.STOPPING:
            log.warning("the backend did not answer a cancel in %g s", self._patience.cancel_s)
            self._is_to_resume = True
            self._move(State.STOPPING)
            self._terminate(process, now)
        if now >= self._terminate_at:
            self._terminate(process, now)
        if now >= self._kill_at:
            kill_tree(process)
            self._kill_at = _NEVER

    def _terminate(self, process: subprocess.Popen[bytes], now: float) -> None:
        process.terminate()
        self._terminate_at, self._kill_at = _NEVER, now + self._patience.stop_s

    def _bury(self, channel: Channel[protocol.Event]) -> list[protocol.Event]:
        """Close what a process has left behind once it is gone; its open jobs end here."""
        now = time.monotonic()
        if channel.process.poll() is None:
            # Its output is closed, so it is of no use, whether it is still on the way out or hangs.
            if self._kill_at == self._terminate_at == _NEVER:
                self._terminate_at = now + self._patience.stop_s
            self._enforce(channel.process, now)
            return []
        channel.close()
        let_go(channel.process)
        self._channel = None
        is_asked = self.state is State.STOPPING and not self.error
        if not is_asked and not self.error:
            tail = log_tail(self.log_path) if self.log_path else []
            self.diagnosis = diagnose(channel.process.returncode, tail)
            self.error = str(self.diagnosis)
            self._deaths.append(now)
        self._move(State.STOPPED if is_asked else State.FAILED)
        reason = self.error or self._reason
        jobs, cancelled = self._jobs, set(self._cancelled)
        waiting = [jobs[job] for job in jobs if job not in cancelled] if self._is_to_resume else []
        self._jobs = {}
        self._resume(waiting)
        return [
            protocol.Cancelled(job=job)
            if job in cancelled
            else protocol.Failed(job=job, code=BackendError.code, message=reason)
            for job in jobs
            if job not in self._jobs
        ]

    def _resume(self, waiting: list[protocol.Submit]) -> None:
        """Hand jobs that waited behind a cancelled one, whose process had to be ended, to a new process."""
        if not waiting or self._launch is None:
            return
        try:
            self.start(self._launch)
        except AddonError as error:
            log.warning("the backend does not start again: %s", error)
            return
        for message in waiting:
            self.submit(message)

    def _open_channel(self) -> Channel[protocol.Event]:
        if self._channel is None or self.state is State.STOPPING:
            raise BackendError(tr("The backend is not running."))
        return self._channel

    def _move(self, state: State) -> None:
        if state not in MOVES[self.state]:
            raise RuntimeError(f"the backend cannot go from {self.state.value} to {state.value}")
        log.debug("backend: %s -> %s", self.state.value, state.value)
        self.state = state
