"""Shifts and scales between a mesh's own frame and the frames it is looked at in."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int

from backend.errors import InputError

OBJECT_RADIUS = 0.48
"""Distance of the farthest vertex from the centre in generation space, as in the training data."""

Vertices = Float[np.ndarray, "n 3"]
Faces = Int[np.ndarray, "f 3"]


@dataclass(frozen=True, slots=True)
class Placement:
    """A shift and a scale: `points -> (points - centre) * scale`."""

    centre: Float[np.ndarray, " 3"]
    scale: float

    def __call__(self, points: Float[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 3"]:
        """Place points, in double precision for the sake of meshes far from the origin."""
        return (points - self.centre) * self.scale


IN_PLACE = Placement(np.zeros(3), 1.0)
"""Leaves points where they are."""


def used_vertices(vertices: Vertices, faces: Faces) -> Float[np.ndarray, "m 3"]:
    """The vertices that some face uses; loose ones would shift boxes and centres."""
    return vertices[np.unique(faces)]


def unit_box(vertices: Vertices, faces: Faces) -> Placement:
    """Centre of the box to the origin and its longest side to 1: the frame of F-scores and Chamfer."""
    low, high = _box(vertices, faces)
    return Placement((low + high) / 2, 1 / float((high - low).max()))


def generation_space(vertices: Vertices, faces: Faces) -> Placement:
    """Centre of the box to the origin and the farthest vertex to `OBJECT_RADIUS` (design.md 2)."""
    low, high = _box(vertices, faces)
    centre = (low + high) / 2
    radius = np.linalg.norm(used_vertices(vertices, faces) - centre, axis=1).max()
    return Placement(centre, OBJECT_RADIUS / float(radius))


def _box(vertices: Vertices, faces: Faces) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
    used = used_vertices(vertices, faces).astype(np.float64)
    if used.size == 0 or not np.isfinite(used).all() or not np.ptp(used, axis=0).max() > 0:
        raise InputError("The mesh has no extent; use another one.")
    return used.min(axis=0), used.max(axis=0)
