"""Better triangles without moving a vertex: edges turned where a face is a sliver."""

import numpy as np
from jaxtyping import Bool, Float, Int

from backend.geometry.meshes import Mesh, make_mesh, unit

SLIVER = np.radians(15)
"""Faces with a smaller angle than this are looked at."""

LEAST_GAIN = np.radians(1)
"""Gain in the smaller angle for which an edge is turned."""

LEAST_COSINE = np.cos(np.radians(20))
"""Cosine of the largest turn of the surface: the normals of the new faces to that of the larger old one."""

MAX_ROUNDS = 12


def turn_edges(mesh: Mesh) -> Mesh:
    """Turn edges beside slivers where the surface hardly changes; a closed mesh stays closed."""
    faces = mesh.faces.astype(np.int64)
    vertices = mesh.vertices.astype(np.float64)
    for _ in range(MAX_ROUNDS):
        quads, pair = _quads(faces)
        angles = smallest_angles(vertices, faces)[pair].min(axis=1)
        gain = _gains(vertices, quads, angles, _edge_keys(faces))
        chosen = _apart(gain, pair, quads)
        if not chosen.any():
            break
        a, b, c, d = quads[chosen].T
        faces[pair[chosen, 0]] = np.stack([a, d, c], axis=1)
        faces[pair[chosen, 1]] = np.stack([d, b, c], axis=1)
    return make_mesh(mesh.vertices, faces, mesh.colours)


def smallest_angles(vertices: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"]) -> np.ndarray:
    """Smallest angle of each face, in radians."""
    corners = vertices.astype(np.float64)[faces]
    sides = [unit(corners[:, (i + 1) % 3] - corners[:, i]) for i in range(3)]
    cosines = [-np.sum(sides[i] * sides[i - 1], axis=1) for i in range(3)]
    return np.arccos(np.clip(np.stack(cosines), -1, 1)).min(axis=0)


def _edge_keys(faces: Int[np.ndarray, "f 3"]) -> Int[np.ndarray, " e"]:
    """A number for each edge of each face, the same from both sides."""
    ends = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    return ends[:, 0] << 32 | ends[:, 1]


def _quads(faces: Int[np.ndarray, "f 3"]) -> tuple[Int[np.ndarray, "q 4"], Int[np.ndarray, "q 2"]]:
    """The two faces at each edge of exactly two: edge a b, third vertices c and d; and which faces."""
    count = len(faces)
    halves = np.concatenate([faces[:, [0, 1, 2]], faces[:, [1, 2, 0]], faces[:, [2, 0, 1]]])
    keys = _edge_keys(faces)
    order = np.argsort(keys, kind="stable")
    _, first, uses = np.unique(keys[order], return_index=True, return_counts=True)
    one, other = order[first[uses == 2]], order[first[uses == 2] + 1]
    is_opposite = halves[one, 0] == halves[other, 1]
    one, other = one[is_opposite], other[is_opposite]
    quads = np.concatenate([halves[one], halves[other][:, 2:]], axis=1)
    return quads, np.stack([one % count, other % count], axis=1)


def _gains(
    vertices: Float[np.ndarray, "v 3"],
    quads: Int[np.ndarray, "q 4"],
    before: Float[np.ndarray, " q"],
    keys: Int[np.ndarray, " e"],
) -> Float[np.ndarray, " q"]:
    """By how much turning an edge opens the smallest angle around, now `before`; 0 where it must not turn."""
    gain = np.zeros(len(quads))
    _, _, c, d = quads.T
    new = np.sort(np.stack([c, d], axis=1), axis=1)
    maybe = (before < SLIVER) & ~np.isin(new[:, 0] << 32 | new[:, 1], keys)
    a, b, c, d = quads[maybe].T
    first, second = np.stack([a, d, c], axis=1), np.stack([d, b, c], axis=1)
    after = np.minimum(smallest_angles(vertices, first), smallest_angles(vertices, second))
    gain[maybe] = after - before[maybe]
    gain[maybe] *= (gain[maybe] > LEAST_GAIN) & _keeps_surface(vertices, quads[maybe], first, second)
    return gain


def _keeps_surface(
    vertices: Float[np.ndarray, "v 3"],
    quads: Int[np.ndarray, "q 4"],
    first: Int[np.ndarray, "q 3"],
    second: Int[np.ndarray, "q 3"],
) -> Bool[np.ndarray, " q"]:
    old = [_crosses(vertices, quads[:, [0, 1, 2]]), _crosses(vertices, quads[:, [1, 0, 3]])]
    is_first = np.linalg.norm(old[0], axis=1) > np.linalg.norm(old[1], axis=1)
    normal = unit(np.where(is_first[:, None], old[0], old[1]))
    turns = [np.sum(unit(_crosses(vertices, faces)) * normal, axis=1) for faces in (first, second)]
    return np.minimum(turns[0], turns[1]) > LEAST_COSINE


def _crosses(vertices: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"]) -> np.ndarray:
    corners = vertices[faces]
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def _apart(
    gain: Float[np.ndarray, " q"], pair: Int[np.ndarray, "q 2"], quads: Int[np.ndarray, "q 4"]
) -> Bool[np.ndarray, " q"]:
    """The turns that gain most at both of their faces, no two of them with a face or a new edge in common."""
    best = np.zeros(int(pair.max()) + 1 if len(pair) else 0, dtype=np.int64)
    # A strict order, so that of equal gains one wins.
    order = np.argsort(gain, kind="stable")
    rank = np.empty(len(gain), dtype=np.int64)
    rank[order] = np.arange(1, len(gain) + 1)
    rank[gain <= 0] = 0
    for side in (0, 1):
        np.maximum.at(best, pair[:, side], rank)
    chosen = (rank > 0) & (rank == best[pair[:, 0]]) & (rank == best[pair[:, 1]])
    rows = np.flatnonzero(chosen)
    new = np.sort(quads[rows][:, 2:], axis=1)
    _, kept = np.unique(new[:, 0] << 32 | new[:, 1], return_index=True)
    single = np.zeros_like(chosen)
    single[rows[kept]] = True
    return single
