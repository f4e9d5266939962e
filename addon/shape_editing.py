"""The coarse shape as an object of work: its cells as a solid mesh, and jobs that go on from its edits."""

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np
from mathutils import Matrix

from ..backend.protocol import STAGE_FILES, Request, Stage
from . import rework, shape_voxels
from .errors import SourceError
from .evaluated import evaluated_mesh, points_of, triangles_of
from .frames import Frame, frame_of
from .importer import hide
from .options import UNSAVED
from .properties import current_scene
from .reporting import reported
from .rework import JOB, KIND, RESULT
from .texts import tr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .reporting import Returned

SHAPE = "shape"
"""Kind of an object that is a coarse shape to be edited."""


class ONE2345_OT_edit_shape(bpy.types.Operator):
    """Show the coarse shape as a solid of cells in the object's place: cut it, add to it, sculpt it"""

    bl_idname = "one2345.edit_shape"
    bl_label = "Edit Shape"
    bl_options = {"UNDO"}  # noqa: RUF012 - Blender reads a plain set

    if TYPE_CHECKING:
        job: str
    else:
        job: bpy.props.StringProperty(name="Job", description="Id of the job", options=UNSAVED)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only in Object Mode, since it adds an object to work on."""
        return context.mode == "OBJECT"

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Show the shape of the job named, of the active object, or of the newest job."""
        return reported(self, lambda: edit_shape(context, self.job))


class ONE2345_OT_continue_from_shape(bpy.types.Operator):
    """Make the object anew from the edited shape; what was not touched stays as it was"""

    bl_idname = "one2345.continue_from_shape"
    bl_label = "Continue from Shape"

    if TYPE_CHECKING:
        shape: str
        wait: bool
    else:
        shape: bpy.props.StringProperty(
            name="Shape", description="Name of the edited object", options=UNSAVED
        )
        wait: bpy.props.BoolProperty(
            name="Wait", description="Block until the object is in the scene", options=UNSAVED
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with a shape in the scene."""
        return shape_in(context) is not None

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Start the job."""
        return reported(self, lambda: self._continue(context))

    def _continue(self, context: bpy.types.Context) -> None:
        shape = bpy.data.objects.get(self.shape) if self.shape else shape_in(context)
        if shape is None or shape.get(KIND) != SHAPE:
            raise SourceError(tr("There is no shape to continue from. Choose Edit Shape first."))
        continue_from(context, shape, wait=self.wait)


CLASSES = (ONE2345_OT_edit_shape, ONE2345_OT_continue_from_shape)


def shape_in(context: bpy.types.Context) -> bpy.types.Object | None:
    """The shape that is worked on: the active object, else the newest one in the scene that is not hidden."""
    active = context.object
    if active is not None and active.get(KIND) == SHAPE:
        return active
    objects = context.scene.objects if context.scene else ()
    shapes = [item for item in objects if item.get(KIND) == SHAPE and item.visible_get()]
    return max(shapes, key=lambda shape: rework.job_of(shape), default=None)


def edit_shape(context: bpy.types.Context, job_id: str) -> bpy.types.Object:
    """Put a job's coarse shape into the scene, in the place of the job's object, which is hidden.

    Raises:
        AddonError: the job has no coarse shape.
    """
    origin = rework.origin_of(context, rework.chosen_job(context, job_id))
    solid = shape_voxels.solid_of(shape_voxels.read_cells(origin.path(Stage.OCCUPANCY)))
    scene, result = current_scene(context), rework.result_of(context, origin.id)
    frame = frame_of(result) or rework.new_frame(context)
    shape = bpy.data.objects.new(f"{origin.title} shape", solid_mesh(f"{origin.title} shape", solid, frame))
    shape[JOB], shape[KIND] = origin.id, SHAPE
    frame.put_on(shape)
    homes = result.users_collection if result else ()
    (homes[0] if homes else scene.collection).objects.link(shape)
    shape.matrix_world = result.matrix_world if result else Matrix.Translation(scene.cursor.location)
    if result is not None:
        shape[RESULT] = result
        hide(scene, result)
    for other in context.selected_objects:
        other.select_set(False)
    shape.select_set(True)
    context.view_layer.objects.active = shape
    return shape


def continue_from(context: bpy.types.Context, shape: bpy.types.Object, *, wait: bool = False) -> str:
    """Start a job that makes an object from an edited shape; returns its id.

    Raises:
        AddonError: the shape is as it was, or nothing is left of it.
    """
    origin = rework.origin_of(context, rework.job_of(shape))
    cells = shape_voxels.read_cells(origin.path(Stage.OCCUPANCY))
    edited = cells_of(shape, cells)
    if not edited.any():
        raise SourceError(
            tr("Nothing of {name} is left where the object is. Undo and try again.", name=shape.name)
        )
    if (edited == cells).all():
        raise SourceError(tr("{name} is as it was, to the size of a cell. Edit it first.", name=shape.name))

    def prepare(folder: Path) -> Request:
        origin.copy((Stage.MATTE, Stage.VIEWS), folder)
        shape_voxels.write_cells(edited, folder / STAGE_FILES[Stage.OCCUPANCY][0])
        return rework.request_like(context, origin)

    return rework.start(context, origin, prepare, aligned_to=shape.name, wait=wait)


def solid_mesh(name: str, solid: "NDArray[np.bool_]", frame: Frame) -> bpy.types.Mesh:
    """The surface of a solid as a mesh of quads."""
    points, quads = shape_voxels.surface_of(solid)
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(points))
    mesh.loops.add(quads.size)
    mesh.polygons.add(len(quads))
    mesh.vertices.foreach_set("co", frame.to_own(points).ravel())
    mesh.loops.foreach_set("vertex_index", quads.ravel())
    mesh.polygons.foreach_set("loop_start", np.arange(0, quads.size, 4, dtype=np.int32))
    mesh.update(calc_edges=True)
    mesh.validate()
    return mesh


def cells_of(shape: bpy.types.Object, before: "NDArray[np.bool_]") -> "NDArray[np.bool_]":
    """The cells of an edited shape with its modifiers, equal to those before wherever it was not touched.

    Raises:
        SourceError: the object is not ours any more, or has no faces.
    """
    frame = frame_of(shape)
    if frame is None or shape.type != "MESH":
        raise SourceError(tr("{name} is no coarse shape. Choose Edit Shape again.", name=shape.name))
    with evaluated_mesh(shape) as mesh:
        points, triangles = points_of(mesh), triangles_of(mesh)
    if not len(triangles):
        raise SourceError(tr("{name} has no faces. Undo and try again.", name=shape.name))
    solid = shape_voxels.finer(shape_voxels.solid_of(before))
    after = shape_voxels.inside_of(
        frame.to_generation(points), triangles, resolution=len(solid), otherwise=solid
    )
    return shape_voxels.edited_cells(before, solid, after)
