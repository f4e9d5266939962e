"""Decimation that keeps a mesh closed, and the repair behind it."""

import numpy as np

from backend.geometry.meshes import make_mesh, signed_volume
from backend.geometry.simplify import is_closed, separate_sheets, simplify
from tests.backend.geometry.bodies import body_mesh, cube


def test_a_small_mesh_is_left_alone():
    mesh = cube()
    assert simplify(mesh, faces=12) is mesh


def test_volume_survives_a_tenth_of_the_faces():
    mesh = body_mesh()
    small = simplify(mesh, faces=len(mesh.faces) // 10)
    assert is_closed(small)
    assert abs(signed_volume(small) / signed_volume(mesh) - 1) < 0.01


def test_an_open_mesh_may_stay_open():
    mesh = body_mesh()
    half = make_mesh(mesh.vertices, mesh.faces[: len(mesh.faces) // 2])
    assert len(simplify(half, faces=500).faces) <= 520


def test_two_cubes_that_share_an_edge_are_parted():
    """Four faces meet in the shared edge, so the mesh is not closed until each cube has its own."""
    one = cube()
    other = one.vertices + np.array([0.5, 0.5, 0.0], np.float32)
    vertices, index = np.unique(np.concatenate([one.vertices, other]), axis=0, return_inverse=True)
    faces = index.reshape(-1)[np.concatenate([one.faces, one.faces + 8])]
    touching = make_mesh(vertices, faces)
    assert len(vertices) == 14
    assert not is_closed(touching)
    apart = separate_sheets(touching)
    assert is_closed(apart)
    assert len(np.unique(apart.vertices, axis=0)) == 16
    assert abs(signed_volume(apart) - 0.25) < 0.02
