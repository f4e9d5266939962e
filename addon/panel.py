"""The tab in the 3D view's sidebar."""

from typing import TYPE_CHECKING

import bpy

from ..backend.protocol import STAGE_FILES, Stage
from . import jobs, operators, previews
from .client import State
from .jobs import Job, JobState
from .preferences import PACKAGE
from .properties import scene_settings

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems

STAGE_NAMES = {
    Stage.MATTE: "Cut out",
    Stage.VIEWS: "Six views",
    Stage.OCCUPANCY: "Rough shape",
    Stage.SHAPE: "Fine shape",
    Stage.MESH: "Mesh",
    Stage.TEXTURE: "Texture",
}
_STATE_TEXTS = {
    State.STOPPED: "Not running",
    State.STARTING: "Starting...",
    State.IDLE: "Ready",
    State.BUSY: "Working",
    State.STOPPING: "Stopping...",
    State.FAILED: "Failed",
}
_JOB_ICONS: "dict[JobState, IconItems]" = {
    JobState.QUEUED: "TIME",
    JobState.RUNNING: "PLAY",
    JobState.DONE: "CHECKMARK",
    JobState.FAILED: "ERROR",
    JobState.CANCELLED: "X",
}
_NUM_RECENT = 6
VIEWS_SCALE = 6.0
_PX_PER_LETTER = 7.0
_GIB = 2**30


class _Tab:
    """Where the panels stand."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "One2345"


class ONE2345_PT_generate(_Tab, bpy.types.Panel):
    """From picture to object"""

    bl_label = "Image to 3D"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the picture, its settings, and what runs."""
        layout = _layout(self)
        settings = scene_settings(context)
        layout.template_ID_preview(settings, "image", open="image.open", hide_buttons=False)
        layout.row(align=True).prop(settings, "preset", expand=True)
        row = layout.row(align=True)
        row.prop(settings, "seed")
        row.operator(operators.ONE2345_OT_new_seed.bl_idname, text="", icon="FILE_REFRESH")
        _draw_button(context, layout)
        for job in jobs.open_jobs():
            _draw_open_job(layout, job)
        _draw_last_error(context, layout)


class ONE2345_PT_results(_Tab, bpy.types.Panel):
    """What was made in this session"""

    bl_label = "Results"
    bl_parent_id = "ONE2345_PT_generate"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with something to show."""
        return any(not job.is_open for job in jobs.SESSION.jobs.values())

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the newest jobs that have ended."""
        layout = _layout(self)
        ended = [job for job in jobs.recent() if not job.is_open]
        column = layout.column(align=True)
        for job in ended[:_NUM_RECENT]:
            row = column.row(align=True)
            row.label(text=_described(job), icon=_JOB_ICONS[job.state])
            if job.state is JobState.DONE:
                button = row.operator(operators.ONE2345_OT_import_result.bl_idname, text="", icon="IMPORT")
                button.job = job.id
        layout.operator(operators.ONE2345_OT_clear_results.bl_idname)


class ONE2345_PT_import(_Tab, bpy.types.Panel):
    """How results come into the scene"""

    bl_label = "Import"
    bl_parent_id = "ONE2345_PT_generate"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender reads a plain set

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the import settings."""
        layout = _layout(self)
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = scene_settings(context)
        for name in ("size", "collection", "faces", "texture_px"):
            layout.prop(settings, name)


class ONE2345_PT_backend(_Tab, bpy.types.Panel):
    """The process that does the work"""

    bl_label = "Backend"
    bl_parent_id = "ONE2345_PT_generate"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender reads a plain set

    def draw(self, context: bpy.types.Context) -> None:
        """Draw its state and what can be done with it."""
        layout = _layout(self)
        layout.label(text=status_line())
        if jobs.SESSION.notice:
            _draw_text(context, layout, jobs.SESSION.notice, icon="INFO")
        row = layout.row(align=True)
        row.operator(operators.ONE2345_OT_stop_backend.bl_idname, text="Stop")
        row.operator(operators.ONE2345_OT_open_log.bl_idname, text="Log")
        _draw_preferences_button(row)


CLASSES = (ONE2345_PT_generate, ONE2345_PT_results, ONE2345_PT_import, ONE2345_PT_backend)


def status_line() -> str:
    """The backend's state and device in a line."""
    client = jobs.SESSION.client
    text = _STATE_TEXTS[client.state]
    if client.ready is None or not client.is_alive:
        return text
    return f"{text}: {client.ready.device_name}, {client.ready.free_bytes / _GIB:.1f} GiB free"


