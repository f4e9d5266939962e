"""Many results in one picture: rows of cells, each the picture that went in beside the mesh that came out."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np

from ..backend.protocol import STAGE_FILES, THUMBNAIL_FILE, Stage
from .errors import JobError
from .job import Job, JobState
from .texts import tr

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELL_PX = 192
_GAP_PX = 8
_PAPER = 0.16


def sheet_of(done: Sequence[Job]) -> "NDArray[np.float32]":
    """The sheet as rows from the bottom up, height x width x 4, as Blender keeps pixels.

    Raises:
        JobError: no job is done.
    """
    cells = [_cell(job) for job in done if job.state is JobState.DONE]
    if not cells:
        raise JobError(tr("No job is done yet; there is nothing to show."))
    height, width, _ = cells[0].shape
    columns = math.ceil(math.sqrt(len(cells) * height / width))
    rows = math.ceil(len(cells) / columns)
    step_y, step_x = height + _GAP_PX, width + _GAP_PX
    sheet = _paper(rows * step_y + _GAP_PX, columns * step_x + _GAP_PX)
    for number, cell in enumerate(cells):
        row, column = divmod(number, columns)
        top = sheet.shape[0] - _GAP_PX - row * step_y
        left = _GAP_PX + column * step_x
        sheet[top - height : top, left : left + width] = cell
    return sheet


def write_png(pixels: "NDArray[np.float32]", path: Path) -> None:
    """Write pixels as PNG.

    Raises:
        JobError: the file cannot be written.
    """
    image = as_image(pixels, "Contact sheet")
    try:
        image.filepath_raw, image.file_format = str(path), "PNG"
        image.save()
    except RuntimeError as error:
        raise JobError(tr("Cannot write {path}; choose another place.", path=path)) from error
    finally:
        bpy.data.images.remove(image)


def as_image(pixels: "NDArray[np.float32]", name: str) -> bpy.types.Image:
    """Pixels as an image of the .blend file."""
    height, width, _ = pixels.shape
    image = bpy.data.images.new(name, width, height, alpha=True)
    image.pixels.foreach_set(np.ascontiguousarray(pixels, dtype=np.float32).ravel())
    image.update()
    return image


def _cell(job: Job) -> "NDArray[np.float32]":
    pictures = (STAGE_FILES[Stage.MATTE][0], THUMBNAIL_FILE)
    return np.concatenate([_tile(job.folder / name) for name in pictures], axis=1)


def _tile(path: Path) -> "NDArray[np.float32]":
    """A picture scaled to a square on paper; plain paper where there is none."""
    tile = _paper(CELL_PX, CELL_PX)
    try:
        image = bpy.data.images.load(str(path), check_existing=False)
    except RuntimeError:
        return tile
    try:
        if min(image.size) == 0:
            return tile
        scale = CELL_PX / max(image.size)
        width, height = (max(1, round(side * scale)) for side in image.size)
        image.scale(width, height)
        pixels = np.empty(width * height * 4, dtype=np.float32)
        image.pixels.foreach_get(pixels)
    finally:
        bpy.data.images.remove(image)
    pixels = pixels.reshape(height, width, 4)
    low, left = (CELL_PX - height) // 2, (CELL_PX - width) // 2
    part = tile[low : low + height, left : left + width]
    alpha = pixels[..., 3:]
    part[..., :3] = pixels[..., :3] * alpha + part[..., :3] * (1 - alpha)
    return tile


def _paper(height: int, width: int) -> "NDArray[np.float32]":
    paper = np.full((height, width, 4), _PAPER, dtype=np.float32)
    paper[..., 3] = 1.0
    return paper
