"""The picture of a finished mesh."""

import pytest
from PIL import Image

from backend.thumbnail import draw_thumbnail, write_thumbnail
from tests.addon.subjects import textured_tetrahedron


def test_it_shows_the_front_lit_and_nothing_around():
    """From the front right the tetrahedron's green front is seen; its yellow back left is not."""
    picture = draw_thumbnail(textured_tetrahedron(), size=64)
    red, green, blue, alpha = picture
    solid = alpha > 0.99
    assert 0.03 < float(solid.float().mean()) < 0.6
    assert float(alpha[0].max()) == float(alpha[-1].max()) == 0.0
    middle = solid & (green > red + 0.1) & (green > blue + 0.1)
    assert middle.any()
    assert float(green[solid].max()) <= 200 / 255 + 1e-3


def test_it_is_written_whole_and_nothing_beside_it(tmp_path):
    write_thumbnail(textured_tetrahedron(), tmp_path / "thumbnail.png")
    assert [path.name for path in tmp_path.iterdir()] == ["thumbnail.png"]
    with Image.open(tmp_path / "thumbnail.png") as picture:
        assert (picture.size, picture.mode) == ((256, 256), "RGBA")


def test_a_large_mesh_far_out_still_fits():
    mesh = textured_tetrahedron()
    large = type(mesh)(mesh.vertices * 1.2, mesh.faces, mesh.normals, mesh.uv, mesh.texture)
    alpha = draw_thumbnail(large, size=32)[3]
    assert float(alpha[0].max()) == pytest.approx(0.0)
