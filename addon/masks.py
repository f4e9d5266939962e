"""Masks that the artist paints, from what was cut out of the picture before."""

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np

from ..backend.protocol import STAGE_FILES, Stage
from . import jobs
from .errors import SourceError
from .job import Job, JobState
from .texts import tr

if TYPE_CHECKING:
    from numpy.typing import NDArray


def cut_out_of(image: bpy.types.Image | None) -> Job | None:
    """The newest job that showed what is cut out of an image."""
    if image is None:
        return None
    shown = (job for job in reversed(jobs.SESSION.jobs.values()) if job.is_preview and not job.is_drawing)
    return next((job for job in shown if job.title == image.name and job.state is JobState.DONE), None)


def matte_of(job: Job) -> Path:
    """The cut-out of a job."""
    return job.folder / STAGE_FILES[Stage.MATTE][0]


def paintable(image: bpy.types.Image, job: Job | None) -> bpy.types.Image:
    """A copy of a picture, transparent where a job found no object, to erase from and paint on; packed.

    Raises:
        SourceError: the image holds no picture.
    """
    if not image.has_data:
        image.update()
    if min(image.size) == 0:
        raise SourceError(tr("{name} holds no picture; choose another.", name=image.name))
    pixels = _pixels(image)
    frame = _frame(job) if job else None
    if job is not None and frame is not None:
        pixels[..., 3] = _placed(_matte_alpha(matte_of(job)), frame, pixels.shape[:2])
    height, width, _ = pixels.shape
    mask = bpy.data.images.new(f"{image.name} mask", width, height, alpha=True)
    mask.pixels.foreach_set(pixels.ravel())
    mask.update()
    mask.pack()
    return mask


def _frame(job: Job) -> tuple[float, float, float] | None:
    """Centre (right, down) and side of the square that was cut out, in pixels of the picture."""
    stages = job.report.get("stages")
    entry = stages.get(Stage.MATTE.value) if isinstance(stages, dict) else None
    frame = entry.get("frame") if isinstance(entry, dict) else None
    if not isinstance(frame, dict):
        return None
    centre, side = frame.get("centre_px"), frame.get("side_px")
    if not isinstance(centre, list) or not isinstance(side, int | float) or side <= 0:
        return None
    x, y = (float(value) for value in centre if isinstance(value, int | float))
    return x, y, float(side)


def _placed(
    alpha: "NDArray[np.float32]", frame: tuple[float, float, float], shape: tuple[int, ...]
) -> "NDArray[np.float32]":
    """A cut-out's alpha, rows from the top, at its place in the picture, rows from the bottom."""
    centre_x, centre_y, side = frame
    height, width = shape
    num = len(alpha)
    row = np.floor((np.arange(height)[::-1] + 0.5 - centre_y + side / 2) / side * num).astype(int)
    column = np.floor((np.arange(width) + 0.5 - centre_x + side / 2) / side * num).astype(int)
    placed = np.zeros(shape, dtype=np.float32)
    rows, columns = (row >= 0) & (row < num), (column >= 0) & (column < num)
    placed[np.ix_(rows, columns)] = alpha[np.ix_(row[rows], column[columns])]
    return placed


def _matte_alpha(path: Path) -> "NDArray[np.float32]":
    image = bpy.data.images.load(str(path), check_existing=False)
    try:
        return _pixels(image)[::-1, :, 3].copy()
    finally:
        bpy.data.images.remove(image)


def _pixels(image: bpy.types.Image) -> "NDArray[np.float32]":
    """Rows from the bottom, height x width x 4."""
    width, height = image.size
    values = np.empty(width * height * 4, dtype=np.float32)
    image.pixels.foreach_get(values)
    return values.reshape(height, width, 4)