def _layout(panel: bpy.types.Panel) -> bpy.types.UILayout:
    if panel.layout is None:
        raise RuntimeError("a panel is drawn by Blender alone")
    return panel.layout


def _draw_button(context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    reason = operators.why_disabled(context)
    button = layout.column()
    button.enabled = not reason
    button.scale_y = 1.6
    button.operator(operators.ONE2345_OT_generate.bl_idname, icon="MESH_MONKEY")
    if reason and not jobs.open_jobs():
        _draw_text(context, layout, reason, icon="INFO")
        if "preferences" in reason:
            _draw_preferences_button(layout)


def _draw_open_job(layout: bpy.types.UILayout, job: Job) -> None:
    box = layout.box()
    row = box.row(align=True)
    row.label(text=_described(job), icon=_JOB_ICONS[job.state])
    if job.state is JobState.QUEUED:
        is_starting = jobs.SESSION.client.state is State.STARTING
        row.label(text="starting..." if is_starting else "waiting")
        cancel = row.operator(operators.ONE2345_OT_cancel.bl_idname, text="", icon="X")
    else:
        box.progress(factor=job.fraction, text=f"{job.fraction:.0%}", type="BAR")
        column = box.column(align=True)
        for stage in Stage:
            _draw_stage(column, job, stage)
        if Stage.VIEWS in job.finished:
            views = job.folder / STAGE_FILES[Stage.VIEWS][0]
            box.template_icon(icon_value=previews.icon_of(views), scale=VIEWS_SCALE)
        cancel = box.operator(operators.ONE2345_OT_cancel.bl_idname, text=_cancel_text(job), icon="X")
    cancel.job = job.id


def _cancel_text(job: Job) -> str:
    return "Cancelling..." if jobs.SESSION.client.is_cancelling(job.id) else "Cancel"


def _described(job: Job) -> str:
    return f"{job.title}, seed {job.request.seed}"


def _draw_stage(column: bpy.types.UILayout, job: Job, stage: Stage) -> None:
    name = STAGE_NAMES[stage]
    if stage in job.finished:
        column.label(text=f"{name}  {job.finished[stage]:.1f} s", icon="CHECKMARK")
    elif stage is job.stage:
        factor = job.step / job.total if job.total else 0.0
        steps = f"  {job.step}/{job.total}" if job.total > 1 else ""
        column.progress(factor=factor, text=name + steps, type="BAR")
    else:
        row = column.row()
        row.enabled = False
        row.label(text=name, icon="BLANK1")


def _draw_last_error(context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    """What the newest job that has ended has to say, and what is wrong with the process."""
    ended = [job for job in jobs.recent() if not job.is_open]
    text = ended[0].message if ended else ""
    if not text or jobs.open_jobs():
        return
    box = layout.box()
    _draw_text(context, box, text, icon="ERROR")
    row = box.row(align=True)
    row.operator(operators.ONE2345_OT_open_log.bl_idname)
    row.operator(operators.ONE2345_OT_clear_results.bl_idname, text="Dismiss")


def _draw_preferences_button(layout: bpy.types.UILayout) -> None:
    button = layout.operator("preferences.addon_show", text="Preferences")
    button.module = PACKAGE


def _draw_text(
    context: bpy.types.Context, layout: bpy.types.UILayout, text: str, *, icon: "IconItems"
) -> None:
    """Draw a sentence in as many lines as the sidebar's width asks for; Blender does not wrap."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    width = context.region.width if context.region else 280
    scale = context.preferences.system.ui_scale or 1.0  # no scale without a window
    lines = wrapped(text, max(12, int((width / scale - 60) / _PX_PER_LETTER)))
    for number, line in enumerate(lines):
        column.label(text=line, icon=icon if number == 0 else "BLANK1")


def wrapped(text: str, num_letters: int) -> list[str]:
    """Cut a text into lines; words longer than a line, such as paths, are cut as well."""
    lines, line = [], ""
    for word in text.split():
        rest = word
        if line and len(line) + 1 + len(rest) <= num_letters:
            line = f"{line} {rest}"
            continue
        if line:
            lines.append(line)
        while len(rest) > num_letters:
            lines.append(rest[:num_letters])
            rest = rest[num_letters:]
        line = rest
    return [*lines, line] if line else lines
