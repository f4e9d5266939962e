"""Processes that unwrap meshes; one is kept ready, so that no job waits for Python and its libraries.

Such a process ends when its input does, on every system: none outlives the one that started it.
"""

import contextlib
import json
import logging
import os
import subprocess
import sys
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

log = logging.getLogger(__name__)

_ROOT = Path(__file__).parents[2]
_MODULE = "backend.geometry.xatlas_process"


class UnwrapProcess:
    """A process that waits for meshes.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self) -> None:
        path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
        # Where it sees no graphics card it starts faster, and takes none of its memory.
        environment = os.environ | {"PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "-1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._reader = ThreadPoolExecutor(max_workers=1)
        self._answer: Future[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def is_idle(self) -> bool:
        """Whether it lives and has nothing to do."""
        return self._process.poll() is None and self._answer is None

    def ask(self, source: Path, target: Path) -> None:
        """Have a file unwrapped; `unwrap_file` in `xatlas_process.py` says what files hold.

        Raises:
            OSError: the process has died.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise BrokenPipeError
        self._process.stdin.write(json.dumps([str(source), str(target)]).encode() + b"\n")
        self._process.stdin.flush()
        self._answer = self._reader.submit(self._process.stdout.readline)

    def answered(self, *, seconds: float) -> bool:
        """Wait until the file is there; whether it is.

        Raises:
            TimeoutError: it took longer.
        """
        if self._answer is None:
            return False
        line = self._answer.result(seconds)
        self._answer = None
        return bool(line)

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._reader.shutdown()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):  # What it did not read any more.
                if pipe is not None:
                    pipe.close()


class UnwrapProcesses:
    """Hands out processes, and keeps one of them ready from job to job."""

    def __init__(self) -> None:
        self._idle: list[UnwrapProcess] = []
        # Also when nobody closes it, and when the interpreter ends.
        weakref.finalize(self, _close_all, self._idle)

    def prepare(self) -> None:
        """See to it that one is ready, or will be soon."""
        self._drop_dead()
        if not self._idle:
            try:
                self._idle.append(UnwrapProcess())
            except OSError as error:
                log.warning("unwrapping cannot be started: %s", error)

    def take(self) -> UnwrapProcess:
        """One that is ready, or else a new one.

        Raises:
            OSError: none can be started.
        """
        self._drop_dead()
        return self._idle.pop() if self._idle else UnwrapProcess()

    def give_back(self, process: UnwrapProcess) -> None:
        """Keep it for the next mesh, unless it is at work or there is one already."""
        if self._idle or not process.is_idle:
            process.close()
        else:
            self._idle.append(process)

    def close(self) -> None:
        """End those that wait."""
        _close_all(self._idle)

    def _drop_dead(self) -> None:
        for process in [process for process in self._idle if not process.is_idle]:
            self._idle.remove(process)
            process.close()


def _close_all(processes: list[UnwrapProcess]) -> None:
    while processes:
        processes.pop().close()
