"""The coarse shape as a solid of cells, and back: what is not touched stays, what is changed is found."""

import bmesh
import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector

from tests.addon.extension import frames, jobs, shape_editing, shape_voxels
from tests.addon.reworking import JOB, assets, ball, job_folder, newest, result, seen

pytestmark = pytest.mark.blender

__all__ = ["assets", "job_folder", "result"]

CELL = 1 / 64


def edit_shape() -> bpy.types.Object:
    assert bpy.ops.one2345.edit_shape() == {"FINISHED"}
    (shape,) = bpy.context.selected_objects
    return shape


def cells_of_newest():
    return shape_voxels.read_cells(newest().folder / "occupancy.npz")


def add_box(shape, low, high):
    """A box object whose corners are given in generation space."""
    place = shape.matrix_world @ frames.frame_of(shape).own_from_generation
    low, high = Vector(low), Vector(high)
    bpy.ops.mesh.primitive_cube_add(size=1)
    box = bpy.context.object
    box.matrix_world = place @ Matrix.LocRotScale((low + high) / 2, None, high - low)
    bpy.context.view_layer.update()
    return box


def unite(shape, box, operation="UNION"):
    modifier = shape.modifiers.new("Edit", "BOOLEAN")
    modifier.operation, modifier.object, modifier.solver = operation, box, "EXACT"


def centres(cells):
    return (np.argwhere(cells) + 0.5) * CELL - 0.5


def test_the_solid_stands_where_the_object_stood(result):
    shape = edit_shape()
    assert shape.matrix_world == result.matrix_world
    assert result.hide_get()
    assert [bpy.context.object, *bpy.context.selected_objects] == [shape, shape]
    points = np.array([vertex.co[:] for vertex in shape.data.vertices])
    found = frames.frame_of(shape).to_generation(points)
    np.testing.assert_allclose(np.abs(found).max(axis=0), 21 * CELL, atol=1e-5)


def test_the_solid_is_closed_and_filled_and_looks_outwards(result):
    shape = edit_shape()
    mesh = shape.data
    edges = {}
    for polygon in mesh.polygons:
        for key in polygon.edge_keys:
            edges[key] = edges.get(key, 0) + 1
    assert set(edges.values()) == {2}
    for polygon in mesh.polygons:  # no wall looks inwards: the ball has no inside
        middle = frames.frame_of(shape).to_generation(np.array([polygon.center[:]]))[0]
        assert middle @ np.array(polygon.normal[:]) > 0


def test_an_unedited_shape_gives_the_very_cells(result):
    shape = edit_shape()
    np.testing.assert_array_equal(shape_editing.cells_of(shape, ball()), ball())
    with pytest.raises(RuntimeError, match="is as it was"):
        bpy.ops.one2345.continue_from_shape()
    assert not jobs.recent()


@pytest.mark.parametrize("way", ["modifier", "joined", "joined inside out"])
def test_an_added_box_is_a_shell_of_cells_and_the_rest_stays(result, way):
    shape = edit_shape()
    box = add_box(shape, (0.1, -0.1, 0.0), (0.45, 0.1, 0.15))
    if way == "modifier":
        unite(shape, box)
    else:
        if way == "joined inside out":
            box.data.flip_normals()
        with bpy.context.temp_override(active_object=shape, selected_editable_objects=[shape, box]):
            bpy.ops.object.join()
    bpy.context.view_layer.objects.active = shape
    bpy.ops.one2345.continue_from_shape()
    found, old = cells_of_newest(), ball()
    differing = centres(found != old)
    # All of it lies by the box, at most a cell and a half away.
    assert (differing >= np.array([0.1, -0.1, 0.0]) - 1.5 * CELL).all()
    assert (differing <= np.array([0.45, 0.1, 0.15]) + 1.5 * CELL).all()
    outside = np.argwhere(found[54:]) * CELL - 0.5  # beyond the ball
    assert np.abs(outside[:, 1]).max() == pytest.approx(0.1, abs=CELL)
    assert found[56, 25, 36]  # the side at y = -0.1, and behind it nothing
    assert not found[56, 32, 36]


def test_a_cut_takes_the_shell_with_it_and_closes_the_wound(result):
    shape = edit_shape()
    unite(shape, add_box(shape, (0.2, -0.5, -0.5), (0.5, 0.5, 0.5)), "DIFFERENCE")
    bpy.context.view_layer.objects.active = shape
    bpy.ops.one2345.continue_from_shape()
    found = cells_of_newest()
    assert not found[int((0.2 + 0.5) / CELL) + 2 :].any()
    assert found[int((0.2 + 0.5) / CELL), 32, 32]  # a wall where there was none
    np.testing.assert_array_equal(found[:42], ball()[:42])


