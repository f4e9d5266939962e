"""From what the artist points at to a file that the backend can read."""

from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np

from .errors import SourceError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
"""Files offered in the file browser and taken when dropped."""

_NAME = "input"


def from_file(filepath: str) -> Callable[[Path], Path]:
    """A picture on disk, read where it lies; Blender's `//` paths are understood.

    Raises:
        SourceError: there is no such file.
    """
    path = Path(bpy.path.abspath(filepath)).resolve()
    if not path.is_file():
        raise SourceError(f"There is no picture {path}.")
    return lambda _folder: path


def from_datablock(image: bpy.types.Image) -> Callable[[Path], Path]:
    """An image in the .blend file, as it looks now: painted, packed, rendered or on disk."""
    name = image.name
    return lambda folder: _save(bpy.data.images[name], folder)


def _save(image: bpy.types.Image, folder: Path) -> Path:
    if image.source in ("MOVIE", "TILED"):
        raise SourceError(f"{image.name} is a movie or a tiled image; choose a plain one.")
    if not image.is_dirty and image.source == "FILE":
        packed = image.packed_file
        if packed is not None:
            path = folder / _NAME
            path.write_bytes(packed.data)
            return path
        path = Path(bpy.path.abspath(image.filepath, library=image.library)).resolve()
        if path.is_file():
            return path
    return _save_pixels(image, folder / f"{_NAME}.png")


def _save_pixels(image: bpy.types.Image, path: Path) -> Path:
    """What only Blender holds: strokes not saved, a generated picture, a render."""
    try:
        if image.source == "VIEWER":
            image.save_render(str(path))
        else:
            _save_copy(image, path)
    except RuntimeError as error:
        where = f" at {image.filepath}" if image.filepath else ""
        raise SourceError(f"{image.name} holds no picture{where}; choose another.") from error
    return path


def _save_copy(image: bpy.types.Image, path: Path) -> None:
    """Save the pixels as PNG by way of a picture of our own.

    A copy of the datablock would read the file anew, without unsaved strokes, and saving the datablock itself
    would change its path in Blender 4.2.
    """
    if not image.has_data:
        image.update()  # makes Blender load or generate the picture, or raise
    width, height = image.size
    pixels = np.empty(width * height * 4, dtype=np.float32)
    image.pixels.foreach_get(pixels)
    ours = bpy.data.images.new(path.stem, width, height, alpha=True, float_buffer=image.is_float)
    try:
        ours.colorspace_settings.name = image.colorspace_settings.name
        ours.alpha_mode = image.alpha_mode
        ours.pixels.foreach_set(pixels)
        ours.filepath_raw, ours.file_format = str(path), "PNG"
        ours.save()
    finally:
        bpy.data.images.remove(ours)
