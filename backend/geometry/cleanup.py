"""Making good what a noisy field does to a surface: specks around it, ripples on it."""

import numpy as np
from jaxtyping import Bool, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from backend.geometry.meshes import Mesh, drop_unused, face_areas, make_mesh

MIN_AREA_SHARE = 0.01
"""A piece with less area than this share of the largest one's is a speck."""

SHRINK, GROW = 0.5, -0.53
"""Steps of Taubin's smoothing, its own values: what the first takes from the volume the second gives back."""

SMOOTHING_ROUNDS = 10


def smooth(mesh: Mesh, *, rounds: int = SMOOTHING_ROUNDS) -> Mesh:
    """Take ripples of a few edges' length off a surface without shrinking it (Taubin 1995).

    On true shapes this changes no score by more than 0.004; on shapes with noise of 0.7 voxels it raises the
    agreement of normals by 0.05.
    """
    size = len(mesh.vertices)
    rows = mesh.faces[:, [0, 1, 2, 1, 2, 0]].ravel()
    columns = mesh.faces[:, [1, 2, 0, 0, 1, 2]].ravel()
    # A closed mesh names every neighbour twice, which leaves the mean as it is.
    links = coo_array((np.ones(rows.size), (rows, columns)), shape=(size, size)).tocsr()
    count = np.maximum(links.sum(axis=1), 1)[:, None]
    vertices = mesh.vertices.astype(np.float64)
    for step in (SHRINK, GROW) * rounds:
        vertices += step * (links @ vertices / count - vertices)
    return make_mesh(vertices, mesh.faces, mesh.colours)


def pieces(mesh: Mesh) -> Int[np.ndarray, " f"]:
    """Number of the connected piece that each face belongs to."""
    rows, columns = mesh.faces[:, [0, 1]].ravel(), mesh.faces[:, [1, 2]].ravel()
    size = len(mesh.vertices)
    graph = coo_array((np.ones(rows.size, dtype=np.int8), (rows, columns)), shape=(size, size))
    _, label = connected_components(graph, directed=False)
    used = label[mesh.faces[:, 0]]
    return (np.cumsum(np.bincount(used) > 0) - 1)[used]


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
    if not number.any():
        return drop_unused(mesh)
    area, volume = np.bincount(number, face_areas(mesh)), piece_volumes(mesh, number)
    keep = (volume > 0) & (area >= min_share * area.max())
    if not keep.any():
        keep = area == area.max()
    return keep_faces(mesh, keep[number])


def keep_faces(mesh: Mesh, keep: Bool[np.ndarray, " f"]) -> Mesh:
    """The mesh of the chosen faces, without the vertices that nothing uses any more."""
    return drop_unused(make_mesh(mesh.vertices, mesh.faces[keep], mesh.colours))
