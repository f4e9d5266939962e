"""Operators from words to pictures to choose from."""

from typing import TYPE_CHECKING

import bpy

from . import drawn, jobs, rows, text_download, ticking
from .drawing import draw_text
from .errors import JobError, SetupError, SourceError
from .installer.operators import check_online
from .options import UNSAVED
from .preferences import launch_from
from .properties import ONE2345_PG_settings, like_panel, scene_settings
from .reporting import reported
from .source_operators import choose
from .text_download import DOWNLOAD
from .text_models import FOLDER, entry_of
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


class ONE2345_OT_download_text_model(bpy.types.Operator):
    """Download the chosen model, after its licence was shown; goes on where it broke off"""

    bl_idname = "one2345.download_text_model"
    bl_label = "Download Model"

    if TYPE_CHECKING:
        model: str
        accepts: bool
    else:
        model: bpy.props.StringProperty(name="Model", options=UNSAVED)
        accepts: bpy.props.BoolProperty(name="I have read the licence and accept it", options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> "Returned":
        """Show what it is and on what terms."""
        return context.window_manager.invoke_props_dialog(self, width=420)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw size and licence, and the tick."""
        entry, layout = entry_of(self.model), self.layout
        if entry is None or layout is None:
            return
        layout.label(text=f"{entry.title}, {entry.bytes / 1e9:.1f} GB", translate=False)
        draw_text(context, layout, entry.licence, icon="INFO")
        layout.prop(self, "accepts")

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Start the download."""
        return reported(self, lambda: self._start(context))

    def _start(self, context: bpy.types.Context) -> None:
        check_online()
        entry = entry_of(self.model)
        if entry is None:
            raise SourceError(tr("There is no model {name!r}.", name=self.model))
        if not self.accepts:
            raise SetupError(
                tr(
                    "{title} is under {licence}. Accept it to download.",
                    title=entry.title,
                    licence=entry.licence,
                )
            )
        DOWNLOAD.start(entry, launch_from(context))
        text_download.follow()


class ONE2345_OT_stop_download(bpy.types.Operator):
    """Stop the download; what was fetched is kept"""

    bl_idname = "one2345.stop_download"
    bl_label = "Stop Download"

    def execute(self, context: bpy.types.Context) -> "Returned":
        """End it."""
        DOWNLOAD.stop()
        ticking.redraw()
        return {"FINISHED"}


CLASSES = (
    ONE2345_OT_draw_pictures,
    ONE2345_OT_pick_picture,
    ONE2345_OT_download_text_model,
    ONE2345_OT_stop_download,
)


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
