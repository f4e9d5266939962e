"""What a job is: its settings, its life cycle, how far it is, and how long it will take."""

import enum
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..backend import protocol
from .placement import Placement, Treatment
from .steps import Steps

DEFAULT_SHARES: Mapping[protocol.Stage, float] = {
    protocol.Stage.MATTE: 0.04,
    protocol.Stage.VIEWS: 0.36,
    protocol.Stage.OCCUPANCY: 0.22,
    protocol.Stage.SHAPE: 0.16,
    protocol.Stage.MESH: 0.04,
    protocol.Stage.TEXTURE: 0.18,
}
"""Rough part of each stage in a job's time, until this machine's own times are known."""

_MIN_FRACTION = 0.1
"""Done before a job's own pace is worth a guess at the rest."""
_MAX_BY_CLOCK = 0.95
"""How far a stage gets by the clock alone."""


class JobState(enum.StrEnum):
    """Life cycle of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """Blender ended before the job did; its finished stages are kept."""


_ENDS = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED})

MOVES: Mapping[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING}) | _ENDS,
    JobState.RUNNING: _ENDS,
    JobState.DONE: frozenset({JobState.QUEUED}),
    JobState.FAILED: frozenset({JobState.QUEUED}),
    JobState.CANCELLED: frozenset({JobState.QUEUED}),
    JobState.INTERRUPTED: frozenset({JobState.QUEUED}),
}
"""Legal moves of a job; anything else is a fault of ours and raises."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the artist chose for one job; None means the preset's own value."""

    seed: int = 0
    preset: protocol.Preset = protocol.Preset.STANDARD
    faces: int | None = None
    texture_px: int | None = None
    use_photo: bool = True
    flat_base: bool = False
    device: protocol.Device = protocol.Device.AUTO
    engine: protocol.Engine = protocol.Engine.ONE2345_PLUS
    weights: str = "starter"
    text: protocol.TextRequest | None = None
    """The words that the picture was drawn from."""
    placement: Placement = field(default_factory=Placement)
    treatment: Treatment = field(default_factory=Treatment)


