"""Moving jobs on while the artist works: one timer, its imports, and the panels it redraws."""

import logging

import bpy

from . import history, jobs
from .errors import AddonError
from .jobs import Job, JobState
from .preferences import data_root, preferences

log = logging.getLogger(__name__)

BUSY_S = 0.1
IDLE_S = 1.0
NUM_EARLIER = 6


def start() -> None:
    """Make the timer run as long as a backend does; in background mode there are no timers."""
    if bpy.app.background:
        return
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)  # it may be asleep for a second
    bpy.app.timers.register(_tick, first_interval=BUSY_S, persistent=True)


def start_recall() -> None:
    """List earlier results once Blender has started up; in background mode there is no list to show."""
    if not bpy.app.background:
        bpy.app.timers.register(recall, first_interval=IDLE_S, persistent=True)


def stop() -> None:
    """End all timers."""
    for function in (_tick, recall):
        if bpy.app.timers.is_registered(function):
            bpy.app.timers.unregister(function)


def recall() -> None:
    """List the results of earlier sessions."""
    try:
        folder = data_root(preferences(bpy.context))
    except AddonError as error:
        log.info("no earlier results: %s", error)
        return
    jobs.remember(history.finished_jobs(folder, count=NUM_EARLIER))
    redraw()


def tick() -> float | None:
    """Poll once, import what is done; returns seconds until the next tick, or None for no more."""
    state_before = jobs.SESSION.client.state
    changed = jobs.poll()
    waiting = [job for job in jobs.recent() if job.state is JobState.DONE and job.wants_import]
    is_rendering = has_render()
    if not is_rendering:
        for job in waiting:
            _import(job)
    if changed or waiting or jobs.SESSION.client.state is not state_before:
        redraw()
    if jobs.open_jobs() or (waiting and is_rendering):
        return BUSY_S
    return IDLE_S if jobs.SESSION.client.is_alive else None


def has_render() -> bool:
    """A render runs, under which the scene must not change."""
    return bool(bpy.app.is_job_running("RENDER"))


def redraw() -> None:
    """Draw the sidebars of all 3D views anew."""
    manager = bpy.context.window_manager
    for window in manager.windows if manager else ():
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


def _tick() -> float | None:
    try:
        return tick()
    except Exception:  # the outermost loop: a timer that raises would end without a word in the panel
        log.exception("the One2345 timer failed")
        return IDLE_S


def _import(job: Job) -> None:
    job.wants_import = False
    if job.file_number != jobs.SESSION.file_number:
        job.message = "Another file was opened meanwhile. Import it where you want it."
        return
    try:
        jobs.import_result(job.id)
    except AddonError as error:
        job.message = str(error)


@bpy.app.handlers.persistent
def count_file(_file: str, _unused: object = None) -> None:
    """Handler of load_post: results of jobs from an earlier file are offered, not imported."""
    jobs.SESSION.file_number += 1
