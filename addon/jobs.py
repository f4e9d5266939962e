"""The jobs of this Blender session: functions for operators and scripts alike.

    job = submit(picture, settings, title=..., launch=...)     returns at once
    wait(job)                                                  blocks, for scripts and background mode

`poll` moves everything on; the window's timer calls it, and so does `wait`. What has come of a job is the
concern of `results`. Jobs wait here, not in the backend: it has one at a time, so that the others can be
moved and removed and outlive its end. Jobs hold names and paths, never Blender's objects, which do not
outlive an undo or a loaded file.
"""

import logging
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from ..backend import protocol
from . import journal, timings
from .client import Client, State
from .errors import AddonError, JobError, SetupError
from .folders import PREVIEWS, Write, is_ours, make_folder, request_for
from .job import MOVES, Job, JobState, Settings
from .launch import Launch
from .placement import Placement, Treatment
from .steps import Steps
from .texts import tr

__all__ = ["MOVES", "SESSION", "Job", "JobState", "Session", "Settings"]

log = logging.getLogger(__name__)

_WAIT_STEP_S = 0.01


class Session:
    """The backend process of this Blender and the jobs it was given."""

    def __init__(self, client: Client | None = None) -> None:
        self.client = client or Client()
        self.jobs: dict[str, Job] = {}
        self.launch: Launch | None = None
        """How to start the backend; the artist's last word."""
        self.file_number = 0
        self.notice = ""
        """Last warning of the backend that belongs to no job."""


SESSION = Session()
"""The one session of this process."""


def submit(
    write_picture: Write,
    settings: Settings,
    *,
    title: str,
    launch: Launch,
    write_mask: Write | None = None,
    stop_after: protocol.Stage = protocol.Stage.TEXTURE,
) -> str:
    """Start a job and, if needed, the backend; returns the job's id at once.

    Args:
        write_picture: gets the job's folder and returns the picture's path, in the folder or not.
        settings: what to make and where to put it.
        title: names the object later.
        launch: how to start the backend if it is not running.
        write_mask: the same for a mask of the object; None lets the backend cut it out.
        stop_after: the last stage to run; a job that stops after the cut-out is a preview and is not kept.

    Raises:
        AddonError: the picture, the settings, the data folder or the backend's Python cannot be used.
    """

    def prepare(folder: Path) -> protocol.Request:
        mask = write_mask(folder) if write_mask else None
        return request_for(write_picture(folder), mask, settings, stop_after=stop_after)

    is_preview = stop_after is protocol.Stage.MATTE
    job_id = submit_prepared(
        prepare,
        title=title,
        launch=launch,
        placement=settings.placement,
        treatment=settings.treatment,
        kind=PREVIEWS if is_preview else "",
    )
    status(job_id).wants_import = stop_after is protocol.Stage.TEXTURE
    return job_id


