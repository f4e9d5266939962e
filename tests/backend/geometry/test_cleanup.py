"""Smoothing keeps size and closedness; specks go and bodies stay."""

import numpy as np

from backend.geometry.cleanup import drop_specks, smooth
from backend.geometry.meshes import make_mesh, signed_volume, vertex_normals
from backend.geometry.simplify import is_closed
from tests.backend.geometry.bodies import body_mesh, cube, sphere


def test_smoothing_takes_off_ripples_but_keeps_the_volume():
    mesh = body_mesh(sphere, resolution=48)
    noise = np.random.default_rng(0).normal(0, 0.15 / 48, len(mesh.vertices))[:, None]
    rough = make_mesh(mesh.vertices + noise * mesh.vertices / 0.35, mesh.faces)
    calm = smooth(rough)
    spread = [np.std(np.linalg.norm(item.vertices, axis=1)) for item in (rough, calm)]
    assert spread[1] < 0.5 * spread[0]
    assert abs(signed_volume(calm) / signed_volume(mesh) - 1) < 2e-3
    assert is_closed(calm)


def test_smoothing_turns_no_face_over():
    mesh = body_mesh()
    turn = np.sum(vertex_normals(mesh) * vertex_normals(smooth(mesh)), axis=1)
    assert turn.min() > 0.5


def test_a_speck_goes_and_a_second_body_stays():
    body, small = cube(), cube().vertices * 0.02 + np.array([0.4, 0.4, 0.4], np.float32)
    other = body.vertices * 0.5 + np.array([0.6, 0, 0], np.float32)
    vertices = np.concatenate([body.vertices, small, other])
    faces = np.concatenate([body.faces, body.faces + 8, body.faces + 16])
    kept = drop_specks(make_mesh(vertices, faces))
    assert len(kept.vertices) == 16
    assert np.isclose(signed_volume(kept), 0.125 * (1 + 1 / 8))


def test_the_wall_of_a_cavity_goes():
    body = cube()
    faces = np.concatenate([body.faces, body.faces[:, ::-1] + 8])
    hollow = make_mesh(np.concatenate([body.vertices, body.vertices * 0.5]), faces)
    assert np.isclose(signed_volume(drop_specks(hollow)), 0.125)
