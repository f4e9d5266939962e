"""A finished object as an asset: preview, tags, and a catalogue, which is added to the list if it is new."""

import logging
import uuid
from pathlib import Path

import bpy

from ..backend.protocol import BACKEND_VERSION, THUMBNAIL_FILE
from .files import replace_file
from .placement import Treatment

log = logging.getLogger(__name__)

CATALOGUES = "blender_assets.cats.txt"
_COLUMNS = 3
_MAX_SIMPLE_NAME = 63
_NEW_LIST = """# This is an Asset Catalog Definition file for Blender.
#
# Empty lines and lines starting with `#` will be ignored.
# The first non-ignored line should be the version indicator.
# Other lines are of the format "UUID:catalog/path/for/assets:simple catalog name"

VERSION 1

"""


def mark(obj: bpy.types.Object, treatment: Treatment, *, folder: Path | None) -> None:
    """Mark an object as asset, with the job's picture of it as the preview."""
    obj.asset_mark()
    data = obj.asset_data
    data.description = f"Made by One2345 {BACKEND_VERSION}"
    for tag in treatment.tags:
        data.tags.new(tag, skip_if_exists=True)
    if name := treatment.catalogue:
        data.catalog_id = catalogue_id(name) or add_catalogue(name)
    thumbnail = folder / THUMBNAIL_FILE if folder else None
    if thumbnail is not None and thumbnail.is_file():
        with bpy.context.temp_override(id=obj):
            bpy.ops.ed.lib_id_load_custom_preview(filepath=str(thumbnail))
    else:
        obj.asset_generate_preview()


def has_catalogue(obj: bpy.types.Object) -> bool:
    """Whether an asset is in a catalogue."""
    return bool(obj.asset_data.catalog_id.strip("0-"))


def catalogue_id(name: str) -> str:
    """Id of a catalogue by its path or its last part; empty when no library has it."""
    wanted = _place_of(name)
    for path in catalogue_files():
        for identifier, place, _ in read_catalogues(path):
            if wanted in (place, place.rpartition("/")[2]):
                return identifier
    return ""


def catalogue_files() -> list[Path]:
    """The catalogue lists that there are: the open file's own, by Blender's rule, then the libraries'."""
    blend = Path(bpy.data.filepath)
    folders = list(blend.parents) if bpy.data.filepath else []
    return [folder / CATALOGUES for folder in [*folders, *_libraries()] if (folder / CATALOGUES).is_file()]


def read_catalogues(path: Path) -> list[tuple[str, str, str]]:
    """Id, path and simple name of every catalogue in a list."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError:
        return []
    entries = [tuple(line.split(":")) for line in lines if line and not line.startswith(("#", "VERSION"))]
    return [(entry[0], entry[1], entry[2]) for entry in entries if len(entry) == _COLUMNS]


def add_catalogue(name: str) -> str:
    """Add a catalogue to the list that the open file's assets go by; returns its id, empty without a list.

    Blender's rule: the nearest list in the file's folder or above it; else a new one in the root of the
    asset library that the file lies in; else a new one beside the file. A file that was never saved has none.
    """
    place, path = _place_of(name), _own_list()
    if path is None or not place:
        return ""
    identifier = str(uuid.uuid4())
    try:
        before = path.read_text("utf-8") if path.is_file() else _NEW_LIST
        line = f"{identifier}:{place}:{place.replace('/', '-')[-_MAX_SIMPLE_NAME:]}\n"
        separator = "" if before.endswith("\n") else "\n"
        replace_file(path, f"{before}{separator}{line}".encode())
    except (OSError, UnicodeDecodeError) as error:
        log.warning("cannot write %s: %s", path, error)
        return ""
    return identifier


def _place_of(name: str) -> str:
    """A catalogue's path as lists have it: no colon, no empty part."""
    return "/".join(filter(None, (part.strip() for part in name.replace(":", "-").split("/"))))


def _own_list() -> Path | None:
    if not bpy.data.filepath:
        return None
    folders = list(Path(bpy.data.filepath).parents)
    found = next((folder for folder in folders if (folder / CATALOGUES).is_file()), None)
    library = next((folder for folder in folders if folder in _libraries()), None)
    return (found or library or folders[0]) / CATALOGUES


def _libraries() -> list[Path]:
    return [Path(library.path) for library in bpy.context.preferences.filepaths.asset_libraries]
