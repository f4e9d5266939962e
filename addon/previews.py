"""Pictures of jobs in the panel, read by Blender in its own time."""

from pathlib import Path

import bpy.utils.previews

_collections: list[bpy.utils.previews.ImagePreviewCollection] = []


def icon_of(path: Path) -> int:
    """Number of an icon that shows a picture file; 0, which draws nothing, where there are no icons."""
    (collection,) = _collections
    key = str(path)
    if key not in collection:
        collection.load(key, key, "IMAGE")
    return collection[key].icon_id


def register() -> None:
    """Make room for pictures."""
    _collections.append(bpy.utils.previews.new())


def unregister() -> None:
    """Let go of all pictures."""
    bpy.utils.previews.remove(_collections.pop())
