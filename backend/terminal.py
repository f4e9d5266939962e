"""What a command tells while it works: bars on a terminal, lines elsewhere, JSON for programs."""

import sys
import time

from backend.protocol import Event, Progress, Stage, StageDone, encode

BAR_WIDTH = 24
REDRAW_S = 0.1


class JsonEvents:
    """Writes every event as one line of JSON to stdout."""

    def __call__(self, event: Event) -> None:
        """Tell of an event."""
        sys.stdout.buffer.write(encode(event))
        sys.stdout.buffer.flush()


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


def event_writer(*, as_json: bool) -> JsonEvents | PlainEvents | BarEvents:
    """The way to tell that fits where the output goes."""
    if as_json:
        return JsonEvents()
    return BarEvents() if sys.stderr.isatty() else PlainEvents()
