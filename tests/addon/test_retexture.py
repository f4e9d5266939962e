"""New colours for a mesh: what the backend gets to paint, and what becomes of the object."""

from dataclasses import replace

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from backend.geometry.glb import encode_glb
from backend.geometry.glb_reader import read_textured_glb
from backend.geometry.placement import generation_space
from tests.addon.extension import (
    errors,
    frames,
    jobs,
    retexture,
    retexture_glb,
    steps,
    ticking,
    views_editing,
    views_sheet,
)
from tests.addon.reworking import assets, job_folder, newest, png_pixels, result, seen, sheet

pytestmark = pytest.mark.blender

__all__ = ["assets", "job_folder", "result"]


def painted(obj):
    node = next(node for node in obj.active_material.node_tree.nodes if node.type == "TEX_IMAGE")
    return node.image


def mesh_file(job, name="mesh.glb"):
    return read_textured_glb(job.folder / name)


def points_of(obj):
    return np.array([vertex.co[:] for vertex in obj.data.vertices])


def same_points(one, other):
    first, second = ({tuple(row) for row in np.asarray(points, float).round(4)} for points in (one, other))
    return first == second


def test_a_mesh_file_keeps_points_faces_and_coordinates(tmp_path):
    points = np.array([[0, 0, 0], [1, 0, 0], [1, 2, 0], [0, 2, 3.0]])
    triangles = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)
    uvs = np.array([[0, 0], [1, 0], [1, 1], [0, 0], [1, 1], [0, 0.25]], dtype=np.float32)
    retexture_glb.write_glb(tmp_path / "mesh.glb", points, triangles, uvs)
    mesh = read_textured_glb(tmp_path / "mesh.glb")
    assert len(mesh.vertices) == 4
    np.testing.assert_allclose(mesh.vertices[mesh.faces], points[triangles], atol=1e-6)
    found = mesh.uv[mesh.faces].reshape(-1, 2)
    np.testing.assert_allclose(found[:, 0], uvs[:, 0], atol=1e-6)
    np.testing.assert_allclose(found[:, 1], 1 - uvs[:, 1], atol=1e-6)  # the backend counts from the top


def test_a_result_is_painted_where_it_was_made_from_the_open_sheet(result, job_folder):
    bpy.ops.one2345.open_views()
    view = views_editing.sheet_of(bpy.context)
    pixels = views_sheet.pixels_of(view)
    pixels[:4] = 7
    views_editing.change(bpy.context, view, pixels)
    before = painted(result)
    assert bpy.ops.one2345.retexture() == {"FINISHED"}
    job = newest()
    assert {"mesh.glb", "views.png", "matte.png"} <= set(seen(job))
    assert job.request.keep_uvs
    np.testing.assert_array_equal(png_pixels(job.folder / "views.png"), pixels)
    assert same_points(mesh_file(job).vertices, mesh_file(job, "textured.glb").vertices)
    assert painted(result) != before
    assert painted(result).packed_file is not None


def test_a_mesh_drawn_over_our_object_is_painted_where_it_lies(result):
    copy = bpy.data.objects.new("retopo", result.data.copy())
    bpy.context.scene.collection.objects.link(copy)
    copy.data.transform(Matrix.Translation((0.1, 0.0, 0.0)))
    copy.matrix_world = result.matrix_world @ Matrix.Translation((-0.1, 0.0, 0.0))
    bpy.context.view_layer.objects.active = copy
    bpy.context.view_layer.update()
    bpy.ops.one2345.retexture(job=result["one2345_job"])
    assert same_points(mesh_file(newest()).vertices, mesh_file(newest(), "textured.glb").vertices)


def test_another_mesh_is_centred_and_fitted(job_folder, result):
    bpy.ops.mesh.primitive_monkey_add(size=30, location=(100, 0, 0))
    bpy.ops.one2345.retexture(job=result["one2345_job"])
    mesh = mesh_file(newest())
    place = generation_space(mesh.vertices, mesh.faces)
    np.testing.assert_allclose(place.centre, 0, atol=1e-4)
    assert place.scale == pytest.approx(1, abs=1e-4)


