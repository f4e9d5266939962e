"""Sharp edges: on a cube everywhere, on a smooth body nowhere, and never at a seam of the texture."""

import numpy as np

from backend.geometry.meshes import TexturedMesh, smooth_normals
from backend.geometry.shading import with_sharp_edges
from backend.geometry.unwrap import grid_of_triangles
from tests.backend.geometry.bodies import body_mesh, cube, sphere

BLANK = np.zeros((4, 4, 3), np.uint8)


def textured(mesh) -> TexturedMesh:
    """A mesh whose faces all lie apart in the texture."""
    charts = grid_of_triangles(mesh, texture_px=64)
    normals = smooth_normals(mesh)[charts.vertex]
    return TexturedMesh(mesh.vertices[charts.vertex], charts.faces, normals, charts.uv, BLANK)


def whole(mesh) -> TexturedMesh:
    """A mesh without seams."""
    uv = np.zeros((len(mesh.vertices), 2), np.float32)
    return TexturedMesh(mesh.vertices, mesh.faces, smooth_normals(mesh), uv, BLANK)


def test_a_cube_gets_the_normals_of_its_sides():
    sharp = with_sharp_edges(whole(cube()))
    assert len(sharp.vertices) == 24
    assert np.allclose(np.abs(sharp.normals).max(axis=1), 1)
    corners = sharp.vertices[sharp.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (np.sum(sharp.normals[sharp.faces[:, 0]] * across, axis=1) > 0).all()


def test_the_surface_and_its_picture_stay():
    before, after = textured(cube()), with_sharp_edges(textured(cube()))
    assert np.array_equal(after.vertices[after.faces], before.vertices[before.faces])
    assert np.array_equal(after.uv[after.faces], before.uv[before.faces])


def test_a_sphere_stays_smooth_across_seams():
    mesh = body_mesh(sphere, resolution=32)
    smooth = with_sharp_edges(textured(mesh))
    assert np.allclose(smooth.normals, smooth_normals(mesh)[mesh.faces.reshape(-1)], atol=1e-5)


def test_a_body_without_edges_gains_no_vertices():
    mesh = body_mesh(sphere, resolution=32)
    assert len(with_sharp_edges(whole(mesh)).vertices) == len(mesh.vertices)
