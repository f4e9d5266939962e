"""Meshes as the artist sees them, with modifiers and edits of any mode, as plain arrays."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import bpy
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@contextmanager
def evaluated_mesh(item: bpy.types.Object) -> Iterator[bpy.types.Mesh]:
    """The mesh of an object with its modifiers, in the object's own coordinates, cut into triangles."""
    if item.mode != "OBJECT":
        bpy.ops.ed.flush_edits()
    evaluated = item.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    try:
        mesh.calc_loop_triangles()
        yield mesh
    finally:
        evaluated.to_mesh_clear()


def points_of(mesh: bpy.types.Mesh) -> "NDArray[np.float32]":
    """Vertices, n x 3."""
    points = np.empty(3 * len(mesh.vertices), dtype=np.float32)
    mesh.vertices.foreach_get("co", points)
    return points.reshape(-1, 3)


def triangles_of(mesh: bpy.types.Mesh) -> "NDArray[np.int32]":
    """Vertex indices of an evaluated mesh, f x 3."""
    triangles = np.empty(3 * len(mesh.loop_triangles), dtype=np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    return triangles.reshape(-1, 3)


def corner_uvs_of(mesh: bpy.types.Mesh) -> "NDArray[np.float32] | None":
    """Texture coordinates at the corners of an evaluated mesh's triangles, 3 f x 2; None without any."""
    layer = mesh.uv_layers.active
    if layer is None:
        return None
    loops = np.empty(3 * len(mesh.loop_triangles), dtype=np.int32)
    mesh.loop_triangles.foreach_get("loops", loops)
    uvs = np.empty(2 * len(mesh.loops), dtype=np.float32)
    layer.uv.foreach_get("vector", uvs)
    return uvs.reshape(-1, 2)[loops]
