"""What a command tells while it works: bars on a terminal, lines elsewhere, JSON for programs."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from backend.lines import encode
from backend.protocol import Event, Progress, Stage, StageDone

BAR_WIDTH = 24
REDRAW_S = 0.1


@contextmanager
def private_stdout() -> Iterator[BinaryIO]:
    """Stdout for messages alone: libraries, compiled ones too, that print find stderr in its place."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(kept), "wb") as stream:
            yield stream
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def take_stdin() -> int:
    """Stdin for commands alone: a duplicate of it to read from; whoever else looks finds it empty.

    On Windows many libraries, numpy's among them, look at stdin while they are loaded, and a pipe that a
    thread waits at makes everybody wait who looks at it: the process would hang until the next command.
    """
    kept = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return kept


class JsonEvents:
    """Writes every event as one line of JSON."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def __call__(self, event: Event) -> None:
        """Tell of an event."""
        self._stream.write(encode(event))
        self._stream.flush()


class PlainEvents:
    """One line on stderr for every finished stage."""

    def __call__(self, event: Event) -> None:
        """Tell of an event."""
        if isinstance(event, StageDone):
            sys.stderr.write(done_line(event) + "\n")


class BarEvents:
    """A bar on stderr that grows in place."""

    def __init__(self) -> None:
        self._stage: Stage | None = None
        self._start = self._drawn = 0.0

    def __call__(self, event: Event) -> None:
        """Tell of an event."""
        now = time.monotonic()
        if isinstance(event, StageDone):
            sys.stderr.write(f"\r\033[K{done_line(event)}\n")
        elif isinstance(event, Progress):
            if event.stage is not self._stage:
                self._stage, self._start, self._drawn = event.stage, now, 0.0
            if now - self._drawn >= REDRAW_S or event.step == event.total:
                self._drawn = now
                sys.stderr.write(f"\r\033[K{bar_line(event, now - self._start)}")
        sys.stderr.flush()


def bar_line(event: Progress, seconds: float) -> str:
    """A stage under way, such as `views      [######------] 14/28  3 s`."""
    filled = BAR_WIDTH * event.step // max(1, event.total)
    bar = "#" * filled + "-" * (BAR_WIDTH - filled)
    return f"{event.stage:<10} [{bar}] {event.step}/{event.total}  {seconds:.0f} s"


def done_line(event: StageDone) -> str:
    """A finished stage."""
    took = "kept" if event.reused else f"{event.seconds:.1f} s"
    return f"{event.stage:<10} {took}"


def event_writer() -> PlainEvents | BarEvents:
    """The way to tell a person that fits where the output goes."""
    return BarEvents() if sys.stderr.isatty() else PlainEvents()
