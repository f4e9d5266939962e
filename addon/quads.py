"""Even quads by QuadriFlow, with new texture coordinates."""

import math

import bpy

from .errors import SourceError
from .texts import tr

DEFAULT_FACES = 5_000
_SEAM_ANGLE = math.radians(66)
_ISLAND_MARGIN = 0.005


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
