"""The six views as an object of work: a sheet in the Image Editor, its cameras, and jobs that go on."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np
from mathutils import Matrix

from ..backend.protocol import NUM_TILES, REROLLED_FILE, STAGE_FILES, Request, Stage
from . import rework, views_cameras, views_sheet
from .errors import SourceError
from .frames import frame_of
from .importer import packed_image
from .job import Job
from .png import encode_steps
from .properties import current_scene
from .rework import JOB, RESULT, Origin
from .steps import Steps
from .texts import tr

ROOT = "one2345_root"
"""The job that a sheet was opened from; its cameras know it by that."""
FRESH = "one2345_fresh"
"""The job whose views a picture shows that no sheet has made way for yet."""
_BRUSHES_ARE_FILES = (4, 3, 0)
"""The first Blender whose brushes are assets, which a distribution may leave out."""
NAME = "one2345_views"
"""Name of the settings in a scene."""


class ONE2345_PG_views(bpy.types.PropertyGroup):
    """The sheet that is worked on"""

    if TYPE_CHECKING:
        sheet: bpy.types.Image | None
        tiles: Sequence[bool]
    else:
        sheet: bpy.props.PointerProperty(
            type=bpy.types.Image,
            name="Sheet",
            description="Six views, opened from a job",
            poll=lambda _, image: bool(rework.job_of(image)),
        )
        tiles: bpy.props.BoolVectorProperty(
            name="Tiles", description="The views that the buttons below work on", size=NUM_TILES
        )


CLASSES = (ONE2345_PG_views,)


def register() -> None:
    """Add the settings to every scene; their class is registered by then."""
    setattr(bpy.types.Scene, NAME, bpy.props.PointerProperty(type=ONE2345_PG_views))


def unregister() -> None:
    """Take the settings away again."""
    delattr(bpy.types.Scene, NAME)


def views_settings(context: bpy.types.Context) -> ONE2345_PG_views:
    """What is chosen in the current scene."""
    return getattr(current_scene(context), NAME)  # made by `register`


def has_sheet(context: bpy.types.Context) -> bool:
    """Whether there is a sheet to work on."""
    return context.scene is not None and _sheet(context) is not None


def sheet_of(context: bpy.types.Context) -> bpy.types.Image:
    """The sheet in the Image Editor at hand, else the one that was opened last in this scene.

    Raises:
        SourceError: there is none.
    """
    sheet = _sheet(context)
    if sheet is None:
        raise SourceError(tr("No views are open. Open some first."))
    return sheet


def _sheet(context: bpy.types.Context) -> bpy.types.Image | None:
    space = context.space_data
    shown = space.image if isinstance(space, bpy.types.SpaceImageEditor) else None
    return shown if rework.job_of(shown) else views_settings(context).sheet


def open_views(context: bpy.types.Context, job_id: str) -> bpy.types.Image:
    """Open a job's sheet as an image, and place its cameras; a sheet that is open already is shown as it is.

    Raises:
        AddonError: the job has no views, or does not tell its cameras.
    """
    origin = rework.origin_of(context, rework.chosen_job(context, job_id))
    rig = views_cameras.rig_of(origin.folder)
    result = rework.result_of(context, origin.id)
    sheet = _open_sheet(origin.id)
    if sheet is None:
        sheet = _new_sheet(origin, views_sheet.read(origin.path(Stage.VIEWS)), root=origin.id, result=result)
    frame = frame_of(result) or rework.new_frame(context)
    scene = current_scene(context)
    views_cameras.place_cameras(
        scene,
        rig,
        title=origin.title,
        job_id=sheet.get(ROOT, origin.id),
        frame=frame,
        world_from_own=result.matrix_world if result else Matrix.Translation(scene.cursor.location),
    )
    views_settings(context).sheet = sheet
    _show(context, sheet)
    return sheet


def reroll(
    context: bpy.types.Context,
    sheet: bpy.types.Image,
    numbers: Sequence[int],
    *,
    seed: int,
    wait: bool = False,
) -> str:
    """Start a job that draws some views of a sheet anew; returns its id. The result is a sheet of its own.

    Raises:
        AddonError: of any kind.
    """
    origin = rework.origin_of(context, rework.job_of(sheet))
    pixels, root = views_sheet.pixels_of(sheet), str(sheet.get(ROOT, origin.id))

    def prepare(folder: Path) -> Request:
        _copy_with_sheet(origin, pixels, folder)
        return rework.request_like(
            context, origin, reroll=tuple(numbers), reroll_seed=seed, stop_after=Stage.VIEWS
        )

    return rework.start(context, origin, prepare, deliver=lambda job: _take_rerolled(job, root), wait=wait)


def continue_from(context: bpy.types.Context, sheet: bpy.types.Image, *, wait: bool = False) -> str:
    """Start a job that makes an object from a sheet; returns its id.

    Raises:
        AddonError: of any kind.
    """
    origin = rework.origin_of(context, rework.job_of(sheet))
    pixels = views_sheet.pixels_of(sheet)
    views_sheet.tile_px(pixels)  # raises where it is no sheet any more

    def prepare(folder: Path) -> Request:
        _copy_with_sheet(origin, pixels, folder)
        return rework.request_like(context, origin)

    result = rework.kept_result(sheet)
    return rework.start(context, origin, prepare, aligned_to=result.name if result else "", wait=wait)


def change(context: bpy.types.Context, sheet: bpy.types.Image, pixels: "views_sheet.Pixels") -> None:
    """Put changed pixels in a sheet's place, as a new image: undo knows images, but not their pixels."""
    changed = views_sheet.new_image(sheet.name, pixels)
    _take_over(sheet, changed, job_id=rework.job_of(sheet))


