"""The sheet of six views and its cameras, as an artist and the backend find them."""

import bpy
import numpy as np
import pytest
from mathutils import Vector
from PIL import Image

from backend.geometry.cameras import STARTER_RIG
from tests.addon.extension import (
    errors,
    frames,
    jobs,
    properties,
    protocol,
    views_cameras,
    views_editing,
    views_sheet,
)
from tests.addon.extension import steps as steps_module
from tests.addon.reworking import JOB, TILE, assets, job_folder, newest, png_pixels, result, seen, sheet
from tests.addon.stopwatch import TICK_S, ticks_of

pytestmark = pytest.mark.blender

__all__ = ["assets", "job_folder", "result"]


def chosen(*numbers):
    return [number in numbers for number in range(1, 7)]


def open_views():
    assert bpy.ops.one2345.open_views() == {"FINISHED"}
    return current_sheet()


def current_sheet() -> bpy.types.Image:
    return views_editing.sheet_of(bpy.context)


def camera(number):
    return views_cameras.camera_of(properties.current_scene(bpy.context), JOB, number)


def changed_tiles(one, other):
    return [
        number
        for number in range(1, 7)
        if not np.array_equal(views_sheet.tile(one, number), views_sheet.tile(other, number))
    ]


def test_the_sheet_opens_with_every_byte_as_it_was(result):
    image = open_views()
    np.testing.assert_array_equal(views_sheet.pixels_of(image), sheet(1))
    assert image.packed_file is not None


def test_a_sheet_survives_saving_and_loading(result, tmp_path):
    open_views()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "file.blend"))
    image = current_sheet()
    np.testing.assert_array_equal(views_sheet.pixels_of(image), sheet(1))
    bpy.ops.one2345.continue_from_views()
    assert newest().placement.aligned_to == "toy"


def test_cameras_look_as_those_of_the_backend(result):
    """A point of generation space falls on the same place of a tile in Blender as in the backend."""
    import torch
    from bpy_extras.object_utils import world_to_camera_view

    open_views()
    point = torch.tensor([[0.11, -0.23, 0.17]])
    frame = frames.frame_of(result)
    place = result.matrix_world @ frame.own_from_generation
    scene = properties.current_scene(bpy.context)
    scene.render.resolution_x = scene.render.resolution_y = TILE
    cameras = STARTER_RIG.cameras()
    for number in range(1, 7):
        bpy.context.view_layer.update()
        world = place @ Vector(point[0].tolist())
        found = world_to_camera_view(scene, camera(number), world)
        uv, _ = cameras[number - 1].project(point)
        assert (found.x, 1 - found.y) == pytest.approx(uv[0].tolist(), abs=1e-4)


def test_opening_again_moves_the_cameras_and_keeps_the_sheet(result):
    image = open_views()
    before = camera(1).location.copy()
    result.location.x += 1
    bpy.context.view_layer.update()
    assert open_views() == image
    after = camera(1).location
    assert after.x - before.x == pytest.approx(1, abs=1e-5)
    assert len([item for item in bpy.data.objects if item.type == "CAMERA"]) == 6


def test_opening_is_one_undo_step(result):
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.one2345.open_views("EXEC_DEFAULT", True)
    bpy.ops.ed.undo()
    assert not [item for item in bpy.data.objects if item.type == "CAMERA"]
    assert not bpy.data.collections.get("toy views")


