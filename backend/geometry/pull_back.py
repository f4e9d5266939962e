"""Where on the old surface a sculpted place was: the nearest point, smoothed over what was pulled.

The nearest points of a horn pulled out of a surface are those around its foot alone, and would draw long
streaks. So targets may slide like a rubber sheet: a vertex is held to its nearest point the less, the farther
it was moved. What lies on the old surface stays.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.linalg import cg

from backend.geometry.meshes import Mesh, position_index

MOVED = 6e-3
"""Metres in generation space from the old surface beyond which a vertex was sculpted; less is remeshing."""

REACH = 4.0
"""Length over which targets are smoothed, as a multiple of the distance to the old surface.

A horn of 0.4 m is then off by 20 mm on average, its nearest points by 33; a body swollen by 20 mm by 6."""

TOLERANCE, MAX_STEPS = 1e-3, 300


def pulled_back(
    mesh: Mesh, nearest: Float[np.ndarray, "v 3"], distance: Float[np.ndarray, " v"]
) -> Float[np.ndarray, "v 3"]:
    """Points near the old surface that the vertices came from.

    Minimises squared differences between neighbours' targets, and weighted ones between targets and nearest
    points: a screened Laplace equation on the edges of the mesh.

    Args:
        nearest: The nearest point of the old surface to each vertex.
        distance: How far it is, in metres in generation space.
    """
    is_moved = distance > MOVED
    if not is_moved.any():
        return nearest
    graph, weld = _edges(mesh)
    first = np.zeros(int(weld.max()) + 1, np.int64)
    first[weld] = np.arange(len(weld))
    targets = nearest[first].astype(np.float64)
    targets[is_moved[first]] = _smoothed(
        graph, mesh.vertices[first], targets, distance[first], is_moved[first]
    )
    return targets[weld]


def _edges(mesh: Mesh) -> tuple[csr_array, Int[np.ndarray, " v"]]:
    """Ones for neighbouring vertices, those at one position joined, and the number of each vertex therein."""
    weld = position_index(mesh.vertices)
    faces = weld[mesh.faces]
    rows, columns = faces[:, [0, 1, 2]].reshape(-1), faces[:, [1, 2, 0]].reshape(-1)
    size = int(weld.max()) + 1
    half = coo_array((np.ones(len(rows)), (rows, columns)), shape=(size, size)).tocsr()
    graph = half + half.T
    graph.data[:] = 1
    return graph, weld


def _smoothed(
    graph: csr_array,
    vertices: Float[np.ndarray, "n 3"],
    nearest: Float[np.ndarray, "n 3"],
    distance: Float[np.ndarray, " n"],
    is_moved: Bool[np.ndarray, " n"],
) -> Float[np.ndarray, "m 3"]:
    """Targets of the moved vertices, given those of all others."""
    inner, rest = np.flatnonzero(is_moved), np.flatnonzero(~is_moved)
    degree = np.maximum(graph.sum(axis=1), 1)
    rows, columns = graph.nonzero()
    length = np.linalg.norm(vertices[rows] - vertices[columns], axis=1)
    edge = np.bincount(rows, length, len(degree)) / degree
    hold = degree * np.minimum(np.square(edge / (REACH * np.maximum(distance, 1e-9))), 1)
    system = diags_array((degree + hold)[inner]) - graph[inner][:, inner]
    wanted = hold[inner, None] * nearest[inner] + graph[inner][:, rest] @ nearest[rest]
    scale = diags_array(1 / (degree + hold)[inner])
    found = [
        cg(system, wanted[:, axis], x0=nearest[inner, axis], rtol=TOLERANCE, maxiter=MAX_STEPS, M=scale)[0]
        for axis in range(3)
    ]
    return np.stack(found, axis=1)
