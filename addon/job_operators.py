"""Operators on jobs that run, wait or have ended."""

from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..backend.protocol import Stage
from . import contact_sheet, jobs, previews, results, ticking
from .errors import JobError
from .job import Job, JobState
from .options import UNSAVED, panel_placement, panel_treatment
from .preferences import launch_from
from .properties import scene_settings
from .reporting import reported
from .texts import tr

if TYPE_CHECKING:
    from .reporting import Returned

STAGES = (
    (Stage.MATTE.name, "Cut Out", "Make everything anew"),
    (Stage.VIEWS.name, "Six Views", "Keep the cut-out, draw the views anew"),
    (Stage.OCCUPANCY.name, "Coarse Shape", "Keep the views, edited or not, and make the shape anew"),
    (Stage.SHAPE.name, "Fine Shape", "Keep the coarse shape, edited or not"),
    (Stage.MESH.name, "Mesh", "Keep the shape, make the mesh anew"),
    (Stage.TEXTURE.name, "Texture", "Keep the mesh, make the texture anew"),
)


class _OnJob:
    """An operator on the job named, or by default on the newest one that fits."""

    if TYPE_CHECKING:
        job: str
    else:
        job: bpy.props.StringProperty(name="Job", description="Id of the job", options=UNSAVED)


class ONE2345_OT_cancel(_OnJob, bpy.types.Operator):
    """Stop the running job, or the one named"""

    bl_idname = "one2345.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with a job to cancel."""
        return bool(jobs.open_jobs())

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Ask the job to stop."""
        returned = reported(self, lambda: jobs.cancel(self.job or jobs.open_jobs()[0].id))
        ticking.redraw()
        return returned


class ONE2345_OT_move_job(_OnJob, bpy.types.Operator):
    """Let a waiting job run earlier or later"""

    bl_idname = "one2345.move_job"
    bl_label = "Move in Queue"

    if TYPE_CHECKING:
        steps: int
    else:
        steps: bpy.props.IntProperty(name="Steps", description="Negative: earlier", options=UNSAVED)

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Change its place."""
        jobs.move(self.job, self.steps)
        ticking.redraw()
        return {"FINISHED"}


class ONE2345_OT_import_result(_OnJob, bpy.types.Operator):
    """Add a finished object to the scene once more, where the import settings say"""

    bl_idname = "one2345.import_result"
    bl_label = "Import"

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Import the job named, or the newest that is done."""
        return reported(self, lambda: self._import(context))

    def _import(self, context: bpy.types.Context) -> None:
        done = [job.id for job in jobs.recent() if job.state is JobState.DONE and job.is_mesh]
        if not self.job and not done:
            raise JobError(tr("There is no finished object in this session."))
        job = jobs.status(self.job or done[0])
        job.treatment = panel_treatment(context)
        results.import_result(job.id, panel_placement(context))
        ticking.redraw()


class ONE2345_OT_continue_job(_OnJob, bpy.types.Operator):
    """Go on with a job; finished stages are kept as they are, edited or not"""

    bl_idname = "one2345.continue_job"
    bl_label = "Continue"

    if TYPE_CHECKING:
        start_from: str
        wait: bool
    else:
        start_from: bpy.props.EnumProperty(
            name="From",
            description="First stage to make anew; none: what is missing",
            items=(("NONE", "What Is Missing", "Keep all finished stages"), *STAGES),
            options=UNSAVED,
        )
        wait: bpy.props.BoolProperty(
            name="Wait", description="Block until the object is in the scene", options=UNSAVED
        )

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Put the job in the queue again."""
        return reported(self, lambda: self._go_on(context))

    def _go_on(self, context: bpy.types.Context) -> None:
        stage = None if self.start_from == "NONE" else Stage[self.start_from]
        job = _job_or_newest(self.job)
        jobs.run_again(job.id, launch=launch_from(context), start_from=stage)
        ticking.start()
        if self.wait or bpy.app.background:
            job.wants_import = False
            jobs.wait(job.id)
            results.import_result(job.id)


