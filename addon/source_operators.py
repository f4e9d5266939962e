"""Operators that choose the panel's picture, or show and change what is cut out of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import bpy

from ..backend.protocol import Stage
from . import jobs, masks, pictures, previews, snapshots, ticking
from .errors import SourceError
from .folders import PREVIEWS
from .job import Settings
from .options import UNSAVED, PictureFile, panel_placement
from .preferences import data_root, launch_from, preferences
from .properties import scene_settings
from .reporting import reported
from .texts import tr

if TYPE_CHECKING:
    from .reporting import Returned


class _Chooser:
    """An operator that makes an image the panel's picture, as one undo step."""

    bl_options = {"UNDO"}  # noqa: RUF012 - Blender reads a plain set


class ONE2345_OT_open_picture(PictureFile, _Chooser, bpy.types.Operator):
    """Take a picture on disk as the picture to make in 3D"""

    bl_idname = "one2345.open_picture"
    # A drop on the sidebar shows this label in a menu.
    bl_label = "Use as Picture for 3D"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> "Returned":
        """Take a dropped file; without one, ask for it."""
        if self.filepath:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Load it."""
        return reported(self, lambda: choose(context, lambda: pictures.load(self.filepath)))


class ONE2345_OT_paste(_Chooser, bpy.types.Operator):
    """Take the picture in the clipboard"""

    bl_idname = "one2345.paste"
    bl_label = "Paste Picture"

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Paste it."""
        folder = data_root(preferences(context)) / PREVIEWS
        return reported(self, lambda: choose(context, lambda: snapshots.from_clipboard(context, folder)))


class ONE2345_OT_snapshot(_Chooser, bpy.types.Operator):
    """Take what the 3D view shows, without its background"""

    bl_idname = "one2345.snapshot"
    bl_label = "Snapshot of View"

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Draw the view."""
        return reported(self, lambda: choose(context, lambda: snapshots.from_view(context)))


class ONE2345_OT_take_render(_Chooser, bpy.types.Operator):
    """Take a copy of the last render"""

    bl_idname = "one2345.take_render"
    bl_label = "Take Render"

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Copy it."""
        folder = data_root(preferences(context)) / PREVIEWS
        return reported(self, lambda: choose(context, lambda: snapshots.from_render(context, folder)))


class ONE2345_OT_use_image(_Chooser, bpy.types.Operator):
    """Take an image of this file, such as the one in this Image Editor"""

    bl_idname = "one2345.use_image"
    bl_label = "Use as Picture for 3D"

    if TYPE_CHECKING:
        image: str
    else:
        image: bpy.props.StringProperty(name="Image", options=UNSAVED)

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Choose it."""
        return reported(self, lambda: choose(context, lambda: pictures.image_named(self.image)))


class ONE2345_OT_show_cut_out(bpy.types.Operator):
    """Cut the object out of the picture and show the result, before anything else is made"""

    bl_idname = "one2345.show_cut_out"
    bl_label = "Show Cut-Out"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with a picture."""
        return scene_settings(context).image is not None

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Run the first stage alone."""
        return reported(self, lambda: _cut_out(context))


class ONE2345_OT_edit_mask(_Chooser, bpy.types.Operator):
    """Make a copy of the picture to erase the background from; what is left is the object"""

    bl_idname = "one2345.edit_mask"
    bl_label = "Edit Mask"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with a picture."""
        return scene_settings(context).image is not None

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Make the mask and show it in an Image Editor, if one is open."""
        return reported(self, lambda: _edit_mask(context))


CLASSES = (
    ONE2345_OT_open_picture,
    ONE2345_OT_paste,
    ONE2345_OT_snapshot,
    ONE2345_OT_take_render,
    ONE2345_OT_use_image,
    ONE2345_OT_show_cut_out,
    ONE2345_OT_edit_mask,
)


def choose(context: bpy.types.Context, get: Callable[[], bpy.types.Image]) -> None:
    """Make an image the panel's picture; a mask of another picture goes.

    Raises:
        SourceError: there is no such picture.
    """
    settings = scene_settings(context)
    settings.image, settings.mask = get(), None


def cut_out_icon(image: bpy.types.Image | None) -> int:
    """Icon of the newest cut-out of an image; 0 without one."""
    job = masks.cut_out_of(image)
    return previews.icon_of(masks.matte_of(job)) if job else 0


def _cut_out(context: bpy.types.Context) -> None:
    settings = scene_settings(context)
    image = settings.image
    if image is None:
        raise SourceError(tr("Choose a picture first"))
    shown = [job for job in jobs.SESSION.jobs.values() if job.is_preview and not job.is_drawing]
    for job in [job for job in shown if not job.is_open]:
        jobs.remove(job.id)
        previews.forget(job.folder)
    mask = pictures.mask_from_datablock(settings.mask) if settings.mask else None
    job_id = jobs.submit(
        pictures.from_datablock(image),
        Settings(placement=panel_placement(context)),
        title=image.name,
        launch=launch_from(context),
        write_mask=mask,
        stop_after=Stage.MATTE,
    )
    ticking.start()
    if bpy.app.background:
        jobs.wait(job_id)


def _edit_mask(context: bpy.types.Context) -> None:
    settings = scene_settings(context)
    image = settings.image
    if image is None:
        raise SourceError(tr("Choose a picture first"))
    if settings.mask is None:
        settings.mask = masks.paintable(image, masks.cut_out_of(image))
    for area in context.screen.areas if context.screen else ():
        space = area.spaces.active
        if isinstance(space, bpy.types.SpaceImageEditor):
            space.image = settings.mask
            space.mode = "PAINT"
            break
