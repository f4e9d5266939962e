"""Dropping the specks that a noisy field leaves around an object."""

import numpy as np
from jaxtyping import Bool, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from backend.geometry.meshes import Mesh, drop_unused, face_areas, make_mesh

MIN_AREA_SHARE = 0.01
"""A piece with less area than this share of the largest one's is a speck."""


def pieces(mesh: Mesh) -> Int[np.ndarray, " f"]:
    """Number of the connected piece that each face belongs to."""
    rows, columns = mesh.faces[:, [0, 1]].ravel(), mesh.faces[:, [1, 2]].ravel()
    size = len(mesh.vertices)
    graph = coo_array((np.ones(rows.size, dtype=np.int8), (rows, columns)), shape=(size, size))
    _, label = connected_components(graph, directed=False)
    _, number = np.unique(label[mesh.faces[:, 0]], return_inverse=True)
    return number.reshape(-1)


def piece_volumes(mesh: Mesh, number: Int[np.ndarray, " f"]) -> np.ndarray:
    """Signed volume of each piece in cubic metres; negative for the wall of a cavity."""
    corners = mesh.vertices.astype(np.float64)[mesh.faces]
    parts = np.sum(corners[:, 0] * np.cross(corners[:, 1], corners[:, 2]), axis=1) / 6
    return np.bincount(number, parts)


def drop_specks(mesh: Mesh, *, min_share: float = MIN_AREA_SHARE) -> Mesh:
    """Keep the pieces that enclose something and are not tiny beside the largest one.

    Walls of cavities go too: they are inside and cannot be seen.
    """
    number = pieces(mesh)
    area, volume = np.bincount(number, face_areas(mesh)), piece_volumes(mesh, number)
    keep = (volume > 0) & (area >= min_share * area.max())
    if not keep.any():
        keep = area == area.max()
    return keep_faces(mesh, keep[number])


def keep_faces(mesh: Mesh, keep: Bool[np.ndarray, " f"]) -> Mesh:
    """The mesh of the chosen faces, without the vertices that nothing uses any more."""
    return drop_unused(make_mesh(mesh.vertices, mesh.faces[keep], mesh.colours))
