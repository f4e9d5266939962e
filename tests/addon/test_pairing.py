"""Triangles joined to quads."""

import math
from dataclasses import replace

import bpy
import numpy as np
import pytest

from tests.addon.extension import frames, glb, importer, pairing, steps, surface
from tests.addon.subjects import sheet

pytestmark = pytest.mark.blender

IDENTITY = frames.Frame((0.0, 0.0, 0.0), 1.0)


def mesh_of(points, triangles, uvs=None):
    points = np.array(points, dtype=np.float32)
    uvs = points[:, :2] if uvs is None else np.array(uvs, dtype=np.float32)
    triangles = np.array(triangles, dtype=np.int32)
    return glb.GlbMesh(positions=points, uvs=uvs, triangles=triangles, texture_png=b"")


def joined(mesh):
    return steps.finish(pairing.paired(steps.finish(surface.weld(mesh))))


def sizes(found):
    return np.diff([*found.starts, len(found.corners)]).tolist()


def ball():
    """Triangles of a ball that has even quads as well as triangles at its poles."""
    bpy.ops.mesh.primitive_uv_sphere_add(segments=16, ring_count=12)
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.quads_convert_to_tris()
    bpy.ops.object.mode_set(mode="OBJECT")
    mesh = bpy.context.object.data
    points = [vertex.co[:] for vertex in mesh.vertices]
    return mesh_of(points, [polygon.vertices[:] for polygon in mesh.polygons])


def test_two_halves_of_a_square_become_one_quad_with_its_coordinates():
    found = joined(mesh_of([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]]))
    assert sizes(found) == [4]
    corners = found.vertices[found.corners]
    np.testing.assert_allclose(found.uvs, corners[:, :2])
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[1])
    np.testing.assert_allclose(normal, [0, 0, 1])  # it still looks outwards
    assert len(found.edges) == 4


@pytest.mark.parametrize(
    ("points", "uvs"),
    [
        pytest.param([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 1]], None, id="bent"),
        pytest.param([[0, 0, 0], [4, 0, 0], [5, 1, 0], [1, 1, 0]], None, id="slanted"),
        pytest.param(
            [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0], [1, 1, 0]],
            [[0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0], [0.5, 1]],
            id="seam",
        ),
    ],
)
def test_what_is_bent_slanted_or_parted_in_the_texture_stays_triangles(points, uvs):
    second = [4, 5, 3] if len(points) > 4 else [0, 2, 3]
    found = joined(mesh_of(points, [[0, 1, 2], second], uvs))
    assert sizes(found) == [3, 3]
    assert len(found.edges) == 5


def test_a_ball_keeps_its_surface_and_blender_finds_nothing_to_mend():
    mesh = ball()
    found = joined(mesh)
    built = importer.build_mesh(found, name="ball", frame=IDENTITY)
    assert not built.validate()
    triangles = sum(size - 2 for size in sizes(found))
    assert triangles == len(mesh.triangles)
    assert sizes(found).count(4) >= 0.75 * 16 * 10
    whole = importer.build_mesh(steps.finish(surface.weld(mesh)), name="whole", frame=IDENTITY)
    areas = [sum(polygon.area for polygon in item.polygons) for item in (built, whole)]
    assert areas[0] == pytest.approx(areas[1], rel=0.01)
    assert all(polygon.normal.dot(polygon.center) > 0 for polygon in built.polygons)
    pairs = {frozenset(edge.vertices) for edge in built.edges}
    built.update(calc_edges=True)
    assert {frozenset(edge.vertices) for edge in built.edges} == pairs


def test_no_triangle_is_joined_twice_and_none_that_could_be_is_left():
    points, triangles = sheet(14)
    found = joined(mesh_of(points, triangles))
    assert sizes(found) == [4] * 13 * 13


def test_parts_and_one_go_give_the_same(monkeypatch):
    mesh = ball()
    whole = joined(mesh)
    monkeypatch.setattr(pairing, "_STEP_ROWS", 7)
    parts = joined(replace(mesh))
    np.testing.assert_array_equal(parts.corners, whole.corners)
    np.testing.assert_array_equal(parts.corner_edges, whole.corner_edges)


def test_angles_are_those_of_a_protractor():
    a = np.array([[1.0, 0, 0], [1, 0, 0], [0, 0, 0]])
    b = np.array([[0.0, 2, 0], [1, 1, 0], [1, 0, 0]])
    np.testing.assert_allclose(pairing._angle(a, b), [math.pi / 2, math.pi / 4, math.pi])
