"""The part of the tab that begins with words instead of a picture."""

import bpy

from . import drawn, previews, readiness, text_operators
from .download_operators import draw_download
from .downloadable import FOLDER
from .drawing import Tab, layout_of
from .properties import scene_settings
from .readiness import missing_network
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
        return trouble is None or trouble.cure != readiness.PREFERENCES

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
        missing = missing_network(context, settings.text_model)
        button = layout.column()
        button.scale_y = 1.3
        button.enabled = missing is None and bool(settings.prompt.strip())
        button.operator(text_operators.ONE2345_OT_draw_pictures.bl_idname, icon="BRUSH_DATA")
        draw_download(context, layout, missing)
        _draw_pictures(layout)


CLASSES = (ONE2345_PT_text,)


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
