"""The backend as a child process: one object that starts, feeds, polls and stops it.

Nothing here blocks except `stop`, and nothing knows Blender: a timer calls `poll` in the window,
a loop calls it in scripts.
"""

import enum
import logging
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..backend import protocol
from .errors import AddonError, BackendError
from .launch import Launch, explain_death, log_tail, start_process
from .pipes import PipeReader, PipeWriter

log = logging.getLogger(__name__)

POLL_BUDGET_S = 0.005
_MAX_NOISE_REPORTS = 10
_NEVER = float("inf")


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long the process gets to obey before it is made to."""

    cancel_s: float = 5.0
    """From a cancel of the running job to the end of the process."""
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
        self._patience = patience or Patience()
        self._channel: _Channel | None = None
        self._jobs: list[str] = []
        self._cancelled: set[str] = set()
        self._reason = ""
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
            BackendError: the chosen Python cannot be run.
        """
        self._move(State.STARTING)
        self.error, self.ready = "", None
        self._reason = "The backend was stopped."
        self._jobs, self._cancelled = [], set()
        self._cancel_until = self._terminate_at = self._kill_at = _NEVER
        try:
            process, self.log_path = start_process(launch)
        except AddonError as error:
            self.error = str(error)
            self._move(State.FAILED)
            raise
        self._channel = _Channel(process)

    def submit(self, message: protocol.Submit) -> None:
        """Hand over a job; a process that is still starting takes it when it is ready.

        Raises:
            BackendError: no process runs.
        """
        channel = self._open_channel()
        channel.send(message)
        self._jobs.append(message.job)
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

    def request_stop(self) -> None:
        """Ask the process to end; `poll` sees to it. Its jobs count as cancelled."""
        if self.state is State.STOPPING or self._channel is None:
            return
        self._cancelled.update(self._jobs)
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
        if job == self._jobs[0]:
            self._cancel_until = _NEVER
        self._jobs.remove(job)
        self._cancelled.discard(job)
        if not self._jobs and self.state is State.BUSY:
            self._move(State.IDLE)

    def _check_version(self, hello: protocol.Hello) -> None:
        found = (hello.protocol, hello.backend)
        wanted = (protocol.PROTOCOL_VERSION, protocol.BACKEND_VERSION)
        if found != wanted:
            self._give_up(
                f"The backend is version {hello.backend} (protocol {hello.protocol}), but this add-on is "
                f"{wanted[1]} (protocol {wanted[0]}). Restart Blender after an upgrade."
            )

    def _give_up(self, reason: str) -> None:
        """End a process that cannot work; its jobs fail with `reason`."""
        self.error = reason
        if self._channel is not None and self.state is not State.STOPPING:
            self._move(State.STOPPING)
            self._terminate(self._channel.process, time.monotonic())

    def _enforce(self, process: subprocess.Popen[bytes], now: float) -> None:
        """Make a process obey that had its time."""
        if self._jobs and self._jobs[0] in self._cancelled and self._cancel_until == _NEVER:
            self._cancel_until = now + self._patience.cancel_s
        if now >= self._cancel_until and self.state is not State.STOPPING:
            log.warning("the backend did not answer a cancel in %g s", self._patience.cancel_s)
            self._reason = "The backend had to be ended to cancel the job before this one. Generate again."
            self._move(State.STOPPING)
            self._terminate(process, now)
        if now >= self._terminate_at:
            self._terminate(process, now)
        if now >= self._kill_at:
            process.kill()
            self._kill_at = _NEVER

    def _terminate(self, process: subprocess.Popen[bytes], now: float) -> None:
        process.terminate()
        self._terminate_at, self._kill_at = _NEVER, now + self._patience.stop_s

    def _bury(self, channel: "_Channel") -> list[protocol.Event]:
        """Close what a process has left behind once it is gone; its open jobs end here."""
        now = time.monotonic()
        if channel.process.poll() is None:
            # Its output is closed, so it is of no use, whether it is still on the way out or hangs.
            if self._kill_at == self._terminate_at == _NEVER:
                self._terminate_at = now + self._patience.stop_s
            self._enforce(channel.process, now)
            return []
        channel.close()
        self._channel = None
        is_asked = self.state is State.STOPPING and not self.error
        if not is_asked and not self.error:
            tail = log_tail(self.log_path) if self.log_path else []
            self.error = explain_death(channel.process.returncode, tail)
        self._move(State.STOPPED if is_asked else State.FAILED)
        reason = self.error or self._reason
        jobs, self._jobs = self._jobs, []
        return [
            protocol.Cancelled(job=job)
            if job in self._cancelled
            else protocol.Failed(job=job, code=BackendError.code, message=reason)
            for job in jobs
        ]

    def _open_channel(self) -> "_Channel":
        if self._channel is None or self.state is State.STOPPING:
            raise BackendError("The backend is not running.")
        return self._channel

    def _move(self, state: State) -> None:
        if state not in MOVES[self.state]:
            raise RuntimeError(f"the backend cannot go from {self.state.value} to {state.value}")
        log.debug("backend: %s -> %s", self.state.value, state.value)
        self.state = state


class _Channel:
    """The pipes of one process and the messages in them."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is None or process.stdout is None:
            raise BackendError("The backend was started without pipes.")
        self.process = process
        self.is_at_end = False
        """The process will say no more, and all it said has been taken."""
        self._streams = process.stdin, process.stdout
        self._reader, self._writer = PipeReader(process.stdout), PipeWriter(process.stdin)
        self._buffer = protocol.LineBuffer()
        self._lines: deque[bytes] = deque()
        self._num_noise = 0

    def send(self, message: protocol.Command) -> None:
        """Send a command; what the pipe does not take now goes with later polls."""
        self._writer.write(protocol.encode(message))

    def events(self, *, until: float) -> Iterator[protocol.Event]:
        """Messages that are there now; those that `until` (of perf_counter) leaves over wait."""
        self._writer.flush()
        while (self._lines or self._fill()) and time.perf_counter() < until:
            if not self._lines:
                continue
            line = self._lines.popleft()
            try:
                event = protocol.decode_event(line)
            except protocol.ProtocolError as error:
                self._note_noise(line, error)
            else:
                yield event

    def close(self) -> None:
        """Let go of the pipes."""
        for stream in self._streams:
            stream.close()

    def _fill(self) -> bool:
        """Read once, when all lines are taken; False when nothing is there now or ever."""
        data = None if self.is_at_end else self._reader.read()
        if not data:
            self.is_at_end = self.is_at_end or data is not None
            return False
        try:
            self._lines.extend(self._buffer.feed(data))
        except protocol.ProtocolError as error:
            self._note_noise(data, error)
        return True

    def _note_noise(self, line: bytes, error: protocol.ProtocolError) -> None:
        """Something in the backend printed where only messages belong: worth a line, not an end."""
        self._num_noise += 1
        if self._num_noise <= _MAX_NOISE_REPORTS:
            log.warning("the backend sent something else than a message (%s): %r", error, line[:80])
