"""From what the artist points at to a file that the backend can read."""

from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ..backend.protocol import ProtocolError, TextRequest
from .errors import SourceError
from .folders import Write
from .properties import current_scene
from .texts import tr

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
"""Files offered in the file browser and taken when dropped."""

FILE_FILTER = ";".join(f"*{suffix}" for suffix in SUFFIXES)

PROMPT, MODEL = "one2345_prompt", "one2345_text_model"
"""What an image keeps of the words that it was drawn from."""

_NAME, _MASK_NAME = "input", "mask"


@dataclass(frozen=True, slots=True)
class Source:
    """A picture to make an object of: how to get its file, and a name for the object."""

    write: Write
    title: str
    text: TextRequest | None = None
    """The words that it was drawn from."""


def source_from_file(filepath: str) -> Source:
    """A picture on disk.

    Raises:
        SourceError: there is no such file.
    """
    return Source(from_file(filepath), Path(filepath).stem)


def source_from_datablock(image: bpy.types.Image) -> Source:
    """An image in the .blend file."""
    return Source(from_datablock(image), Path(image.name).stem, _words_of(image))


def _words_of(image: bpy.types.Image) -> TextRequest | None:
    prompt, model = image.get(PROMPT), image.get(MODEL)
    if not isinstance(prompt, str) or not isinstance(model, str):
        return None
    try:
        return TextRequest(prompt=prompt, model=model)
    except ProtocolError:  # the artist may have changed it
        return None


def from_file(filepath: str) -> Write:
    """A picture on disk, read where it lies; Blender's `//` paths are understood.

    Raises:
        SourceError: there is no such file.
    """
    path = Path(bpy.path.abspath(filepath)).resolve()
    if not path.is_file():
        raise SourceError(tr("There is no picture {path}.", path=path))
    return lambda _folder: path


def from_datablock(image: bpy.types.Image) -> Write:
    """An image in the .blend file, as it looks now: painted, packed, rendered or on disk."""
    name = image.name
    return lambda folder: _save(bpy.data.images[name], folder)


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder, by name.

    Raises:
        SourceError: there is no such folder, or no picture in it.
    """
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise SourceError(
            tr("Cannot read the folder {folder}: {reason}.", folder=folder, reason=error.strerror)
        ) from error
    if not found:
        raise SourceError(tr("There is no picture in {folder}.", folder=folder))
    return found


def image_named(name: str) -> bpy.types.Image:
    """An image of the .blend file.

    Raises:
        SourceError: there is none of this name.
    """
    image = bpy.data.images.get(name)
    if image is None:
        raise SourceError(tr("There is no image {name!r} in this file.", name=name))
    return image


def image_of_empty(empty: bpy.types.Object) -> bpy.types.Image:
    """The picture that an empty shows.

    Raises:
        SourceError: it shows none.
    """
    image: bpy.types.ID | None = empty.data
    if not isinstance(image, bpy.types.Image):
        raise SourceError(tr("{name} shows no picture.", name=empty.name))
    return image


def load(filepath: str) -> bpy.types.Image:
    """A picture on disk as an image of the .blend file; one that was loaded before is used again.

    Raises:
        SourceError: there is no such file, or it is no picture.
    """
    path = from_file(filepath)(Path())
    try:
        image = bpy.data.images.load(str(path), check_existing=True)
    except RuntimeError as error:
        raise SourceError(tr("{path} is no picture that Blender can read.", path=path)) from error
    if min(image.size) == 0:
        if not image.users:
            bpy.data.images.remove(image)
        raise SourceError(tr("{path} is no picture that Blender can read.", path=path))
    return image


def save_render(image: bpy.types.Image, path: Path, scene: bpy.types.Scene) -> None:
    """Write the render result as PNG, whatever the scene's output format is.

    Raises:
        RuntimeError: nothing was rendered.
    """
    output = scene.render.image_settings
    names = [
        name for name in ("media_type", "file_format", "color_mode", "color_depth") if hasattr(output, name)
    ]
    before = {name: getattr(output, name) for name in names}
    try:
        if "media_type" in before:  # from 5.0 on
            output.media_type = "IMAGE"
        output.file_format, output.color_mode, output.color_depth = "PNG", "RGBA", "8"
        image.save_render(str(path), scene=scene)
    finally:
        for name, value in before.items():
            setattr(output, name, value)


def mask_from_datablock(image: bpy.types.Image) -> Write:
    """A mask in the .blend file, as it looks now."""
    name = image.name
    return lambda folder: _save_pixels(bpy.data.images[name], folder / f"{_MASK_NAME}.png")


def _save(image: bpy.types.Image, folder: Path) -> Path:
    if image.source in ("MOVIE", "TILED"):
        raise SourceError(tr("{name} is a movie or a tiled image; choose a plain one.", name=image.name))
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
            save_render(image, path, current_scene(bpy.context))
        else:
            _save_copy(image, path)
    except RuntimeError as error:
        raise _no_picture(image) from error
    return path


def _no_picture(image: bpy.types.Image) -> SourceError:
    if image.filepath:
        text = tr("{name} holds no picture at {path}; choose another.", name=image.name, path=image.filepath)
    else:
        text = tr("{name} holds no picture; choose another.", name=image.name)
    return SourceError(text)


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
