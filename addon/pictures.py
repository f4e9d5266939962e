"""From what the artist points at to a file that the backend can read."""

from collections.abc import Callable
from pathlib import Path

import bpy

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
    if image.source != "VIEWER" and not image.has_data:
        image.update()  # makes Blender load or generate the picture
        if not image.has_data:
            raise SourceError(f"The file of {image.name} is missing: {image.filepath}")
    try:
        if image.source == "VIEWER":
            image.save_render(str(path))
        else:
            _copy_as_png(image, path)
    except RuntimeError as error:
        raise SourceError(f"{image.name} holds no picture yet ({str(error).strip()}).") from error
    return path


def _copy_as_png(image: bpy.types.Image, path: Path) -> None:
    """Save without touching the datablock's own path, format or unsaved state."""
    copy = image.copy()
    try:
        copy.file_format = "PNG"
        copy.save(filepath=str(path), save_copy=True)
    finally:
        bpy.data.images.remove(copy)
