"""The six cameras of a sheet in the scene, and pictures taken by them."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from mathutils import Matrix, Vector

from ..backend.protocol import NUM_TILES, REPORT_FILE
from . import views_sheet
from .errors import JobError, SourceError
from .frames import Frame
from .rework import JOB, KIND, job_of
from .texts import tr

if TYPE_CHECKING:
    from .views_sheet import Pixels

CAMERA = "view"
"""Kind of an object that is one of the six cameras."""
TILE = "one2345_tile"
"""Number of the tile that a camera takes."""

_NO_RIG = "The job {name} does not tell its six cameras. Generate it again."
_CLIP = (0.05, 100.0)
_DISPLAY_SIZE = 0.25
"""Of a camera's picture in the scene, in metres of generation space."""


@dataclass(frozen=True, slots=True)
class Rig:
    """The cameras of a set of weights, angles in degrees, lengths in metres of generation space."""

    azimuths: tuple[float, ...]
    elevations: tuple[float, ...]
    fov: float
    distance: float

    def generation_from_camera(self, number: int) -> Matrix:
        """Pose of the camera of a tile: azimuth 0 looks at the front from -Y, and grows counter-clockwise."""
        azimuth, elevation = (math.radians(angles[number - 1]) for angles in (self.azimuths, self.elevations))
        away = Vector(
            (
                math.cos(elevation) * math.sin(azimuth),
                -math.cos(elevation) * math.cos(azimuth),
                math.sin(elevation),
            )
        )
        turn = (-away).to_track_quat("-Z", "Y").to_matrix().to_4x4()
        return Matrix.Translation(away * self.distance) @ turn


def rig_of(folder: Path) -> Rig:
    """The cameras of a job.

    Raises:
        JobError: its report does not tell them.
    """
    try:
        rig = json.loads((folder / REPORT_FILE).read_bytes())["rig"]
        azimuths, elevations = (
            tuple(float(angle) for angle in rig[name]) for name in ("azimuths_deg", "elevations_deg")
        )
        found = Rig(azimuths, elevations, float(rig["fov_deg"]), float(rig["distance"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise JobError(tr(_NO_RIG, name=folder.name)) from error
    if not len(found.azimuths) == len(found.elevations) == NUM_TILES:
        raise JobError(tr(_NO_RIG, name=folder.name))
    return found


def place_cameras(
    scene: bpy.types.Scene, rig: Rig, *, title: str, job_id: str, frame: Frame, world_from_own: Matrix
) -> bpy.types.Collection:
    """Put the cameras around an object, in a collection of their own; those that are there are moved."""
    collection = _collection(scene, title, job_id)
    present = {item.get(TILE): item for item in collection.objects if item.type == "CAMERA"}
    world_from_generation = world_from_own @ frame.own_from_generation
    scale = world_from_generation.median_scale
    for number in range(1, NUM_TILES + 1):
        camera = present.get(number) or _new_camera(collection, f"{title} view {number}")
        camera[JOB], camera[KIND], camera[TILE] = job_id, CAMERA, number
        position, turn, _ = (world_from_generation @ rig.generation_from_camera(number)).decompose()
        camera.matrix_world = Matrix.LocRotScale(position, turn, None)
        data = camera.data
        data.sensor_fit, data.angle = "HORIZONTAL", math.radians(rig.fov)
        data.clip_start, data.clip_end = (limit * scale for limit in _CLIP)
        data.display_size = _DISPLAY_SIZE * scale
    return collection


def camera_of(scene: bpy.types.Scene, job_id: str, number: int) -> bpy.types.Object:
    """The camera of a tile.

    Raises:
        SourceError: it is gone.
    """
    for item in scene.objects:
        if item.type == "CAMERA" and item.get(TILE) == number and job_of(item) == job_id:
            return item
    raise SourceError(tr("The camera of view {number} is gone. Open the views again.", number=number))


def take_picture(scene: bpy.types.Scene, camera: bpy.types.Object, side: int) -> "Pixels":
    """Render what a camera sees, with nothing where there is nothing; the scene's settings stay.

    Raises:
        SourceError: the render failed.
    """
    path = Path(bpy.app.tempdir) / "one2345-tile.png"
    with _set_for_tiles(scene, camera, side, path):
        try:
            bpy.ops.render.render(write_still=True, scene=scene.name)
        except RuntimeError as error:
            raise SourceError(tr("The view could not be rendered: {reason}", reason=error)) from error
    try:
        return views_sheet.fitted(views_sheet.read(path), side)
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _set_for_tiles(scene: bpy.types.Scene, camera: bpy.types.Object, side: int, path: Path) -> Iterator[None]:
    render, output, view = scene.render, scene.render.image_settings, scene.view_settings
    changes: list[tuple[object, str, object]] = [
        (scene, "camera", camera),
        (render, "resolution_x", side),
        (render, "resolution_y", side),
        (render, "resolution_percentage", 100),
        (render, "pixel_aspect_x", 1.0),
        (render, "pixel_aspect_y", 1.0),
        (render, "film_transparent", True),
        (render, "use_border", False),
        (render, "use_compositing", False),
        (render, "use_sequencer", False),
        (render, "use_multiview", False),
        (render, "use_stamp", False),
        (render, "use_file_extension", False),
        (render, "filepath", str(path)),
        (output, "media_type", "IMAGE"),  # from 5.0 on
        (output, "file_format", "PNG"),
        (output, "color_mode", "RGBA"),
        (output, "color_depth", "8"),
        (output, "color_management", "FOLLOW_SCENE"),
        (view, "view_transform", "Standard"),
        (view, "look", "None"),
        (view, "exposure", 0.0),
        (view, "gamma", 1.0),
        (view, "use_curve_mapping", False),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in changes if hasattr(owner, name)]
    try:
        for owner, name, value in changes:
            if hasattr(owner, name):
                setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


def _collection(scene: bpy.types.Scene, title: str, job_id: str) -> bpy.types.Collection:
    for collection in scene.collection.children_recursive:
        if collection.get(JOB) == job_id:
            return collection
    collection = bpy.data.collections.new(f"{title} views")
    collection[JOB] = job_id
    scene.collection.children.link(collection)
    return collection


def _new_camera(collection: bpy.types.Collection, name: str) -> bpy.types.Object:
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    collection.objects.link(camera)
    return camera
