"""Moving jobs on while the artist works: one timer, its imports, and the panels it redraws."""

import itertools
import logging
import time
from collections.abc import Iterator

import bpy

from . import history, jobs, memory, overlay, results, rows, status_bar
from .client import POLL_BUDGET_S
from .errors import AddonError
from .guard import guarded
from .job import Job, JobState
from .preferences import data_root, preferences
from .steps import take_steps

log = logging.getLogger(__name__)

BUSY_S = 0.1
IDLE_S = 1.0
STEPS_S = 0.02
"""Between two ticks of work in steps."""
PULSE_S = 0.5
"""Between two drawings of a clock that runs."""
NUM_EARLIER = 50
_EDITING = {"TRANSFORM", "OBJECT", "MESH", "SCULPT", "PAINT", "UV", "CURVE", "CURVES", "ARMATURE", "POSE"}
"""Groups of Blender's own tools that change something as long as they run."""

RECALL_S = 0.02

_last_pulse = 0.0
_reading: list[Iterator[Job | None]] = []
"""Earlier jobs that are being listed; steps without one clear up."""
_importing: dict[str, Iterator[None]] = {}
"""What is left to do of the one import that is under way, by job."""


def start() -> None:
    """List what was started, and make the timer run as long as a backend does, in a window."""
    rows.sync()
    if bpy.app.background:
        return
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)  # it may be asleep for a second
    bpy.app.timers.register(_tick, first_interval=BUSY_S, persistent=True)


def start_recall() -> None:
    """List earlier results once Blender has started up; in background mode there is no list to show."""
    if not bpy.app.background:
        bpy.app.timers.register(_recall, first_interval=IDLE_S, persistent=True)


def stop() -> None:
    """End all timers."""
    _reading.clear()
    _importing.clear()
    for function in (_tick, _recall):
        if bpy.app.timers.is_registered(function):
            bpy.app.timers.unregister(function)


def recall() -> None:
    """List the results of earlier sessions."""
    while _recall() is not None:
        pass


def _recall() -> float | None:
    """List some of them, a few milliseconds at a time; returns seconds until the next call."""
    until = time.perf_counter() + POLL_BUDGET_S
    if not _reading:
        try:
            folder = data_root(preferences(bpy.context))
        except AddonError as error:
            log.info("no earlier results: %s", error)
            return None
        _reading.append(itertools.chain(history.drop_previews(folder), history.each_earlier_job(folder)))
    for job in _reading[0]:
        if job is not None:
            jobs.remember([job])
        if len(jobs.SESSION.jobs) >= NUM_EARLIER:
            break
        if time.perf_counter() > until:
            return RECALL_S
    _reading.clear()
    redraw()
    return None


def tick() -> float | None:
    """Poll once, import what is done; returns seconds until the next tick, or None for no more."""
    state_before, ready_before = jobs.SESSION.client.state, jobs.SESSION.client.ready
    memory.keep_fresh()
    changed = jobs.poll()
    waiting = [job for job in jobs.recent() if job.state is JobState.DONE and job.wants_import]
    is_importing = False
    if waiting and not (has_render() or has_tool()):
        _import(waiting[-1])  # the oldest; the next one has a tick of its own
        is_importing = True
    has_new_shape = any([overlay.follow(job) for job in changed])
    if not is_importing:
        has_new_shape |= overlay.read_on()
    overlay.prune()
    if has_new_shape:
        redraw(kinds=("UI", "WINDOW"))
    elif (
        changed
        or (waiting and not _importing)
        or jobs.SESSION.client.state is not state_before
        or jobs.SESSION.client.ready != ready_before
        or _is_pulse()
    ):
        redraw()
    if _importing or overlay.is_reading():
        return STEPS_S
    if jobs.open_jobs() or waiting:
        return BUSY_S
    return IDLE_S if jobs.SESSION.client.is_alive else None


def _is_pulse() -> bool:
    """Time to draw the running job's clock anew."""
    global _last_pulse
    now = time.monotonic()
    if not jobs.open_jobs() or now - _last_pulse < PULSE_S:
        return False
    _last_pulse = now
    return True


def has_render() -> bool:
    """A render runs, under which the scene must not change."""
    return bool(bpy.app.is_job_running("RENDER"))


def has_tool() -> bool:
    """The artist is in the middle of moving, sculpting or painting something.

    An undo step of ours would keep that half done. Tools of other add-ons may run for ever, and do not count.
    """
    manager = bpy.context.window_manager
    running = [
        tool.bl_idname for window in (manager.windows if manager else ()) for tool in window.modal_operators
    ]
    return any(name.partition("_OT_")[0] in _EDITING for name in running)


def redraw(*, kinds: tuple[str, ...] = ("UI",)) -> None:
    """Draw the status bar and the sidebars of all 3D views anew, or other regions of theirs."""
    rows.sync()
    status_bar.redraw()
    manager = bpy.context.window_manager
    for window in manager.windows if manager else ():
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type in kinds:
                        region.tag_redraw()


def _tick() -> float | None:
    return guarded(tick, otherwise=IDLE_S, name="the One2345 timer")


def _import(job: Job) -> None:
    """Bring a job's result some steps nearer to the scene."""
    if job.file_number != jobs.SESSION.file_number:
        job.wants_import = False
        job.message = "Another file was opened meanwhile. Import it where you want it."
        _importing.clear()
        return
    try:
        if _is_imported(job.id):
            _importing.clear()
    except AddonError as error:
        _importing.clear()
        job.wants_import, job.message = False, str(error)


def _is_imported(job_id: str) -> bool:
    """Go on with a job's import; returns whether it has come to its end."""
    if job_id not in _importing:
        _importing.clear()
        _importing[job_id] = results.deliver_steps(job_id)
    return take_steps(_importing[job_id])


@bpy.app.handlers.persistent
def count_file(_file: str, _unused: object = None) -> None:
    """Handler of load_post: results of jobs from an earlier file are offered, not imported."""
    jobs.SESSION.file_number += 1
    rows.sync()
