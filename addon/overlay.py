"""The coarse shape of a running job, drawn where the object will stand.

Drawn over the scene and not put into it: an object of ours would end up in the artist's undo steps and come
back with one of them after the result has replaced it.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from ..backend.protocol import STAGE_FILES, Stage
from . import coarse, jobs
from .errors import AddonError
from .job import Job
from .placing import triple
from .properties import current_scene
from .steps import take_steps
from .units import metres_per_unit

log = logging.getLogger(__name__)

_COLOUR = (0.95, 0.62, 0.28)
_ALPHA = 0.9

_shells: dict[str, coarse.Shell] = {}
_reading: dict[str, Iterator[None]] = {}
"""Shapes that are on their way."""
_batches: dict[str, gpu.types.GPUBatch] = {}
_handlers: list[object] = []


def follow(job: Job) -> bool:
    """Show a job's coarse shape while it runs; returns whether what is drawn has changed."""
    is_wanted = job.is_open and job.is_mesh and Stage.OCCUPANCY in job.finished
    if is_wanted and job.id not in _shells and job.id not in _reading:
        _reading[job.id] = _read(job.id, job.folder / STAGE_FILES[Stage.OCCUPANCY][0])
        return False
    if not is_wanted and job.id in _shells:
        forget(job.id)
        return True
    return False


def is_reading() -> bool:
    """Whether a shape is being read."""
    return bool(_reading)


def read_on() -> bool:
    """Go on with reading; returns whether a shape has come to be drawn."""
    for job_id, steps in _reading.items():
        try:
            is_read = take_steps(steps)
        except AddonError as error:
            log.info("%s", error)
            is_read = True
        if is_read:
            del _reading[job_id]
        return is_read
    return False


def _read(job_id: str, path: Path) -> Iterator[None]:
    _shells[job_id] = yield from coarse.read_shell(path)


def prune() -> None:
    """Let go of shapes whose job has ended or gone, however that came about."""
    for job_id in [*_shells, *_reading]:
        job = jobs.SESSION.jobs.get(job_id)
        if job is None or not job.is_open:
            forget(job_id)


def forget(job_id: str) -> None:
    """Show a job's coarse shape no more."""
    _shells.pop(job_id, None)
    _reading.pop(job_id, None)
    _batches.pop(job_id, None)


def shown() -> list[str]:
    """Ids of the jobs whose coarse shape is drawn."""
    return list(_shells)


def register() -> None:
    """Draw in all 3D views; without a window there is nothing to draw on."""
    if not bpy.app.background:
        _handlers.append(bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW"))


def unregister() -> None:
    """Draw no more."""
    while _handlers:
        bpy.types.SpaceView3D.draw_handler_remove(_handlers.pop(), "WINDOW")
    for job_id in [*_shells, *_reading]:
        forget(job_id)


def _draw() -> None:
    scene = current_scene(bpy.context)
    for job_id, shell in _shells.items():
        job = jobs.SESSION.jobs.get(job_id)
        if job is None or not job.is_open or not _is_here(job, scene):
            continue
        place = job.placement
        if job_id not in _batches:
            _batches[job_id] = _batch(shell)
        scale = place.size / metres_per_unit(scene)
        gpu.matrix.push()
        gpu.matrix.translate(place.location or triple(scene.cursor.location))
        gpu.matrix.scale((scale, scale, scale))
        _draw_batch(_batches[job_id])
        gpu.matrix.pop()


def _is_here(job: Job, scene: bpy.types.Scene) -> bool:
    is_of_file = job.file_number == jobs.SESSION.file_number
    return is_of_file and job.placement.scene in ("", scene.name)


def _batch(shell: coarse.Shell) -> gpu.types.GPUBatch:
    colours = np.ones((len(shell.shades), 4), dtype=np.float32)
    colours[:, :3] = shell.shades[:, None] * np.array(_COLOUR, dtype=np.float32)
    colours[:, 3] = _ALPHA
    content = {"pos": shell.corners, "color": colours}
    return batch_for_shader(_shader(), "TRIS", content)  # type: ignore[arg-type]  # arrays are taken, too


def _shader() -> gpu.types.GPUShader:
    return gpu.shader.from_builtin("SMOOTH_COLOR")


def _draw_batch(batch: gpu.types.GPUBatch) -> None:
    gpu.state.depth_test_set("LESS_EQUAL")
    gpu.state.depth_mask_set(True)
    gpu.state.blend_set("ALPHA")
    batch.draw(_shader())
    gpu.state.blend_set("NONE")
    gpu.state.depth_mask_set(False)
    gpu.state.depth_test_set("NONE")
