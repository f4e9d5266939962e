"""Where the panel's picture comes from, and what is cut out of it."""

import bpy
import numpy as np
import pytest

from tests.addon.extension import errors, jobs, pictures, snapshots, x11_clipboard

pytestmark = pytest.mark.blender


@pytest.fixture
def panel(enabled, make_python):
    """The panel's settings, with a backend that works."""
    enabled.python = str(make_python("works"))
    return bpy.context.scene.one2345


def render_small(scene):
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 1, False
    scene.render.resolution_x = scene.render.resolution_y = 16
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(scene.camera)
    bpy.ops.render.render()


def test_a_dropped_file_becomes_the_panels_picture_and_its_mask_goes(panel, picture):
    panel.mask = bpy.data.images.new("mask", 2, 2)
    bpy.ops.one2345.open_picture(filepath=str(picture))
    assert panel.image.filepath == str(picture)
    assert panel.mask is None


def test_an_image_of_the_file_becomes_the_panels_picture(panel):
    image = bpy.data.images.new("toy", 2, 2)
    bpy.ops.one2345.use_image(image="toy")
    assert panel.image == image
    with pytest.raises(RuntimeError, match="There is no image 'none'"):
        bpy.ops.one2345.use_image(image="none")


def test_a_file_that_is_no_picture_is_told(panel, tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(RuntimeError, match=r"a\.png is no picture"):
        bpy.ops.one2345.open_picture(filepath=str(tmp_path / "a.png"))
    assert not bpy.data.images


def test_the_last_render_is_copied_whatever_the_output_format_is(panel):
    scene = bpy.context.scene
    render_small(scene)
    scene.render.image_settings.file_format = "OPEN_EXR"
    bpy.ops.one2345.take_render()
    assert panel.image.name.startswith("Render")
    assert panel.image.packed_file is not None
    assert panel.image.size[:] == (16, 16)
    assert scene.render.image_settings.file_format == "OPEN_EXR"


def test_a_render_leaves_no_file(panel, tmp_path):
    render_small(bpy.context.scene)
    bpy.ops.one2345.take_render()
    assert [path for path in (tmp_path / "data").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("operator", "words"),
    [("snapshot", "There is no 3D view"), ("paste", "no picture in the clipboard|no window to paste")],
)
def test_what_needs_a_window_says_so_without_one(panel, operator, words):
    with pytest.raises(RuntimeError, match=words):
        getattr(bpy.ops.one2345, operator)()


def test_every_selected_image_empty_becomes_an_object_where_it_stands(panel, picture):
    image = bpy.data.images.load(str(picture))
    for x in (1.0, 5.0):
        empty = bpy.data.objects.new("Reference", None)
        empty.empty_display_type = "IMAGE"
        empty.data, empty.location = image, (x, 0.0, 2.0)
        bpy.context.scene.collection.objects.link(empty)
        empty.select_set(True)
    bpy.context.view_layer.update()
    bpy.ops.one2345.generate_from_empties()
    made = [item for item in bpy.data.objects if "one2345_job" in item]
    assert sorted(item.location[:] for item in made) == [(1.0, 0.0, 2.0), (5.0, 0.0, 2.0)]


def test_without_an_image_empty_it_is_off(panel):
    assert not bpy.ops.one2345.generate_from_empties.poll()


def test_the_cut_out_is_shown_before_anything_else_is_made(panel, picture, tmp_path):
    bpy.ops.one2345.open_picture(filepath=str(picture))
    bpy.ops.one2345.show_cut_out()
    (job,) = jobs.SESSION.jobs.values()
    assert job.is_preview
    assert (job.folder / "matte.png").is_file()
    assert not (job.folder / "views.png").exists()
    assert job.folder.parent == tmp_path / "data" / "previews"
    assert jobs.recent() == []
    assert not bpy.data.objects


def test_a_new_cut_out_takes_the_place_of_the_last_one(panel, picture, tmp_path):
    bpy.ops.one2345.open_picture(filepath=str(picture))
    bpy.ops.one2345.show_cut_out()
    bpy.ops.one2345.show_cut_out()
    assert len(list((tmp_path / "data" / "previews").iterdir())) == 1


def test_a_painted_mask_goes_with_the_picture(panel, picture):
    bpy.ops.one2345.open_picture(filepath=str(picture))
    bpy.ops.one2345.edit_mask()
    assert panel.mask.size[:] == panel.image.size[:]
    values = np.tile(np.array([1, 1, 1, 0], dtype=np.float32), 4)
    panel.mask.pixels.foreach_set(values)
    bpy.ops.one2345.generate()
    job = jobs.recent()[0]
    assert job.request.mask == str(job.folder / "mask.png")
    saved = bpy.data.images.load(job.request.mask)
    pixels = np.empty(16, dtype=np.float32)
    saved.pixels.foreach_get(pixels)
    assert pixels[3::4].max() == 0.0


def test_pictures_of_a_folder_come_by_name(tmp_path, picture):
    for name in ("b.JPG", "a.webp", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in pictures.pictures_in(tmp_path)] == ["a.webp", "b.JPG", "toy car.png"]
    with pytest.raises(errors.SourceError, match="Cannot read the folder"):
        pictures.pictures_in(tmp_path / "none")


def test_a_view_keeps_its_overlays():
    overlay = type("Overlay", (), {"show_overlays": True})()
    space = type("Space", (), {"overlay": overlay, "show_gizmo": True})()
    hidden = snapshots._without_overlays(space)  # type: ignore[arg-type]  # a stand-in
    with hidden:
        assert not overlay.show_overlays
    assert overlay.show_overlays
    assert space.show_gizmo


@pytest.fixture
def x11(enabled, monkeypatch, tmp_path):
    """A display whose clipboard is read by a program that does what a line of shell says."""

    def use(line):
        program = tmp_path / "python-clipboard"
        program.write_text(f"#!/bin/sh\n{line}\n")
        program.chmod(0o755)
        monkeypatch.setenv("DISPLAY", ":7")
        monkeypatch.setattr(snapshots.sys, "executable", str(program))

    return use


def test_a_picture_in_the_clipboard_of_x11_is_pasted_and_packed(x11, picture, tmp_path):
    x11(f'cp "{picture}" "$2"')
    assert bpy.ops.one2345.paste() == {"FINISHED"}
    image = bpy.context.scene.one2345.image
    assert (image.name, image.size[:]) == ("Clipboard", (2, 2))
    assert image.packed_file.data == picture.read_bytes()
    assert not list((tmp_path / "data" / "previews").iterdir())


def test_no_picture_in_the_clipboard_of_x11_is_told(x11):
    x11("exit 1")
    with pytest.raises(RuntimeError, match=r"no picture in the clipboard|no window to paste"):
        bpy.ops.one2345.paste()


def test_the_clipboard_program_ends_without_a_display(tmp_path, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":99999")
    assert x11_clipboard.main(tmp_path / "picture.png") == 1
    assert not (tmp_path / "picture.png").exists()
