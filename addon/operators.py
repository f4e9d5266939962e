"""Operators that start jobs: they read the scene, call a plain function, and report."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..backend.protocol import Preset
from . import jobs, pictures, results, ticking
from .errors import JobError, SourceError
from .job import Settings
from .options import UNSAVED, JobOptions
from .pictures import Source
from .placement import Placement
from .placing import point_under_mouse, triple
from .preferences import launch_from
from .properties import current_scene, scene_settings
from .reporting import reported
from .texts import tr

if TYPE_CHECKING:
    from .reporting import Returned

_ROW_STEP = 1.25
"""Distance of objects made together, in sizes."""
_MAX_RANDOM_SEED = 99_999
"""Random seeds stay short enough to be read out."""


class ONE2345_OT_generate(JobOptions, bpy.types.Operator):
    """Make a textured mesh from the picture"""

    bl_idname = "one2345.generate"
    bl_label = "Generate 3D"

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Start a job; in background mode, or if told to wait, end with the object in the scene."""
        return reported(self, lambda: self._generate(context))

    def _generate(self, context: bpy.types.Context) -> None:
        panel = scene_settings(context)
        source = _source(context, filepath=self.filepath, image=self.image)
        is_of_panel = not self.filepath and not self.image
        mask = self.mask or (panel.mask.name if is_of_panel and panel.mask else "")
        start(context, [source], self.settings(context), mask=mask, wait=self.wait)
        if is_of_panel and not panel.lock_seed:
            panel.seed = random.randint(0, _MAX_RANDOM_SEED)


class ONE2345_OT_generate_from_file(JobOptions, bpy.types.Operator):
    """Make a textured mesh from a picture on disk"""

    bl_idname = "one2345.generate_from_file"
    # A drop on the 3D view shows this label in a menu beside Blender's own entries.
    bl_label = "Generate 3D from Image"

    if TYPE_CHECKING:
        directory: str
        files: bpy.types.bpy_prop_collection
        filter_glob: str
    else:
        directory: bpy.props.StringProperty(subtype="DIR_PATH", options=UNSAVED)
        files: bpy.props.CollectionProperty(type=bpy.types.OperatorFileListElement, options=UNSAVED)
        filter_glob: bpy.props.StringProperty(default=pictures.FILE_FILTER, options={"HIDDEN"})

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
        return reported(self, lambda: self._generate(context))

    def _generate(self, context: bpy.types.Context) -> None:
        names = [element.name for element in self.files if element.name]
        paths = [str(Path(self.directory, name)) for name in names] or [self.filepath]
        sources = [_source(context, filepath=path, image="") for path in paths]
        start(context, sources, self.settings(context), wait=self.wait)


class ONE2345_OT_generate_from_empties(JobOptions, bpy.types.Operator):
    """Make a textured mesh from the picture of each selected image empty, where the empty stands"""

    bl_idname = "one2345.generate_from_empties"
    bl_label = "Generate 3D from Image Empties"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with an image empty selected."""
        return bool(image_empties(context))

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Start a job for each empty."""
        return reported(self, lambda: self._generate(context))

    def _generate(self, context: bpy.types.Context) -> None:
        settings = self.settings(context)
        for empty in image_empties(context):
            place = triple(empty.matrix_world.translation)
            here = replace(settings, placement=replace(settings.placement, location=place))
            source = pictures.source_from_datablock(pictures.image_of_empty(empty))
            start(context, [source], here, wait=self.wait)


class ONE2345_OT_generate_folder(JobOptions, bpy.types.Operator):
    """Make a textured mesh from every picture in a folder, side by side"""

    bl_idname = "one2345.generate_folder"
    bl_label = "Generate 3D from Folder"

    if TYPE_CHECKING:
        directory: str
    else:
        directory: bpy.props.StringProperty(name="Folder", subtype="DIR_PATH", options=UNSAVED)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> "Returned":
        """Ask for a folder."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Start a job for each picture; in background mode end with the objects in the scene."""
        return reported(self, lambda: self._generate(context))

    def _generate(self, context: bpy.types.Context) -> None:
        folder = Path(bpy.path.abspath(self.directory))
        sources = [pictures.source_from_file(str(path)) for path in pictures.pictures_in(folder)]
        start(context, sources, self.settings(context), wait=self.wait)


class ONE2345_OT_choose_quality(bpy.types.Operator):
    """Choose the best quality that fits the graphics card's memory"""

    bl_idname = "one2345.choose_quality"
    bl_label = "Choose Quality"

    if TYPE_CHECKING:
        preset: str
    else:
        preset: bpy.props.StringProperty(options=UNSAVED)

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Choose it in the panel."""
        return reported(self, lambda: self._choose(context))

    def _choose(self, context: bpy.types.Context) -> None:
        if self.preset not in Preset.__members__:
            raise JobError(
                f"There is no quality {self.preset!r}; choose one of {', '.join(Preset.__members__)}."
            )
        scene_settings(context).preset = self.preset


class ONE2345_OT_new_seed(bpy.types.Operator):
    """Choose another seed at random"""

    bl_idname = "one2345.new_seed"
    bl_label = "New Seed"
    bl_options = {"UNDO"}  # noqa: RUF012 - Blender reads a plain set

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Roll the dice."""
        scene_settings(context).seed = random.randint(0, _MAX_RANDOM_SEED)
        return {"FINISHED"}


CLASSES = (
    ONE2345_OT_generate,
    ONE2345_OT_generate_from_file,
    ONE2345_OT_generate_from_empties,
    ONE2345_OT_generate_folder,
    ONE2345_OT_choose_quality,
    ONE2345_OT_new_seed,
)


def start(
    context: bpy.types.Context,
    sources: Sequence[Source],
    settings: Settings,
    *,
    mask: str = "",
    wait: bool = False,
) -> list[str]:
    """Start a job for each picture, the objects side by side; returns the jobs' ids.

    Args:
        mask: Name of an image that is bright where the object is.
        wait: Block until the objects are in the scene; always so in background mode.

    Raises:
        AddonError: of any kind.
    """
    launch = launch_from(context)
    write_mask = pictures.mask_from_datablock(pictures.image_named(mask)) if mask else None
    places = _row(context, settings.placement, len(sources))
    started = [
        jobs.submit(
            source.write,
            replace(settings, placement=place, text=source.text),
            title=source.title,
            launch=launch,
            write_mask=write_mask,
        )
        for source, place in zip(sources, places, strict=True)
    ]
    ticking.start()
    if wait or bpy.app.background:
        for job_id in started:
            _finish(job_id)
    return started


def image_empties(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The selected empties that show a picture."""
    return [
        obj
        for obj in context.selected_objects or ()
        if obj.type == "EMPTY" and obj.empty_display_type == "IMAGE" and obj.data is not None
    ]


def _source(context: bpy.types.Context, *, filepath: str, image: str) -> Source:
    """The picture that was asked for: a file, an image by name, or the panel's."""
    if filepath:
        return pictures.source_from_file(filepath)
    chosen = pictures.image_named(image) if image else scene_settings(context).image
    if chosen is None:
        raise SourceError(tr("Choose a picture first"))
    return pictures.source_from_datablock(chosen)


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
    results.import_result(job_id)