def submit_prepared(
    prepare: Callable[[Path], protocol.Request],
    *,
    title: str,
    launch: Launch,
    placement: Placement,
    treatment: Treatment,
    kind: str = "",
    deliver: Callable[[Job], Steps[object]] | None = None,
) -> str:
    """Start a job in a folder that is filled first, as with copies of another job's artifacts.

    Args:
        prepare: gets the job's folder, fills it and returns what is asked for.
        kind: where the folder lies, if not with those of the history.
        deliver: what is done with the result; None imports it.

    Raises:
        AddonError: what `prepare` raises, or the data folder or the backend's Python cannot be used.
    """
    folder = make_folder(launch.data_root, title, kind=kind)
    try:
        request = prepare(folder)
        start_backend(launch)
    except (AddonError, OSError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise SetupError(
                tr("Cannot write to {path}: {reason}.", path=folder, reason=error.strerror)
            ) from error
        raise
    job = Job(
        id=folder.name,
        title=title,
        folder=folder,
        request=request,
        placement=placement,
        treatment=treatment,
        file_number=SESSION.file_number,
        deliver=deliver,
    )
    _queue(job)
    return job.id


def run_again(job_id: str, *, launch: Launch, start_from: protocol.Stage | None = None) -> None:
    """Go on with a job that has ended, in its own folder.

    Finished stages are kept, edited or not; `start_from` makes that stage and all after it anew. Views that
    were re-rolled are not rolled again.

    Raises:
        AddonError: the job has not ended, lacks what the stage starts from, or the backend cannot be started.
    """
    job = status(job_id)
    if job.is_open:
        raise JobError(tr("The job {name} has not ended yet; cancel it first.", name=job.title))
    try:
        reroll = () if start_from else job.request.reroll
        request = replace(
            job.request, start_from=start_from, stop_after=protocol.Stage.TEXTURE, reroll=reroll
        )
    except protocol.ProtocolError as error:
        raise JobError(tr("{name} cannot go on: {reason}.", name=job.title, reason=error)) from error
    start_backend(launch)
    if (
        job.request.stop_after is not protocol.Stage.TEXTURE
    ):  # what it was started for is done; now it goes on to a mesh
        job.deliver = None
    job.begin_again(request)
    job.file_number = SESSION.file_number
    SESSION.jobs.pop(job.id)  # to the end of the queue
    _queue(job)


def poll() -> list[Job]:
    """Move everything on without waiting; returns the jobs that changed."""
    changed = {job.id: job for event in SESSION.client.poll() if (job := _follow(event))}
    if (fed := _feed()) is not None:
        changed[fed.id] = fed
    return list(changed.values())


def status(job_id: str) -> Job:
    """A job as it stands.

    Raises:
        JobError: there is no such job in this session.
    """
    if job_id not in SESSION.jobs:
        raise JobError(tr("There is no job {name!r} in this session.", name=job_id))
    return SESSION.jobs[job_id]


def recent() -> list[Job]:
    """All jobs but previews and those that were replaced, the newest first."""
    return [job for job in reversed(SESSION.jobs.values()) if not (job.is_preview or job.is_replaced)]


def open_jobs() -> list[Job]:
    """Jobs waiting or running, in their order."""
    return [job for job in SESSION.jobs.values() if job.is_open]


def last_ended() -> Job | None:
    """The job that has the last word in the panel: this session's, a preview included, or a crashed one's."""
    ended = (job for job in reversed(SESSION.jobs.values()) if not job.is_open)
    offered = (JobState.DONE, JobState.INTERRUPTED)
    return next((job for job in ended if not job.is_earlier or job.state in offered), None)


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
            raise JobError(
                tr("The job {name} has not ended in {seconds:g} s.", name=job.title, seconds=timeout_s)
            )
        time.sleep(_WAIT_STEP_S)
    return job


def cancel(job_id: str) -> None:
    """Ask a job to stop; one that waits stops at once, one that has ended stays as it is."""
    job = status(job_id)
    if not job.is_open:
        return
    if job.is_sent:
        SESSION.client.cancel(job_id)
    else:
        _end(job, JobState.CANCELLED)


def replace_by(job_id: str, new_id: str) -> None:
    """Have a job that waits take the place of one that is open, which is cancelled and leaves nothing behind.

    What the older job had made before it was continued stays: then it is only cancelled.
    """
    job = status(job_id)
    move(new_id, -len(open_jobs()))
    if job.is_first_run:
        job.is_replaced, job.wants_import = True, False
    cancel(job_id)


def move(job_id: str, steps: int) -> None:
    """Move a waiting job to an earlier (negative) or later place among those that wait."""
    waiting = [job.id for job in SESSION.jobs.values() if job.is_open and not job.is_sent]
    if job_id not in waiting:
        return
    old = waiting.index(job_id)
    new = min(max(old + steps, 0), len(waiting) - 1)
    waiting.insert(new, waiting.pop(old))
    for waiting_id in waiting:
        SESSION.jobs[waiting_id] = SESSION.jobs.pop(waiting_id)


def remove(job_id: str) -> None:
    """Delete a job that has ended, with its folder; imported objects stay.

    Raises:
        JobError: it has not ended, or its folder cannot be deleted.
    """
    job = status(job_id)
    if job.is_open:
        raise JobError(tr("The job {name} has not ended yet; cancel it first.", name=job.title))
    if is_ours(job.folder):
        try:
            shutil.rmtree(job.folder)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise JobError(
                tr("Cannot delete {path}: {reason}.", path=job.folder, reason=error.strerror)
            ) from error
    del SESSION.jobs[job_id]


def dismiss(job_id: str) -> None:
    """Put a job's message away."""
    if job := SESSION.jobs.get(job_id):
        job.message = ""
        journal.write(job)


def remember(earlier: Iterable[Job]) -> None:
    """Put jobs of earlier sessions before those of this one."""
    SESSION.jobs = {job.id: job for job in earlier} | SESSION.jobs


def start_backend(launch: Launch) -> None:
    """Start the backend now, unless it runs or is on its way out, so that what is wrong is told at once.

    Raises:
        AddonError: it cannot be started.
    """
    SESSION.launch = launch
    if not SESSION.client.is_alive:
        SESSION.client.start(launch)


def stop_backend() -> None:
    """End the backend process and wait for that, a few seconds at most; open jobs end with it."""
    for job in open_jobs():
        if not job.is_sent:
            _end(job, JobState.CANCELLED)
    for event in SESSION.client.stop():
        _follow(event)


def _queue(job: Job) -> None:
    SESSION.jobs[job.id] = job
    journal.write(job)
    _feed()


def _feed() -> Job | None:
    """Hand the next waiting job to the backend, if that has none; returns it."""
    if SESSION.launch is None or SESSION.client.state is State.STOPPING:
        return None
    waiting = open_jobs()
    if not waiting or any(job.is_sent for job in waiting):
        return None
    job = waiting[0]
    try:
        start_backend(SESSION.launch)
        SESSION.client.submit(protocol.Submit(job=job.id, folder=str(job.folder), request=job.request))
    except AddonError as error:
        job.message = str(error)
        _end(job, JobState.FAILED)
    else:
        job.is_sent = True
    return job


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
            _learn(job)
            _end(job, JobState.DONE)
        case protocol.Failed():
            job.message = f"{event.message} {event.action}".strip()
            _end(job, JobState.FAILED)
        case protocol.Cancelled():
            _end(job, JobState.CANCELLED)
        case protocol.Log():
            log.info("%s: %s", job.title, event.message)
    return job


def _advance(job: Job, event: protocol.Progress | protocol.StageDone) -> None:
    if job.state is JobState.QUEUED and SESSION.launch is not None and not job.is_drawing:
        known = timings.expected(
            SESSION.launch.data_root, device=device_name(), kind=timings.kind_of(job.request)
        )
        if known:
            job.expected, job.is_measured = known, True
    if isinstance(event, protocol.StageDone) and event.reused:
        event = replace(event, seconds=0.0)
    job.advance(event)


def _learn(job: Job) -> None:
    """Keep what the stages of a job took, for the next one's estimate."""
    if SESSION.launch is not None and job.is_mesh:
        timings.record(
            SESSION.launch.data_root,
            device=device_name(),
            kind=timings.kind_of(job.request),
            seconds=job.finished,
            memory_mib=timings.peak_mib(job.report),
        )


def device_name() -> str:
    """What the backend computes on; empty before it has said so."""
    ready = SESSION.client.ready
    return ready.device_name if ready else ""


def _end(job: Job, state: JobState) -> None:
    job.move(state)
    journal.write(job)
    if job.is_replaced:
        shutil.rmtree(job.folder, ignore_errors=True)
        del SESSION.jobs[job.id]
