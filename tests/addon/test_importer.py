"""What an artist finds in the scene after an import."""

from dataclasses import replace

import bpy
import numpy as np
import pytest

from tests.addon.extension import errors, glb, importer
from tests.addon.subjects import CORNERS, FACE_COLOURS

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("empty_file")]


@pytest.fixture
def mesh_file(subject):
    return glb.read_glb(subject)


def add(mesh_file, **placement):
    return importer.import_mesh(
        mesh_file,
        placement=importer.Placement(**placement),
        provenance=importer.Provenance(name="toy", properties={"seed": 7}),
    )


def coordinates(obj):
    values = np.empty(3 * len(obj.data.vertices), dtype=np.float32)
    obj.data.vertices.foreach_get("co", values)
    return values.reshape(-1, 3)


def test_origin_is_the_bottom_centre_and_the_longest_side_the_size(mesh_file):
    points = coordinates(add(mesh_file, size=2.0))
    low, high = points.min(axis=0), points.max(axis=0)
    np.testing.assert_allclose(low, [-1.0, -0.5, 0.0], atol=1e-6)
    np.testing.assert_allclose(high, [1.0, 0.5, 1.0], atol=1e-6)


def test_rotation_and_scale_are_applied(mesh_file):
    obj = add(mesh_file, location=(1, 2, 3))
    assert obj.rotation_euler[:] == (0, 0, 0)
    assert obj.scale[:] == (1, 1, 1)
    assert obj.location[:] == (1, 2, 3)


def test_front_stays_in_front_and_right_stays_right(mesh_file):
    """The tip of the subject is high, right of the middle, and nearer to the viewer at -Y."""
    points = coordinates(add(mesh_file, size=0.8))
    tip = points[points[:, 2].argmax()]
    middle = (CORNERS.min(axis=0) + CORNERS.max(axis=0)) / 2
    np.testing.assert_allclose(tip, CORNERS[3] - [middle[0], middle[1], -0.1], atol=1e-6)


def test_seams_are_welded_and_faces_look_outwards(mesh_file):
    obj = add(mesh_file)
    mesh = obj.data
    assert (len(mesh.vertices), len(mesh.edges), len(mesh.polygons)) == (4, 6, 4)
    centre = coordinates(obj).mean(axis=0)
    for polygon in mesh.polygons:
        assert np.dot(np.array(polygon.center[:]) - centre, polygon.normal[:]) > 0
        assert polygon.use_smooth


def test_every_face_gets_its_colour_from_the_packed_texture(mesh_file):
    obj = add(mesh_file)
    nodes = obj.active_material.node_tree.nodes
    image = next(node.image for node in nodes if node.type == "TEX_IMAGE")
    assert image.packed_file is not None
    assert image.colorspace_settings.name == "sRGB"
    width, height = image.size
    pixels = np.empty(width * height * 4, dtype=np.float32)
    image.pixels.foreach_get(pixels)
    pixels = np.round(pixels.reshape(height, width, 4)[..., :3] * 255)
    for polygon, colour in zip(obj.data.polygons, FACE_COLOURS, strict=True):
        for loop in polygon.loop_indices:
            u, v = obj.data.uv_layers[0].uv[loop].vector
            np.testing.assert_array_equal(pixels[int(v * height), int(u * width)], colour)


def test_a_map_of_normals_is_plain_data_that_bends_the_surface(mesh_file):
    obj = add(replace(mesh_file, normal_png=mesh_file.texture_png))
    links = obj.active_material.node_tree.links
    into = {link.to_node.type: link for link in links if link.to_socket.name in ("Normal", "Color")}
    assert into["BSDF_PRINCIPLED"].from_node.type == "NORMAL_MAP"
    image = into["NORMAL_MAP"].from_node.image
    assert image.colorspace_settings.is_data
    assert image.packed_file is not None


def test_the_texture_survives_saving_and_loading(mesh_file, tmp_path):
    add(mesh_file)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "file.blend"))
    image = bpy.data.images["toy"]
    assert image.size[:] == (32, 32)
    assert bpy.data.objects["toy"]["one2345_seed"] == 7


