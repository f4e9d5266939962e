"""Taking turns: a lock on a file, which the system lets go of when its process ends, however it ends."""

import errno
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.storage import writing_errors

log = logging.getLogger(__name__)

POLL_S = 0.2
_TAKEN = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}


@contextmanager
def turn(path: Path, *, on_wait: Callable[[bool], None]) -> Iterator[None]:
    """Hold the lock of a file during the block; wait for it before.

    Args:
        path: the file; made if it is missing, and left behind.
        on_wait: called again and again while another process holds it, with True the first time; may raise,
            which ends the waiting.

    Raises:
        StorageError: the file cannot be made.
    """
    with writing_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        is_first = True
        while not _try_lock(handle):
            on_wait(is_first)
            is_first = False
            time.sleep(POLL_S)
        yield
    finally:
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        try:
            os.lseek(handle, 0, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in _TAKEN:
                return False
            raise
        return True

else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            # Some network file systems know no locks; there, two jobs at once are better than none.
            log.warning("no lock can be taken here: %s", error)
        return True
