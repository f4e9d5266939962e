"""Fetching a network: a process of the backend's Python, and how far it is."""

import time
from dataclasses import replace
from pathlib import Path
from subprocess import Popen

import bpy

from . import ticking
from .downloadable import Downloadable
from .errors import SetupError
from .guard import guarded
from .launch import Launch, log_tail, start_process
from .orphans import kill_tree, let_go
from .texts import tr

INTERVAL_S = 0.5
_WAIT_S = 0.05


class Download:
    """One model on its way; a later one goes on with what this one has fetched."""

    def __init__(self) -> None:
        self.entry: Downloadable | None = None
        """The model that is fetched, or was last."""
        self.message = ""
        """Why it failed; empty otherwise."""
        self._process: Popen[bytes] | None = None
        self._log = self._part = Path()

    @property
    def is_busy(self) -> bool:
        """Something is fetched."""
        return self._process is not None

    @property
    def fraction(self) -> float:
        """Part of the files that is there, 0 to 1, by their usual size."""
        if self.entry is None:
            return 0.0
        found = sum(path.stat().st_size for path in self._part.rglob("*") if path.is_file())
        return min(found / self.entry.bytes, 1.0)

    def start(self, entry: Downloadable, launch: Launch) -> None:
        """Begin, or go on.

        Raises:
            SetupError: one is under way, or the data folder cannot be written.
            BackendError: the backend's Python cannot be run.
        """
        if self.is_busy:
            raise SetupError(tr("A model is being downloaded already."))
        command = ("-m", "backend", "models", "download", entry.name, "--accept-licence")
        fetching = replace(launch, arguments=command, log_name="download", has_network=True)
        self._process, self._log = start_process(fetching)
        place = entry.place(launch.data_root)
        self.entry, self.message, self._part = entry, "", place.with_name(place.name + ".part")

    def poll(self) -> bool:
        """Look whether it has ended; returns whether it goes on."""
        process = self._process
        if process is None:
            return False
        if process.poll() is None:
            return True
        self._end(process)
        if process.returncode:
            lines = log_tail(self._log)
            said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
            self.message = (
                said[-1] if said else tr("The download failed; the log {path} tells more.", path=self._log)
            )
        return False

    def stop(self) -> None:
        """End it now; what was fetched is kept."""
        if self._process is not None:
            kill_tree(self._process)
            self._process.wait()
            self._end(self._process)

    def wait(self) -> None:
        """Block until it has ended; for scripts and background mode."""
        while self.poll():
            time.sleep(_WAIT_S)

    def _end(self, process: Popen[bytes]) -> None:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        let_go(process)
        self._process = None


DOWNLOAD = Download()
"""The one download of this process."""


def follow() -> None:
    """Redraw while it runs; in background mode, where there are no timers, wait for it."""
    if bpy.app.background:
        DOWNLOAD.wait()
    elif not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=INTERVAL_S, persistent=True)


def unregister() -> None:
    """End the timer and the download."""
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    DOWNLOAD.stop()


def _tick() -> float | None:
    guarded(_move_on, otherwise=None, name="the download's timer")
    return INTERVAL_S if DOWNLOAD.is_busy else None


def _move_on() -> None:
    DOWNLOAD.poll()
    ticking.redraw()
