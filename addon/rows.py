"""The list of jobs as Blender's list widget wants it: rows with the jobs' ids, the newest first.

They hang on the window manager, which is no part of the file or of undo.
"""

from typing import TYPE_CHECKING

import bpy

from . import jobs
from .job import Job, JobState

ROWS, ACTIVE = "one2345_jobs", "one2345_active_job"
"""Names of the properties of the window manager."""


class ONE2345_PG_row(bpy.types.PropertyGroup):
    """A line of the list"""

    if TYPE_CHECKING:
        job: str
    else:
        job: bpy.props.StringProperty(name="Job")


CLASSES = (ONE2345_PG_row,)


def sync() -> None:
    """Bring the rows up to date; the chosen job stays the chosen one, a new one is chosen."""
    manager = bpy.context.window_manager
    if manager is None or not hasattr(manager, ROWS):
        return
    # A job for a step on the way is of interest until it is done: what it made is somewhere else.
    wanted = [job.id for job in jobs.recent() if job.is_mesh or job.state is not JobState.DONE]
    rows = getattr(manager, ROWS)
    before = [row.job for row in rows]
    if before == wanted:
        return
    chosen = active_id()
    rows.clear()
    for job_id in wanted:
        rows.add().job = job_id
    is_new = bool(before) and wanted and wanted[0] not in before
    index = wanted.index(chosen) if chosen in wanted and not is_new else 0
    setattr(manager, ACTIVE, index)


def active_job() -> Job | None:
    """The chosen job."""
    return jobs.SESSION.jobs.get(active_id())


def active_id() -> str:
    """Id of the chosen job; empty without one."""
    manager = bpy.context.window_manager
    rows, index = getattr(manager, ROWS), getattr(manager, ACTIVE)
    return rows[index].job if 0 <= index < len(rows) else ""


def register() -> None:
    """Give the window manager its list; the rows' class is registered by then."""
    rows = bpy.props.CollectionProperty(type=ONE2345_PG_row, options={"SKIP_SAVE"})
    setattr(bpy.types.WindowManager, ROWS, rows)
    setattr(bpy.types.WindowManager, ACTIVE, bpy.props.IntProperty(name="Job", options={"SKIP_SAVE"}))


def unregister() -> None:
    """Take the list away again."""
    for name in (ROWS, ACTIVE):
        delattr(bpy.types.WindowManager, name)
