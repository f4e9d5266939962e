"""Even quads."""

import bpy
import numpy as np
import pytest

from tests.addon.extension import errors, frames, quads

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("enabled")]


@pytest.fixture
def ball():
    """A ball of triangles that says it is ours."""
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=4)
    item = bpy.context.object
    assert item is not None
    item["one2345_job"] = "a"
    frames.Frame((0.0, 0.0, 0.0), 1.0).put_on(item)
    return item


def test_a_ball_becomes_quads_with_texture_coordinates_of_its_own(ball):
    quads.remesh(bpy.context, ball, faces=600)
    sides = [len(polygon.vertices) for polygon in ball.data.polygons]
    assert set(sides) == {4}
    assert 300 < len(sides) < 1200
    uvs = np.empty(2 * len(ball.data.loops), dtype=np.float32)
    ball.data.uv_layers.active.uv.foreach_get("vector", uvs)
    assert 0 <= uvs.min() < uvs.max() <= 1
    assert np.ptp(uvs) > 0.5
    radii = [vertex.co.length for vertex in ball.data.vertices]
    assert max(radii) - min(radii) < 0.05
    assert frames.frame_of(ball) is not None
    assert bpy.context.mode == "OBJECT"


def test_a_mesh_that_quadriflow_does_not_take_is_told(ball):
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.mesh.delete(type="ONLY_FACE")
    bpy.ops.object.mode_set(mode="OBJECT")
    with pytest.raises(errors.SourceError, match="QuadriFlow does not take"):
        quads.remesh(bpy.context, ball, faces=600)


def test_it_is_offered_for_results_in_object_mode_alone(ball):
    assert bpy.ops.one2345.even_quads.poll()
    bpy.ops.object.mode_set(mode="EDIT")
    assert not bpy.ops.one2345.even_quads.poll()
    bpy.ops.object.mode_set(mode="OBJECT")
    del ball["one2345_job"]
    assert not bpy.ops.one2345.even_quads.poll()
