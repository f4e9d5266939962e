"""The process that Blender starts: commands on stdin, events on a private duplicate of stdout.

Whatever else prints goes to stderr, which is the log. A small thread reads stdin, so that a cancel is seen at
the running job's next step; the main thread runs one job after the other. End-of-file on stdin ends the
process, also in the middle of a long step: artifacts are whole at every moment.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NoReturn, TypeVar

from backend.errors import Cancelled as JobCancelled
from backend.errors import One2345Error
from backend.lines import LineBuffer, encode
from backend.orphans import die_with_parent
from backend.protocol import (
    BACKEND_VERSION,
    PROTOCOL_VERSION,
    AskMemory,
    Cancel,
    Cancelled,
    Device,
    Done,
    Event,
    Failed,
    Hello,
    Json,
    Log,
    ProtocolError,
    Ready,
    Submit,
    decode_command,
)
from backend.records import parse_json
from backend.storage import data_root
from backend.terminal import private_stdout, take_stdin
from backend.turns import turn

log = logging.getLogger(__name__)

OutcomeT = TypeVar("OutcomeT")
RunJob = Callable[[Submit, Callable[[Event], None]], tuple[tuple[str, ...], dict[str, Json]]]
"""Runs a job; returns the files of its last stage and its report."""

END_GRACE_S = 1.5
"""How long a job may take to its next step after the parent is gone."""
IDLE_S = 600.0
"""After so long without a job the networks leave memory."""
TURN_FILE = "turn.lock"
"""Held during a job, so that two Blenders that share a data root do not fill one graphics card."""
_READ_BYTES = 1 << 16


class Channel:
    """Messages in and out, the jobs that wait, and whether the running one is to stop."""

    def __init__(self, source: int, sink: BinaryIO) -> None:
        """Read from the file descriptor `source`, write to `sink`."""
        self._source = source
        self._sink = sink
        self._sending = threading.Lock()
        self._changed = threading.Condition()
        self._waiting: dict[str, Submit] = {}
        self._running: str | None = None
        self._is_cancelled = False
        self._is_ended = False
        self._is_asked = False

    @property
    def is_stopping(self) -> bool:
        """Whether the running job is to stop at its next step."""
        return self._is_cancelled or self._is_ended

    def send(self, event: Event) -> None:
        """Write an event; when nobody reads any more, the process ends."""
        with self._sending:
            try:
                self._sink.write(encode(event))
                self._sink.flush()
            except OSError:
                self._is_ended = True

    def next_job(
        self, *, idle_s: float, on_idle: Callable[[], None], on_ask: Callable[[], None]
    ) -> Submit | None:
        """Wait for a job, which is then the running one; None when the process is to end.

        `on_idle` is called once when none has come for `idle_s`, `on_ask` whenever memory is asked for.
        """
        idle_at: float | None = time.monotonic() + idle_s
        with self._changed:
            while not (self._waiting or self._is_ended):
                timeout = None if idle_at is None else idle_at - time.monotonic()
                if not self._changed.wait_for(self._has_news, timeout=timeout):
                    on_idle()
                    idle_at = None
                elif self._is_asked:
                    self._is_asked = False
                    on_ask()
            if self._is_ended:
                return None
            self._running = next(iter(self._waiting))
            return self._waiting.pop(self._running)

    def _has_news(self) -> bool:
        return bool(self._waiting) or self._is_ended or self._is_asked

    def end_job(self, event: Event) -> None:
        """Tell how the running job ended; from then on its name is free."""
        with self._changed:
            self._running, self._is_cancelled, self._is_asked = None, False, False
        self.send(event)

    def read(self) -> None:
        """Take in commands until end-of-file or `Shutdown`, then see to it that the process ends."""
        lines = LineBuffer()
        try:
            while not self._is_ended and (data := os.read(self._source, _READ_BYTES)):
                for line in lines.feed(data):
                    self._take(line)
        except (OSError, ProtocolError) as error:
            self.send(Failed(job=None, code="protocol", message=f"The add-on's messages are broken: {error}"))
        with self._changed:
            self._is_ended = True
            self._changed.notify()
        # The main thread may be in a step that cannot be interrupted.
        timer = threading.Timer(END_GRACE_S, os._exit, args=(0,))
        timer.daemon = True
        timer.start()

    def _take(self, line: bytes) -> None:
        try:
            command = decode_command(line)
        except ProtocolError as error:
            job = _job_of(line)
            if job is None:
                raise
            self.send(Failed(job=job, code=error.code, message=str(error)))
            return
        if isinstance(command, Submit):
            self._submit(command)
        elif isinstance(command, Cancel):
            self._cancel(command.job)
        elif isinstance(command, AskMemory):
            with self._changed:
                self._is_asked = True
                self._changed.notify()
        else:
            self._is_ended = True

    def _submit(self, submit: Submit) -> None:
        with self._changed:
            is_new = submit.job not in self._waiting and submit.job != self._running
            if is_new:
                self._waiting[submit.job] = submit
                self._changed.notify()
        if not is_new:
            message = f"The job {submit.job} is under way already; give the new one another name"
            self.send(Failed(job=submit.job, code="protocol", message=message))

    def _cancel(self, job: str) -> None:
        with self._changed:
            was_waiting = self._waiting.pop(job, None) is not None
            if job == self._running:
                self._is_cancelled = True
        if was_waiting:
            self.send(Cancelled(job=job))


def _job_of(line: bytes) -> str | None:
    """The job that a refused command is about."""
    try:
        data = parse_json(line)
    except ProtocolError:
        return None
    job = data.get("job") if isinstance(data, dict) else None
    return job if isinstance(job, str) else None


def main() -> NoReturn:
    """Serve until stdin ends, then end the process at once: taking torch down would take a second or two."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    die_with_parent()
    with private_stdout() as sink:
        code = _serve_on(Channel(take_stdin(), sink))
    logging.shutdown()
    os._exit(code)


