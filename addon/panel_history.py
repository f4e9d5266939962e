"""The list of all jobs, this session's and earlier ones, and what can be done with the chosen one."""

from typing import TYPE_CHECKING

import bpy

from . import jobs, previews, rows
from .drawing import Tab, draw_text, layout_of
from .job import Job, JobState
from .job_operators import (
    STAGES,
    ONE2345_OT_contact_sheet,
    ONE2345_OT_continue_job,
    ONE2345_OT_import_result,
    ONE2345_OT_remove_job,
    ONE2345_OT_reuse_settings,
    ONE2345_OT_show_folder,
)
from .operators import ONE2345_OT_generate_folder
from .properties import method_title
from .quality import PRESETS
from .texts import duration, progress, tr

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems

_JOB_ICONS: "dict[JobState, IconItems]" = {
    JobState.QUEUED: "TIME",
    JobState.RUNNING: "PLAY",
    JobState.DONE: "CHECKMARK",
    JobState.FAILED: "ERROR",
    JobState.CANCELLED: "X",
    JobState.INTERRUPTED: "PAUSE",
}
_STATE_TEXTS = {
    JobState.QUEUED: "Waiting",
    JobState.FAILED: "Failed",
    JobState.CANCELLED: "Cancelled",
    JobState.INTERRUPTED: "Interrupted",
}
_PRESET_NAMES = {identifier.lower(): name for identifier, name, _ in PRESETS}
_THUMBNAIL_SCALE = 1.4
_NUM_ROWS = 4


class ONE2345_UL_jobs(bpy.types.UIList):
    """Jobs with their pictures"""

    def draw_item(  # type: ignore[override]  # Blender passes as many arguments as are named
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: object,
        item: rows.ONE2345_PG_row,
        icon: int,
        active_data: object,
        active_property: str,
    ) -> None:
        """Draw one job in a line."""
        job = jobs.SESSION.jobs.get(item.job)
        if job is None:
            return
        row = layout.row(align=True)
        row.template_icon(icon_value=previews.job_icon(job), scale=_THUMBNAIL_SCALE)
        row.label(text=described(job), icon=_JOB_ICONS[job.state], translate=False)

    def filter_items(  # type: ignore[override]  # Blender takes lists, too
        self, context: bpy.types.Context, data: object, property: str
    ) -> tuple[list[int], list[int]]:
        """Keep the jobs whose line, or what made them, holds the text that the artist has typed."""
        wanted = self.filter_name.lower()
        found = [jobs.SESSION.jobs.get(row.job) for row in getattr(data, property)]
        is_kept = [
            job is not None and wanted in f"{described(job)} {made_with(job)} {made_by(job)}".lower()
            for job in found
        ]
        return [self.bitflag_filter_item if kept else 0 for kept in is_kept], []


class ONE2345_PT_results(Tab, bpy.types.Panel):
    """What was made, and what waits"""

    bl_label = "Results"
    bl_parent_id = "ONE2345_PT_generate"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with something to show."""
        return bool(jobs.recent())

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the list and the chosen job."""
        layout = layout_of(self)
        manager = context.window_manager
        row = layout.row()
        row.template_list(
            "ONE2345_UL_jobs", "", manager, rows.ROWS, manager, rows.ACTIVE, rows=_NUM_ROWS, sort_lock=True
        )
        row.column().menu("ONE2345_MT_results", text="", icon="DOWNARROW_HLT")
        if job := rows.active_job():
            _draw_chosen(context, layout, job)


class ONE2345_MT_results(bpy.types.Menu):
    """What can be done with all results"""

    bl_label = "All Results"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the entries."""
        if self.layout is not None:
            self.layout.operator_context = "INVOKE_DEFAULT"
            self.layout.operator(ONE2345_OT_generate_folder.bl_idname, icon="FILE_FOLDER")
            self.layout.operator(ONE2345_OT_contact_sheet.bl_idname, icon="IMAGE_DATA")


class ONE2345_MT_continue(bpy.types.Menu):
    """The stages that the chosen job can go on from"""

    bl_label = "Continue From"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the stages whose input is there."""
        job = rows.active_job()
        if job is None or self.layout is None:
            return
        for name, label, _ in STAGES:
            if name in {stage.name for stage in job.possible_starts}:
                button = self.layout.operator(ONE2345_OT_continue_job.bl_idname, text=label)
                button.job, button.start_from = job.id, name


CLASSES = (ONE2345_UL_jobs, ONE2345_PT_results, ONE2345_MT_results, ONE2345_MT_continue)


def described(job: Job) -> str:
    """A job in a line that fits the sidebar: what it is, then how it stands."""
    return f"{job.title}  {_standing(job)}"


def made_with(job: Job) -> str:
    """The quality and the seed of a job."""
    preset = tr(_PRESET_NAMES[job.request.preset.value])
    return tr("{quality}, seed {seed}", quality=preset, seed=job.request.seed)


def made_by(job: Job) -> str:
    """The engine and the weights of a job, in a line that fits the sidebar."""
    weights = job.report.get("weights")
    name = weights.get("name") if isinstance(weights, dict) else None
    return method_title(job.request.engine, name if isinstance(name, str) else job.request.weights)


def _standing(job: Job) -> str:
    if job.state is JobState.RUNNING:
        return progress(job.fraction, job.seconds_left())
    if job.state is JobState.DONE:
        return duration(job.seconds) if job.seconds else ""
    return tr(_STATE_TEXTS[job.state])


def _draw_chosen(context: bpy.types.Context, layout: bpy.types.UILayout, job: Job) -> None:
    column = layout.column(align=True)
    column.scale_y = 0.8
    column.label(text=made_with(job), translate=False)
    column.label(text=made_by(job), translate=False)
    if job.is_open:
        return
    if job.message and job is not jobs.last_ended():
        draw_text(context, layout, job.message, icon="INFO")
    row = layout.row(align=True)
    if job.state is JobState.DONE:
        row.operator(ONE2345_OT_import_result.bl_idname, icon="IMPORT").job = job.id
    elif job.can_continue:
        row.operator(ONE2345_OT_continue_job.bl_idname, icon="PLAY").job = job.id
    row.menu("ONE2345_MT_continue", text="", icon="RECOVER_LAST")
    row.operator(ONE2345_OT_reuse_settings.bl_idname, text="", icon="COPYDOWN").job = job.id
    row.operator(ONE2345_OT_show_folder.bl_idname, text="", icon="FILE_FOLDER").job = job.id
    row.operator(ONE2345_OT_remove_job.bl_idname, text="", icon="TRASH").job = job.id
