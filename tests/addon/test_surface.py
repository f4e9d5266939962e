"""What is made of a file's arrays before Blender sees them."""

from dataclasses import replace

import numpy as np
import pytest

from tests.addon.extension import frames, glb, importer, steps, surface
from tests.addon.subjects import sheet

pytestmark = pytest.mark.blender

IDENTITY = frames.Frame((0.0, 0.0, 0.0), 1.0)


def mesh_of(points, triangles):
    points = np.array(points, dtype=np.float32)
    uvs = np.random.default_rng(1).random((len(points), 2)).astype(np.float32)
    triangles = np.array(triangles, dtype=np.int32)
    return glb.GlbMesh(positions=points, uvs=uvs, triangles=triangles, texture_png=b"")


def grid(side):
    return mesh_of(*sheet(side))


def welded(mesh):
    return steps.finish(surface.weld(mesh))


def test_points_that_differ_in_the_sign_of_zero_are_one():
    found = welded(
        mesh_of([[0, 0, 0], [1, 0, 0], [0, 1, 0], [-0.0, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 1, 2], [3, 4, 5]])
    )
    np.testing.assert_array_equal(found.vertices, [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    np.testing.assert_array_equal(found.triangles, [[0, 1, 2], [0, 2, 3]])


def test_flat_and_doubled_triangles_go_with_their_coordinates():
    mesh = mesh_of(np.eye(4, 3), [[0, 1, 2], [1, 1, 2], [2, 0, 1], [0, 2, 3]])
    found = welded(mesh)
    np.testing.assert_array_equal(found.triangles, [[0, 1, 2], [0, 2, 3]])
    np.testing.assert_array_equal(found.uvs, mesh.uvs[[0, 1, 2, 0, 2, 3]])


def test_rows_are_told_apart_though_their_keys_are_alike(monkeypatch):
    mesh = grid(5)
    expected = welded(mesh)
    monkeypatch.setattr(surface, "_FACTORS", np.zeros(3, dtype=np.uint64))
    found = welded(mesh)
    assert len(found.vertices) == 25
    np.testing.assert_array_equal(found.vertices[found.corners], expected.vertices[expected.corners])


def test_edges_are_those_that_blender_would_find():
    found = welded(grid(12))
    ours = importer.build_mesh(found, name="ours", frame=IDENTITY)
    assert not ours.validate()
    counts = len(ours.vertices), len(ours.edges), len(ours.polygons)
    assert counts == (144, 3 * 11 * 11 + 2 * 11, 242)
    pairs = {frozenset(edge.vertices) for edge in ours.edges}
    ours.update(calc_edges=True)
    assert {frozenset(edge.vertices) for edge in ours.edges} == pairs
    assert all(polygon.use_smooth for polygon in ours.polygons)


def test_work_in_parts_and_in_one_go_gives_the_same(monkeypatch):
    mesh = grid(12)
    whole = welded(mesh)
    monkeypatch.setattr(surface, "_STEP_ROWS", 50)
    parts = steps.finish(surface.weld(replace(mesh)))
    for name in ("vertices", "corners", "starts", "uvs", "edges", "corner_edges"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))


def test_more_rows_take_more_steps_not_longer_ones():
    small, large = (sum(1 for _ in surface.weld(grid(side))) for side in (60, 120))
    assert large > 2 * small
