"""Even quads for a result: QuadriFlow, new texture coordinates, and the colours that the job keeps."""

import math
from typing import TYPE_CHECKING

import bpy

from . import retexture, rework
from .errors import SourceError
from .frames import frame_of
from .options import UNSAVED
from .properties import MAX_FACES
from .reporting import reported
from .texts import tr

if TYPE_CHECKING:
    from .reporting import Returned

DEFAULT_FACES = 5_000
_SEAM_ANGLE = math.radians(66)
_ISLAND_MARGIN = 0.005


class ONE2345_OT_even_quads(bpy.types.Operator):
    """Remesh the object to even quads, unwrap it, and paint it anew with the colours that its job keeps"""

    bl_idname = "one2345.even_quads"
    bl_label = "Remesh to Even Quads"
    bl_options = {"UNDO"}  # noqa: RUF012 - Blender reads a plain set

    if TYPE_CHECKING:
        faces: int
        wait: bool
    else:
        faces: bpy.props.IntProperty(
            name="Faces",
            description="About how many quads",
            default=DEFAULT_FACES,
            min=10,
            max=MAX_FACES,
            options=UNSAVED,
        )
        wait: bpy.props.BoolProperty(
            name="Wait", description="Block until the texture is there", options=UNSAVED
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only in Object Mode, with an object that we have made."""
        item = context.object
        is_mesh = item is not None and item.type == "MESH" and bool(rework.job_of(item))
        return is_mesh and context.mode == "OBJECT" and frame_of(item) is not None

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Remesh at once; the texture follows when the backend has made it."""
        return reported(self, lambda: self._remesh(context))

    def _remesh(self, context: bpy.types.Context) -> None:
        item = context.object
        if item is None:
            raise SourceError(tr("Select a mesh first."))
        remesh(context, item, faces=self.faces)
        retexture.refresh_texture(context, item, "", wait=self.wait)


CLASSES = (ONE2345_OT_even_quads,)


def remesh(context: bpy.types.Context, item: bpy.types.Object, *, faces: int) -> None:
    """Give a mesh object in Object Mode even quads and new texture coordinates.

    Raises:
        SourceError: QuadriFlow does not take the mesh.
    """
    if not item.data.polygons:  # which Blender 4.2 takes without a word
        raise _refusal(item)
    with context.temp_override(
        object=item, active_object=item, selected_objects=[item], selected_editable_objects=[item]
    ):
        try:
            returned = bpy.ops.object.quadriflow_remesh(mode="FACES", target_faces=faces, seed=0)
        except RuntimeError as error:
            raise SourceError(
                tr("QuadriFlow does not take {name}: {reason}", name=item.name, reason=error)
            ) from error
    if returned is not None and "FINISHED" not in returned:
        raise _refusal(item)
    for polygon in item.data.polygons:
        polygon.use_smooth = True
    _unwrap(item)


def _refusal(item: bpy.types.Object) -> SourceError:
    return SourceError(
        tr(
            "QuadriFlow does not take {name}. Close its holes, or apply its modifiers first.",
            name=item.name,
        )
    )


def _unwrap(item: bpy.types.Object) -> None:
    """Smart UV Project, which Blender offers in Edit Mode alone."""
    if not item.data.uv_layers:
        item.data.uv_layers.new(name="UVMap")
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        bpy.ops.mesh.select_all(action="SELECT")
        bpy.ops.uv.smart_project(angle_limit=_SEAM_ANGLE, island_margin=_ISLAND_MARGIN)
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
