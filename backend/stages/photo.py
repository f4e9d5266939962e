"""The input picture as a source of texture, at its own resolution, for what it sees of the finished mesh.

The six views are small; the picture is not. Its camera is found on the mesh (`geometry/photo_fit.py`), it is
laid over it (`geometry/photo_map.py`), takes part in the fit of the colour field, and is laid once more over
the texture's own pixels, which hold more than the field does. A picture that does not look like the mesh is
left out.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
import trimesh
from jaxtyping import Float
from scipy.spatial import KDTree
from torch import Tensor

from backend.geometry.photo_fit import PhotoFit, find_camera
from backend.geometry.photo_map import MAP_PX, PhotoMap, lay_over
from backend.geometry.raycast import Bvh
from backend.geometry.sightings import Observer, Sightings, joined
from backend.protocol import Json

MIN_IOU = 0.7
"""Agreement of outlines from which on the picture is used."""

MAX_COLOUR_ERROR = 0.25
"""Difference of colours up to which the picture is used."""

SIGHTING_WEIGHT = 2.0
"""Weight in the fit of a point that the picture shows best; the views' best is 1."""

YIELDING = 0.9
"""Share of a view's weight that goes where the picture shows the same point."""

MIN_WEIGHT = 0.02
"""Points that count less are left out of the fit."""

NUM_NEIGHBOURS = 4
NEAR = 2e-3
"""Distance, in metres, within which seen points colour a vertex alike."""

LONGEST_EDGE = 0.03
"""Longest edge, in metres, of the copy of the mesh whose vertices carry colours for the search."""


class PhotoTexture:
    """The picture in the stage texture: its `Extra` (`backend/stages/texture.py`)."""

    def __init__(self, picture: Float[Tensor, "4 h w"]) -> None:
        """Take the cut-out picture, straight-alpha sRGB and square."""
        self._picture = picture
        self._fit: PhotoFit | None = None
        self._map: PhotoMap | None = None

    @property
    def is_used(self) -> bool:
        """Whether the picture looks enough like the mesh; known after `sightings`."""
        return self._map is not None

    def sightings(self, observer: Observer, seen: Sightings) -> Sightings:
        """Find the picture's camera, and add what it shows of the surface to what the views see."""
        if len(seen.points) < NUM_NEIGHBOURS or not bool((self._picture[3] > 0.5).any()):
            return seen
        bvh = observer.bvh
        self._fit = _camera_on(bvh, seen, self._picture)
        if self._fit.iou < MIN_IOU or self._fit.colour_error > MAX_COLOUR_ERROR:
            return seen
        colours = _near_colours(bvh.vertices, seen)
        self._map = lay_over(self._picture, self._fit.camera, bvh, normals=observer.normals, colours=colours)
        return joined(_yielding(seen, self._map), _shown(self._map, observer.normals))

    def retouch(
        self, points: Float[Tensor, "n 3"], normals: Float[Tensor, "n 3"], colours: Float[Tensor, "n 3"]
    ) -> Float[Tensor, "n 3"]:
        """Lay the picture over the colours of the texture's pixels."""
        if self._map is None:
            return colours
        theirs, weights = self._map.look(points)
        return torch.lerp(colours, theirs.to(colours.dtype), weights[:, None].to(colours.dtype))

    def facts(self) -> dict[str, Json]:
        """What the report says of the picture."""
        if self._fit is None:
            return {"used": False}
        camera = self._fit.camera
        return {
            "used": self.is_used,
            "iou": round(self._fit.iou, 4),
            "colour_error": round(self._fit.colour_error, 4),
            "elevation_deg": round(math.degrees(camera.elevation), 2),
            "azimuth_deg": round(math.degrees(camera.azimuth), 2),
            "fov_deg": round(math.degrees(camera.fov), 2),
        }


def _camera_on(bvh: Bvh, seen: Sightings, picture: Float[Tensor, "4 h w"]) -> PhotoFit:
    """The picture's camera on a copy of the mesh that has enough vertices to carry the views' colours."""
    vertices, faces, *_ = trimesh.remesh.subdivide_to_size(
        bvh.vertices.cpu().numpy().astype(np.float64), bvh.faces.cpu().numpy(), LONGEST_EDGE, max_iter=20
    )
    fine = Bvh(vertices, faces, device=bvh.device)
    colours = _near_colours(fine.vertices, seen)
    return find_camera(fine, lambda hits: fine.interpolate(colours, hits), picture)


def _near_colours(points: Float[Tensor, "n 3"], seen: Sightings) -> Float[Tensor, "n 3"]:
    """Colours of the points nearest by that the views see."""
    tree = KDTree(seen.points.cpu().numpy())
    distance, found = tree.query(points.cpu().numpy(), k=NUM_NEIGHBOURS)
    near = (seen.weights.cpu().numpy()[found] + 1e-6) / (distance + NEAR)
    near /= near.sum(axis=1, keepdims=True)
    colours = np.einsum("nk,nkc->nc", near, seen.colours.cpu().numpy()[found])
    return torch.from_numpy(colours).float().to(points.device)


def _yielding(seen: Sightings, photo: PhotoMap) -> Sightings:
    """What the views see, with less weight where the picture shows it too."""
    _, weights = photo.look(seen.points)
    left = seen.weights * (1 - YIELDING * weights)
    return Sightings(seen.points, seen.normals, seen.directions, seen.colours, left)


def _shown(photo: PhotoMap, normals: Float[Tensor, "v 3"]) -> Sightings:
    """What the picture sees."""
    hits = photo.bvh.cast(*photo.camera.rays(MAP_PX))
    points = photo.bvh.positions(hits)
    colours, weights = photo.look(points)
    keep = (hits.is_hit & (weights > MIN_WEIGHT)).nonzero()[:, 0]
    points = points[keep]
    facing = F.normalize(photo.bvh.interpolate(normals, hits)[keep], dim=1)
    directions = F.normalize(photo.camera.position.to(points.device) - points, dim=1)
    return Sightings(points, facing, directions, colours[keep], SIGHTING_WEIGHT * weights[keep])
