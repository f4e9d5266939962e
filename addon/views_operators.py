"""Operators on the sheet of six views."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..backend.protocol import MAX_SEED, NUM_TILES
from . import pictures, ticking, views_cameras, views_sheet
from .errors import SourceError
from .options import UNSAVED, PictureFile
from .properties import current_scene
from .redo import redo_view
from .reporting import reported
from .texts import tr
from .views_editing import (
    ROOT,
    change,
    continue_from,
    has_sheet,
    open_views,
    reroll,
    sheet_of,
    views_settings,
)

if TYPE_CHECKING:
    from .reporting import Returned


class _OnTiles:
    """An operator on some tiles of the sheet; without any named, on those chosen in the panel."""

    bl_options = {"UNDO"}  # noqa: RUF012 - Blender reads a plain set

    if TYPE_CHECKING:
        tiles: Sequence[bool]
        properties: bpy.types.OperatorProperties
    else:
        tiles: bpy.props.BoolVectorProperty(name="Tiles", size=NUM_TILES, options=UNSAVED)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with a sheet open."""
        return has_sheet(context)

    def numbers(self, context: bpy.types.Context) -> list[int]:
        """The tiles, by number.

        Raises:
            SourceError: none is chosen.
        """
        is_set = self.properties.is_property_set("tiles")
        flags = self.tiles if is_set else views_settings(context).tiles
        numbers = [number for number, flag in enumerate(flags, 1) if flag]
        if not numbers:
            raise SourceError(tr("Choose a view first: the numbers are those on the sheet, row by row."))
        return numbers


class ONE2345_OT_open_views(bpy.types.Operator):
    """Open the six views in the Image Editor and put their cameras into the scene"""

    bl_idname = "one2345.open_views"
    bl_label = "Open Views"
    bl_options = {"UNDO"}  # noqa: RUF012 - Blender reads a plain set

    if TYPE_CHECKING:
        job: str
    else:
        job: bpy.props.StringProperty(name="Job", description="Id of the job", options=UNSAVED)

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Open the views of the job named, of the active object, or of the newest job."""
        return reported(self, lambda: open_views(context, self.job))


class ONE2345_OT_replace_tile(PictureFile, _OnTiles, bpy.types.Operator):
    """Put a picture on disk in place of the chosen view"""

    bl_idname = "one2345.replace_tile"
    bl_label = "Replace View from File"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> "Returned":
        """Ask for the picture."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Replace it."""
        return reported(self, lambda: self._replace(context))

    def _replace(self, context: bpy.types.Context) -> None:
        path = pictures.from_file(self.filepath)(Path())
        sheet = sheet_of(context)
        pixels = views_sheet.pixels_of(sheet)
        picture = views_sheet.fitted(views_sheet.read(path), views_sheet.tile_px(pixels))
        for number in self.numbers(context):
            views_sheet.tile(pixels, number)[:] = picture
        change(context, sheet, pixels)


class ONE2345_OT_render_tiles(_OnTiles, bpy.types.Operator):
    """Render the chosen views from their cameras, as the scene is now"""

    bl_idname = "one2345.render_tiles"
    bl_label = "Render Views from Scene"

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Render them."""
        return reported(self, lambda: self._render(context))

    def _render(self, context: bpy.types.Context) -> None:
        if ticking.has_render():
            raise SourceError(tr("A render is running. Wait for its end."))
        scene, sheet = current_scene(context), sheet_of(context)
        pixels = views_sheet.pixels_of(sheet)
        side = views_sheet.tile_px(pixels)
        for number in self.numbers(context):
            camera = views_cameras.camera_of(scene, sheet.get(ROOT, ""), number)
            views_sheet.tile(pixels, number)[:] = views_cameras.take_picture(scene, camera, side)
        change(context, sheet, pixels)


class ONE2345_OT_reroll_tiles(_OnTiles, bpy.types.Operator):
    """Draw the chosen views anew, to go with the others, which stay as they are"""

    bl_idname = "one2345.reroll_tiles"
    bl_label = "Re-roll Views"
    bl_options = set()  # noqa: RUF012 - it only starts a job

    if TYPE_CHECKING:
        seed: int
        wait: bool
    else:
        seed: bpy.props.IntProperty(
            name="Seed", description="Not set: another one each time", min=0, max=MAX_SEED, options=UNSAVED
        )
        wait: bpy.props.BoolProperty(
            name="Wait", description="Block until the views are there", options=UNSAVED
        )

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Start the job."""
        return reported(self, lambda: self._reroll(context))

    def _reroll(self, context: bpy.types.Context) -> None:
        seed = self.seed if self.properties.is_property_set("seed") else random.randint(0, MAX_SEED)
        reroll(context, sheet_of(context), self.numbers(context), seed=seed, wait=self.wait)


class ONE2345_OT_redo_view(bpy.types.Operator):
    """Draw this view anew, keep the others, and make the object of them; a job that runs is cancelled"""

    bl_idname = "one2345.redo_view"
    bl_label = "Redo View"

    if TYPE_CHECKING:
        job: str
        tile: int
        seed: int
        wait: bool
    else:
        job: bpy.props.StringProperty(name="Job", description="Id of the job", options=UNSAVED)
        tile: bpy.props.IntProperty(
            name="View",
            description="Its number on the sheet, row by row",
            default=1,
            min=1,
            max=NUM_TILES,
            options=UNSAVED,
        )
        seed: bpy.props.IntProperty(
            name="Seed", description="Not set: another one each time", min=0, max=MAX_SEED, options=UNSAVED
        )
        wait: bpy.props.BoolProperty(
            name="Wait", description="Block until the object is in the scene", options=UNSAVED
        )

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Start the job."""
        returned = reported(self, lambda: self._redo(context))
        ticking.redraw()
        return returned

    def _redo(self, context: bpy.types.Context) -> None:
        seed = self.seed if self.properties.is_property_set("seed") else random.randint(0, MAX_SEED)
        redo_view(context, self.job, self.tile, seed=seed, wait=self.wait)


class ONE2345_OT_continue_from_views(bpy.types.Operator):
    """Make the object anew from the sheet as it is now; the earlier object and its files stay"""

    bl_idname = "one2345.continue_from_views"
    bl_label = "Continue from Views"

    if TYPE_CHECKING:
        wait: bool
    else:
        wait: bpy.props.BoolProperty(
            name="Wait", description="Block until the object is in the scene", options=UNSAVED
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with a sheet open."""
        return has_sheet(context)

    def execute(self, context: bpy.types.Context) -> "Returned":
        """Start the job."""
        return reported(self, lambda: continue_from(context, sheet_of(context), wait=self.wait))


CLASSES = (
    ONE2345_OT_open_views,
    ONE2345_OT_replace_tile,
    ONE2345_OT_render_tiles,
    ONE2345_OT_reroll_tiles,
    ONE2345_OT_redo_view,
    ONE2345_OT_continue_from_views,
)
