"""A finished object as an asset: preview, tags, and a catalogue that the library already has."""

import logging
from pathlib import Path

import bpy

from ..backend.protocol import BACKEND_VERSION, THUMBNAIL_FILE
from .placement import Treatment

log = logging.getLogger(__name__)

CATALOGUES = "blender_assets.cats.txt"
_COLUMNS = 3


def mark(obj: bpy.types.Object, treatment: Treatment, *, folder: Path | None) -> None:
    """Mark an object as asset, with the job's picture of it as the preview."""
    obj.asset_mark()
    data = obj.asset_data
    data.description = f"Made by One2345 {BACKEND_VERSION}"
    for tag in treatment.tags:
        data.tags.new(tag, skip_if_exists=True)
    if treatment.catalogue and (found := catalogue_id(treatment.catalogue)):
        data.catalog_id = found
    thumbnail = folder / THUMBNAIL_FILE if folder else None
    if thumbnail is not None and thumbnail.is_file():
        with bpy.context.temp_override(id=obj):
            bpy.ops.ed.lib_id_load_custom_preview(filepath=str(thumbnail))
    else:
        obj.asset_generate_preview()


def catalogue_id(name: str) -> str:
    """Id of a catalogue by its path or its last part; empty when no library has it."""
    for path in catalogue_files():
        for identifier, place, _ in read_catalogues(path):
            if name in (place, place.rpartition("/")[2]):
                return identifier
    log.warning("no asset library has the catalogue %r", name)
    return ""


def catalogue_files() -> list[Path]:
    """The catalogue lists that there are: the open file's own, by Blender's rule, then the libraries'."""
    blend = Path(bpy.data.filepath)
    folders = list(blend.parents) if bpy.data.filepath else []
    folders += [Path(library.path) for library in bpy.context.preferences.filepaths.asset_libraries]
    return [folder / CATALOGUES for folder in folders if (folder / CATALOGUES).is_file()]


def read_catalogues(path: Path) -> list[tuple[str, str, str]]:
    """Id, path and simple name of every catalogue in a list."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError:
        return []
    entries = [tuple(line.split(":")) for line in lines if line and not line.startswith(("#", "VERSION"))]
    return [(entry[0], entry[1], entry[2]) for entry in entries if len(entry) == _COLUMNS]
