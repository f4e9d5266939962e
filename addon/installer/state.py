"""The installation of the backend, as one object: what is there, what goes on, what went wrong.

    INSTALLATION.look(root)          what is there, when nothing goes on
    start(root, ...)                 install; also verify(root), repair(root), uninstall(root, parts),
                                     move(root, target)
    INSTALLATION.phase, .step, .fraction, .message, .problems, .log_path
    INSTALLATION.poll()              moves it on; a timer calls it, a script in a loop
    cancel()

The work is done by a child process (`python -m backend.install`) which Blender's own Python runs, so nothing
here waits. Whether the network may be used is asked by the operators, before they call `start`.
"""

import enum
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...backend import installation, protocol
from ..channel import Channel
from ..diagnosis import diagnose
from ..errors import SetupError
from ..launch import EXTENSION_ROOT, Launch, installed_state, is_current, log_tail, start_process
from ..orphans import kill_tree, let_go
from ..texts import tr
from .sentences import translated

log = logging.getLogger(__name__)

POLL_BUDGET_S = 0.005
CANCEL_S = 5.0
"""From a cancel to the end of the process."""
_WAIT_S = 0.02
_NEVER = float("inf")


class Phase(enum.Enum):
    """What there is of the backend."""

    ABSENT = "not installed"
    READY = "installed"
    OUTDATED = "needs an update"
    BROKEN = "damaged"
    FAILED = "failed"
    WORKING = "working"
    STOPPING = "stopping"


_AT_REST = frozenset({Phase.ABSENT, Phase.READY, Phase.OUTDATED, Phase.BROKEN, Phase.FAILED})

MOVES: dict[Phase, frozenset[Phase]] = {
    **{phase: _AT_REST | {Phase.WORKING} for phase in _AT_REST},
    Phase.WORKING: _AT_REST | {Phase.STOPPING},
    Phase.STOPPING: _AT_REST,
}
"""Legal moves; anything else is a fault of ours and raises."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What to install, and from where.

    Attributes:
        kit: A folder made by `build.py offline`, or None for the network.
        is_repair: Check every file, and make the environment anew.
        torch: A build of torch, or empty for the one that fits the graphics card.
        python: A Python to build on, or empty for the best that can be had.
        has_test: End with a small mesh.
    """

    kit: Path | None = None
    is_repair: bool = False
    torch: str = ""
    python: str = ""
    has_test: bool = True

    def arguments(self) -> list[str]:
        """The same for the installer's command line."""
        found = ["install"]
        if self.kit is not None:
            found += ["--kit", str(self.kit)]
        found += ["--torch", self.torch] if self.torch else []
        found += ["--python", self.python] if self.python else []
        found += ["--repair"] if self.is_repair else []
        return found + ([] if self.has_test else ["--no-test"])