def _serve_on(channel: Channel) -> int:
    channel.send(Hello(protocol=PROTOCOL_VERSION, backend=BACKEND_VERSION, pid=os.getpid()))
    threading.Thread(target=channel.read, name="commands", daemon=True).start()
    failed = _guarded(None, lambda: serve(channel, data_root(os.environ)))
    if failed is not None:
        channel.send(failed)
    return 0 if failed is None else 1


def _guarded(job: str | None, work: Callable[[], OutcomeT]) -> OutcomeT | Failed:
    """Do a job, or without one the process's own work; a fault that nobody foresaw is logged and told."""
    try:
        return work()
    except Exception as error:
        log.exception("the backend cannot work" if job is None else f"job {job} met an unexpected fault")
        message = f"An unexpected fault ({error!r}); the log tells more"
        if job is None:
            message = f"The backend cannot work ({error})"
        return Failed(job=job, code="error", message=message)


def serve(channel: Channel, root: Path) -> None:
    """Run the jobs that come in, one by one."""
    # Here and not above: torch takes seconds, and the add-on must see the first message at once.
    from backend.devices import choose_device, device_name, held_memory, make_repeatable, memory
    from backend.service import Service

    make_repeatable()
    device = choose_device(Device.AUTO)
    kind, name = Device(device.type), device_name(device)
    service = Service(root)

    def tell_memory() -> None:
        free, total = memory(device)
        held = held_memory(device)
        channel.send(
            Ready(device=kind, device_name=name, free_bytes=free, total_bytes=total, held_bytes=held)
        )

    def leave_memory() -> None:
        service.release()
        tell_memory()

    def run(submit: Submit, on_event: Callable[[Event], None]) -> tuple[tuple[str, ...], dict[str, Json]]:
        with turn(root / TURN_FILE, on_wait=waiting(submit.job, on_event, channel)):
            return service.run(submit, on_event)

    tell_memory()
    while submit := channel.next_job(idle_s=IDLE_S, on_idle=leave_memory, on_ask=tell_memory):
        channel.end_job(run_job(submit, run, channel))
        tell_memory()


def waiting(job: str, on_event: Callable[[Event], None], channel: Channel) -> Callable[[bool], None]:
    """What is done while another Blender's job runs: say so once, and look whether to stop."""

    def on_wait(is_first: bool) -> None:
        if is_first:
            on_event(Log(level="info", message="Another Blender generates; this job waits its turn", job=job))
        if channel.is_stopping:
            raise JobCancelled(job)

    return on_wait


def run_job(submit: Submit, run: RunJob, channel: Channel) -> Event:
    """Run one job; returns the event that ends it."""
    return _guarded(submit.job, lambda: _outcome(submit, run, channel))


def _outcome(submit: Submit, run: RunJob, channel: Channel) -> Event:
    def check() -> None:
        if channel.is_stopping:
            raise JobCancelled(submit.job)

    def on_event(event: Event) -> None:
        check()
        channel.send(event)

    try:
        check()
        paths, report = run(submit, on_event)
    except JobCancelled:
        return Cancelled(job=submit.job)
    except (One2345Error, ProtocolError) as error:
        log.info("job %s failed: %s", submit.job, error)
        return Failed(job=submit.job, code=error.code, message=str(error))
    return Done(job=submit.job, paths=paths, report=report)
