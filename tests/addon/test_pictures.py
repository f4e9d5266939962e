"""From datablocks and paths to a file that the backend can read."""

import bpy
import numpy as np
import pytest
from mathutils import Vector

from tests.addon.extension import errors, pictures, placing

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("empty_file")]


def pixels_of(path):
    image = bpy.data.images.load(str(path))
    width, height = image.size
    values = np.empty(width * height * 4, dtype=np.float32)
    image.pixels.foreach_get(values)
    bpy.data.images.remove(image)
    return np.round(values.reshape(-1, 4) * 255)


def test_a_picture_on_disk_is_read_where_it_lies(picture, tmp_path):
    image = bpy.data.images.load(str(picture))
    assert pictures.from_datablock(image)(tmp_path) == picture
    assert pictures.from_file(str(picture))(tmp_path) == picture


def test_a_packed_picture_keeps_its_bytes(picture, tmp_path):
    image = bpy.data.images.load(str(picture))
    image.pack()
    data = picture.read_bytes()
    picture.unlink()
    assert pictures.from_datablock(image)(tmp_path).read_bytes() == data


def test_strokes_that_are_not_saved_are_part_of_the_picture(picture, tmp_path):
    image = bpy.data.images.load(str(picture))
    image.pixels.foreach_set(np.tile(np.float32([1, 0, 0, 1]), 4))  # type: ignore[attr-defined]  # of an array
    image.update()
    assert image.is_dirty
    path = pictures.from_datablock(image)(tmp_path)
    assert path == tmp_path / "input.png"
    np.testing.assert_array_equal(pixels_of(path)[0], [255, 0, 0, 255])
    assert image.is_dirty
    assert image.filepath == str(picture)


def test_a_generated_picture_is_written_out(tmp_path):
    image = bpy.data.images.new("made", 2, 2)
    image.generated_color = (0, 1, 0, 1)
    path = pictures.from_datablock(image)(tmp_path)
    np.testing.assert_array_equal(pixels_of(path)[0], [0, 255, 0, 255])


def test_a_picture_whose_file_is_gone_is_named(picture, tmp_path):
    image = bpy.data.images.load(str(picture), check_existing=False)
    picture.unlink()
    with pytest.raises(errors.SourceError, match=r"toy car\.png"):
        pictures.from_datablock(image)(tmp_path)


def test_an_empty_render_is_refused(tmp_path):
    image = bpy.data.images.get("Render Result") or bpy.data.images.new("Render Result", 1, 1)
    if image.source == "VIEWER":
        with pytest.raises(errors.SourceError, match="holds no picture"):
            pictures.from_datablock(image)(tmp_path)


def test_a_movie_is_refused(tmp_path):
    image = bpy.data.images.new("clip", 2, 2)
    image.source = "MOVIE"
    with pytest.raises(errors.SourceError, match="movie"):
        pictures.from_datablock(image)(tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(errors.SourceError, match=r"none\.png"):
        pictures.from_file(str(tmp_path / "none.png"))


def test_a_ray_meets_the_ground_in_front_of_it_only():
    down = placing.ground_point(Vector((1, 2, 10)), Vector((0, 0.6, -0.8)))
    assert down is not None
    assert placing.triple(down) == pytest.approx((1, 9.5, 0))
    assert placing.ground_point(Vector((0, 0, 10)), Vector((0, 0, 1))) is None
    assert placing.ground_point(Vector((0, 0, 10)), Vector((0, 1, 0))) is None
    assert placing.ground_point(Vector((0, 0, 10)), Vector((1, 0, -1e-4))) is None
