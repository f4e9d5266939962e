"""What the panel shows of jobs that run or wait."""

from pathlib import Path

import bpy

from ..backend.protocol import NUM_TILES, STAGE_FILES, Engine, Stage
from . import jobs, previews
from .client import State
from .job import Job, JobState
from .job_operators import ONE2345_OT_cancel, ONE2345_OT_move_job
from .texts import duration, progress, tr
from .views_operators import ONE2345_OT_redo_view
from .views_sheet import COLUMNS, ROWS

STAGE_NAMES = {
    Stage.MATTE: "Cut out",
    Stage.VIEWS: "Six views",
    Stage.OCCUPANCY: "Coarse shape",
    Stage.SHAPE: "Fine shape",
    Stage.MESH: "Mesh",
    Stage.TEXTURE: "Texture",
}
VIEWS_SCALE = 6.0
_THUMBNAIL_SCALE = 1.6


def draw_open_job(layout: bpy.types.UILayout, job: Job) -> None:
    """Draw a job that waits in a line, the running one with its stages."""
    if job.is_drawing:
        _draw_drawing(layout, job)
    elif job.is_preview:
        layout.label(text="Cutting out...", icon="TIME")
    elif job.state is JobState.QUEUED:
        _draw_waiting(layout, job)
    else:
        _draw_running(layout, job)


def _draw_drawing(layout: bpy.types.UILayout, job: Job) -> None:
    """Pictures are drawn from words; the panel's own part shows those that are there."""
    row = layout.box().row(align=True)
    row.label(text="", icon="BRUSH_DATA")
    is_running = job.state is JobState.RUNNING
    text = progress(job.fraction, job.seconds_left()) if is_running else tr("Starting...")
    row.progress(factor=job.fraction, text=f"{tr('Drawing')}  {text}", type="BAR", translate=False)
    row.operator(ONE2345_OT_cancel.bl_idname, text="", icon="X").job = job.id


def _draw_waiting(layout: bpy.types.UILayout, job: Job) -> None:
    row = layout.box().row(align=True)
    row.template_icon(icon_value=previews.job_icon(job), scale=_THUMBNAIL_SCALE)
    is_starting = job.is_sent and jobs.SESSION.client.state is State.STARTING
    text = "Starting..." if is_starting else "Waiting"
    row.label(text=f"{job.title}  {tr(text)}", translate=False)
    if not job.is_sent:
        up = row.operator(ONE2345_OT_move_job.bl_idname, text="", icon="TRIA_UP")
        down = row.operator(ONE2345_OT_move_job.bl_idname, text="", icon="TRIA_DOWN")
        up.job, up.steps, down.job, down.steps = job.id, -1, job.id, 1
    row.operator(ONE2345_OT_cancel.bl_idname, text="", icon="X").job = job.id


def _draw_running(layout: bpy.types.UILayout, job: Job) -> None:
    box = layout.box()
    row = box.row(align=True)
    row.template_icon(icon_value=previews.job_icon(job), scale=_THUMBNAIL_SCALE)
    row.label(text=job.title, translate=False)
    box.progress(
        factor=job.fraction, text=progress(job.fraction, job.seconds_left()), type="BAR", translate=False
    )
    column = box.column(align=True)
    for stage in job.stages:
        _draw_stage(column, job, stage)
    is_cancelling = jobs.SESSION.client.is_cancelling(job.id)
    if Stage.VIEWS in job.finished:
        has_six = job.request.engine is Engine.ONE2345_PLUS and job.is_mesh
        draw_views_strip(box, job.folder, job_id=job.id if has_six and not is_cancelling else "")
    text = "Cancelling..." if is_cancelling else "Cancel"
    box.operator(ONE2345_OT_cancel.bl_idname, text=text, icon="X").job = job.id


def draw_views_strip(layout: bpy.types.UILayout, folder: Path, *, job_id: str) -> None:
    """Draw the views in a job's folder, beside each the button that draws it anew.

    Args:
        job_id: What the buttons work on; empty draws none.
    """
    views = previews.icon_of(folder / STAGE_FILES[Stage.VIEWS][0])
    if not job_id:
        layout.template_icon(icon_value=views, scale=VIEWS_SCALE)
        return
    row = layout.row(align=True)
    row.alignment = "CENTER"
    _draw_redo_buttons(row, job_id, column=0)
    row.template_icon(icon_value=views, scale=VIEWS_SCALE)
    _draw_redo_buttons(row, job_id, column=1)


def _draw_redo_buttons(row: bpy.types.UILayout, job_id: str, *, column: int) -> None:
    """Draw the buttons of a column of the sheet, each as high as its view."""
    buttons = row.column(align=True)
    buttons.scale_y = VIEWS_SCALE / ROWS
    for tile in range(1 + column, NUM_TILES + 1, COLUMNS):
        button = buttons.operator(ONE2345_OT_redo_view.bl_idname, text="", icon="FILE_REFRESH")
        button.job, button.tile = job_id, tile


def _draw_stage(column: bpy.types.UILayout, job: Job, stage: Stage) -> None:
    name = tr(STAGE_NAMES[stage])
    if stage in job.finished:
        seconds = job.finished[stage]
        text = f"{name}  {duration(seconds)}" if seconds else f"{name}  {tr('kept')}"
        column.label(text=text, icon="CHECKMARK", translate=False)
    elif stage is job.stage:
        factor = job.step / job.total if job.total else 0.0
        steps = f"  {job.step}/{job.total}" if job.total > 1 else ""
        column.progress(factor=factor, text=name + steps, type="BAR", translate=False)
    else:
        row = column.row()
        row.enabled = False
        row.label(text=name, icon="BLANK1", translate=False)
