"""Pictures that Blender holds for a moment only, as images of the file: clipboard, 3D view, last render."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
import gpu
import numpy as np

from . import x11_clipboard
from .errors import SourceError
from .importer import packed_image
from .pictures import save_render
from .properties import current_scene
from .texts import tr

log = logging.getLogger(__name__)

MAX_SIDE_PX = 1024
_CLIPBOARD_S = 4.0
_RENDER_RESULT = "Render Result"
_NO_CLIPBOARD = (
    "There is no picture in the clipboard that Blender can read. Copy one, or save it and open it."
)


def from_clipboard(context: bpy.types.Context, folder: Path) -> bpy.types.Image:
    """The picture in the clipboard.

    Args:
        folder: Where a file may lie for a moment.

    Raises:
        SourceError: there is none, or it cannot be read here.
    """
    try:
        return _from_blender(context)
    except SourceError:
        if (image := _from_x11(folder)) is None:
            raise
        return image


def _from_blender(context: bpy.types.Context) -> bpy.types.Image:
    if "clipboard_paste" not in dir(bpy.ops.image):
        raise SourceError(tr("This Blender cannot paste pictures. Save the picture and open it instead."))
    before = {image.session_uid for image in bpy.data.images}
    try:
        with _image_editor(context):
            bpy.ops.image.clipboard_paste()
    except RuntimeError as error:
        raise SourceError(tr(_NO_CLIPBOARD)) from error
    pasted = [image for image in bpy.data.images if image.session_uid not in before]
    if not pasted:
        raise SourceError(tr(_NO_CLIPBOARD))
    pasted[0].pack()
    return pasted[0]


def _from_x11(folder: Path) -> bpy.types.Image | None:
    """The clipboard of an X11 display, which Blender does not look at; None without a picture there."""
    if not os.environ.get("DISPLAY"):
        return None
    path = folder / "clipboard.png"
    command = [sys.executable, str(Path(x11_clipboard.__file__)), str(path)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(command, timeout=_CLIPBOARD_S, capture_output=True, check=True)
        return packed_image("Clipboard", path.read_bytes())
    except (subprocess.SubprocessError, OSError) as error:
        log.info("no picture in the clipboard of X11: %s", error)
        return None
    finally:
        path.unlink(missing_ok=True)


def from_view(context: bpy.types.Context) -> bpy.types.Image:
    """What the 3D view shows, without its overlays and without its background.

    Raises:
        SourceError: there is no 3D view, as in background mode.
    """
    area = _area(context, "VIEW_3D")
    region = next((region for region in area.regions if region.type == "WINDOW"), None) if area else None
    space = area.spaces.active if area else None
    if bpy.app.background or region is None or not isinstance(space, bpy.types.SpaceView3D):
        raise SourceError(tr("There is no 3D view to take a picture of."))
    scale = min(1.0, MAX_SIDE_PX / max(region.width, region.height))
    size = round(region.width * scale), round(region.height * scale)
    with _without_overlays(space):
        pixels = _draw_view(context, space, region, size)
    return _packed("View", pixels)


def from_render(context: bpy.types.Context, folder: Path) -> bpy.types.Image:
    """The last render, copied, so that the next one does not change it.

    Args:
        folder: Where a file may lie for a moment.

    Raises:
        SourceError: nothing was rendered yet.
    """
    result = bpy.data.images.get(_RENDER_RESULT)
    path = folder / "render.png"
    try:
        if result is None:
            raise SourceError(tr("Nothing was rendered yet. Render a picture first (F12)."))
        folder.mkdir(parents=True, exist_ok=True)
        save_render(result, path, current_scene(context))
        return packed_image("Render", path.read_bytes())
    except (RuntimeError, OSError) as error:
        raise SourceError(tr("Nothing was rendered yet. Render a picture first (F12).")) from error
    finally:
        path.unlink(missing_ok=True)


def _draw_view(
    context: bpy.types.Context,
    space: bpy.types.SpaceView3D,
    region: bpy.types.Region,
    size: tuple[int, int],
) -> np.ndarray:
    """Rows from the bottom up, straight alpha, height x width x 4."""
    width, height = size
    view, layer = space.region_3d, context.view_layer
    if layer is None:
        raise SourceError(tr("No scene is open."))
    offscreen = gpu.types.GPUOffScreen(width, height)  # type: ignore[call-arg]  # the stubs lack it
    try:
        offscreen.draw_view3d(
            current_scene(context),
            layer,
            space,
            region,
            view.view_matrix,
            view.window_matrix,
            do_color_management=True,
            draw_background=False,
        )
        buffer = offscreen.texture_color.read()
    finally:
        offscreen.free()
    buffer.dimensions = width * height * 4
    pixels = np.array(buffer, dtype=np.float32).reshape(height, width, 4) / 255
    alpha = pixels[..., 3:]
    pixels[..., :3] = np.where(alpha > 0, pixels[..., :3] / np.maximum(alpha, 1e-6), 0).clip(0, 1)
    return pixels


def _packed(name: str, pixels: np.ndarray) -> bpy.types.Image:
    height, width, _ = pixels.shape
    image = bpy.data.images.new(name, width, height, alpha=True)
    image.pixels.foreach_set(np.ascontiguousarray(pixels, dtype=np.float32).ravel())
    image.update()
    image.pack()
    return image


@contextmanager
def _without_overlays(space: bpy.types.SpaceView3D) -> Iterator[None]:
    shown = space.overlay.show_overlays, space.show_gizmo
    space.overlay.show_overlays = space.show_gizmo = False
    try:
        yield
    finally:
        space.overlay.show_overlays, space.show_gizmo = shown


@contextmanager
def _image_editor(context: bpy.types.Context) -> Iterator[None]:
    """An Image Editor as the context; without one, an area is one for the moment."""
    area = _area(context, "IMAGE_EDITOR")
    borrowed = context.area if area is None else None
    area = area or borrowed
    if area is None:
        raise SourceError(tr("There is no window to paste in."))
    kind = area.type
    area.type = "IMAGE_EDITOR"
    space = area.spaces.active
    shown = space.image if isinstance(space, bpy.types.SpaceImageEditor) else None
    try:
        with context.temp_override(area=area):
            yield
    finally:
        if isinstance(space, bpy.types.SpaceImageEditor):
            space.image = shown
        area.type = kind


def _area(context: bpy.types.Context, kind: str) -> bpy.types.Area | None:
    """The area at hand if it is of that kind, else the window's largest one."""
    if context.area is not None and context.area.type == kind:
        return context.area
    areas = [area for area in context.screen.areas if area.type == kind] if context.screen else []
    return max(areas, key=lambda area: area.width * area.height, default=None)
