"""The jobs of this Blender session: functions for operators and scripts alike.

    job = submit(picture, settings, launch=...)     returns at once
    wait(job)                                       blocks, for scripts and background mode
    import_result(job)                              the mesh as an object

`poll` moves everything on; the window's timer calls it, and so does `wait`. Jobs hold names and paths,
never Blender's objects, which do not outlive an undo or a loaded file.
"""

import enum
import logging
import re
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from ..backend import protocol
from .client import Client, State
from .errors import AddonError, JobError, SetupError
from .glb import read_glb
from .importer import Placement, Provenance, import_mesh
from .launch import Launch

log = logging.getLogger(__name__)

_WAIT_STEP_S = 0.01
_SHARES = {
    protocol.Stage.MATTE: 0.04,
    protocol.Stage.VIEWS: 0.36,
    protocol.Stage.OCCUPANCY: 0.22,
    protocol.Stage.SHAPE: 0.16,
    protocol.Stage.MESH: 0.04,
    protocol.Stage.TEXTURE: 0.18,
}
"""Rough part of each stage in a job's time, for the total bar."""


class JobState(enum.Enum):
    """Life cycle of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.DONE, JobState.FAILED, JobState.CANCELLED}),
    JobState.RUNNING: frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED}),
    JobState.DONE: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}
"""Legal moves of a job; anything else is a fault of ours and raises."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the artist chose for one job; None means the preset's own value."""

    seed: int = 0
    preset: protocol.Preset = protocol.Preset.STANDARD
    faces: int | None = None
    texture_px: int | None = None
    device: protocol.Device = protocol.Device.AUTO
    placement: Placement = field(default_factory=Placement)


@dataclass(kw_only=True, slots=True)
class Job:
    """One job, from submission to import."""

    id: str
    title: str
    folder: Path
    request: protocol.Request
    placement: Placement
    file_number: int
    """Which of the files opened in this session the job was started in."""
    wants_import: bool = True
    """The window's timer imports it when it is done; `wait` leaves that to the caller."""
    state: JobState = JobState.QUEUED
    stage: protocol.Stage | None = None
    step: int = 0
    total: int = 0
    finished: dict[protocol.Stage, float] = field(default_factory=dict)
    """Seconds of each stage that is done."""
    message: str = ""
    """Why the job failed, and what to do about it."""
    report: dict[str, protocol.Json] = field(default_factory=dict)
    object_name: str = ""
    """Name of the object it was imported as; empty before."""

    @property
    def is_open(self) -> bool:
        """Waiting or running."""
        return self.state in (JobState.QUEUED, JobState.RUNNING)

    @property
    def fraction(self) -> float:
        """Part of the whole job that is done, 0 to 1."""
        done = sum(_SHARES[stage] for stage in self.finished)
        if self.stage and self.stage not in self.finished and self.total:
            done += _SHARES[self.stage] * self.step / self.total
        return 1.0 if self.state is JobState.DONE else min(done, 1.0)

    def move(self, state: JobState) -> None:
        """Go to another state."""
        if state not in MOVES[self.state]:
            raise RuntimeError(f"a job cannot go from {self.state.value} to {state.value}")
        self.state = state


class Session:
    """The backend process of this Blender and the jobs it was given."""

    def __init__(self, client: Client | None = None) -> None:
        self.client = client or Client()
        self.jobs: dict[str, Job] = {}
        self.file_number = 0
        self.notice = ""
        """Last warning of the backend that belongs to no job."""


SESSION = Session()
"""The one session of this process."""


def submit(write_picture: Callable[[Path], Path], settings: Settings, *, title: str, launch: Launch) -> str:
    """Start a job and, if needed, the backend; returns the job's id at once.

    Args:
        write_picture: gets the job's folder and returns the picture's path, in the folder or not.
        settings: what to make and where to put it.
        title: names the object later.
        launch: how to start the backend if it is not running.

    Raises:
        AddonError: the picture, the settings, the data folder or the backend's Python cannot be used.
    """
    folder = _new_folder(launch.data_root, title)
    job_id = folder.name
    try:
        request = _request(write_picture(folder), settings)
        _ensure_running(launch)
        SESSION.client.submit(protocol.Submit(job=job_id, folder=str(folder), request=request))
    except AddonError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    SESSION.jobs[job_id] = Job(
        id=job_id,
        title=title,
        folder=folder,
        request=request,
        placement=settings.placement,
        file_number=SESSION.file_number,
    )
    return job_id


def poll() -> list[Job]:
    """Move everything on without waiting; returns the jobs that changed."""
    changed = {job.id: job for event in SESSION.client.poll() if (job := _follow(event))}
    return list(changed.values())


def status(job_id: str) -> Job:
    """A job as it stands.

    Raises:
        JobError: there is no such job in this session.
    """
    if job_id not in SESSION.jobs:
        raise JobError(f"There is no job {job_id!r} in this session.")
    return SESSION.jobs[job_id]


def recent() -> list[Job]:
    """All jobs, the newest first."""
    return list(reversed(SESSION.jobs.values()))


def open_jobs() -> list[Job]:
    """Jobs waiting or running, in their order."""
    return [job for job in SESSION.jobs.values() if job.is_open]


