"""New colours for a mesh: any mesh from six views, a sculpted result from the colours that its job keeps."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np
from mathutils import Matrix

from ..backend.protocol import RETEXTURED_FILE, STAGE_FILES, Request, Stage
from . import rework, views_editing, views_sheet
from .errors import SourceError
from .evaluated import corner_uvs_of, evaluated_mesh, points_of, triangles_of
from .folders import PREVIEWS
from .frames import frame_of
from .glb import read_steps
from .importer import new_material, packed_image
from .job import Job
from .options import UNSAVED
from .reporting import reported
from .retexture_glb import write_glb
from .rework import KIND, Origin
from .steps import Steps
from .texts import tr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .reporting import Returned

EDITED = "edited.glb"
OBJECT_RADIUS = 0.48
"""Distance of the farthest vertex from the centre in generation space, as for the networks' own objects."""
_UV_SLACK = 1e-3


class _OnMesh:
    """An operator on the active mesh object."""

    if TYPE_CHECKING:
        job: str
        wait: bool
    else:
        job: bpy.props.StringProperty(name="Job", description="Id of the job", options=UNSAVED)
        wait: bpy.props.BoolProperty(
            name="Wait", description="Block until the texture is there", options=UNSAVED
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with a mesh that is no coarse shape."""
        item = context.object
        return item is not None and item.type == "MESH" and KIND not in item

    def mesh(self, context: bpy.types.Context) -> bpy.types.Object:
        """The active object.

        Raises:
            SourceError: there is none.
        """
        if context.object is None:
            raise SourceError(tr("Select a mesh first."))
        return context.object


class ONE2345_OT_retexture(_OnMesh, bpy.types.Operator):
    """Paint the active mesh from the open six views, into its own texture coordinates"""

    bl_idname = "one2345.retexture"
    bl_label = "Re-texture from Views"

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Start the job."""
        return reported(self, lambda: retexture(context, self.mesh(context), self.job, wait=self.wait))


class ONE2345_OT_refresh_texture(_OnMesh, bpy.types.Operator):
    """Put the object's own colours onto its sculpted surface, into its own texture coordinates"""

    bl_idname = "one2345.refresh_texture"
    bl_label = "Refresh Texture"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with an object that we have made."""
        return super().poll(context) and bool(rework.job_of(context.object)) and is_placed(context)

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Start the job."""
        return reported(self, lambda: refresh_texture(context, self.mesh(context), self.job, wait=self.wait))


CLASSES = (ONE2345_OT_retexture, ONE2345_OT_refresh_texture)


def is_placed(context: bpy.types.Context) -> bool:
    """Whether it is known where the active object's generation space lies."""
    return frame_of(context.object) is not None


def retexture(context: bpy.types.Context, item: bpy.types.Object, job_id: str, *, wait: bool = False) -> str:
    """Start a job that paints a mesh from the sheet that is open, else from a job's views; returns its id.

    Raises:
        AddonError: the mesh has no texture coordinates, or there are no views.
    """
    sheet = views_editing.sheet_of(context) if views_editing.has_sheet(context) and not job_id else None
    chosen = rework.job_of(sheet) if sheet else rework.chosen_job(context, job_id)
    origin = rework.origin_of(context, chosen)
    points, triangles, uvs = _unwrapped(item)
    own = rework.kept_result(sheet) if sheet else rework.result_of(context, origin.id)
    placed = _in_generation_space(item, points, own)
    pixels = views_sheet.pixels_of(sheet) if sheet else None

    def prepare(folder: Path) -> Request:
        origin.copy((Stage.MATTE, Stage.VIEWS), folder)
        if pixels is not None:
            views_sheet.write(pixels, folder / STAGE_FILES[Stage.VIEWS][0])
        write_glb(folder / STAGE_FILES[Stage.MESH][0], placed, triangles, uvs)
        return rework.request_like(context, origin, keep_uvs=True)

    result = STAGE_FILES[Stage.TEXTURE][0]
    return rework.start(context, origin, prepare, deliver=_putter(item.name, result), wait=wait)


def refresh_texture(
    context: bpy.types.Context, item: bpy.types.Object, job_id: str, *, wait: bool = False
) -> str:
    """Start a job that puts a job's colour field onto a sculpted mesh of it; returns the job's id.

    Raises:
        AddonError: the mesh is not of our making, or the job keeps no colours.
    """
    frame = frame_of(item)
    if frame is None:
        raise SourceError(tr("{name} was made by no job. Use Re-texture from Views.", name=item.name))
    origin = rework.origin_of(context, job_id or rework.job_of(item))
    points, triangles, uvs = _unwrapped(item)

    def prepare(folder: Path) -> Request:
        _copy_field(origin, folder)
        edited = folder / EDITED
        write_glb(edited, frame.to_generation(points), triangles, uvs)
        return rework.request_like(context, origin, keep_uvs=True, edited=str(edited))

    deliver = _putter(item.name, RETEXTURED_FILE)
    return rework.start(context, origin, prepare, kind=PREVIEWS, deliver=deliver, wait=wait)


def _copy_field(origin: Origin, folder: Path) -> None:
    origin.path(Stage.TEXTURE)
    origin.copy((Stage.MATTE, Stage.VIEWS, Stage.MESH, Stage.TEXTURE), folder)


def _unwrapped(
    item: bpy.types.Object,
) -> tuple["NDArray[np.float32]", "NDArray[np.int32]", "NDArray[np.float32]"]:
    """Vertices, triangles and texture coordinates by corner of an object with its modifiers.

    Raises:
        SourceError: there are no faces, or no coordinates in the picture's square.
    """
    with evaluated_mesh(item) as mesh:
        points, triangles, uvs = points_of(mesh), triangles_of(mesh), corner_uvs_of(mesh)
    if uvs is None or not len(triangles):
        raise SourceError(tr("{name} has no texture coordinates. Unwrap it first.", name=item.name))
    if uvs.min() < -_UV_SLACK or uvs.max() > 1 + _UV_SLACK:
        raise SourceError(
            tr("The texture coordinates of {name} leave the picture. Pack its islands first.", name=item.name)
        )
    return points, triangles, uvs.clip(0, 1)


def _in_generation_space(
    item: bpy.types.Object, points: "NDArray[np.float32]", own: bpy.types.Object | None
) -> "NDArray[np.float64]":
    """Vertices as the views show them: a result of ours by its frame, another mesh by where it lies.

    A mesh that lies within our object is one that was drawn over it; any other is centred and fitted.
    """
    if (frame := frame_of(item)) is not None:
        return frame.to_generation(points)
    if own is not None and (frame := frame_of(own)) is not None:
        moved = _transformed(own.matrix_world.inverted_safe() @ item.matrix_world, points)
        found = frame.to_generation(moved)
        if np.abs(found).max() <= OBJECT_RADIUS + 0.1:
            return found
    world = _transformed(item.matrix_world, points)
    centred = world - (world.min(axis=0) + world.max(axis=0)) / 2
    return centred * (OBJECT_RADIUS / max(float(np.linalg.norm(centred, axis=1).max()), 1e-9))


def _transformed(matrix: Matrix, points: "NDArray[np.float32]") -> "NDArray[np.float64]":
    values = np.array(matrix, dtype=np.float64)
    return points.astype(np.float64) @ values[:3, :3].T + values[:3, 3]


def _putter(name: str, file: str) -> Callable[[Job], Steps[None]]:
    """What puts the texture of a job's file onto the object of a name."""
    return lambda job: _put_texture(job, name, file)


def _put_texture(job: Job, name: str, file: str) -> Steps[None]:
    """Show a texture on an object, in a material of its own, as one undo step; the last step changes it."""
    mesh = yield from read_steps(job.folder / file)
    yield
    item = bpy.data.objects.get(name)
    if item is None or item.type != "MESH":
        path = job.folder / file
        raise SourceError(tr("The object {name} is gone; the texture is in {path}.", name=name, path=path))
    image = packed_image(f"{name} texture", mesh.texture_png)
    normals = packed_image(f"{name} normals", mesh.normal_png) if mesh.normal_png else None
    material = new_material(f"{name} texture", image, normals)
    for slot in range(len(item.data.materials)):
        item.data.materials[slot] = material
    if not item.data.materials:
        item.data.materials.append(material)
    bpy.ops.ed.undo_push(message=f"Texture {name}")
