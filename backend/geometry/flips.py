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
    angles = smallest_angles(vertices, faces)
    for _ in range(MAX_ROUNDS):
        quads, pair = _quads(faces, angles < SLIVER)
        gain = _gains(vertices, faces, quads, angles[pair].min(axis=1))
        chosen = _apart(gain, pair, quads)
        if not chosen.any():
            break
        (a, b, c, d), (one, other) = quads[chosen].T, pair[chosen].T
        faces[one], faces[other] = np.stack([a, d, c], axis=1), np.stack([d, b, c], axis=1)
        for turned in (one, other):
            angles[turned] = smallest_angles(vertices, faces[turned])
    return make_mesh(mesh.vertices, faces, mesh.colours)


def smallest_angles(vertices: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"]) -> np.ndarray:
    """Smallest angle of each face, in radians."""
    corners = vertices.astype(np.float64)[faces]
    sides = [unit(corners[:, (i + 1) % 3] - corners[:, i]) for i in range(3)]
    cosines = [-np.sum(sides[i] * sides[i - 1], axis=1) for i in range(3)]
    return np.arccos(np.clip(np.stack(cosines), -1, 1)).min(axis=0)


def _keys(ends: Int[np.ndarray, "e 2"]) -> Int[np.ndarray, " e"]:
    """A number for each edge, the same from both sides."""
    return ends.min(axis=1) << 32 | ends.max(axis=1)


def _halves_between(faces: Int[np.ndarray, "f 3"], corners: Int[np.ndarray, "*q"]) -> Int[np.ndarray, " e"]:
    """The sides of faces both of whose ends are among `corners`; side i of face j is number i f + j.

    All that concerns some edges is so found without sorting those of the whole mesh.
    """
    is_near = np.zeros(int(faces.max(initial=-1)) + 1, dtype=bool)
    is_near[corners] = True
    near = is_near[faces.T]
    return np.flatnonzero(near & near[[1, 2, 0]])


def _ends(faces: Int[np.ndarray, "f 3"], halves: Int[np.ndarray, " e"]) -> Int[np.ndarray, "e 3"]:
    """The vertices of sides of faces, and the third one of their face."""
    side, face = np.divmod(halves, len(faces))
    return np.stack([faces[face, (side + step) % 3] for step in range(3)], axis=1)


def _quads(
    faces: Int[np.ndarray, "f 3"], is_sliver: Bool[np.ndarray, " f"]
) -> tuple[Int[np.ndarray, "q 4"], Int[np.ndarray, "q 2"]]:
    """The two faces at edges of exactly two, at least at those of slivers.

    Returns:
        Edge a b, third vertices c and d; and which faces.
    """
    halves = _halves_between(faces, faces[is_sliver])
    ends = _ends(faces, halves)
    keys = _keys(ends[:, :2])
    order = np.argsort(keys, kind="stable")
    _, first, uses = np.unique(keys[order], return_index=True, return_counts=True)
    one, other = order[first[uses == 2]], order[first[uses == 2] + 1]
    is_opposite = ends[one, 0] == ends[other, 1]
    one, other = one[is_opposite], other[is_opposite]
    quads = np.concatenate([ends[one], ends[other][:, 2:]], axis=1)
    return quads, np.stack([halves[one], halves[other]], axis=1) % len(faces)


def _gains(
    vertices: Float[np.ndarray, "v 3"],
    faces: Int[np.ndarray, "f 3"],
    quads: Int[np.ndarray, "q 4"],
    before: Float[np.ndarray, " q"],
) -> Float[np.ndarray, " q"]:
    """By how much turning an edge opens the smallest angle around, now `before`; 0 where it must not turn."""
    gain = np.zeros(len(quads))
    maybe = np.flatnonzero(before < SLIVER)
    a, b, c, d = quads[maybe].T
    first, second = np.stack([a, d, c], axis=1), np.stack([d, b, c], axis=1)
    after = np.minimum(smallest_angles(vertices, first), smallest_angles(vertices, second))
    gain[maybe] = after - before[maybe]
    is_better = gain[maybe] > LEAST_GAIN
    is_better[is_better] = _keeps_surface(
        vertices, *(rows[is_better] for rows in (quads[maybe], first, second))
    )
    is_better[is_better] = ~_is_edge(faces, quads[maybe[is_better], 2:])
    gain[maybe[~is_better]] = 0
    return gain


def _is_edge(faces: Int[np.ndarray, "f 3"], ends: Int[np.ndarray, "q 2"]) -> Bool[np.ndarray, " q"]:
    """Whether the mesh has these edges."""
    near = _ends(faces, _halves_between(faces, ends))
    return np.isin(_keys(ends), _keys(near[:, :2]))


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
    _, kept = np.unique(_keys(quads[rows, 2:]), return_index=True)
    single = np.zeros_like(chosen)
    single[rows[kept]] = True
    return single
