"""The part of the tab that begins with words instead of a picture."""

import bpy

from . import drawn, previews, readiness, text_operators
from .drawing import Tab, draw_text, layout_of
from .errors import AddonError
from .preferences import data_root, preferences
from .properties import ONE2345_PG_settings, scene_settings
from .text_download import DOWNLOAD
from .text_models import FOLDER, TextModelEntry, entry_of
from .texts import tr

_COLUMNS = 2
_SCALE = 5.0


class ONE2345_PT_text(Tab, bpy.types.Panel):
    """From words to a picture"""

    bl_label = "From Words"
    bl_parent_id = "ONE2345_PT_generate"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender reads a plain set
    bl_order = 0

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with a backend that can draw."""
        trouble = readiness.problem(context)
        return trouble is None or trouble.cure == readiness.PICTURE

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the words, what draws, and the pictures to choose from."""
        layout = layout_of(self)
        settings = scene_settings(context)
        layout.prop(settings, "prompt", text="")
        row = layout.row(align=True)
        row.prop(settings, "text_model", text="")
        row.prop(settings, "candidates", text="")
        if settings.text_model == FOLDER:
            layout.prop(settings, "text_folder", text="")
        missing = missing_model(context, settings)
        button = layout.column()
        button.scale_y = 1.3
        button.enabled = missing is None and bool(settings.prompt.strip())
        button.operator(text_operators.ONE2345_OT_draw_pictures.bl_idname, icon="BRUSH_DATA")
        if DOWNLOAD.is_busy:
            _draw_download(layout)
        elif missing:
            _draw_missing(context, layout, missing)
        _draw_pictures(layout)


CLASSES = (ONE2345_PT_text,)


def missing_model(context: bpy.types.Context, settings: ONE2345_PG_settings) -> TextModelEntry | None:
    """The chosen named model, if it is not on this disk."""
    entry = entry_of(settings.text_model)
    try:
        is_there = entry is None or entry.is_present(data_root(preferences(context)))
    except AddonError:
        return None
    return None if is_there else entry


def _draw_missing(context: bpy.types.Context, layout: bpy.types.UILayout, entry: TextModelEntry) -> None:
    """Say what is missing, how large it is, and on what terms."""
    text = tr(
        "{name} is not on this disk: {size} GB, {licence}",
        name=entry.title,
        size=f"{entry.bytes / 1e9:.1f}",
        licence=entry.licence,
    )
    draw_text(context, layout, text, icon="INFO")
    layout.operator_context = "INVOKE_DEFAULT"
    operator = text_operators.ONE2345_OT_download_text_model.bl_idname
    layout.operator(operator, text="Download...", icon="IMPORT").model = entry.name
    if DOWNLOAD.entry is entry and DOWNLOAD.message:
        draw_text(context, layout, DOWNLOAD.message, icon="ERROR")


def _draw_download(layout: bpy.types.UILayout) -> None:
    row = layout.row(align=True)
    text = tr("Downloading {percent}", percent=f"{DOWNLOAD.fraction:.0%}")
    row.progress(factor=DOWNLOAD.fraction, text=text, type="BAR", translate=False)
    row.operator(text_operators.ONE2345_OT_stop_download.bl_idname, text="", icon="X")


def _draw_pictures(layout: bpy.types.UILayout) -> None:
    job = drawn.newest()
    if job is None:
        return
    grid = layout.grid_flow(row_major=True, columns=_COLUMNS, even_columns=True, align=True)
    for number, path in drawn.pictures_of(job).items():
        cell = grid.column(align=True)
        cell.template_icon(icon_value=previews.icon_of(path), scale=_SCALE)
        operator = text_operators.ONE2345_OT_pick_picture.bl_idname
        cell.operator(operator, text=tr("Use {number}", number=number), translate=False).number = number
