"""The picture of a finished mesh."""

import pytest
import torch
from PIL import Image

from backend import thumbnail
from backend.geometry.render import render
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


def fail_on_cuda(monkeypatch, error: Exception) -> None:
    def render_or_fail(*args, device, **kwargs):
        if torch.device(device).type == "cuda":
            raise error
        return render(*args, device=device, **kwargs)

    monkeypatch.setattr(thumbnail, "render", render_or_fail)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        RuntimeError("Failed to allocate 4096 bytes on device 'cuda:0'"),
    ],
    ids=["torch", "warp"],
)
def test_a_graphics_card_without_room_leaves_it_to_the_cpu(tmp_path, monkeypatch, error):
    write_thumbnail(textured_tetrahedron(), tmp_path / "plain.png")
    fail_on_cuda(monkeypatch, error)
    write_thumbnail(textured_tetrahedron(), tmp_path / "thumbnail.png", device="cuda")
    assert (tmp_path / "thumbnail.png").read_bytes() == (tmp_path / "plain.png").read_bytes()


def test_another_fault_of_the_graphics_card_is_not_hidden(tmp_path, monkeypatch):
    fail_on_cuda(monkeypatch, RuntimeError("CUDA error: an illegal memory access was encountered"))
    with pytest.raises(RuntimeError, match="illegal"):
        write_thumbnail(textured_tetrahedron(), tmp_path / "thumbnail.png", device="cuda")
    assert not list(tmp_path.iterdir())
