"""Parting of charts that lie over themselves, as xatlas makes one in a few hundred.

A chart that winds, or whose end bends back onto its start, covers some places of the texture twice. The few
faces that do so become charts of their own. Legend: `f` faces, `n` uv vertices, `p` pairs of faces.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

DEPTH = 1 / 400_000
"""How far two faces may reach into each other, for rounding: less than the hundredth of a pixel of 4,096 on
both sides that nobody counts, as a share of the side of a square as large as all charts together."""

CELL_QUANTILE = 0.7
"""Share of faces that are smaller than the cells in which neighbours are looked for."""


def chart_of_faces(faces: Int[np.ndarray, "f 3"], *, num_vertices: int) -> Int[np.ndarray, " f"]:
    """Number of the chart of each face: faces that share uv vertices."""
    rows, columns = faces[:, [0, 1]].ravel(), faces[:, [1, 2]].ravel()
    graph = coo_array((np.ones(rows.size, np.int8), (rows, columns)), shape=(num_vertices,) * 2)
    return connected_components(graph, directed=False)[1][faces[:, 0]].astype(np.int64)


def parted(
    uv: Float[np.ndarray, "n 2"], faces: Int[np.ndarray, "f 3"]
) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, "f 3"]]:
    """Cut charts so that none lies over itself; charts may lie over each other afterwards.

    Returns:
        The uv vertex that each new one is a copy of, and the faces as indices of new ones.
    """
    vertex, corners = np.arange(len(uv)), uv[faces].astype(np.float64)
    while len(pairs := overlapping_pairs(corners, chart_of_faces(faces, num_vertices=len(vertex)))):
        loose = _loose(pairs, len(faces))
        piece = np.zeros(len(faces), np.int64)
        piece[loose] = 1 + chart_of_faces(faces[loose], num_vertices=len(vertex))
        keys, index = np.unique(piece[:, None] * len(vertex) + faces, return_inverse=True)
        vertex, faces = vertex[keys % len(vertex)], index.reshape(-1, 3)
    return vertex, faces


def _loose(pairs: Int[np.ndarray, "p 2"], count: int) -> Int[np.ndarray, " k"]:
    """One face of each pair, rather those that are in many pairs; never all faces that hang together."""
    uses = np.bincount(pairs.ravel(), minlength=count)[pairs] * count + pairs
    return np.unique(np.take_along_axis(pairs, uses.argmax(axis=1)[:, None], axis=1))


def overlapping_pairs(
    corners: Float[np.ndarray, "f 3 2"], chart: Int[np.ndarray, " f"]
) -> Int[np.ndarray, "p 2"]:
    """Pairs of faces of one chart that lie over each other."""
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = float(np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]).sum()) / 2
    pairs = _boxes_that_meet(corners, chart)
    for which in (0, 1):
        for corner in range(3):
            own = corners[pairs[:, which]]
            edge = own[:, (corner + 1) % 3] - own[:, corner]
            length = np.maximum(np.linalg.norm(edge, axis=1), 1e-30)
            across = np.stack([-edge[:, 1], edge[:, 0]], axis=1) / length[:, None]
            # Two triangles are apart if an edge of one of them parts them.
            one, other = (np.einsum("pkc,pc->pk", corners[side], across) for side in pairs.T)
            depth = np.minimum(one.max(axis=1) - other.min(axis=1), other.max(axis=1) - one.min(axis=1))
            pairs = pairs[depth > DEPTH * np.sqrt(area)]
    return pairs


def _boxes_that_meet(
    corners: Float[np.ndarray, "f 3 2"], chart: Int[np.ndarray, " f"]
) -> Int[np.ndarray, "p 2"]:
    """Pairs of faces of one chart whose boxes meet, by way of a grid of cells."""
    low, high = corners.min(axis=1), corners.max(axis=1)
    size = float(np.quantile((high - low).max(axis=1), CELL_QUANTILE)) + 1e-30 if len(corners) else 1.0
    start = np.floor((low - low.min(axis=0, initial=0)) / size).astype(np.int64)
    wide, tall = (np.floor((high - low.min(axis=0, initial=0)) / size).astype(np.int64) - start + 1).T
    face = np.repeat(np.arange(len(corners)), wide * tall)
    place = np.arange(len(face)) - np.repeat(np.cumsum(wide * tall) - wide * tall, wide * tall)
    column, row = start[face, 0] + place % wide[face], start[face, 1] + place // wide[face]
    key = (chart[face] * (column.max(initial=0) + 1) + column) * (row.max(initial=0) + 1) + row
    order = np.argsort(key, kind="stable")
    key, face = key[order], face[order]
    found, step = [np.zeros(0, np.int64)], 1
    while len(same := np.flatnonzero(key[step:] == key[:-step])):
        one, other = face[same], face[same + step]
        meets = ((low[one] < high[other]) & (low[other] < high[one])).all(axis=1)
        found.append(np.minimum(one, other)[meets] * len(corners) + np.maximum(one, other)[meets])
        step += 1
    return np.stack(np.divmod(np.unique(np.concatenate(found)), max(1, len(corners))), axis=1)
