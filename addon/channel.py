"""The messages of one child process: whole lines in, commands out, and nothing ever waits."""

import logging
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from ..backend import lines, protocol
from .errors import BackendError
from .pipes import PipeReader, PipeWriter

log = logging.getLogger(__name__)

_MAX_NOISE_REPORTS = 10

EventT = TypeVar("EventT")


class Channel(Generic[EventT]):
    """The pipes of one process and the messages in them."""

    def __init__(self, process: subprocess.Popen[bytes], decode: Callable[[bytes], EventT]) -> None:
        if process.stdin is None or process.stdout is None:
            raise BackendError("The backend was started without pipes.")
        self.process = process
        self._decode = decode
        self.is_at_end = False
        """The process will say no more, and all it said has been taken."""
        self._streams = process.stdin, process.stdout
        self._reader, self._writer = PipeReader(process.stdout), PipeWriter(process.stdin)
        self._buffer = lines.LineBuffer()
        self._lines: deque[bytes] = deque()
        self._num_noise = 0

    def send(self, message: protocol.Command) -> None:
        """Send a command; what the pipe does not take now goes with later polls."""
        self._writer.write(lines.encode(message))

    def events(self, *, until: float) -> Iterator[EventT]:
        """Messages that are there now; those that `until` (of perf_counter) leaves over wait."""
        self._writer.flush()
        while (self._lines or self._fill()) and time.perf_counter() < until:
            if not self._lines:
                continue
            line = self._lines.popleft()
            try:
                event = self._decode(line)
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
        """Something in the process printed where only messages belong: worth a line, not an end."""
        self._num_noise += 1
        if self._num_noise <= _MAX_NOISE_REPORTS:
            log.warning("the process sent something else than a message (%s): %r", error, line[:80])
