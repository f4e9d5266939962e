"""Ways in beside the panel: a dropped picture, Add > Mesh, and the Image Editor's menu."""

import bpy

from . import job_operators, operators, panel_rework, pictures, source_operators
from .drawing import CATEGORY, layout_of


class ONE2345_FH_image(bpy.types.FileHandler):
    """Pictures dropped on a 3D view become objects where they fall"""

    bl_idname = "ONE2345_FH_image"
    bl_label = "Image to 3D"
    bl_import_operator = operators.ONE2345_OT_generate_from_file.bl_idname
    bl_file_extensions = ";".join(pictures.SUFFIXES)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Over a 3D view and its sidebar."""
        return context.area is not None and context.area.type == "VIEW_3D"


class ONE2345_FH_picture(bpy.types.FileHandler):
    """A picture dropped on the sidebar becomes the panel's"""

    bl_idname = "ONE2345_FH_picture"
    bl_label = "Picture for 3D"
    bl_import_operator = source_operators.ONE2345_OT_open_picture.bl_idname
    bl_file_extensions = ";".join(pictures.SUFFIXES)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Over the sidebar of a 3D view."""
        is_view = context.area is not None and context.area.type == "VIEW_3D"
        return is_view and context.region is not None and context.region.type == "UI"


class ONE2345_PT_image(bpy.types.Panel):
    """From the open image to an object"""

    bl_label = "Image to 3D"
    bl_space_type = "IMAGE_EDITOR"
    bl_region_type = "UI"
    bl_category = CATEGORY

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with an image open."""
        return _open_image(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Draw what can be done with the image."""
        _draw_entries(layout_of(self), context)


class ONE2345_MT_add(bpy.types.Menu):
    """Ways from a picture to an object; also what makes them known to Blender's search"""

    bl_label = "Image to 3D"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw files first, then the panel's picture and where that comes from."""
        layout = self.layout
        if layout is None:
            return
        layout.operator_context = "INVOKE_DEFAULT"
        file = operators.ONE2345_OT_generate_from_file.bl_idname
        layout.operator(file, text="Image to 3D...", icon="IMAGE_DATA")
        folder = operators.ONE2345_OT_generate_folder.bl_idname
        layout.operator(folder, text="Folder of Images to 3D...", icon="FILE_FOLDER")
        layout.operator(operators.ONE2345_OT_generate_from_empties.bl_idname)
        layout.separator()
        layout.operator(operators.ONE2345_OT_generate.bl_idname, icon="MESH_MONKEY")
        layout.operator(source_operators.ONE2345_OT_paste.bl_idname)
        layout.operator(source_operators.ONE2345_OT_snapshot.bl_idname)
        layout.operator(source_operators.ONE2345_OT_take_render.bl_idname)
        layout.separator()
        layout.operator(job_operators.ONE2345_OT_cancel.bl_idname, text="Cancel 3D Generation")
        layout.operator(job_operators.ONE2345_OT_contact_sheet.bl_idname)


CLASSES = (ONE2345_FH_image, ONE2345_FH_picture, ONE2345_PT_image, ONE2345_MT_add)


def register() -> None:
    """Add the menu entries."""
    for menu, draw in _ENTRIES:
        menu.append(draw)


def unregister() -> None:
    """Take the menu entries away again."""
    for menu, draw in _ENTRIES:
        menu.remove(draw)


def _draw_add(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    if menu.layout is not None:
        menu.layout.separator()
        menu.layout.menu(ONE2345_MT_add.__name__, icon="IMAGE_DATA")


def _draw_object(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    if operators.image_empties(context):
        menu.layout.separator()
        menu.layout.operator(operators.ONE2345_OT_generate_from_empties.bl_idname, icon="MESH_MONKEY")


def _draw_image(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    if _open_image(context) is not None and menu.layout is not None:
        menu.layout.separator()
        _draw_entries(menu.layout, context)


def _draw_entries(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    image = _open_image(context)
    if image is None:
        return
    entry = layout.operator(operators.ONE2345_OT_generate.bl_idname, icon="MESH_MONKEY")
    entry.image = image.name
    layout.operator(source_operators.ONE2345_OT_use_image.bl_idname, icon="IMAGE_DATA").image = image.name


def _open_image(context: bpy.types.Context) -> bpy.types.Image | None:
    space = context.space_data
    return space.image if isinstance(space, bpy.types.SpaceImageEditor) else None


_ENTRIES = (
    (bpy.types.VIEW3D_MT_mesh_add, _draw_add),
    (bpy.types.VIEW3D_MT_object, panel_rework.draw_menu),
    (bpy.types.VIEW3D_MT_object_context_menu, _draw_object),
    (bpy.types.IMAGE_MT_image, _draw_image),
)
