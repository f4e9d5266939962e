"""Fewer faces by quadric edge collapse, without opening the mesh."""

import logging

import fast_simplification
import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from backend.geometry.meshes import Mesh, has_repeats, make_mesh

log = logging.getLogger(__name__)

AGGRESSIVENESS = (5.0, 3.0, 2.0)
"""Tried in this order: the first is quick, the last seldom breaks a mesh."""

RELIEF = (1.0, 0.985, 1.015, 1.25, 1.6, 2.5)
"""Multiples of the face budget that are tried when the mesh breaks at the budget itself."""

OVERSHOOT = 1.02
"""Multiple of a target beyond which a collapse has failed."""

PART = 0.05
"""Share of the way to the middle of their own faces by which touching sheets are moved apart."""


def simplify(mesh: Mesh, *, faces: int) -> Mesh:
    """At most about `faces` faces (Garland and Heckbert 1997); colours are left behind.

    A closed mesh stays closed: where the collapse lets two sheets touch along an edge they are moved apart;
    when that fails it is tried again more carefully, then with a larger budget. The last resort is the mesh
    as it was. Collapsed tunnels may leave small pieces of their own.
    """
    if len(mesh.faces) <= faces:
        return mesh
    closed = is_closed(mesh)
    for relief in RELIEF:
        target = min(round(faces * relief), len(mesh.faces))
        for aggressiveness in AGGRESSIVENESS:
            smaller = _collapsed(mesh, target, aggressiveness)
            if len(smaller.faces) > OVERSHOOT * target:  # a careful collapse ends where nothing may go
                continue
            if not closed or is_closed(smaller):
                return smaller
            apart = separate_sheets(separate_sheets(smaller), is_joining=True)
            if is_closed(apart):
                return apart
        log.info("the mesh breaks at %d faces; trying more", target)
    return mesh


def is_closed(mesh: Mesh) -> bool:
    """Whether every edge joins exactly two faces that run along it in opposite ways."""
    faces = mesh.faces.astype(np.int64)
    if len(faces) == 0 or has_repeats(faces).any():
        return False
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    key, back = (np.sort(edges[:, i] * (edges.max() + 1) + edges[:, 1 - i]) for i in (0, 1))
    return not (key[1:] == key[:-1]).any() and np.array_equal(key, back)


def separate_sheets(mesh: Mesh, *, is_joining: bool = False) -> Mesh:
    """Give every sheet that meets others along an edge or in a vertex its own vertices there.

    Corners of faces belong together when they can be reached across edges, and across an edge of more than
    two faces from each face to its partner: the other side of its body, or with `is_joining` the other side
    of the gap beside it, which helps where a body touches itself. Copies are moved a little apart, so that
    they stay two vertices when positions are compared.
    """
    corner = np.arange(mesh.faces.size).reshape(-1, 3)
    starts = np.concatenate([corner[:, [0, 1]], corner[:, [1, 2]], corner[:, [2, 0]]])
    ends = np.sort(mesh.faces.astype(np.int64).reshape(-1)[starts], axis=1)
    key = ends[:, 0] * (len(mesh.vertices) + 1) + ends[:, 1]
    order = np.argsort(key, kind="stable")
    _, first, count = np.unique(key[order], return_index=True, return_counts=True)
    plain = first[count == 2]
    crowded = [
        _partners(mesh, starts[order[at : at + many]], is_joining=is_joining)
        for at, many in zip(first[count > 2], count[count > 2], strict=True)
    ]
    pairs = np.stack([starts[order[plain]], starts[order[plain + 1]]], axis=1)
    pairs = np.concatenate([pairs, *crowded])
    # The two faces run along their edge in opposite ways: the first end of one is the last of the other.
    rows, columns = pairs[:, 0].reshape(-1), pairs[:, 1, ::-1].reshape(-1)
    graph = coo_array((np.ones(rows.size, dtype=np.int8), (rows, columns)), shape=(corner.size,) * 2)
    total, label = connected_components(graph, directed=False)
    origin = np.empty(total, dtype=np.int64)
    origin[label] = mesh.faces.reshape(-1)
    vertices = mesh.vertices[origin].astype(np.float64)
    is_copy = np.bincount(origin, minlength=len(mesh.vertices))[origin] > 1
    vertices[is_copy] += PART * (_middles(mesh, label, total)[is_copy] - vertices[is_copy])
    return make_mesh(vertices, label.reshape(-1, 3))


def _partners(mesh: Mesh, uses: Int[np.ndarray, "k 2"], *, is_joining: bool) -> Int[np.ndarray, "p 2 2"]:
    """Pair the faces of an edge of more than two so that each pair bounds one wedge of the inside.

    `uses` are first and last corner of the edge in each face. Seen along the edge, the inside begins at a
    face that runs against it and ends at the next one that runs with it; the gaps lie the other way round.
    """
    corner_vertex = mesh.faces.reshape(-1)
    low = int(corner_vertex[uses[0]].min())
    high = int(corner_vertex[uses[0]].max())
    axis = mesh.vertices[high].astype(np.float64) - mesh.vertices[low]
    right = np.cross(axis, np.eye(3)[np.argmin(np.abs(axis))])
    up = np.cross(axis, right)
    third = uses[:, 0] // 3 * 3 + (3 - uses[:, 0] % 3 - uses[:, 1] % 3)
    arm = mesh.vertices[corner_vertex[third]].astype(np.float64) - mesh.vertices[low]
    angle = np.arctan2(arm @ up / np.linalg.norm(up), arm @ right / np.linalg.norm(right))
    angle = -angle if is_joining else angle
    is_with = corner_vertex[uses[:, 0]] == low
    pairs, free = [], list(np.flatnonzero(is_with))
    for number in np.flatnonzero(~is_with):
        if not free:
            break
        partner = min(free, key=lambda other: (angle[other] - angle[number]) % (2 * np.pi))
        free.remove(partner)
        pairs.append([uses[number], uses[partner]])
    return np.array(pairs, dtype=uses.dtype).reshape(-1, 2, 2)


def _middles(mesh: Mesh, label: Int[np.ndarray, " k"], total: int) -> Float[np.ndarray, "n 3"]:
    """Mean centre of the faces around each of `total` new vertices; `label`: the vertex of each corner."""
    centres = np.repeat(mesh.vertices[mesh.faces].astype(np.float64).mean(axis=1), 3, axis=0)
    sums = np.stack([np.bincount(label, centres[:, axis], total) for axis in range(3)], axis=1)
    return sums / np.bincount(label, minlength=total)[:, None]


def _collapsed(mesh: Mesh, target: int, aggressiveness: float) -> Mesh:
    result = fast_simplification.simplify(mesh.vertices, mesh.faces, target_count=target, agg=aggressiveness)
    return make_mesh(result[0], result[1])
