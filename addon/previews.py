"""Pictures of jobs in the panel, read by Blender in its own time."""

from pathlib import Path

import bpy.utils.previews

from ..backend.protocol import STAGE_FILES, THUMBNAIL_FILE, Stage
from .job import Job

_collections: list[bpy.utils.previews.ImagePreviewCollection] = []


def icon_of(path: Path) -> int:
    """Number of an icon that shows a picture file as it is now; 0, which draws nothing, without one."""
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return 0
    (collection,) = _collections
    key = f"{path}:{changed}"
    if key not in collection:
        collection.load(key, str(path), "IMAGE")
    return collection[key].icon_id


def job_icon(job: Job) -> int:
    """The mesh of a job, else its cut-out, else its picture."""
    picture = [Path(job.request.image)] if job.request.image else []
    names = (THUMBNAIL_FILE, STAGE_FILES[Stage.MATTE][0])
    return next(filter(None, map(icon_of, [*(job.folder / name for name in names), *picture])), 0)


def forget(folder: Path) -> None:
    """Let go of the pictures in a folder."""
    (collection,) = _collections
    for key in [key for key in collection if key.startswith(str(folder))]:
        del collection[key]


def register() -> None:
    """Make room for pictures."""
    _collections.append(bpy.utils.previews.new())


def unregister() -> None:
    """Let go of all pictures."""
    bpy.utils.previews.remove(_collections.pop())
