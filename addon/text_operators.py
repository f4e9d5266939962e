"""Operators from words to pictures to choose from."""

from typing import TYPE_CHECKING

import bpy

from . import drawn, jobs, rows
from .downloadable import FOLDER
from .errors import JobError, SourceError
from .options import UNSAVED
from .properties import ONE2345_PG_settings, like_panel, scene_settings
from .reporting import reported
from .source_operators import choose
from .texts import tr

if TYPE_CHECKING:
    from .reporting import Returned


class ONE2345_OT_draw_pictures(bpy.types.Operator):
    """Draw pictures of one object from words, to choose from"""

    bl_idname = "one2345.draw_pictures"
    bl_label = "Draw Pictures"

    if TYPE_CHECKING:
        prompt: str
        model: str
        candidates: int
        seed: int
        wait: bool
        properties: bpy.types.OperatorProperties
    else:
        prompt: like_panel("prompt")
        model: bpy.props.StringProperty(
            name="Model", description="Name, id on the hub or folder; empty: the panel's", options=UNSAVED
        )
        candidates: like_panel("candidates")
        seed: like_panel("seed")
        wait: bpy.props.BoolProperty(
            name="Wait", description="Block until the pictures are there", options=UNSAVED
        )

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Start drawing; in background mode end with the pictures."""
        return reported(self, lambda: self._draw(context))

    def _draw(self, context: bpy.types.Context) -> None:
        panel = scene_settings(context)
        is_set = self.properties.is_property_set
        text = drawn.words(
            self.prompt if is_set("prompt") else panel.prompt,
            model=self.model or chosen_model(panel),
            candidates=self.candidates if is_set("candidates") else panel.candidates,
        )
        job_id = drawn.draw(context, text, seed=self.seed if is_set("seed") else panel.seed)
        if self.wait or bpy.app.background:
            job = jobs.wait(job_id)
            if job.message:
                raise JobError(job.message)
        rows.sync()


class ONE2345_OT_pick_picture(bpy.types.Operator):
    """Take this picture as the one to make in 3D"""

    bl_idname = "one2345.pick_picture"
    bl_label = "Use Picture"
    bl_options = {"UNDO"}  # noqa: RUF012 - Blender reads a plain set

    if TYPE_CHECKING:
        number: int
    else:
        number: bpy.props.IntProperty(name="Number", default=1, min=1, options=UNSAVED)

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Make it the panel's picture."""
        return reported(self, lambda: self._pick(context))

    def _pick(self, context: bpy.types.Context) -> None:
        job = drawn.newest()
        if job is None:
            raise SourceError(tr("Draw pictures first."))
        choose(context, lambda: drawn.taken(job, self.number))


CLASSES = (ONE2345_OT_draw_pictures, ONE2345_OT_pick_picture)


def chosen_model(panel: ONE2345_PG_settings) -> str:
    """Name, id or folder of the model that the panel says.

    Raises:
        SourceError: a folder is wanted and none is named.
    """
    if panel.text_model != FOLDER:
        return panel.text_model
    if not panel.text_folder:
        raise SourceError(tr("Choose the folder of a text-to-image model."))
    return bpy.path.abspath(panel.text_folder)