def test_one_undo_takes_all_of_it_away_and_one_redo_brings_it_back(mesh_file):
    bpy.ops.ed.undo_push(message="before")
    add(mesh_file)
    bpy.ops.ed.undo()
    for kind in (bpy.data.objects, bpy.data.meshes, bpy.data.materials, bpy.data.images):
        assert "toy" not in kind
    bpy.ops.ed.redo()
    assert bpy.data.objects["toy"].active_material.node_tree.nodes


def steps_of(mesh_file, **treatment):
    return importer.import_steps(
        mesh_file,
        placement=importer.Placement(),
        provenance=importer.Provenance(name="toy"),
        treatment=importer.Treatment(**treatment),
    )


def test_the_scene_changes_in_the_last_step_alone(mesh_file):
    steps = steps_of(mesh_file)
    for _ in steps:
        assert not bpy.data.objects
    assert [item.name for item in bpy.context.scene.objects] == ["toy"]


def test_an_import_that_is_given_up_leaves_nothing(mesh_file):
    mesh_file = replace(mesh_file, normal_png=mesh_file.texture_png)
    num_steps = sum(1 for _ in steps_of(mesh_file))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    for stop in range(1, num_steps + 1):
        steps = steps_of(mesh_file)
        for _ in range(stop):
            next(steps)
        steps.close()
        for kind in (bpy.data.objects, bpy.data.meshes, bpy.data.materials, bpy.data.images):
            assert not kind


def test_an_undo_between_two_steps_harms_no_import(mesh_file):
    num_steps = sum(1 for _ in steps_of(mesh_file))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    for stop in range(num_steps + 1):
        bpy.ops.ed.undo_push(message="before")
        bpy.ops.mesh.primitive_cube_add()
        bpy.ops.ed.undo_push(message="cube")
        steps = steps_of(mesh_file)
        for _ in range(stop):
            next(steps)
        bpy.ops.ed.undo()
        for _ in steps:
            pass
        (obj,) = bpy.context.scene.objects
        assert obj.active_material.node_tree.nodes
        assert len(obj.data.polygons) == 4
        bpy.data.objects.remove(obj)


def test_in_object_mode_the_new_object_alone_is_selected_and_active(mesh_file):
    bpy.ops.mesh.primitive_cube_add()
    obj = add(mesh_file)
    assert bpy.context.selected_objects == [obj]
    assert bpy.context.object == obj


def test_in_edit_mode_mode_and_selection_stay(mesh_file):
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    bpy.ops.object.mode_set(mode="EDIT")
    obj = add(mesh_file)
    assert bpy.context.mode == "EDIT_MESH"
    assert bpy.context.object == cube
    assert not obj.select_get()


def test_it_goes_to_the_cursor_and_the_active_collection(mesh_file):
    collection = bpy.data.collections.new("Mine")
    bpy.context.scene.collection.children.link(collection)
    layer = bpy.context.view_layer
    layer.active_layer_collection = layer.layer_collection.children["Mine"]
    bpy.context.scene.cursor.location = (4, 5, 6)
    obj = add(mesh_file)
    assert obj.users_collection == (collection,)
    assert obj.location[:] == (4, 5, 6)


def test_a_named_collection_is_made_once(mesh_file):
    first, second = add(mesh_file, collection="Toys"), add(mesh_file, collection="Toys")
    assert first.users_collection == second.users_collection == (bpy.data.collections["Toys"],)


def test_a_job_of_another_scene_lands_in_that_scene(mesh_file):
    other = bpy.data.scenes.new("Other")
    obj = add(mesh_file, scene="Other")
    assert obj.name in other.objects
    assert obj.name not in bpy.context.scene.objects


def test_an_excluded_collection_is_no_obstacle(mesh_file):
    collection = bpy.data.collections.new("Hidden")
    bpy.context.scene.collection.children.link(collection)
    bpy.context.view_layer.layer_collection.children["Hidden"].exclude = True
    assert add(mesh_file, collection="Hidden").name in collection.objects


@pytest.mark.parametrize("size", [0.0, -1.0, float("inf"), float("nan")])
def test_a_size_that_cannot_be_is_refused(size):
    with pytest.raises(errors.AddonError, match="size"):
        importer.Placement(size=size)