class ONE2345_OT_reuse_settings(_OnJob, bpy.types.Operator):
    """Set the panel to the picture, seed and quality of a job"""

    bl_idname = "one2345.reuse_settings"
    bl_label = "Reuse Settings"
    bl_options = {"UNDO"}  # noqa: RUF012 - Blender reads a plain set

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Fill the panel."""
        return reported(self, lambda: self._reuse(context))

    def _reuse(self, context: bpy.types.Context) -> None:
        job, panel = _job_or_newest(self.job), scene_settings(context)
        request = job.request
        panel.seed, panel.lock_seed, panel.preset = request.seed, True, request.preset.name
        panel.faces, panel.texture_px = request.faces or 0, request.texture_px or 0
        panel.use_photo, panel.flat_base = request.use_photo, request.flat_base
        panel.size = job.placement.size
        panel.engine = request.engine.name
        panel.choose_weights(request.weights)
        if request.text is not None:
            panel.prompt = request.text.prompt
        try:
            panel.image = bpy.data.images.load(request.image or "", check_existing=True)
        except RuntimeError as error:
            raise JobError(
                tr("The picture {path} is gone; the other settings are set.", path=request.image)
            ) from error


class ONE2345_OT_show_folder(_OnJob, bpy.types.Operator):
    """Open the folder of a job, with all that its stages have made"""

    bl_idname = "one2345.show_folder"
    bl_label = "Show Folder"

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Open it in the system's file manager."""
        return reported(self, self._show)

    def _show(self) -> None:
        folder = _job_or_newest(self.job).folder
        if not folder.is_dir():
            raise JobError(tr("The folder {folder} is gone.", folder=folder))
        bpy.ops.wm.path_open(filepath=str(folder))


class ONE2345_OT_contact_sheet(bpy.types.Operator):
    """Make an image of this file that shows all finished results, each beside its picture"""

    bl_idname = "one2345.contact_sheet"
    bl_label = "Contact Sheet"
    bl_options = {"UNDO"}  # noqa: RUF012 - Blender reads a plain set

    if TYPE_CHECKING:
        filepath: str
    else:
        filepath: bpy.props.StringProperty(
            name="File",
            description="PNG to write; empty: keep the sheet in the .blend file",
            subtype="FILE_PATH",
            options=UNSAVED,
        )

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Compose it, the oldest result first."""
        return reported(self, self._compose)

    def _compose(self) -> None:
        sheet = contact_sheet.sheet_of(jobs.recent()[::-1])
        if self.filepath:
            contact_sheet.write_png(sheet, Path(bpy.path.abspath(self.filepath)))
            return
        image = contact_sheet.as_image(sheet, "Contact sheet")
        image.pack()
        self.report({"INFO"}, tr("The image {name} shows all results.", name=image.name))


class ONE2345_OT_remove_job(_OnJob, bpy.types.Operator):
    """Delete a job and its folder; imported objects stay"""

    bl_idname = "one2345.remove_job"
    bl_label = "Remove"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> "Returned":
        """Ask before files are deleted."""
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Delete it."""
        return reported(self, self._remove)

    def _remove(self) -> None:
        job = _job_or_newest(self.job)
        jobs.remove(job.id)
        previews.forget(job.folder)
        ticking.redraw()


class ONE2345_OT_dismiss(_OnJob, bpy.types.Operator):
    """Put a message away; the job stays in the list"""

    bl_idname = "one2345.dismiss"
    bl_label = "Dismiss"

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Clear the message."""
        jobs.dismiss(self.job)
        ticking.redraw()
        return {"FINISHED"}


CLASSES = (
    ONE2345_OT_cancel,
    ONE2345_OT_move_job,
    ONE2345_OT_import_result,
    ONE2345_OT_continue_job,
    ONE2345_OT_reuse_settings,
    ONE2345_OT_show_folder,
    ONE2345_OT_contact_sheet,
    ONE2345_OT_remove_job,
    ONE2345_OT_dismiss,
)


def _job_or_newest(job_id: str) -> Job:
    if job_id:
        return jobs.status(job_id)
    ended = [job for job in jobs.recent() if not job.is_open]
    if not ended:
        raise JobError(tr("There is no job that has ended."))
    return ended[0]
