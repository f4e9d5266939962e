"""The running job in Blender's status bar, for an artist who has the sidebar closed."""

import bpy

from . import jobs
from .job import Job, JobState
from .texts import progress


def running_job() -> Job | None:
    """The job that the status bar tells about."""
    return next((job for job in jobs.open_jobs() if job.state is JobState.RUNNING), None)


def redraw() -> None:
    """Draw the bars of all windows anew.

    Blender redraws them when a workspace's text is set, even to none. In a window in which a tool runs that
    text is the tool's, and stays. The public function would also take other add-ons' parts out of the bar.
    """
    _add()
    manager = bpy.context.window_manager
    for window in manager.windows if manager and not bpy.app.background else ():
        if not window.modal_operators:
            with bpy.context.temp_override(window=window):
                window.workspace.status_text_set_internal(None)


def draw(header: bpy.types.Header, context: bpy.types.Context) -> None:
    """Draw the job, if one runs, behind what Blender has to say."""
    job = running_job()
    if job is None or header.layout is None:
        return
    row = header.layout.row()
    row.label(text=job.title, icon="MESH_MONKEY", translate=False)
    text = progress(job.fraction, job.seconds_left())
    row.progress(factor=job.fraction, text=text, type="RING", translate=False)


def register() -> None:
    """Add it to the bar."""
    _add()


def unregister() -> None:
    """Leave the bar as it was."""
    bpy.types.STATUSBAR_HT_header.remove(draw)


def _add() -> None:
    """Be in the bar; `status_text_set`, called by any add-on, may have taken us out."""
    header = bpy.types.STATUSBAR_HT_header
    if draw not in getattr(header.draw, "_draw_funcs", ()):
        header.append(draw)
