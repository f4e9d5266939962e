"""Normals that keep edges sharp: smooth where a surface bends gently, apart where it has an edge."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from backend.geometry.meshes import TexturedMesh, face_crosses, unit

SHARP = np.radians(50)
"""Angle between the normals of two faces from which on their edge is sharp."""


def with_sharp_edges(mesh: TexturedMesh, *, angle: float = SHARP) -> TexturedMesh:
    """Repeat the vertices along sharp edges, each copy with the normal of its own side.

    Faces keep their order. Seams of the texture count for nothing here: what is smooth stays so across them.
    """
    _, place = np.unique(mesh.vertices, axis=0, return_inverse=True)
    corners = place.reshape(-1)[mesh.faces].astype(np.int64)
    directions = unit(face_crosses(mesh))
    group = _smooth_groups(corners, directions, angle)
    normals = _group_normals(mesh, directions, group)
    keys = mesh.faces.reshape(-1).astype(np.int64) << 32 | group
    _, first, index = np.unique(keys, return_index=True, return_inverse=True)
    vertex = mesh.faces.reshape(-1)[first]
    return replace(
        mesh,
        vertices=mesh.vertices[vertex],
        faces=index.reshape(-1, 3).astype(np.int32),
        normals=normals[group[first]].astype(np.float32),
        uv=mesh.uv[vertex],
    )


def _smooth_groups(
    faces: Int[np.ndarray, "f 3"], directions: Float[np.ndarray, "f 3"], angle: float
) -> Int[np.ndarray, " k"]:
    """For each corner of each face a number that it shares with those it is smoothly joined to."""
    corner = np.arange(faces.size).reshape(-1, 3)
    starts = np.concatenate([corner[:, [0, 1]], corner[:, [1, 2]], corner[:, [2, 0]]])
    ends = faces.reshape(-1)[starts]
    low, high = ends.min(axis=1), ends.max(axis=1)
    order = np.argsort(low << 32 | high, kind="stable")
    _, first, uses = np.unique((low << 32 | high)[order], return_index=True, return_counts=True)
    one, other = order[first[uses == 2]], order[first[uses == 2] + 1]
    bend = np.sum(directions[starts[one, 0] // 3] * directions[starts[other, 0] // 3], axis=1)
    is_smooth = (bend > np.cos(angle)) & (ends[one, 0] == ends[other, 1])
    # The two faces run along their edge in opposite ways: the first end of one is the last of the other.
    rows, columns = starts[one[is_smooth]].ravel(), starts[other[is_smooth]][:, ::-1].ravel()
    graph = coo_array((np.ones(rows.size, dtype=np.int8), (rows, columns)), shape=(faces.size,) * 2)
    _, label = connected_components(graph, directed=False)
    return label.astype(np.int64)


def _group_normals(
    mesh: TexturedMesh, directions: Float[np.ndarray, "f 3"], group: Int[np.ndarray, " k"]
) -> Float[np.ndarray, "g 3"]:
    """Normals of the faces around each group of corners, weighted by their angles there."""
    corners = mesh.vertices.astype(np.float64)[mesh.faces]
    sides = [unit(corners[:, (i + 1) % 3] - corners[:, i]) for i in range(3)]
    cosines = np.stack([-np.sum(sides[i] * sides[i - 1], axis=1) for i in range(3)], axis=1)
    weights = np.arccos(np.clip(cosines, -1, 1)).reshape(-1)
    rows = np.repeat(directions, 3, axis=0) * weights[:, None]
    total = np.stack([np.bincount(group, rows[:, axis]) for axis in range(3)], axis=1)
    return unit(total)