def _copy_with_sheet(origin: Origin, pixels: "views_sheet.Pixels", folder: Path) -> None:
    """Copy a job up to its views; a sheet that was not changed stays the very file."""
    origin.copy((Stage.MATTE, Stage.VIEWS), folder)
    path = folder / STAGE_FILES[Stage.VIEWS][0]
    if not path.is_file() or not _is_same(views_sheet.read(path), pixels):
        views_sheet.write(pixels, path)


def _is_same(one: "views_sheet.Pixels", other: "views_sheet.Pixels") -> bool:
    return one.shape == other.shape and bool((one == other).all())


def _open_sheet(job_id: str) -> bpy.types.Image | None:
    """The sheet that was opened from a job, or that it has drawn."""
    sheets = (image for image in bpy.data.images if rework.job_of(image))
    return next((sheet for sheet in sheets if job_id in (sheet.get(ROOT), rework.job_of(sheet))), None)


def _take_rerolled(job: Job, root: str) -> Steps[None]:
    """Show the new views beside the others as they are now: the artist may have painted on meanwhile."""
    drawn = yield from _drawn_tiles(job)
    room = yield from views_sheet.room_for(_sheet_to_replace(job, root))
    room_after = yield from views_sheet.room_for(_sheet_to_replace(job, root))
    while True:
        old = _sheet_to_replace(job, root)
        before, is_linear = views_sheet.floats_of(old, room), old.is_float
        yield
        pixels = yield from views_sheet.pixels_from(before, is_linear=is_linear)
        side = views_sheet.tile_px(pixels)  # the artist may have scaled the sheet
        for number, tile in drawn.items():
            views_sheet.tile(pixels, number)[:] = views_sheet.fitted(tile, side)
        png = yield from encode_steps(pixels)
        packed_image(old.name, png)[FRESH] = job.id
        yield
        # Undo and another file take pictures away, so this one is looked for.
        fresh, old = _fresh_sheet(job), _open_sheet(root)
        if old and fresh and views_sheet.is_same(views_sheet.floats_of(old, room_after), before):
            break
        if fresh is not None:  # there is a new stroke, or no sheet any more
            bpy.data.images.remove(fresh)
    del fresh[FRESH]
    _take_over(old, fresh, job_id=job.id)
    yield
    bpy.ops.ed.undo_push(message="Re-roll Views")
    yield  # giving memory back takes its time as well
    del room, before
    yield
    del room_after


def _drawn_tiles(job: Job) -> "Steps[dict[int, views_sheet.Pixels]]":
    """The tiles that a job has drawn, by number; a sheet takes Blender ten times as long to read."""
    tiles = {}
    for number in job.request.reroll:
        path = job.folder / REROLLED_FILE.format(number)
        try:
            tiles[number] = np.load(path)
        except (OSError, ValueError) as error:
            raise SourceError(tr("The folder {folder} is gone or damaged.", folder=job.folder)) from error
        yield
    return tiles


def _fresh_sheet(job: Job) -> bpy.types.Image | None:
    return next((image for image in bpy.data.images if image.get(FRESH) == job.id), None)


def _sheet_to_replace(job: Job, root: str) -> bpy.types.Image:
    old = _open_sheet(root)
    if old is None:
        raise SourceError(tr("The sheet is gone; the new views are in {folder}.", folder=job.folder))
    return old


def _new_sheet(
    origin: Origin, pixels: "views_sheet.Pixels", *, root: str, result: bpy.types.Object | None
) -> bpy.types.Image:
    sheet = views_sheet.new_image(f"{origin.title} views", pixels)
    sheet[JOB], sheet[ROOT] = origin.id, root
    if result is not None:
        sheet[RESULT] = result
    return sheet


def _take_over(old: bpy.types.Image, new: bpy.types.Image, *, job_id: str) -> None:
    """Let a new sheet stand wherever the old one did; the old one is a plain image from now on."""
    name = old.name
    old.name = f"{name} before"
    new.name = name
    new[JOB], new[ROOT] = job_id, old.get(ROOT, job_id)
    if (result := rework.kept_result(old)) is not None:
        new[RESULT] = result
    del old[JOB]
    for scene in bpy.data.scenes:
        settings = getattr(scene, NAME)
        if settings.sheet == old:
            settings.sheet = new
    for space in _image_editors():
        if space.image == old:
            space.image = new


def _show(context: bpy.types.Context, sheet: bpy.types.Image) -> None:
    """Show a sheet where pictures are shown, and without such a place in a window of its own."""
    editors = _image_editors()
    if not editors and not bpy.app.background:
        bpy.ops.wm.window_new()
        area = context.window_manager.windows[-1].screen.areas[0]
        area.type = "IMAGE_EDITOR"
        editors = _image_editors()
        if _has_brushes():
            editors[-1].ui_mode = "PAINT"
        editors[-1].show_region_ui = True
        editors[-1].overlay.show_overlays = False  # the active mesh's coordinates, in paint mode
    if editors:
        editors[-1].image = sheet


def _has_brushes() -> bool:
    """Whether this Blender can paint; in paint mode its own panels fail without brushes."""
    return bpy.app.version < _BRUSHES_ARE_FILES or bool(
        bpy.utils.system_resource("DATAFILES", path="assets/brushes")
    )


def _image_editors() -> list[bpy.types.SpaceImageEditor]:
    manager = bpy.context.window_manager
    spaces = [
        area.spaces.active
        for window in (manager.windows if manager else ())
        for area in window.screen.areas
        if area.type == "IMAGE_EDITOR"
    ]
    return [space for space in spaces if isinstance(space, bpy.types.SpaceImageEditor)]
