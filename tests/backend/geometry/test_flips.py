"""Edges turned beside slivers, and left where a turn would change the surface or break it."""

import numpy as np
import pytest

from backend.geometry.flips import smallest_angles, turn_edges
from backend.geometry.meshes import make_mesh, signed_volume
from backend.geometry.simplify import is_closed, simplify
from tests.backend.geometry.bodies import body_mesh, cube


def kite(lift: float):
    """Two slivers on a common long edge; the other diagonal is short. `lift` bends it along that edge."""
    vertices = np.array([[-1, 0, 0], [1, 0, 0], [0, -0.1, lift], [0, 0.1, lift]])
    return make_mesh(vertices, np.array([[1, 0, 2], [0, 1, 3]]))


def test_the_long_diagonal_of_a_flat_kite_is_turned():
    mesh = kite(0.0)
    turned = turn_edges(mesh)
    assert np.degrees(smallest_angles(mesh.vertices, mesh.faces)).max() < 6
    assert np.degrees(smallest_angles(turned.vertices, turned.faces)).min() > 10
    crosses = np.cross(*np.moveaxis(np.diff(turned.vertices[turned.faces], axis=1), 1, 0))
    assert np.unique(np.sign(crosses[:, 2])).tolist() == [1]


def test_a_crease_is_kept():
    mesh = kite(0.1)
    assert np.array_equal(turn_edges(mesh).faces, mesh.faces)


def test_a_cube_is_left_alone():
    assert np.array_equal(turn_edges(cube()).faces, cube().faces)


def test_a_closed_mesh_stays_closed_and_as_large():
    mesh = simplify(body_mesh(), faces=1500)
    turned = turn_edges(mesh)
    assert is_closed(turned)
    assert signed_volume(turned) == pytest.approx(signed_volume(mesh), rel=1e-3)
    before, after = (np.sort(smallest_angles(item.vertices, item.faces))[:20] for item in (mesh, turned))
    assert after.mean() > 1.3 * before.mean()
