"""The tab in the 3D view's sidebar: from a picture to an object."""

import bpy

from ..backend.protocol import Engine, Preset
from . import download_operators, jobs, operators, panel_progress, quality, readiness, source_operators
from .backend_operators import ONE2345_OT_open_log, ONE2345_OT_stop_backend
from .drawing import Tab, draw_preferences_button, draw_text, layout_of
from .installer import section
from .installer.state import can_install
from .job import JobState
from .job_operators import ONE2345_OT_continue_job, ONE2345_OT_dismiss, ONE2345_OT_import_result
from .preferences import data_root, preferences
from .properties import ONE2345_PG_settings, scene_settings
from .texts import duration, tr

_CUT_OUT_SCALE = 5.0


class ONE2345_PT_generate(Tab, bpy.types.Panel):
    """From picture to object"""

    bl_label = "Image to 3D"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the picture, its settings, and what runs; before anything is set up, how to do that."""
        layout = layout_of(self)
        trouble = readiness.problem(context)
        if trouble and trouble.cure == readiness.PREFERENCES:
            _draw_setup(context, layout, trouble)
            return
        settings = scene_settings(context)
        _draw_sources(context, layout, settings)
        _draw_quality(context, layout, settings)
        _draw_seed(layout, settings)
        _draw_button(context, layout, trouble)
        for job in jobs.open_jobs():
            if job.is_replaced:
                continue
            panel_progress.draw_open_job(layout, job)
        _draw_last_error(context, layout)


class ONE2345_PT_cut_out(Tab, bpy.types.Panel):
    """The part of the picture that is the object"""

    bl_label = "Cut-Out"
    bl_parent_id = "ONE2345_PT_generate"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender reads a plain set

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with a picture, and with something that can cut it out."""
        return readiness.problem(context) is None

    def draw(self, context: bpy.types.Context) -> None:
        """Draw what is cut out, and the mask that may take its place."""
        layout = layout_of(self)
        settings = scene_settings(context)
        row = layout.row(align=True)
        row.operator(source_operators.ONE2345_OT_show_cut_out.bl_idname, text="Show")
        row.operator(source_operators.ONE2345_OT_edit_mask.bl_idname, text="Edit")
        if icon := source_operators.cut_out_icon(settings.image):
            layout.template_icon(icon_value=icon, scale=_CUT_OUT_SCALE)
        layout.label(text="Mask")
        layout.template_ID(settings, "mask", open="image.open")


CLASSES = (ONE2345_PT_generate, ONE2345_PT_cut_out)


def _draw_setup(context: bpy.types.Context, layout: bpy.types.UILayout, trouble: readiness.Problem) -> None:
    """The card of a first run, or of an installation that needs care."""
    if can_install():
        section.draw(context, layout, data_root(preferences(context)))
    else:
        draw_text(context, layout.box(), trouble.text, icon="INFO")
    draw_preferences_button(layout)


def _draw_sources(
    context: bpy.types.Context, layout: bpy.types.UILayout, settings: ONE2345_PG_settings
) -> None:
    layout.template_ID_preview(settings, "image", open="image.open", hide_buttons=False)
    row = layout.row(align=True)
    row.operator(source_operators.ONE2345_OT_paste.bl_idname, text="Paste")
    row.operator(source_operators.ONE2345_OT_snapshot.bl_idname, text="View")
    row.operator(source_operators.ONE2345_OT_take_render.bl_idname, text="Render")
    if operators.image_empties(context):
        layout.operator(operators.ONE2345_OT_generate_from_empties.bl_idname, text="From Empties")


def _draw_quality(
    context: bpy.types.Context, layout: bpy.types.UILayout, settings: ONE2345_PG_settings
) -> None:
    """The three qualities, and below each what it takes on this machine, once that is known."""
    column = layout.column(align=True)
    column.row(align=True).prop(settings, "preset", expand=True)
    known = quality.usual_seconds(context, engine=Engine[settings.engine], weights=settings.chosen_weights())
    if not known:
        return
    row = column.row()
    row.enabled = False
    for preset in Preset:
        cell = row.row()
        cell.alignment = "CENTER"
        text = tr("~ {time}", time=duration(known[preset])) if preset in known else "-"
        cell.label(text=text, translate=False)


def _draw_seed(layout: bpy.types.UILayout, settings: ONE2345_PG_settings) -> None:
    row = layout.row(align=True)
    row.prop(settings, "seed")
    row.prop(settings, "lock_seed", text="", icon="LOCKED" if settings.lock_seed else "UNLOCKED")
    row.operator(operators.ONE2345_OT_new_seed.bl_idname, text="", icon="FILE_REFRESH")


def _draw_button(
    context: bpy.types.Context, layout: bpy.types.UILayout, trouble: readiness.Problem | None
) -> None:
    button = layout.column()
    button.enabled = trouble is None
    button.scale_y = 1.6
    button.operator(operators.ONE2345_OT_generate.bl_idname, icon="MESH_MONKEY")
    if trouble and trouble.cure == readiness.NETWORK:
        missing = readiness.missing_network(context, scene_settings(context).weights)
        download_operators.draw_download(context, layout, missing)
    elif trouble:
        draw_text(context, layout, trouble.text, icon="INFO")
    if trouble and trouble.cure == readiness.MEMORY:
        _draw_memory(context, layout)
    if trouble and trouble.cure == readiness.PICTURE:
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator(source_operators.ONE2345_OT_open_picture.bl_idname, text="Open Picture...")


def _draw_memory(context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    """What can be done about a graphics card without room."""
    lack = readiness.missing_memory(context)
    row = layout.row(align=True)
    if lack and lack.fitting:
        text = tr("Use {preset}", preset=tr(quality.TITLES[lack.fitting]))
        button = row.operator(operators.ONE2345_OT_choose_quality.bl_idname, text=text, translate=False)
        button.preset = lack.fitting.name
    if not jobs.open_jobs():  # which would end with the process
        row.operator(ONE2345_OT_stop_backend.bl_idname, text="Free Memory")


def _draw_last_error(context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    """What the newest job that has ended has to say, and what is wrong with the process."""
    job = jobs.last_ended()
    if job is None or not job.message or jobs.open_jobs():
        return
    box = layout.box()
    box.label(text=job.title, icon="ERROR", translate=False)
    draw_text(context, box, job.message, icon="BLANK1")
    row = box.row(align=True)
    if job.can_continue:
        row.operator(ONE2345_OT_continue_job.bl_idname).job = job.id
    if job.state is JobState.DONE:
        row.operator(ONE2345_OT_import_result.bl_idname).job = job.id
    row.operator(ONE2345_OT_open_log.bl_idname, text="Log")
    row.operator(ONE2345_OT_dismiss.bl_idname).job = job.id
