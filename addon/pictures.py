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
    """Save as PNG; the datablock keeps its path, format and unsaved state.

    A copy of the datablock would do no good: it reads the file anew and knows no unsaved strokes.
    """
    if not image.has_data:
        image.update()  # makes Blender load or generate the picture, or raise
    kept = image.file_format
    try:
        image.file_format = "PNG"
        image.save(filepath=str(path), save_copy=True)
    finally:
        image.file_format = kept
