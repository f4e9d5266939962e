"""What the installer tells while it works, and how it hears that it is to stop."""

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, TextIO

from backend.errors import Cancelled
from backend.installation import InstallEvent, Step
from backend.lines import encode
from backend.packages import Watch
from backend.terminal import take_stdin

_REPORT_S = 0.2
_MIB = 1 << 20
_UNFINISHED = ".tmp"
"""What uv calls the folders in its cache that it unpacks downloads into."""


class Reporter:
    """Writes events for the steps named at the start, in their order."""

    def __init__(self, sink: BinaryIO | None, titles: Sequence[str]) -> None:
        self._sink = sink
        self._titles = list(titles)
        self._step = Step(title="", number=0, count=len(self._titles))
        self._told_at = 0.0
        self.is_stopping = threading.Event()

    def begin(self, title: str, *, total: int = 0, text: str = "") -> None:
        """Go on to a step."""
        self.check()
        number = self._titles.index(title) + 1
        self._step = Step(title=title, number=number, count=len(self._titles), total=total, text=text)
        self.send(self._step)

    def advance(self, done: int, *, total: int | None = None, text: str = "") -> None:
        """Tell how far the step is; not more often than anyone can read.

        Raises:
            Cancelled: it is time to stop.
        """
        self.check()
        now = time.monotonic()
        if now - self._told_at < _REPORT_S and done < self._step.total:
            return
        self._told_at = now
        step = self._step
        whole = step.total if total is None else total
        changed = Step(
            title=step.title,
            number=step.number,
            count=step.count,
            done=min(done, whole) if whole else done,
            total=whole,
            text=text or step.text,
        )
        if changed != step:
            self._step = changed
            self.send(changed)

    def check(self) -> None:
        """Stop here if that was asked for.

        Raises:
            Cancelled: it was.
        """
        if self.is_stopping.is_set():
            raise Cancelled("Stopped; what was downloaded is kept")

    def send(self, event: InstallEvent) -> None:
        """Write an event; when nobody reads any more, stop."""
        if self._sink is None:
            return
        try:
            self._sink.write(encode(event))
            self._sink.flush()
        except OSError:
            self.is_stopping.set()

    def listen(self) -> None:
        """Stop when stdin ends or a line comes: the only command there is."""
        threading.Thread(target=self._wait_for, args=(take_stdin(),), name="commands", daemon=True).start()

    def _wait_for(self, source: int) -> None:
        try:
            os.read(source, 1)
        finally:
            self.is_stopping.set()


class PlainReporter(Reporter):
    """Tells a person on a terminal: one line that grows, or one line a step elsewhere."""

    def __init__(self, stream: TextIO, titles: Sequence[str]) -> None:
        super().__init__(None, titles)
        self._stream = stream
        self._told = ""

    def send(self, event: InstallEvent) -> None:
        """Write the step as a line."""
        if not isinstance(event, Step):
            return
        amount = f" {event.done / 1e6:.0f} of {event.total / 1e6:.0f} MB" if event.total else ""
        if self._stream.isatty():
            self._stream.write(f"\r\033[K{event.title}{amount} {event.text}")
            if event.total and event.done >= event.total:
                self._stream.write("\n")
        elif event.title != self._told:
            self._told = event.title
            self._stream.write(f"{event.title}\n")
        self._stream.flush()


class PackageWatch(Watch):
    """Follows uv's lines and its growing cache as the bytes of one step."""

    def __init__(self, reporter: Reporter, cache: Path, *, total: int) -> None:
        self._reporter = reporter
        self._cache = cache
        self._total = total
        self._open: dict[str, int] = {}
        self._done = 0
        self._text = ""

    def on_line(self, line: str) -> None:
        """Follow `Downloading NAME (SIZE)`, `Downloaded NAME` and the words of the steps after."""
        words = line.split()
        if words[:1] == ["Downloading"] and len(words) >= 3:
            self._open[words[1]] = parse_size(words[2])
        elif words[:1] == ["Downloaded"] and len(words) >= 2:
            self._done += self._open.pop(words[1], 0)
        elif words[:1] == ["Prepared"]:
            self._done, self._open = self._total, {}
        self._text = ", ".join(list(self._open)[:3]) or "unpacking"
        self._reporter.advance(self._done + self._under_way(), text=self._text)

    def on_tick(self) -> None:
        """Look at what is under way."""
        self._reporter.check()
        if self._open:
            self._reporter.advance(self._done + self._under_way(), text=self._text)

    def _under_way(self) -> int:
        """Bytes of unfinished downloads. uv unpacks while it loads, so they look larger than they are."""
        try:
            names = [name for name in os.listdir(self._cache) if name.startswith(_UNFINISHED)]
        except OSError:
            return 0
        unpacked = sum(_tree_bytes(self._cache / name) for name in names)
        return min(unpacked // 2, sum(self._open.values()))


def _tree_bytes(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(place, name).stat().st_size
            except OSError:  # It was moved to its place meanwhile.
                continue
    return total


def parse_size(text: str) -> int:
    """Bytes of a size as uv writes it, such as `(13.1MiB)`; 0 for anything else."""
    units = {"B": 1, "KiB": 1 << 10, "MiB": _MIB, "GiB": 1 << 30}
    number = text.strip("()").rstrip("BKMGi")
    unit = text.strip("()")[len(number) :]
    try:
        return int(float(number) * units[unit])
    except (ValueError, KeyError):
        return 0
