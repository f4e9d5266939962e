"""Fewer faces by quadric edge collapse, without opening the mesh."""

import logging

import fast_simplification
import numpy as np

from backend.geometry.meshes import Mesh, has_repeats, make_mesh

log = logging.getLogger(__name__)

AGGRESSIVENESS = (5.0, 3.0, 1.0)
"""Tried in this order: the first is quick, the last hardly ever breaks a mesh."""

RELIEF = (1.0, 1.25, 1.6, 2.5)
"""Multiples of the face budget that are tried when the mesh breaks at the budget itself."""


def simplify(mesh: Mesh, *, faces: int) -> Mesh:
    """At most about `faces` faces (Garland and Heckbert 1997); colours are left behind.

    A closed mesh stays closed: a result with a broken edge is thrown away and the collapse tried again more
    carefully, then with a larger budget. The last resort is the mesh as it was.
    """
    if len(mesh.faces) <= faces:
        return mesh
    closed = is_closed(mesh)
    for relief in RELIEF:
        target = min(round(faces * relief), len(mesh.faces))
        for aggressiveness in AGGRESSIVENESS:
            smaller = _collapsed(mesh, target, aggressiveness)
            if is_closed(smaller) or not closed:
                return smaller
        log.info("the mesh breaks at %d faces; trying more", target)
    return mesh


def is_closed(mesh: Mesh) -> bool:
    """Whether every edge joins exactly two faces that run along it in opposite ways."""
    faces = mesh.faces.astype(np.int64)
    if len(faces) == 0 or has_repeats(faces).any():
        return False
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    key, back = (edges[:, i] * (edges.max() + 1) + edges[:, 1 - i] for i in (0, 1))
    return np.unique(key).size == key.size and np.array_equal(np.sort(key), np.sort(back))


def _collapsed(mesh: Mesh, target: int, aggressiveness: float) -> Mesh:
    result = fast_simplification.simplify(mesh.vertices, mesh.faces, target_count=target, agg=aggressiveness)
    return make_mesh(result[0], result[1])
