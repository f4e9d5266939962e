"""The step from generation space to an object's own coordinates; results in the place of earlier ones."""

from dataclasses import replace

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector

from tests.addon.extension import frames, glb, importer

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("empty_file")]


def coordinates(obj):
    values = np.empty(3 * len(obj.data.vertices), dtype=np.float32)
    obj.data.vertices.foreach_get("co", values)
    return values.reshape(-1, 3)


def add(mesh, **placement):
    return importer.import_mesh(
        mesh, placement=importer.Placement(**placement), provenance=importer.Provenance(name="toy")
    )


def test_matrix_and_points_agree_and_come_back():
    frame = frames.Frame((0.1, -0.2, 0.3), 2.5)
    points = np.array([[0.0, 0.1, 0.2], [-0.4, 0.3, 0.0]])
    own = frame.to_own(points)
    for point, moved in zip(points, own, strict=True):
        np.testing.assert_allclose((frame.own_from_generation @ Vector(point))[:], moved, atol=1e-6)
    np.testing.assert_allclose(frame.to_generation(own), points, atol=1e-6)


def test_an_object_keeps_its_frame_through_saving(tmp_path):
    obj = bpy.data.objects.new("toy", None)
    bpy.context.scene.collection.objects.link(obj)
    frames.Frame((0.1, -0.2, 0.3), 2.5).put_on(obj)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "file.blend"))
    found = frames.frame_of(bpy.data.objects["toy"])
    assert (*found.base, found.scale) == pytest.approx((0.1, -0.2, 0.3, 2.5))


@pytest.mark.parametrize("values", [None, "text", [1.0, 2.0], [0.0, 0.0, 0.0, -1.0]])
def test_what_is_no_frame_is_none(values):
    obj = bpy.data.objects.new("toy", None)
    if values is not None:
        obj[frames.PROPERTY] = values
    assert frames.frame_of(obj) is None


def test_a_result_takes_the_place_of_another_one(subject):
    """The second mesh is larger; without its frame it would be shrunk to the same size and shifted."""
    mesh = glb.read_glb(subject)
    first = add(mesh, size=2.0)
    first.matrix_world = Matrix.Translation((1, 2, 3)) @ Matrix.Rotation(0.5, 4, "Z")
    bigger = replace(
        mesh,
        positions=np.concatenate([mesh.positions, mesh.positions[:3] + 1]),
        uvs=np.concatenate([mesh.uvs, mesh.uvs[:3]]),
        triangles=np.concatenate([mesh.triangles, mesh.triangles[:1] + len(mesh.positions)]),
    )
    second = add(bigger, aligned_to=first.name)
    assert second.matrix_world == first.matrix_world
    old = {tuple(point) for point in coordinates(first).round(5).tolist()}
    assert old <= {tuple(point) for point in coordinates(second).round(5).tolist()}
    assert first.hide_get()
    assert bpy.context.object == second


def test_a_result_whose_predecessor_is_gone_stands_by_itself(subject):
    obj = add(glb.read_glb(subject), aligned_to="gone", location=(1, 2, 3), size=2.0)
    assert obj.location[:] == (1, 2, 3)
    assert max(obj.dimensions[:]) == pytest.approx(2.0)