def test_modifiers_count_and_the_mesh_itself_stays(result):
    result.modifiers.new("Finer", "SUBSURF").levels = 1
    corners = len(result.data.loops)
    bpy.ops.one2345.retexture()
    assert len(mesh_file(newest()).faces) > 4
    assert len(result.data.loops) == corners


def test_a_sculpted_result_gets_the_colours_of_its_job(result, job_folder):
    for vertex in result.data.vertices:
        vertex.co.z *= 1.5
    result.data.update()
    expected = frames.frame_of(result).to_generation(points_of(result))
    before = painted(result)
    bpy.ops.one2345.refresh_texture()
    job = newest()
    assert job.request.edited == str(job.folder / "edited.glb")
    assert "field.safetensors" in seen(job)
    assert same_points(mesh_file(job, "edited.glb").vertices, expected)
    assert result["one2345_frame"][:] == pytest.approx((*frames.frame_of(result).base, 2.5))
    assert painted(result) != before
    assert not (job_folder / "retextured.glb").exists()


def test_new_colours_are_one_undo_step(result):
    old = painted(result).name
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.one2345.retexture()
    bpy.ops.ed.undo()
    assert painted(bpy.data.objects["toy"]).name == old


def test_a_mesh_without_coordinates_is_told(job_folder, result):
    while result.data.uv_layers:
        result.data.uv_layers.remove(result.data.uv_layers[0])
    result.data.update()
    with pytest.raises(RuntimeError, match="no texture coordinates"):
        bpy.ops.one2345.retexture()


def test_coordinates_outside_the_picture_are_told(job_folder, result):
    result.data.uv_layers[0].uv[0].vector = (3.0, 0.5)
    with pytest.raises(RuntimeError, match="leave the picture"):
        bpy.ops.one2345.retexture()


def test_the_texture_of_a_mesh_that_is_gone_is_named(result):
    bpy.ops.one2345.retexture()
    with pytest.raises(errors.SourceError, match=r"nothing is gone; the texture is in .*textured\.glb"):
        steps.finish(retexture._put_texture(newest(), "nothing", "textured.glb"))


def test_the_open_sheet_is_not_needed(result):
    bpy.ops.one2345.retexture()
    np.testing.assert_array_equal(png_pixels(newest().folder / "views.png"), sheet(1))


@pytest.fixture
def ball_file(job_folder, assets):
    """The mesh of the job: a ball, which QuadriFlow takes."""
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=4)
    ball = bpy.context.object
    assert ball is not None
    mesh = ball.data
    points = points_of(ball) / 3
    triangles = np.array([polygon.vertices[:] for polygon in mesh.polygons], dtype=np.int32)
    textured = read_textured_glb(job_folder / "textured.glb")
    whole = replace(
        textured,
        vertices=points.astype(np.float32),
        faces=triangles,
        normals=(3 * points).astype(np.float32),
        uv=(points[:, :2] + 0.5).astype(np.float32),
    )
    for folder in (job_folder, assets):
        (folder / "textured.glb").write_bytes(encode_glb(whole, extras={}))
    bpy.data.objects.remove(ball)


def test_a_result_with_even_quads_is_painted_when_it_has_come_in(ball_file, job_folder, monkeypatch):
    ticking.recall()
    panel = bpy.context.scene.one2345
    panel.topology, panel.faces = "EVEN", 2000
    bpy.ops.one2345.import_result(job=job_folder.name)
    (obj,) = (item for item in bpy.context.scene.objects if item.type == "MESH")
    assert {len(polygon.vertices) for polygon in obj.data.polygons} == {4}
    assert painted(obj).name == f"{obj.name} texture"
    assert not jobs.status(job_folder.name).message


def test_even_quads_wait_for_object_mode(ball_file, job_folder):
    ticking.recall()
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.context.scene.one2345.topology = "EVEN"
    bpy.ops.one2345.import_result(job=job_folder.name)
    assert bpy.context.mode == "EDIT_MESH"
    job = jobs.status(job_folder.name)
    assert "Object Mode" in job.message
    assert len(bpy.data.objects[job.object_name].data.polygons) == 1280
