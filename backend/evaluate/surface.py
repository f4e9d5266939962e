"""From a triangle soup to what is scored: samples, closedness, separate pieces."""

import numpy as np
from jaxtyping import Float
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from backend.errors import InputError
from backend.evaluate.metrics import Samples
from backend.geometry.meshes import position_index
from backend.geometry.placement import Faces, Vertices

NUM_SAMPLES = 100_000
"""Samples of each surface (peers.md 6.1)."""


def face_cross(vertices: Vertices, faces: Faces) -> Float[np.ndarray, "f 3"]:
    """Face normals times twice the area."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a)


def sample_surface(vertices: Vertices, faces: Faces, *, count: int = NUM_SAMPLES, seed: int = 0) -> Samples:
    """Points uniform over the surface, with face normals.

    Raises:
        InputError: the mesh has no area.
    """
    cross = face_cross(vertices.astype(np.float64), faces)
    doubled = np.linalg.norm(cross, axis=1)
    if faces.shape[0] == 0 or not doubled.sum() > 0:
        raise InputError(f"A mesh of {faces.shape[0]} faces has no surface to sample; use another one.")
    random = np.random.default_rng(seed)
    picked = random.choice(faces.shape[0], size=count, p=doubled / doubled.sum())
    # The square root makes the points uniform in the triangle (Osada et al. 2002, eq. 1).
    root, share = np.sqrt(random.random((count, 1))), random.random((count, 1))
    a, b, c = (vertices[faces[picked, corner]].astype(np.float64) for corner in range(3))
    points = (1 - root) * a + root * (1 - share) * b + root * share * c
    return Samples(points, cross[picked] / doubled[picked, None])


def welded(vertices: Vertices, faces: Faces) -> Faces:
    """Faces over vertices merged where their positions are equal (texture seams split them); no slivers."""
    merged = position_index(vertices.astype(np.float32))[faces]
    a, b, c = merged.T
    return merged[(a != b) & (b != c) & (c != a)]


def is_watertight(vertices: Vertices, faces: Faces) -> bool:
    """Whether every edge of the welded mesh joins exactly two faces that run along it in opposite ways."""
    merged = welded(vertices, faces)
    if merged.shape[0] == 0:
        return False
    edges = np.concatenate([merged[:, [0, 1]], merged[:, [1, 2]], merged[:, [2, 0]]]).astype(np.int64)
    key, back = (edges[:, i] * (edges.max() + 1) + edges[:, 1 - i] for i in (0, 1))
    return np.unique(key).size == key.size and np.array_equal(np.sort(key), np.sort(back))


def num_shells(vertices: Vertices, faces: Faces) -> int:
    """Number of pieces of the welded mesh that share no vertex."""
    merged = welded(vertices, faces)
    if merged.shape[0] == 0:
        return 0
    rows, columns = merged[:, [0, 1]].ravel(), merged[:, [1, 2]].ravel()
    size = int(merged.max()) + 1
    graph = coo_array((np.ones(rows.size, dtype=np.int8), (rows, columns)), shape=(size, size))
    _, label = connected_components(graph, directed=False)
    return int(np.unique(label[np.unique(merged)]).size)
