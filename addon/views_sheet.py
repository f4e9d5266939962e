"""A sheet of six views as an image of the .blend file: its tiles as bytes, and back.

Tiles are numbered 1 to 6, row by row from the top left, as on the sheet that the backend writes. Pixels are
rows from the top down, straight alpha, 8 bits: what is not touched comes out as it went in.
"""

import math
import mmap
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np

from ..backend.protocol import NUM_TILES
from . import png
from .errors import SourceError
from .importer import packed_image
from .steps import Steps, finish
from .texts import tr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Pixels = NDArray[np.uint8]

COLUMNS = 2
ROWS = NUM_TILES // COLUMNS
_LINEAR_LIMIT = 0.0031308


def pixels_of(image: bpy.types.Image) -> "Pixels":
    """The picture as it looks now, painted strokes included.

    Raises:
        SourceError: it holds no picture.
    """
    return finish(pixels_from(floats_of(image), is_linear=image.is_float))


def room_for(image: bpy.types.Image) -> "Steps[Floats]":
    """An array for `floats_of`, with all of its memory, which takes longer to get than to fill.

    Not by numpy: it asks Linux for large arrays in pieces of 2 MB, and one such piece takes up to 5 ms.
    """
    width, height = image.size
    shape = (height, width, image.channels)
    memory = mmap.mmap(-1, max(1, math.prod(shape)) * np.dtype(np.float32).itemsize)
    room = np.frombuffer(memory, dtype=np.float32)[: math.prod(shape)].reshape(shape)
    for top in range(0, height, png.BAND_ROWS):
        room[top : top + png.BAND_ROWS] = 0
        yield
    return room


def floats_of(image: bpy.types.Image, room: "Floats | None" = None) -> "Floats":
    """The same as Blender holds it, height x width x channels, rows from the bottom up.

    Args:
        room: An array for it, which is used if the image still has that size.

    Raises:
        SourceError: it holds no picture.
    """
    if not image.has_data:
        try:
            image.update()  # makes Blender load the picture, or raise
        except RuntimeError as error:
            raise SourceError(tr("{name} holds no picture. Choose another.", name=image.name)) from error
    width, height = image.size
    shape = (height, width, image.channels)
    floats = room if room is not None and room.shape == shape else np.empty(shape, dtype=np.float32)
    image.pixels.foreach_get(floats.reshape(-1))
    return floats


def pixels_from(floats: "Floats", *, is_linear: bool) -> "Steps[Pixels]":
    """Pixels of what `floats_of` gives.

    Args:
        is_linear: Colours are linear and premultiplied, as Blender holds deep pictures.
    """
    pixels = np.empty((*floats.shape[:2], 4), dtype=np.uint8)
    for top in range(0, len(floats), png.BAND_ROWS):
        band = slice(top, top + png.BAND_ROWS)
        values = _rgba(floats[::-1][band])
        pixels[band] = np.rint((_srgb(values) if is_linear else values).clip(0, 1) * 255)
        yield
    return pixels


def is_same(one: "Floats", other: "Floats") -> bool:
    """Whether two sheets are equal; by two numbers at once, which takes a third of the time."""
    if one.shape != other.shape:
        return False
    first, second = (floats.reshape(-1).view(np.uint64) for floats in (one, other))
    return np.array_equal(first, second)


def new_image(name: str, pixels: "Pixels") -> bpy.types.Image:
    """Make an image that is kept in the .blend file."""
    return packed_image(name, finish(png.encode_steps(pixels)))


def read(path: Path) -> "Pixels":
    """The pixels of a picture file.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        image = bpy.data.images.load(str(path))
    except RuntimeError as error:
        raise SourceError(tr("{path} is no picture that Blender can read.", path=path)) from error
    try:
        return pixels_of(image)
    finally:
        bpy.data.images.remove(image)


def write(pixels: "Pixels", path: Path) -> None:
    """Write pixels as a PNG file.

    Raises:
        SourceError: the place cannot be written.
    """
    try:
        path.write_bytes(finish(png.encode_steps(pixels)))
    except OSError as error:
        raise SourceError(tr("Cannot write {path}.", path=path)) from error


def tile_px(pixels: "Pixels") -> int:
    """Side of a tile.

    Raises:
        SourceError: this is no sheet of 3 rows of 2 square tiles.
    """
    height, width, _ = pixels.shape
    side = width // COLUMNS
    if side == 0 or (width, height) != (COLUMNS * side, ROWS * side):
        size = f"{width} × {height}"
        raise SourceError(tr("A sheet has 3 rows of 2 square views; this one is {size} pixels.", size=size))
    return side


def tile(pixels: "Pixels", number: int) -> "Pixels":
    """One tile of a sheet; what is written into it is written into the sheet."""
    side = tile_px(pixels)
    row, column = divmod(number - 1, COLUMNS)
    return pixels[row * side : (row + 1) * side, column * side : (column + 1) * side]


def fitted(picture: "Pixels", side: int) -> "Pixels":
    """A picture scaled to fit a square tile, centred, with nothing around it."""
    height, width, _ = picture.shape
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = picture if size == (width, height) else _scaled(picture, size)
    square = np.zeros((side, side, 4), dtype=np.uint8)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = small
    return square


def _scaled(picture: "Pixels", size: tuple[int, int]) -> "Pixels":
    """Scale premultiplied, so that no hidden colour shows at the edges."""
    alpha = picture[..., 3:] / 255
    premultiplied = np.concatenate([picture[..., :3] * alpha, picture[..., 3:]], axis=2)
    image = new_image("scaled", premultiplied.astype(np.uint8))
    try:
        image.scale(*size)
        small = pixels_of(image).astype(np.float32)
    finally:
        bpy.data.images.remove(image)
    colours = small[..., :3] * 255 / np.maximum(small[..., 3:], 1)
    return np.concatenate([colours.clip(0, 255), small[..., 3:]], axis=2).astype(np.uint8)


def _rgba(values: "Floats") -> "Floats":
    """Pictures of one to four channels as four."""
    channels = values.shape[2]
    if channels == 4:
        return values
    colours = values if channels == 3 else np.repeat(values[..., :1], 3, axis=2)
    alpha = values[..., 1:2] if channels == 2 else np.ones_like(values[..., :1])
    return np.concatenate([colours, alpha], axis=2)


def _srgb(values: "Floats") -> "Floats":
    """Linear, premultiplied floats, as Blender holds deep pictures, as straight sRGB."""
    alpha = values[..., 3:]
    linear = np.clip(values[..., :3] / np.maximum(alpha, 1e-6), 0, 1)
    curved = np.where(linear <= _LINEAR_LIMIT, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.concatenate([curved * (alpha > 0), alpha], axis=2).astype(np.float32)
