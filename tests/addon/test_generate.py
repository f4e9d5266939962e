"""The operators from end to end in background mode, against the fake backend."""

import bpy
import pytest

from tests.addon.extension import client, jobs, rows

pytestmark = pytest.mark.blender


def use(enabled, make_python, behaviour):
    enabled.python = str(make_python(behaviour))


def test_generate_ends_with_the_object_in_the_scene(enabled, make_python, picture):
    use(enabled, make_python, "works")
    bpy.context.scene.cursor.location = (1, 2, 3)
    returned = bpy.ops.one2345.generate(filepath=str(picture), seed=7, preset="DRAFT", size=2.0)
    assert returned == {"FINISHED"}
    obj = bpy.data.objects["toy car"]
    assert bpy.context.object == obj
    assert obj.location[:] == (1, 2, 3)
    assert max(obj.dimensions[:]) == pytest.approx(2.0)
    assert (obj["one2345_seed"], obj["one2345_preset"]) == (7, "draft")
    assert obj["one2345_weights_licence"] == "Apache-2.0"
    assert obj["one2345_image"] == str(picture)


def test_a_job_that_is_waited_for_is_listed(enabled, make_python, picture):
    """Nothing redraws the list meanwhile."""
    use(enabled, make_python, "works")
    bpy.ops.one2345.generate(filepath=str(picture))
    listed = [row.job for row in getattr(bpy.context.window_manager, rows.ROWS)]
    assert listed == [jobs.recent()[0].id]


def test_settings_that_are_not_given_come_from_the_scene(enabled, make_python, picture):
    use(enabled, make_python, "works")
    settings = bpy.context.scene.one2345
    settings.seed, settings.preset, settings.faces, settings.size = 11, "HIGH", 5000, 3.0
    settings.collection = bpy.data.collections.new("Toys")
    settings.use_photo, settings.flat_base = False, True
    bpy.ops.one2345.generate(filepath=str(picture), faces=400)
    request = jobs.recent()[0].request
    assert (request.seed, request.preset, request.faces, request.texture_px) == (11, "high", 400, None)
    assert (request.use_photo, request.flat_base) == (False, True)
    assert max(bpy.data.collections["Toys"].objects[0].dimensions[:]) == pytest.approx(3.0)


def test_an_image_of_the_file_needs_no_path(enabled, make_python):
    use(enabled, make_python, "works")
    bpy.data.images.new("painted", 4, 4)
    bpy.ops.one2345.generate(image="painted")
    job = jobs.recent()[0]
    assert job.request.image == str(job.folder / "input.png")
    assert (job.folder / "input.png").stat().st_size > 0
    assert bpy.context.object.name == "painted"


def test_several_pictures_stand_side_by_side(enabled, make_python, picture):
    use(enabled, make_python, "works")
    (picture.parent / "ball.png").write_bytes(picture.read_bytes())
    bpy.ops.one2345.generate_from_file(
        directory=str(picture.parent),
        files=[{"name": picture.name}, {"name": "ball.png"}],
        location=(1, 2, 0),
        size=2.0,
    )
    assert bpy.data.objects["toy car"].location[:] == (1, 2, 0)
    assert bpy.data.objects["ball"].location[:] == (3.5, 2, 0)


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("fails", "The picture shows no object. Try another."),
        ("dies", "broken on purpose"),
        ("lacks_torch", "environment is incomplete"),
        ("other_version", "version 9.9.9"),
    ],
)
def test_errors_reach_a_script_as_a_sentence(enabled, make_python, picture, behaviour, words):
    use(enabled, make_python, behaviour)
    with pytest.raises(RuntimeError, match=words):
        bpy.ops.one2345.generate(filepath=str(picture))
    assert not bpy.data.objects
    assert not bpy.data.meshes


def test_a_missing_picture_starts_nothing(enabled, make_python, tmp_path):
    use(enabled, make_python, "works")
    with pytest.raises(RuntimeError, match="There is no picture"):
        bpy.ops.one2345.generate(filepath=str(tmp_path / "none.png"))
    assert jobs.SESSION.client.state is client.State.STOPPED
    assert not (tmp_path / "data").exists()