class Installation:
    """Owns at most one installer process."""

    def __init__(self) -> None:
        self.phase = Phase.ABSENT
        self.step: installation.Step | None = None
        """The step that goes on, or the last one of what has ended."""
        self.message = ""
        """How the last work ended, in a sentence."""
        self.problems: list[str] = []
        """What the last look at the files has found wrong, a sentence each."""
        self.log_path: Path | None = None
        self.moved_to: Path | None = None
        """Where the data root was moved to, once it was."""
        self._channel: Channel[installation.InstallEvent] | None = None
        self._root = Path()
        self._target: Path | None = None
        self._end: installation.InstallEvent | None = None
        self._kill_at = _NEVER
        self._seen: tuple[Path, object] | None = None
        self._kept: Phase | None = None
        """What the last work found out, which stays until what it has seen is another."""

    @property
    def is_busy(self) -> bool:
        """Something goes on."""
        return self._channel is not None

    @property
    def pid(self) -> int | None:
        """Process id of the installer, or None without one."""
        return self._channel.process.pid if self._channel else None

    @property
    def fraction(self) -> float:
        """Part of the whole work that is done, 0 to 1; the steps count alike."""
        if self.step is None or not self.step.count:
            return 0.0
        return min(1.0, (self.step.number - 1 + self.step_fraction) / self.step.count)

    @property
    def step_fraction(self) -> float:
        """Part of the present step that is done, 0 to 1."""
        return min(1.0, self.step.done / self.step.total) if self.step and self.step.total else 0.0

    def look(self, root: Path) -> Phase:
        """Find out what a data root holds; while something goes on, and after bad news, that stays."""
        state = installed_state(root)
        seen = (root, state)
        if self.is_busy or (self.phase is self._kept and seen == self._seen):
            return self.phase
        if self._kept is not None:
            self._kept, self.problems, self.message = None, [], ""
        self._seen = seen
        if state is None:
            self._move(Phase.ABSENT)
        elif not state.is_whole(root):
            self._move(Phase.BROKEN)
        else:
            self._move(Phase.READY if is_current(state) else Phase.OUTDATED)
        return self.phase

    def run(self, root: Path, arguments: Sequence[str], *, target: Path | None = None) -> None:
        """Start the installer; returns at once.

        Raises:
            SetupError: one runs already, or the data folder cannot be written.
            BackendError: Blender's Python cannot be run.
        """
        if self.is_busy:
            raise SetupError(tr("The installer works already; wait until it is done or cancel it."))
        launch = Launch(
            python=Path(sys.executable),
            data_root=root,
            arguments=("-m", "backend.install", *arguments, "--root", str(root)),
            log_name="install",
            has_network=True,
        )
        process, self.log_path = start_process(launch)
        self._channel = Channel(process, installation.decode_event)
        self._root, self._target, self.moved_to = root, target, None
        self._end, self.step, self.message = None, None, ""
        self.problems, self._kept = [], None
        self._kill_at = _NEVER
        self._move(Phase.WORKING)

    def cancel(self) -> None:
        """Ask the installer to stop; what it downloaded is kept."""
        if self._channel is not None and self.phase is Phase.WORKING:
            self._move(Phase.STOPPING)
            self._channel.send(protocol.Shutdown())
            self._kill_at = time.monotonic() + CANCEL_S

    def poll(self) -> bool:
        """Take what the installer has said, for a few milliseconds at most; returns whether there was any."""
        channel = self._channel
        if channel is None:
            return False
        has_changed = False
        for event in channel.events(until=time.perf_counter() + POLL_BUDGET_S):
            has_changed = True
            if isinstance(event, installation.Step):
                self.step = event
            else:
                self._end = event
        if channel.is_at_end and channel.process.poll() is not None:
            self._finish(channel)
            return True
        if time.monotonic() >= self._kill_at:
            kill_tree(channel.process)
            self._kill_at = _NEVER
        return has_changed

    def wait(self, timeout_s: float | None = None) -> Phase:
        """Block until the installer has ended; for scripts and background mode."""
        until = _NEVER if timeout_s is None else time.monotonic() + timeout_s
        while self.is_busy and time.monotonic() < until:
            self.poll()
            time.sleep(_WAIT_S)
        return self.phase

    def stop(self) -> None:
        """End the installer now, as Blender ends; it goes on from its cache the next time."""
        if self._channel is not None:
            self.cancel()
            self._kill_at = min(self._kill_at, time.monotonic() + 1.0)
            self.wait()

    def _finish(self, channel: Channel[installation.InstallEvent]) -> None:
        channel.close()
        let_go(channel.process)
        self._channel = None
        match self._end:
            case installation.Installed(text=text):
                self.message = translated(text)
                self.moved_to = self._target
            case installation.Damaged(problems=problems):
                self.problems = [f"{translated(text)}." for text in problems]
                self.message, self._kept = " ".join(self.problems), Phase.BROKEN
            case protocol.Cancelled():
                self.message = tr("Stopped. Install goes on where it was.")
            case protocol.Failed(message=message):
                self.message, self._kept = f"{translated(message)}.", Phase.FAILED
            case _:
                is_asked = self.phase is Phase.STOPPING
                tail = log_tail(self.log_path) if self.log_path else []
                self.message = tr("Stopped.") if is_asked else str(diagnose(channel.process.returncode, tail))
                self._kept = None if is_asked else Phase.FAILED
        if self._kept is not None:
            self._move(self._kept)
            self._seen = (self._root, installed_state(self._root))
        else:
            self._move(Phase.ABSENT)
            self.look(self._root)

    def _move(self, phase: Phase) -> None:
        if phase is not self.phase and phase not in MOVES[self.phase]:
            raise RuntimeError(f"an installation cannot go from {self.phase.value} to {phase.value}")
        self.phase = phase


INSTALLATION = Installation()
"""The one installation of this process."""


def start(root: Path, request: Request | None = None) -> None:
    """Install in a data root.

    Raises:
        SetupError, BackendError: as `Installation.run`.
    """
    INSTALLATION.run(root, (request or Request()).arguments())


def repair(root: Path, kit: Path | None = None) -> None:
    """Check what is there file by file and make the environment anew; what is whole is not fetched again."""
    INSTALLATION.run(root, Request(kit=kit, is_repair=True).arguments())


def verify(root: Path) -> None:
    """Check what is there file by file, and change nothing; `INSTALLATION.problems` tells what is wrong."""
    INSTALLATION.run(root, ["verify"])


def uninstall(root: Path, parts: Sequence[str]) -> None:
    """Remove parts: environment, cache, models. Jobs stay."""
    INSTALLATION.run(root, ["uninstall", *parts])


def move(root: Path, target: Path) -> None:
    """Move models, jobs and cache to another data root; `INSTALLATION.moved_to` tells when that is done."""
    INSTALLATION.run(root, ["move", "--to", str(target)], target=target)


def cancel() -> None:
    """Ask whatever goes on to stop."""
    INSTALLATION.cancel()


def can_install() -> bool:
    """This zip brings the installer's program; else a Python must be chosen in the preferences."""
    return any((EXTENSION_ROOT / "wheels").glob("uv-*.whl"))