def test_a_file_takes_the_place_of_one_tile_alone(result, tmp_path):
    open_views()
    Image.new("RGBA", (2 * TILE, TILE), (10, 200, 30, 255)).save(tmp_path / "wide.png")
    bpy.ops.one2345.replace_tile(filepath=str(tmp_path / "wide.png"), tiles=chosen(4))
    pixels = views_sheet.pixels_of(current_sheet())
    assert changed_tiles(pixels, sheet(1)) == [4]
    tile = views_sheet.tile(pixels, 4)
    assert tile[TILE // 2, TILE // 2].tolist() == [10, 200, 30, 255]
    assert tile[0, TILE // 2, 3] == 0


def test_replacing_a_tile_can_be_undone(result, tmp_path):
    bpy.ops.one2345.open_views("EXEC_DEFAULT", True)
    Image.new("RGB", (8, 8), (10, 200, 30)).save(tmp_path / "tile.png")
    bpy.ops.one2345.replace_tile("EXEC_DEFAULT", True, filepath=str(tmp_path / "tile.png"), tiles=chosen(4))
    bpy.ops.ed.undo()
    image = current_sheet()
    np.testing.assert_array_equal(views_sheet.pixels_of(image), sheet(1))


def test_a_tile_is_rendered_from_its_camera_and_the_scene_stays_as_it_was(result):
    """For the camera at azimuth 30 and elevation 30, a ball to the object's right is right of the middle."""
    open_views()
    scene = bpy.context.scene
    render = scene.render
    render.engine = "CYCLES"
    scene.cycles.samples = 1
    scene.world = bpy.data.worlds.new("even")
    scene.world.color = (1, 1, 1)
    place = result.matrix_world @ frames.frame_of(result).own_from_generation
    result.hide_render = True
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.4, location=place @ Vector((0.25, 0, 0)))
    before = (render.resolution_x, render.film_transparent, render.filepath, scene.camera)
    before += (render.image_settings.file_format, scene.view_settings.view_transform)
    bpy.ops.one2345.render_tiles(tiles=chosen(1))
    after = (render.resolution_x, render.film_transparent, render.filepath, scene.camera)
    after += (render.image_settings.file_format, scene.view_settings.view_transform)
    assert after == before
    pixels = views_sheet.pixels_of(current_sheet())
    assert changed_tiles(pixels, sheet(1)) == [1]
    alpha = views_sheet.tile(pixels, 1)[..., 3].astype(float)
    assert alpha[0, 0] == 0
    assert alpha.max() == 255
    assert (alpha.sum(axis=0) * np.arange(TILE)).sum() / alpha.sum() > TILE / 2


def test_untouched_views_go_on_as_the_very_file(result, job_folder):
    open_views()
    bpy.ops.one2345.continue_from_views()
    job = newest()
    assert set(seen(job)) == {"job.json", "matte.png", "request.json", "views.png"}
    assert (job.folder / "views.png").read_bytes() == (job_folder / "views.png").read_bytes()
    assert (job.request.seed, job.request.reroll, job.request.start_from) == (5, (), None)


def test_a_painted_tile_goes_on_and_the_others_with_every_byte(result, job_folder):
    image = open_views()
    pixels = views_sheet.pixels_of(image)
    views_sheet.tile(pixels, 2)[:] = (1, 2, 3, 255)
    image.pixels.foreach_set((pixels[::-1].astype(np.float32) / 255).ravel())  # as a brush does
    bpy.ops.one2345.continue_from_views()
    written = png_pixels(newest().folder / "views.png")
    assert changed_tiles(written, sheet(1)) == [2]
    np.testing.assert_array_equal(written, pixels)
    np.testing.assert_array_equal(png_pixels(job_folder / "views.png"), sheet(1))


def test_the_new_object_takes_the_place_of_the_old_one(result):
    open_views()
    place = result.matrix_world.copy()
    bpy.ops.one2345.continue_from_views()
    new = bpy.data.objects[newest().object_name]
    assert new.matrix_world == place
    assert new["one2345_job"] == newest().id
    assert result.hide_get()


def test_a_rerolled_tile_is_shown_beside_the_others_as_they_are(result, job_folder):
    old = open_views()
    bpy.ops.one2345.reroll_tiles(tiles=chosen(3, 6), seed=9)
    new = current_sheet()
    job = newest()
    assert new != old
    assert (job.request.reroll, job.request.reroll_seed, job.request.stop_after) == ((3, 6), 9, "views")
    pixels = views_sheet.pixels_of(new)
    assert changed_tiles(pixels, sheet(1)) == [3, 6]
    assert changed_tiles(pixels, sheet(2)) == [1, 2, 4, 5]
    bpy.ops.one2345.continue_from_views()
    assert newest().request.reroll == ()
    np.testing.assert_array_equal(png_pixels(newest().folder / "views.png"), pixels)
    assert newest().placement.aligned_to == "toy"


@pytest.mark.parametrize("num_steps", [1, 4, 6, 8, 10])
def test_what_is_painted_while_new_tiles_come_in_is_kept(result, num_steps):
    open_views()
    bpy.ops.one2345.reroll_tiles(tiles=chosen(3))
    steps = views_editing._take_rerolled(newest(), JOB)
    for _ in range(num_steps):
        next(steps)
    image = current_sheet()
    painted = views_sheet.pixels_of(image)
    views_sheet.tile(painted, 5)[:] = (1, 2, 3, 255)
    image.pixels.foreach_set((painted[::-1].astype(np.float32) / 255).ravel())
    steps_module.finish(steps)
    np.testing.assert_array_equal(views_sheet.pixels_of(current_sheet()), painted)


@pytest.mark.parametrize("lost", ["the new picture", "the sheet"])
def test_a_picture_that_goes_before_it_is_taken_over_does_no_harm(result, lost):
    open_views()
    bpy.ops.one2345.reroll_tiles(tiles=chosen(5))
    np.save(newest().folder / protocol.REROLLED_FILE.format(5), np.zeros((TILE, TILE, 4), np.uint8))
    steps = views_editing._take_rerolled(newest(), JOB)
    while (fresh := views_editing._fresh_sheet(newest())) is None:
        next(steps)
    if lost == "the new picture":  # as by an undo
        bpy.data.images.remove(fresh)
        steps_module.finish(steps)
        assert not views_sheet.tile(views_sheet.pixels_of(current_sheet()), 5).any()
    else:
        bpy.data.images.remove(current_sheet())
        with pytest.raises(errors.SourceError, match="The sheet is gone"):
            steps_module.finish(steps)
    assert views_editing._fresh_sheet(newest()) is None


def test_new_tiles_fit_a_sheet_that_was_scaled_meanwhile(result):
    image = open_views()
    image.scale(4 * TILE, 6 * TILE)
    bpy.ops.one2345.reroll_tiles(tiles=chosen(4))
    assert tuple(current_sheet().size) == (4 * TILE, 6 * TILE)


def test_new_tiles_come_in_by_ticks_that_nobody_feels(result):
    """A sheet as large as the networks for 320 pixels draw it, and as a file no smaller."""
    image = open_views()
    coarse = np.random.default_rng(0).integers(0, 256, (240, 160, 4), dtype=np.uint8)
    large = coarse.repeat(4, axis=0).repeat(4, axis=1)
    views_editing.change(bpy.context, image, large)
    bpy.ops.one2345.reroll_tiles(tiles=chosen(2, 5))
    for number in (2, 5):
        drawn = views_sheet.tile(large, number)[::-1]
        np.save(newest().folder / protocol.REROLLED_FILE.format(number), drawn)
    longest = []
    for _ in range(5):
        current_sheet().update()  # which shows it
        longest.append(max(ticks_of(views_editing._take_rerolled(newest(), JOB))))
    assert min(longest) < TICK_S, longest


def test_a_reroll_without_a_seed_draws_another_one_each_time(result):
    open_views()
    for _ in range(2):
        bpy.ops.one2345.reroll_tiles(tiles=chosen(1))
    one, two = (job.request.reroll_seed for job in jobs.recent()[:2])
    assert one != two


def test_tiles_must_be_chosen(result):
    open_views()
    with pytest.raises(RuntimeError, match="Choose a view first"):
        bpy.ops.one2345.reroll_tiles()


def test_views_of_a_job_whose_folder_is_gone_are_named(enabled):
    with pytest.raises(RuntimeError, match="is gone or damaged"):
        bpy.ops.one2345.open_views(job="nothing")


def test_tiles_are_as_many_as_the_protocol_says():
    assert views_sheet.ROWS * views_sheet.COLUMNS == protocol.NUM_TILES