def wait(job_id: str, *, timeout_s: float | None = None) -> Job:
    """Block until a job has ended; returns it.

    Raises:
        JobError: it has not ended in time; it goes on.
    """
    job = status(job_id)
    until = float("inf") if timeout_s is None else time.monotonic() + timeout_s
    while job.is_open:
        poll()
        if job.is_open and time.monotonic() > until:
            raise JobError(f"The job {job.title} has not ended in {timeout_s:g} s.")
        time.sleep(_WAIT_STEP_S)
    return job


def cancel(job_id: str) -> None:
    """Ask a job to stop; a job that has ended stays as it is."""
    if status(job_id).is_open:
        SESSION.client.cancel(job_id)


def result(job_id: str) -> Path:
    """The textured mesh of a job.

    Raises:
        JobError: it has failed, was cancelled, or is not done yet.
    """
    job = status(job_id)
    if job.state is not JobState.DONE:
        raise JobError(job.message or f"The job {job.title} is {job.state.value}.")
    return job.folder / protocol.STAGE_FILES[protocol.Stage.TEXTURE][0]


def import_result(job_id: str, placement: Placement | None = None) -> bpy.types.Object:
    """Put a job's mesh into the scene, at the job's own place if no other is given.

    Raises:
        AddonError: the job has no mesh, or its file was damaged since.
    """
    job = status(job_id)
    path = result(job_id)
    provenance = Provenance(name=job.title, properties=_properties(job))
    obj = import_mesh(read_glb(path), placement=placement or job.placement, provenance=provenance)
    job.object_name, job.wants_import, job.message = obj.name, False, ""
    return obj


def remember(earlier: Iterable[Job]) -> None:
    """Put finished jobs of earlier sessions before those of this one."""
    SESSION.jobs = {job.id: job for job in earlier} | SESSION.jobs


def forget_ended() -> None:
    """Clear the list of jobs that have ended; their folders stay."""
    SESSION.jobs = {job.id: job for job in open_jobs()}


def stop_backend() -> None:
    """End the backend process and wait for that, a few seconds at most; open jobs end with it."""
    for event in SESSION.client.stop():
        _follow(event)


def _ensure_running(launch: Launch) -> None:
    if SESSION.client.state is State.STOPPING:
        stop_backend()
    if not SESSION.client.is_alive:
        SESSION.client.start(launch)


def _new_folder(data_root: Path, title: str) -> Path:
    """Make a job's folder: ordered by time, plain ASCII, short, and no one else's."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", title).strip("-")[:24] or "image"
    first = data_root / "jobs" / f"{time.strftime('%Y%m%d-%H%M%S')}-{plain}"
    folder, number = first, 1
    while True:
        try:
            folder.mkdir(parents=True)
        except FileExistsError:  # another job of this second, perhaps another Blender's
            number += 1
            folder = first.with_name(f"{first.name}-{number}")
        except OSError as error:
            raise SetupError(
                f"Cannot write to the data folder {data_root}: {error.strerror}. "
                "Choose another in the add-on preferences."
            ) from error
        else:
            return folder


def _request(picture: Path, settings: Settings) -> protocol.Request:
    try:
        return protocol.Request(
            image=str(picture),
            seed=settings.seed,
            preset=settings.preset,
            faces=settings.faces,
            texture_px=settings.texture_px,
            device=settings.device,
        )
    except protocol.ProtocolError as error:
        raise JobError(f"These settings cannot be used: {error}.") from error


def _follow(event: protocol.Event) -> Job | None:
    """Bring the job that an event is about up to date."""
    job = SESSION.jobs.get(getattr(event, "job", None) or "")
    match event:
        case protocol.Log(level="warning") if job is None:
            SESSION.notice = event.message
        case _ if job is None or not job.is_open:
            return None
        case protocol.Progress() | protocol.StageDone():
            _advance(job, event)
        case protocol.Done():
            job.report = event.report
            job.move(JobState.DONE)
        case protocol.Failed():
            job.message = f"{event.message} {event.action}".strip()
            job.move(JobState.FAILED)
        case protocol.Cancelled():
            job.move(JobState.CANCELLED)
        case protocol.Log():
            log.info("%s: %s", job.title, event.message)
    return job


def _advance(job: Job, event: protocol.Progress | protocol.StageDone) -> None:
    if job.state is JobState.QUEUED:
        job.move(JobState.RUNNING)
    job.stage = event.stage
    if isinstance(event, protocol.StageDone):
        job.finished[event.stage] = event.seconds
        job.step = job.total
    else:
        job.step, job.total = event.step, event.total


def _properties(job: Job) -> dict[str, str | int | float]:
    """Where an object comes from, for pipelines and for repeating it."""
    weights = job.report.get("weights")
    facts = weights if isinstance(weights, dict) else {}
    return {
        "job": job.id,
        "image": job.request.image or "",
        "seed": job.request.seed,
        "preset": job.request.preset.value,
        "version": protocol.BACKEND_VERSION,
        "weights": str(facts.get("name", job.request.weights)),
        "weights_licence": str(facts.get("licence", "")),
    }
