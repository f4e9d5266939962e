"""Even quads for a result, painted with the colours that its job keeps: as a button, and on import."""

from typing import TYPE_CHECKING

import bpy

from . import quads, results, retexture, rework
from .errors import AddonError, SourceError
from .frames import frame_of
from .job import Job
from .options import UNSAVED
from .placement import Topology
from .properties import MAX_FACES
from .reporting import reported
from .texts import tr

if TYPE_CHECKING:
    from .reporting import Returned


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
            default=quads.DEFAULT_FACES,
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
        quads.remesh(context, item, faces=self.faces)
        retexture.refresh_texture(context, item, "", wait=self.wait)


CLASSES = (ONE2345_OT_even_quads,)


def register() -> None:
    """Paint what comes in with even quads."""
    results.AFTER_IMPORT.append(_paint)


def unregister() -> None:
    """Paint no more."""
    results.AFTER_IMPORT.remove(_paint)


def _paint(job: Job, obj: bpy.types.Object) -> None:
    """Start painting an object that QuadriFlow has made anew, which left it without a texture."""
    if job.treatment.topology is not Topology.EVEN or obj.data.materials:
        return
    try:
        retexture.refresh_texture(bpy.context, obj, job.id)
    except AddonError as error:
        job.message = str(error)
