"""The input picture as a source of texture, at its own resolution, for what it sees of the finished mesh.

The six views are small; the picture is not. Its camera is found on the mesh (`geometry/photo_fit.py`), it is
laid over it (`geometry/photo_map.py`), takes part in the fit of the colour field, and is laid once more over
the texture's own pixels, which hold more than the field does. A picture that does not look like the mesh is
left out.
"""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F
import trimesh
from jaxtyping import Float
from scipy.spatial import KDTree
from torch import Tensor

from backend.geometry.photo_fit import PhotoFit, find_camera
from backend.geometry.photo_map import MAP_PX, PhotoMap, continued, lay_over
from backend.geometry.photo_target import shrunk
from backend.geometry.raycast import Bvh
from backend.geometry.sightings import Observer, Sightings, joined
from backend.protocol import Json

MIN_IOU = 0.7
"""Agreement of outlines from which on the picture is used."""

MAX_PALETTE_ERROR = 0.1
"""Difference of palettes up to which the picture is used."""

SIGHTING_WEIGHT = 2.0
"""Weight in the fit of a point that the picture shows best; the views' best is 1."""

YIELDING = 0.9
"""Share of a view's weight that goes where the picture shows the same point."""

MIN_WEIGHT = 0.02
"""Points that count less are left out of the fit."""

BAND = 1 << 20
"""Pixels of the texture that are looked up at once, to bound the memory."""

NUM_NEIGHBOURS = 4
NEAR = 2e-3
"""Distance, in metres, within which seen points colour a vertex alike."""

ENOUGH_FACES = 50_000
LONGEST_EDGE = 0.01
"""Meshes with fewer faces are cut up until no edge is longer, in metres, for colours at their vertices."""


class PhotoTexture:
    """The picture in the stage texture: its `Extra` (`backend/stages/texture.py`)."""

    def __init__(self, picture: Float[Tensor, "4 h w"], *, texture_px: int) -> None:
        """Take the cut-out picture, straight-alpha sRGB and square.

        What it shows takes about a third of a texture of `texture_px` x `texture_px` pixels, so that a larger
        picture would flicker there; it is scaled down.
        """
        self._picture = shrunk(picture, texture_px) if picture.shape[-1] > texture_px else picture
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
        bvh, near = observer.bvh, _Near(seen)
        with ThreadPoolExecutor(max_workers=1) as thread:
            beyond = thread.submit(continued, self._picture)
            self._fit = fit = _camera_on(bvh, near, self._picture)
        if fit.iou < MIN_IOU or fit.palette_error > MAX_PALETTE_ERROR:
            return seen
        self._map = lay_over(
            self._picture,
            fit.camera,
            bvh,
            beyond=beyond.result(),
            normals=observer.normals,
            colours_of=near.colours,
            view_px=observer.views.shape[-1],
        )
        return joined(_yielding(seen, self._map), _shown(self._map, observer.normals))

    def retouch(
        self, points: Float[Tensor, "n 3"], normals: Float[Tensor, "n 3"], colours: Float[Tensor, "n 3"]
    ) -> Float[Tensor, "n 3"]:
        """Lay the picture over the colours of the texture's pixels."""
        if self._map is None:
            return colours
        parts = [self._map.look(part) for part in points.split(BAND)]
        theirs, weights = (torch.cat(column).to(colours.dtype) for column in zip(*parts, strict=True))
        return torch.lerp(colours, theirs, weights[:, None])

    def facts(self) -> dict[str, Json]:
        """What the report says of the picture."""
        if self._fit is None:
            return {"used": False}
        camera = self._fit.camera
        return {
            "used": self.is_used,
            "iou": round(self._fit.iou, 4),
            "colour_error": round(self._fit.colour_error, 4),
            "palette_error": round(self._fit.palette_error, 4),
            "elevation_deg": round(math.degrees(camera.elevation), 2),
            "azimuth_deg": round(math.degrees(camera.azimuth), 2),
            "fov_deg": round(math.degrees(camera.fov), 2),
        }


class _Near:
    """What the views give to points of the surface: the colours of the points nearest by that they see."""

    def __init__(self, seen: Sightings) -> None:
        # Made in half the time of a balanced one, and asked as fast.
        self._tree = KDTree(seen.points.cpu().numpy(), balanced_tree=False)
        self._weights = seen.weights.cpu().numpy() + 1e-6
        self._colours = seen.colours.cpu().numpy()

    def colours(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """sRGB, a mean over neighbours."""
        distance, found = self._tree.query(points.cpu().numpy(), k=NUM_NEIGHBOURS, workers=-1)
        near = self._weights[found] / (distance + NEAR)
        near /= near.sum(axis=1, keepdims=True)
        colours = np.einsum("nk,nkc->nc", near, self._colours[found])
        return torch.from_numpy(colours).float().to(points.device)


def _camera_on(bvh: Bvh, near: _Near, picture: Float[Tensor, "4 h w"]) -> PhotoFit:
    """The picture's camera on a mesh, which is copied when it has too few vertices to carry colours."""
    if len(bvh.faces) < ENOUGH_FACES:
        vertices, faces = bvh.vertices.cpu().numpy().astype(np.float64), bvh.faces.cpu().numpy()
        vertices, faces, *_ = trimesh.remesh.subdivide_to_size(vertices, faces, LONGEST_EDGE, max_iter=20)
        bvh = Bvh(vertices, faces, device=bvh.device)
    colours = near.colours(bvh.vertices)
    return find_camera(bvh, colours, picture)


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
