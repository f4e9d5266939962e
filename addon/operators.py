"""Operators: they read the scene, call a plain function, and report. The work is in `jobs`."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..backend.protocol import MAX_SEED, Device, Preset
from . import jobs, pictures, ticking
from .errors import AddonError, JobError, SourceError
from .importer import Placement
from .jobs import JobState, Settings
from .placing import point_under_mouse, triple
from .preferences import launch_from, launch_problem, preferences
from .properties import MAX_FACES, MAX_TEXTURE_PX, PRESETS, current_scene, scene_settings

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    Returned = set[OperatorReturnItems]

_ROW_STEP = 1.25
"""Distance of objects made together, in sizes."""

_UNSAVED = {"SKIP_SAVE", "HIDDEN"}


class _Source:
    """Properties of operators that start a job. What is not given comes from the scene's panel."""

    if TYPE_CHECKING:
        filepath: str
        image: str
        seed: int
        preset: str
        faces: int
        texture_px: int
        size: float
        collection: str
        location: tuple[float, float, float]
        wait: bool
        properties: bpy.types.OperatorProperties
    else:
        filepath: bpy.props.StringProperty(
            name="File", description="Picture on disk", subtype="FILE_PATH", options=_UNSAVED
        )
        image: bpy.props.StringProperty(
            name="Image", description="Name of an image in this file", options=_UNSAVED
        )
        seed: bpy.props.IntProperty(
            name="Seed", description="Repeats a result", min=0, max=MAX_SEED, options=_UNSAVED
        )
        preset: bpy.props.EnumProperty(
            name="Quality", description="Time against quality", items=PRESETS, options=_UNSAVED
        )
        faces: bpy.props.IntProperty(
            name="Faces",
            description="Most triangles; 0: the quality's",
            min=0,
            max=MAX_FACES,
            options=_UNSAVED,
        )
        texture_px: bpy.props.IntProperty(
            name="Texture",
            description="Side of the texture; 0: the quality's",
            min=0,
            max=MAX_TEXTURE_PX,
            options=_UNSAVED,
        )
        size: bpy.props.FloatProperty(
            name="Size", description="Longest side", default=1.0, min=0.001, unit="LENGTH", options=_UNSAVED
        )
        collection: bpy.props.StringProperty(
            name="Collection",
            description="Name of the collection, made if missing; empty: the active one",
            options=_UNSAVED,
        )
        location: bpy.props.FloatVectorProperty(
            name="Location",
            description="Bottom centre of the object; not set: the 3D cursor",
            size=3,
            subtype="TRANSLATION",
            options=_UNSAVED,
        )
        wait: bpy.props.BoolProperty(
            name="Wait",
            description="Block until the object is in the scene; always so in background mode",
            options=_UNSAVED,
        )

    def settings(self, context: bpy.types.Context) -> Settings:
        """What was given, else what the panel says."""
        panel = scene_settings(context)

        is_set = self.properties.is_property_set
        panel_collection = panel.collection.name if panel.collection else ""
        return Settings(
            seed=self.seed if is_set("seed") else panel.seed,
            preset=Preset[self.preset if is_set("preset") else panel.preset],
            faces=(self.faces if is_set("faces") else panel.faces) or None,
            texture_px=(self.texture_px if is_set("texture_px") else panel.texture_px) or None,
            device=Device[preferences(context).device],
            placement=Placement(
                scene=current_scene(context).name,
                collection=self.collection if is_set("collection") else panel_collection,
                location=triple(self.location) if is_set("location") else None,
                size=self.size if is_set("size") else panel.size,
            ),
        )


class ONE2345_OT_generate(_Source, bpy.types.Operator):
    """Make a textured mesh from the picture"""

    bl_idname = "one2345.generate"
    bl_label = "Generate 3D"

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Start a job; in background mode, or if told to wait, end with the object in the scene."""
        return _reported(self, lambda: self._generate(context))

    def _generate(self, context: bpy.types.Context) -> None:
        write, title = _picture(context, filepath=self.filepath, image=self.image)
        job_id = jobs.submit(write, self.settings(context), title=title, launch=launch_from(context))
        ticking.start()
        if self.wait or bpy.app.background:
            _finish(job_id)


class ONE2345_OT_generate_from_file(_Source, bpy.types.Operator):
    """Make a textured mesh from a picture on disk"""

    bl_idname = "one2345.generate_from_file"
    # A drop on the 3D view shows this label in a menu beside Blender's own entries.
    bl_label = "Generate 3D from Image"

    if TYPE_CHECKING:
        directory: str
        files: bpy.types.bpy_prop_collection
        filter_glob: str
    else:
        directory: bpy.props.StringProperty(subtype="DIR_PATH", options=_UNSAVED)
        files: bpy.props.CollectionProperty(type=bpy.types.OperatorFileListElement, options=_UNSAVED)
        filter_glob: bpy.props.StringProperty(
            default=";".join(f"*{suffix}" for suffix in pictures.SUFFIXES), options={"HIDDEN"}
        )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> "Returned":
        """Take dropped files to where they fell; without any, ask for some."""
        if self.filepath or self.files:
            point = point_under_mouse(context, event)
            if point is not None:
                self.location = point
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Start a job for each picture; in background mode end with the objects in the scene."""
        return _reported(self, lambda: self._generate(context))

    def _generate(self, context: bpy.types.Context) -> None:
        names = [element.name for element in self.files if element.name]
        paths = [str(Path(self.directory, name)) for name in names] or [self.filepath]
        launch, settings = launch_from(context), self.settings(context)
        sources = [_picture(context, filepath=path, image="") for path in paths]
        places = _row(context, settings.placement, len(sources))
        started = [
            jobs.submit(write, replace(settings, placement=place), title=title, launch=launch)
            for (write, title), place in zip(sources, places, strict=True)
        ]
        ticking.start()
        if self.wait or bpy.app.background:
            for job_id in started:
                _finish(job_id)