def test_moving_the_object_changes_nothing_and_sculpting_does(result):
    shape = edit_shape()
    shape.location.x += 5
    bpy.context.view_layer.update()
    np.testing.assert_array_equal(shape_editing.cells_of(shape, ball()), ball())
    frame = frames.frame_of(shape)
    for vertex in shape.data.vertices:  # a bump of four cells at the top
        if frame.to_generation(np.array([vertex.co[:]]))[0, 2] > 0.3:
            vertex.co.z += 4 * CELL * frame.scale
    found = shape_editing.cells_of(shape, ball())
    assert found[:, :, 55:].any()
    np.testing.assert_array_equal(found[:, :, :48], ball()[:, :, :48])


def test_edits_in_edit_mode_count(result):
    shape = edit_shape()
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.transform.translate(value=(0, 0, 0.4))
    bpy.ops.one2345.continue_from_shape()
    assert bpy.context.mode == "EDIT_MESH"
    assert not shape.hide_get()
    assert centres(cells_of_newest())[:, 2].mean() > 0.05


def test_a_hole_in_the_surface_does_not_let_the_inside_out(result):
    shape = edit_shape()
    top = max(polygon.center.z for polygon in shape.data.polygons)
    removed = [polygon.index for polygon in shape.data.polygons if polygon.center.z > top - 1e-4]
    mesh = shape.data
    assert isinstance(mesh, bpy.types.Mesh)
    working = bmesh.new()
    working.from_mesh(mesh)
    working.faces.ensure_lookup_table()
    bmesh.ops.delete(working, geom=[working.faces[index] for index in removed], context="FACES_ONLY")
    working.to_mesh(mesh)
    working.free()
    assert len(removed) > 20
    np.testing.assert_array_equal(shape_editing.cells_of(shape, ball()), ball())


def test_the_job_gets_the_views_and_the_edited_cells_and_the_place(result, job_folder):
    shape = edit_shape()
    unite(shape, add_box(shape, (0.1, -0.1, 0.0), (0.45, 0.1, 0.15)))
    bpy.ops.one2345.continue_from_shape(shape=shape.name)
    job = newest()
    assert {"matte.png", "views.png", "occupancy.npz"} <= set(seen(job))
    assert not {"shape.npz", "stages.json"} & set(seen(job))
    new = bpy.data.objects[job.object_name]
    assert new.matrix_world == result.matrix_world
    assert shape.hide_get()
    np.testing.assert_array_equal(shape_voxels.read_cells(job_folder / "occupancy.npz"), ball())


def test_nothing_left_is_told(result):
    shape = edit_shape()
    for vertex in shape.data.vertices:
        vertex.co.x += 10
    with pytest.raises(RuntimeError, match="Nothing of toy shape is left where"):
        bpy.ops.one2345.continue_from_shape()


def test_editing_is_one_undo_step(result):
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.one2345.edit_shape("EXEC_DEFAULT", True)
    bpy.ops.ed.undo()
    assert [item.name for item in bpy.data.objects] == ["toy"]
    assert not bpy.data.objects["toy"].hide_get()


def test_a_shape_goes_on_after_saving_and_loading(result, tmp_path):
    shape = edit_shape()
    for vertex in shape.data.vertices:
        vertex.co.z += 0.4
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "file.blend"))
    bpy.ops.one2345.continue_from_shape()
    assert bpy.data.objects[newest().object_name].matrix_world == bpy.data.objects["toy"].matrix_world


def test_a_shape_without_an_object_stands_on_the_cursor(job_folder):
    bpy.context.scene.cursor.location = (1, 2, 3)
    bpy.ops.one2345.edit_shape(job=JOB)
    assert bpy.context.object.location[:] == (1, 2, 3)


def test_small_holes_in_the_shell_count_as_shut():
    cells = ball()
    cells[30:33, 30:33, :20] = False
    solid = shape_voxels.solid_of(cells)
    assert solid[32, 32, 32]
    assert not solid[0, 0, 0]


def test_no_two_cells_hang_together_by_an_edge_alone():
    rough = np.random.default_rng(0).random((24, 24, 24)) < 0.2
    rough[0], rough[:, 0], rough[:, :, 0], rough[-1], rough[:, -1], rough[:, :, -1] = (False,) * 6
    solid = shape_voxels.solid_of(rough)
    assert (solid >= rough).all()
    _, quads = shape_voxels.surface_of(solid)
    edges = np.sort(np.concatenate([quads[:, [side, (side + 1) % 4]] for side in range(4)]), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


def test_a_narrow_gap_outside_stays_open():
    """Two plates three cells apart: room too narrow to be an inside, though a dilated shell would shut it."""
    cells = np.zeros((64, 64, 64), dtype=bool)
    cells[10:50, 10:50, 30:32] = cells[10:50, 10:50, 34:36] = True
    assert not shape_voxels.solid_of(cells)[30, 30, 32:34].any()
