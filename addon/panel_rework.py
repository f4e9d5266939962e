"""What can be made of an object that is there: its views, its coarse shape and its texture, to be edited."""

from typing import TYPE_CHECKING

import bpy

from ..backend.protocol import NUM_TILES, Stage
from . import rework, shape_editing, views_editing
from .drawing import CATEGORY, Tab, draw_text, layout_of
from .frames import frame_of
from .panel_progress import draw_views_strip
from .quad_operators import ONE2345_OT_even_quads
from .retexture import ONE2345_OT_refresh_texture, ONE2345_OT_retexture
from .shape_editing import ONE2345_OT_continue_from_shape, ONE2345_OT_edit_shape
from .views_operators import (
    ONE2345_OT_continue_from_views,
    ONE2345_OT_open_views,
    ONE2345_OT_render_tiles,
    ONE2345_OT_replace_tile,
    ONE2345_OT_reroll_tiles,
)
from .views_sheet import COLUMNS

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems

_CHOOSE = "Choose views by their numbers on the sheet"
_MENU: "tuple[tuple[tuple[type[bpy.types.Operator], IconItems], ...], ...]" = (
    (
        (ONE2345_OT_open_views, "IMAGE_DATA"),
        (ONE2345_OT_reroll_tiles, "FILE_REFRESH"),
        (ONE2345_OT_replace_tile, "FILEBROWSER"),
        (ONE2345_OT_render_tiles, "RENDER_STILL"),
        (ONE2345_OT_continue_from_views, "PLAY"),
    ),
    (
        (ONE2345_OT_edit_shape, "EDITMODE_HLT"),
        (ONE2345_OT_continue_from_shape, "PLAY"),
    ),
    (
        (ONE2345_OT_retexture, "TEXTURE"),
        (ONE2345_OT_refresh_texture, "FILE_REFRESH"),
    ),
)


class _Part(Tab):
    """Where these panels stand, and when."""

    bl_parent_id = "ONE2345_PT_generate"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender reads a plain set


class ONE2345_PT_views(_Part, bpy.types.Panel):
    """The six views that an object is made from"""

    bl_label = "Six Views"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with views to open, or a sheet that is open."""
        return _has_views(context)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw them as they were made, or what can be done with the sheet that is open."""
        folder = rework.folder_at_hand(context, Stage.VIEWS)
        if folder is not None and not views_editing.has_sheet(context):
            name = rework.title_in(folder)
            layout_of(self).label(text=name, icon="IMAGE_RGB", translate=False)
            draw_views_strip(layout_of(self), folder, job_id=folder.name)
        draw_views(context, layout_of(self))


class ONE2345_PT_views_image(bpy.types.Panel):
    """The six views, beside the sheet itself"""

    bl_label = "Six Views"
    bl_space_type = "IMAGE_EDITOR"
    bl_region_type = "UI"
    bl_category = CATEGORY

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only beside a sheet."""
        space = context.space_data
        return isinstance(space, bpy.types.SpaceImageEditor) and bool(rework.job_of(space.image))

    def draw(self, context: bpy.types.Context) -> None:
        """Draw what can be done with it."""
        draw_views(context, layout_of(self))


class ONE2345_PT_shape(_Part, bpy.types.Panel):
    """The coarse shape that an object is made from"""

    bl_label = "Coarse Shape"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with a shape to edit, or one that is edited."""
        return (
            rework.folder_at_hand(context, Stage.OCCUPANCY) is not None
            or shape_editing.shape_in(context) is not None
        )

    def draw(self, context: bpy.types.Context) -> None:
        """Draw what can be done with it."""
        layout = layout_of(self)
        layout.operator(ONE2345_OT_edit_shape.bl_idname, icon="EDITMODE_HLT")
        if (shape := shape_editing.shape_in(context)) is not None:
            layout.label(text=shape.name, icon="MESH_CUBE", translate=False)
            _draw_main(layout, ONE2345_OT_continue_from_shape.bl_idname)


class ONE2345_PT_retexture(_Part, bpy.types.Panel):
    """The texture of the active mesh"""

    bl_label = "Texture"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with a mesh that is no coarse shape, and something to paint it from."""
        is_ours = frame_of(context.object) is not None
        return ONE2345_OT_retexture.poll(context) and (is_ours or _has_views(context))

    def draw(self, context: bpy.types.Context) -> None:
        """Draw what can be done with it."""
        layout = layout_of(self)
        layout.operator(ONE2345_OT_retexture.bl_idname, icon="TEXTURE")
        if frame_of(context.object) is not None:
            layout.operator(ONE2345_OT_refresh_texture.bl_idname, icon="FILE_REFRESH")
            layout.operator(ONE2345_OT_even_quads.bl_idname, icon="MESH_GRID")


class ONE2345_MT_rework(bpy.types.Menu):
    """What can be made of an object and its job"""

    bl_label = "One2345"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw all of it: entries that cannot be chosen now are dim."""
        layout = self.layout
        for part in _MENU:
            for operator, icon in part:
                layout.operator(operator.bl_idname, icon=icon)
            if part is not _MENU[-1]:
                layout.separator()


CLASSES = (
    ONE2345_MT_rework,
    ONE2345_PT_views,
    ONE2345_PT_views_image,
    ONE2345_PT_shape,
    ONE2345_PT_retexture,
)


def draw_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    """Draw the entry of the Object menu."""
    menu.layout.separator()
    menu.layout.menu(ONE2345_MT_rework.__name__)


def draw_views(context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    """Draw the buttons of a sheet, and the choice of its tiles."""
    layout.operator(ONE2345_OT_open_views.bl_idname, icon="IMAGE_DATA")
    if not views_editing.has_sheet(context):
        return
    settings = views_editing.views_settings(context)
    sheet = views_editing.sheet_of(context)
    layout.label(text=sheet.name, icon="IMAGE_RGB", translate=False)
    grid = layout.grid_flow(row_major=True, columns=COLUMNS, even_columns=True, align=True)
    for index in range(NUM_TILES):
        grid.prop(settings, "tiles", index=index, text=str(index + 1), toggle=True, translate=False)
    if not any(settings.tiles):
        draw_text(context, layout, _CHOOSE, icon="INFO")
    column = layout.column(align=True)
    column.enabled = any(settings.tiles)
    column.operator(ONE2345_OT_reroll_tiles.bl_idname, text="Re-roll", icon="FILE_REFRESH")
    column.operator(ONE2345_OT_replace_tile.bl_idname, text="From File...", icon="FILEBROWSER")
    column.operator(ONE2345_OT_render_tiles.bl_idname, text="From Scene", icon="RENDER_STILL")
    _draw_main(layout, ONE2345_OT_continue_from_views.bl_idname)


def _has_views(context: bpy.types.Context) -> bool:
    return views_editing.has_sheet(context) or rework.folder_at_hand(context, Stage.VIEWS) is not None


def _draw_main(layout: bpy.types.UILayout, operator: str) -> None:
    column = layout.column()
    column.scale_y = 1.4
    column.operator(operator, icon="PLAY")