class ONE2345_OT_cancel(bpy.types.Operator):
    """Stop the running job, or the one named"""

    bl_idname = "one2345.cancel"
    bl_label = "Cancel"

    if TYPE_CHECKING:
        job: str
    else:
        job: bpy.props.StringProperty(options=_UNSAVED)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with a job to cancel."""
        return bool(jobs.open_jobs())

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Ask the job to stop."""
        return _reported(self, lambda: jobs.cancel(self.job or jobs.open_jobs()[0].id))


class ONE2345_OT_import_result(bpy.types.Operator):
    """Add a finished object to the scene at the 3D cursor"""

    bl_idname = "one2345.import_result"
    bl_label = "Import"

    if TYPE_CHECKING:
        job: str
    else:
        job: bpy.props.StringProperty(options=_UNSAVED)

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Import the job named, or the newest that is done."""
        return _reported(self, lambda: self._import(context))

    def _import(self, context: bpy.types.Context) -> None:
        done = [job.id for job in jobs.recent() if job.state is JobState.DONE]
        if not self.job and not done:
            raise JobError("There is no finished object in this session.")
        panel = scene_settings(context)
        placement = Placement(
            scene=current_scene(context).name,
            collection=panel.collection.name if panel.collection else "",
            size=panel.size,
        )
        jobs.import_result(self.job or done[0], placement)
        ticking.redraw()


class ONE2345_OT_new_seed(bpy.types.Operator):
    """Choose another seed at random"""

    bl_idname = "one2345.new_seed"
    bl_label = "New Seed"
    bl_options = {"UNDO"}  # noqa: RUF012 - Blender reads a plain set

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Roll the dice."""
        scene_settings(context).seed = random.randint(0, 99_999)
        return {"FINISHED"}


class ONE2345_OT_clear_results(bpy.types.Operator):
    """Clear this list; objects and files stay"""

    bl_idname = "one2345.clear_results"
    bl_label = "Clear List"

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Forget the jobs that have ended."""
        jobs.forget_ended()
        return {"FINISHED"}


class ONE2345_OT_open_log(bpy.types.Operator):
    """Open the backend's log"""

    bl_idname = "one2345.open_log"
    bl_label = "Open Log"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only when there is a log."""
        return jobs.SESSION.client.log_path is not None

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Open it in the system's text viewer."""
        return _reported(self, _open_log)


class ONE2345_OT_stop_backend(bpy.types.Operator):
    """End the backend process and free its memory; jobs that wait or run end with it"""

    bl_idname = "one2345.stop_backend"
    bl_label = "Stop Backend"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only while it runs."""
        return jobs.SESSION.client.is_alive

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Stop it."""
        jobs.stop_backend()
        ticking.redraw()
        return {"FINISHED"}


CLASSES = (
    ONE2345_OT_generate,
    ONE2345_OT_generate_from_file,
    ONE2345_OT_cancel,
    ONE2345_OT_import_result,
    ONE2345_OT_new_seed,
    ONE2345_OT_clear_results,
    ONE2345_OT_open_log,
    ONE2345_OT_stop_backend,
)


def why_disabled(context: bpy.types.Context) -> str:
    """Why the panel's button cannot start a job now, or nothing."""
    if scene_settings(context).image is None:
        return "Choose a picture first"
    return launch_problem(context)


def _picture(context: bpy.types.Context, *, filepath: str, image: str) -> tuple[Callable[[Path], Path], str]:
    """How to get the picture that was asked for, and a name for the object."""
    if filepath:
        return pictures.from_file(filepath), Path(filepath).stem
    chosen = bpy.data.images.get(image) if image else scene_settings(context).image
    if chosen is None:
        raise SourceError(
            f"There is no image {image!r} in this file." if image else "Choose a picture first."
        )
    return pictures.from_datablock(chosen), Path(chosen.name).stem


def _row(context: bpy.types.Context, first: Placement, count: int) -> list[Placement]:
    """Places side by side for several objects at once, from the first one to the right."""
    if count == 1:
        return [first]
    x, y, z = first.location or triple(current_scene(context).cursor.location)
    step = first.size * _ROW_STEP
    return [replace(first, location=(x + number * step, y, z)) for number in range(count)]


def _finish(job_id: str) -> None:
    """Wait for a job and import it; raises what went wrong."""
    jobs.status(job_id).wants_import = False
    jobs.wait(job_id)
    jobs.import_result(job_id)


def _open_log() -> None:
    path = jobs.SESSION.client.log_path
    if path is None or not path.is_file():
        raise JobError("The backend has not written a log yet.")
    bpy.ops.wm.path_open(filepath=str(path))


def _reported(operator: bpy.types.Operator, work: Callable[[], object]) -> "Returned":
    """Do the work; an error becomes the operator's report, which scripts get as a RuntimeError."""
    try:
        work()
    except AddonError as error:
        operator.report({"ERROR"}, str(error))
        return {"CANCELLED"}
    return {"FINISHED"}
