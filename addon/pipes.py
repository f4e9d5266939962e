"""Pipes to a child process that never make Blender wait, on every system."""

import errno
import os
import sys
from typing import IO

CHUNK_BYTES = 1 << 16
_FULL = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOSPC)
"""What a write to a full pipe raises; the last one is Windows's word for it."""


class PipeReader:
    """The end of a child's output."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._fd = stream.fileno()
        _stop_waiting(self._fd)

    def read(self) -> bytes | None:
        """Bytes that are there now; None when there are none yet, empty at end-of-file."""
        if sys.platform == "win32" and not _has_data(self._fd):
            return None
        try:
            return os.read(self._fd, CHUNK_BYTES)
        except BlockingIOError:
            return None
        except BrokenPipeError:  # Windows's end-of-file
            return b""


class PipeWriter:
    """The end of a child's input; keeps what does not fit into the pipe yet."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._fd = stream.fileno()
        self._waiting = b""
        _stop_waiting(self._fd)

    def write(self, data: bytes) -> None:
        """Send now what the pipe takes; `flush` sends the rest later."""
        self._waiting += data
        self.flush()

    def flush(self) -> None:
        """Go on sending. A child that is gone is noticed by the reader, not here."""
        while self._waiting:
            try:
                sent = os.write(self._fd, self._waiting)
            except OSError as error:
                if error.errno not in _FULL:
                    self._waiting = b""
                return
            if sent == 0:
                return
            self._waiting = self._waiting[sent:]


if sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes

    _PIPE_NOWAIT = 1

    def _stop_waiting(fd: int) -> None:
        mode = wintypes.DWORD(_PIPE_NOWAIT)
        handle = wintypes.HANDLE(msvcrt.get_osfhandle(fd))
        kernel = ctypes.windll.kernel32
        if not kernel.SetNamedPipeHandleState(handle, ctypes.byref(mode), None, None):
            raise ctypes.WinError()

    def _has_data(fd: int) -> bool:
        """True also at end-of-file, which the read that follows reports."""
        available = wintypes.DWORD()
        handle = wintypes.HANDLE(msvcrt.get_osfhandle(fd))
        kernel = ctypes.windll.kernel32
        is_open = kernel.PeekNamedPipe(handle, None, 0, None, ctypes.byref(available), None)
        return not is_open or available.value > 0

else:

    def _stop_waiting(fd: int) -> None:
        os.set_blocking(fd, False)