@dataclass(kw_only=True, slots=True)
class Job:
    """One job, from submission to import."""

    id: str
    title: str
    folder: Path
    request: protocol.Request
    placement: Placement = field(default_factory=Placement)
    treatment: Treatment = field(default_factory=Treatment)
    file_number: int = -1
    """Which of the files opened in this session the job was started in; -1 for earlier sessions."""
    wants_import: bool = True
    """The window's timer imports it when it is done; `wait` leaves that to the caller."""
    is_sent: bool = False
    """The backend has it; others wait in the add-on, where they can be moved and removed."""
    is_replaced: bool = False
    """Another job has taken its place: no list shows it, and its files go when it has ended."""
    is_first_run: bool = True
    """Nothing in its folder is older than its place in the queue."""
    state: JobState = JobState.QUEUED
    stage: protocol.Stage | None = None
    step: int = 0
    total: int = 0
    finished: dict[protocol.Stage, float] = field(default_factory=dict)
    """Seconds of each stage that is done; 0 for a stage taken over from before."""
    expected: Mapping[protocol.Stage, float] = field(default_factory=lambda: DEFAULT_SHARES)
    """Time of each stage, in seconds if `is_measured`, else as parts of a whole."""
    is_measured: bool = False
    started: float = 0.0
    """When the first stage began, by the monotonic clock."""
    stage_started: float = 0.0
    """When the present stage began."""
    message: str = ""
    """Why the job failed, and what to do about it."""
    report: dict[str, protocol.Json] = field(default_factory=dict)
    deliver: "Callable[[Job], Steps[object]] | None" = None
    """What is done with the result, in steps; None imports it."""
    object_name: str = ""
    """Name of the object it was imported as; empty before."""

    @property
    def is_open(self) -> bool:
        """Waiting or running."""
        return self.state in (JobState.QUEUED, JobState.RUNNING)

    @property
    def is_mesh(self) -> bool:
        """It ends in a textured mesh, not in a stage on the way there."""
        return self.request.stop_after is protocol.Stage.TEXTURE and self.request.edited is None

    @property
    def is_earlier(self) -> bool:
        """It was started in another session."""
        return self.file_number < 0

    @property
    def is_preview(self) -> bool:
        """It shows the cut-out, or pictures to choose from, and is no part of the history."""
        return self.request.stop_after is protocol.Stage.MATTE

    @property
    def is_drawing(self) -> bool:
        """It draws pictures from words, to choose from."""
        return self.request.text is not None and self.request.text.candidates > 0

    @property
    def stages(self) -> list[protocol.Stage]:
        """The stages it goes through."""
        order = protocol.ENGINE_STAGES[self.request.engine]
        return list(order[: order.index(self.request.stop_after) + 1])

    @property
    def can_continue(self) -> bool:
        """It has ended without a result, and can go on in its folder."""
        return self.is_mesh and self.state in (JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED)

    @property
    def possible_starts(self) -> list[protocol.Stage]:
        """The stages that can be made anew from what is finished."""
        order = protocol.ENGINE_STAGES[self.request.engine]
        return [
            stage for stage in order if all(before in self.finished for before in order[: order.index(stage)])
        ]

    @property
    def fraction(self) -> float:
        """Part of the whole job that is done, 0 to 1."""
        if self.state is JobState.DONE:
            return 1.0
        whole = sum(self.expected.get(stage, 0.0) for stage in self.stages)
        return min(self._done(time.monotonic()) / whole, 1.0) if whole else 0.0

    @property
    def seconds(self) -> float:
        """Time that its finished stages took."""
        return sum(self.finished.values())

    def seconds_left(self) -> float | None:
        """Time to the end by this machine's earlier runs, else by this job's own pace; None if unknown."""
        if self.state is not JobState.RUNNING:
            return None
        now = time.monotonic()
        if self.is_measured:
            return max(0.0, sum(self.expected.get(stage, 0.0) for stage in self.stages) - self._done(now))
        fraction = self.fraction
        return (now - self.started) * (1 - fraction) / fraction if fraction >= _MIN_FRACTION else None

    def _done(self, now: float) -> float:
        """What is done, in the unit of `expected`; a stage without steps goes on by the clock."""
        done = [self.expected.get(stage, 0.0) for stage in self.finished]
        if self.stage is None or self.stage in self.finished:
            return math.fsum(done)
        share = self.expected.get(self.stage, 0.0)
        part = self.step / self.total if self.total else 0.0
        if self.is_measured and share:
            part = max(part, min((now - self.stage_started) / share, _MAX_BY_CLOCK))
        return math.fsum([*done, share * part])  # rounded once, or the whole would fall by a hair

    def move(self, state: JobState) -> None:
        """Go to another state."""
        if state not in MOVES[self.state]:
            raise RuntimeError(f"a job cannot go from {self.state.value} to {state.value}")
        self.state = state

    def advance(self, event: protocol.Progress | protocol.StageDone) -> None:
        """Follow the backend's report."""
        if self.state is JobState.QUEUED:
            self.move(JobState.RUNNING)
            self.started = time.monotonic()
        if event.stage is not self.stage:
            self.stage, self.stage_started = event.stage, time.monotonic()
        if isinstance(event, protocol.StageDone):
            self.finished[event.stage] = event.seconds
            self.step = self.total
        else:
            self.step, self.total = event.step, event.total

    def begin_again(self, request: protocol.Request) -> None:
        """Wait for another run in the same folder."""
        self.move(JobState.QUEUED)
        self.request = request
        self.finished, self.report = {}, {}
        self.stage, self.step, self.total = None, 0, 0
        self.message, self.object_name = "", ""
        self.is_sent, self.wants_import, self.is_first_run = False, True, False
