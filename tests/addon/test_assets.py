"""What is made of a result on its way into the scene: metres, quads, textures beside the file, assets."""

import bpy
import numpy as np
import pytest

from backend.geometry.glb import encode_glb
from backend.geometry.meshes import TexturedMesh
from tests.addon.extension import assets, glb, importer, jobs, placement

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("empty_file")]

CATALOGUE = "c0ffee00-1234-4321-9999-0123456789ab"


@pytest.fixture
def add(subject, tmp_path):
    """Imports the subject with a treatment."""

    def add(*, size=1.0, path=subject, **treatment):
        return importer.import_mesh(
            glb.read_glb(path),
            placement=placement.Placement(size=size),
            provenance=importer.Provenance(name="toy", folder=tmp_path),
            treatment=placement.Treatment(**treatment),
        )

    return add


@pytest.fixture
def plate(tmp_path):
    """A flat square of 4 x 4 cells, two triangles each."""
    x, y = np.meshgrid(np.arange(5), np.arange(5), indexing="ij")
    vertices = np.stack([x, y, 0 * x], axis=-1).reshape(-1, 3).astype(np.float32) / 4
    corner = (np.arange(4)[:, None] * 5 + np.arange(4)).ravel()
    faces = np.concatenate([corner[:, None] + [0, 5, 6], corner[:, None] + [0, 6, 1]]).astype(np.int32)
    mesh = TexturedMesh(
        vertices=vertices,
        faces=faces,
        normals=np.tile(np.array([0, 0, 1], dtype=np.float32), (25, 1)),
        uv=vertices[:, :2],
        texture=np.zeros((8, 8, 3), dtype=np.uint8),
    )
    path = tmp_path / "plate.glb"
    path.write_bytes(encode_glb(mesh, extras={}))
    return path


def test_sizes_are_metres_whatever_the_unit_scale_is(add):
    units = bpy.context.scene.unit_settings
    units.system, units.scale_length = "METRIC", 0.001
    assert max(add(size=2.0).dimensions[:]) == pytest.approx(2000.0)
    units.system = "NONE"
    assert max(add(size=2.0).dimensions[:]) == pytest.approx(2.0)


def test_quads_keep_the_texture_and_the_surface(add, plate):
    triangles, quads = add(path=plate), add(path=plate, topology=placement.Topology.PAIRS)
    assert len(triangles.data.polygons) == 32
    assert [len(polygon.vertices) for polygon in quads.data.polygons] == [4] * 16
    assert len(quads.data.vertices) == 25
    for loop in quads.data.loops:
        u, v = quads.data.uv_layers[0].uv[loop.index].vector
        x, y, _ = quads.data.vertices[loop.vertex_index].co
        np.testing.assert_allclose((u, v), (x + 0.5, 0.5 - y), atol=1e-6)


def test_a_texture_that_is_not_packed_lies_in_the_jobs_folder(add, tmp_path):
    image = add(pack=False).active_material.node_tree.nodes["Image Texture"].image
    assert image.packed_file is None
    assert image.filepath == str(tmp_path / "texture.png")
    assert image.size[:] == (32, 32)


def test_an_asset_has_tags_and_the_jobs_picture_as_its_preview(add, tmp_path, picture):
    picture.rename(tmp_path / "thumbnail.png")
    obj = add(is_asset=True, tags=("a", "b"))
    assert obj.asset_data.tags.keys() == ["a", "b"]
    assert obj.asset_data.description.startswith("Made by One2345")
    assert obj.preview.image_size[:] == (2, 2)


def test_an_asset_goes_into_a_catalogue_that_is_there(add, tmp_path):
    (tmp_path / assets.CATALOGUES).write_text(
        f"# comment\nVERSION 1\n\n{CATALOGUE}:Props/Toys:Props-Toys\n{CATALOGUE[::-1]}:Cars:Cars\n"
    )
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
    assert add(is_asset=True, catalogue="Toys").asset_data.catalog_id == CATALOGUE
    assert add(is_asset=True, catalogue="Props/Toys").asset_data.catalog_id == CATALOGUE


def test_a_new_catalogue_is_added_to_the_nearest_list_and_all_lines_stay(add, tmp_path):
    path = tmp_path / assets.CATALOGUES
    before = f"# comment\nVERSION 1\n\n{CATALOGUE}:Props/Toys:Props-Toys"  # its end of line is missing
    path.write_text(before)
    (tmp_path / "deep").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "deep" / "file.blend"))
    first, second = (
        add(is_asset=True, catalogue=" Cars / Old:ones ").asset_data.catalog_id for _ in range(2)
    )
    assert first == second
    assert path.read_text() == f"{before}\n{first}:Cars/Old-ones:Cars-Old-ones\n"
    assert not (tmp_path / "deep" / assets.CATALOGUES).exists()


def test_without_a_list_one_is_made_beside_the_saved_file(add, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
    identifier = add(is_asset=True, catalogue="Toys").asset_data.catalog_id
    assert assets.read_catalogues(tmp_path / assets.CATALOGUES) == [(identifier, "Toys", "Toys")]
    assert "\nVERSION 1\n" in (tmp_path / assets.CATALOGUES).read_text()


def test_a_file_in_a_library_uses_the_list_in_the_librarys_root(add, tmp_path):
    (tmp_path / "deep").mkdir()
    library = bpy.context.preferences.filepaths.asset_libraries.new(name="ours", directory=str(tmp_path))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "deep" / "file.blend"))
    add(is_asset=True, catalogue="Toys")
    bpy.context.preferences.filepaths.asset_libraries.remove(library)
    assert (tmp_path / assets.CATALOGUES).is_file()


def test_a_file_never_saved_gets_no_catalogue_and_the_job_says_why(enabled, make_python, picture):
    enabled.python = str(make_python("works"))
    panel = bpy.context.scene.one2345
    panel.is_asset, panel.catalogue = True, "Toys"
    bpy.ops.one2345.generate(filepath=str(picture))
    made = bpy.context.object
    assert made is not None
    assert not assets.has_catalogue(made)
    assert "save the .blend file first" in jobs.recent()[0].message


def test_without_the_wish_nothing_is_an_asset(add):
    assert add(tags=("a",)).asset_data is None


def test_the_panels_settings_reach_the_result(enabled, make_python, picture):
    enabled.python = str(make_python("works"))
    panel = bpy.context.scene.one2345
    panel.place, panel.is_asset, panel.tags, panel.size = "ORIGIN", True, "one, two,", 3.0
    bpy.context.scene.cursor.location = (1, 2, 3)
    bpy.ops.one2345.generate(filepath=str(picture))
    obj = bpy.context.object
    assert obj.location[:] == (0, 0, 0)
    assert obj.asset_data.tags.keys() == ["one", "two"]
    assert max(obj.dimensions[:]) == pytest.approx(3.0)
