"""Ways in beside the panel: a dropped picture, Add > Mesh, and the Image Editor's menu."""

import bpy

from . import operators, pictures


class ONE2345_FH_image(bpy.types.FileHandler):
    """Pictures dropped on a 3D view"""

    bl_idname = "ONE2345_FH_image"
    bl_label = "Image to 3D"
    bl_import_operator = operators.ONE2345_OT_generate_from_file.bl_idname
    bl_file_extensions = ";".join(pictures.SUFFIXES)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Over a 3D view and its sidebar."""
        return context.area is not None and context.area.type == "VIEW_3D"


CLASSES = (ONE2345_FH_image,)


def register() -> None:
    """Add the menu entries."""
    bpy.types.VIEW3D_MT_mesh_add.append(_draw_add)
    bpy.types.IMAGE_MT_image.append(_draw_image)


def unregister() -> None:
    """Take the menu entries away again."""
    bpy.types.VIEW3D_MT_mesh_add.remove(_draw_add)
    bpy.types.IMAGE_MT_image.remove(_draw_image)


def _draw_add(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    operator = operators.ONE2345_OT_generate_from_file.bl_idname
    menu.layout.separator()
    menu.layout.operator_context = "INVOKE_DEFAULT"
    menu.layout.operator(operator, text="Image to 3D...", icon="IMAGE_DATA")


def _draw_image(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    space = context.space_data
    image = space.image if isinstance(space, bpy.types.SpaceImageEditor) else None
    if image is None:
        return
    menu.layout.separator()
    entry = menu.layout.operator(operators.ONE2345_OT_generate.bl_idname, icon="MESH_MONKEY")
    entry.image = image.name
