"""Normal maps: the tangent space, flat places, and the fine surface's normals read back."""

import json
import struct

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from backend.geometry.bake import FineSurface, SurfacePixels, nearest_rows, surface_pixels
from backend.geometry.glb import encode_glb
from backend.geometry.meshes import Mesh, TexturedMesh, smooth_normals
from backend.geometry.normal_map import bake_normals, vertex_tangents
from backend.geometry.raycast import Bvh
from backend.geometry.simplify import simplify
from backend.geometry.unwrap import Unwrapped, unwrap
from tests.backend.geometry.bodies import body_mesh

PX = 256
BLANK = np.zeros((PX, PX, 3), np.uint8)


def square(*, is_mirrored: bool = False) -> TexturedMesh:
    """A square that faces -Y, its picture upright or mirrored from left to right."""
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 0, 1], [0, 0, 1]], np.float32)
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)
    if is_mirrored:
        uv[:, 0] = 1 - uv[:, 0]
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    normals = np.tile(np.array([[0, -1, 0]], np.float32), (4, 1))
    return TexturedMesh(vertices, faces, normals, uv, BLANK)


def test_tangents_run_to_the_right_of_the_picture():
    tangents = vertex_tangents(square())
    assert np.allclose(tangents, [[1, 0, 0, 1]] * 4)


def test_a_mirrored_picture_turns_the_bitangent_over():
    tangents = vertex_tangents(square(is_mirrored=True))
    assert np.allclose(tangents, [[-1, 0, 0, -1]] * 4)


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_a_normal_that_leans_up_is_green_in_every_picture(is_mirrored: bool):
    """+Y of a normal map is the top of the picture, here the world's +Z."""
    mesh = square(is_mirrored=is_mirrored)
    lean = F.normalize(torch.tensor([[0.0, -1.0, 0.5]]), dim=1)
    middle = torch.full((1, 3), 1 / 3)
    index = torch.tensor([5])
    nearest = nearest_rows(index, texture_px=PX)
    pixels = SurfacePixels(index, torch.zeros(1, 3), lean, torch.tensor([0]), middle, nearest)
    red, green, blue = bake_normals(mesh, pixels)[0, 5].astype(int)
    assert red == 128
    assert green == round(128 + 127 * 0.5 / np.sqrt(1.25))
    assert blue == round(128 + 127 / np.sqrt(1.25))


FINE = body_mesh(resolution=96)
COARSE = simplify(FINE, faces=600)


def _level(mesh: Mesh) -> tuple[TexturedMesh, Unwrapped]:
    charts, normals = unwrap(mesh, texture_px=PX), smooth_normals(mesh)
    level = TexturedMesh(mesh.vertices[charts.vertex], charts.faces, normals[charts.vertex], charts.uv, BLANK)
    return level, charts


def test_a_mesh_is_flat_in_its_own_normal_map():
    level, charts = _level(COARSE)
    pixels = surface_pixels(COARSE, smooth_normals(COARSE), charts, texture_px=PX)
    assert (np.abs(bake_normals(level, pixels).astype(int) - [128, 128, 255]) <= 1).all()


def test_reading_the_map_as_renderers_do_gives_the_fine_normals():
    """Normal = x T + y sign (N x T) + z N, all interpolated and not normalised."""
    level, charts = _level(COARSE)
    bvh = Bvh(FINE.vertices, FINE.faces)
    fine = FineSurface(bvh, torch.from_numpy(smooth_normals(FINE)))
    pixels = surface_pixels(COARSE, smooth_normals(COARSE), charts, texture_px=PX, fine=fine)
    picture = bake_normals(level, pixels).reshape(-1, 3)[pixels.index.numpy()]
    local = (picture.astype(np.float64) - 128) / 127
    corners, weights = level.faces[pixels.face.numpy()], pixels.barycentric.numpy()[:, :, None]
    tangents = vertex_tangents(level)
    tangent = (tangents[corners][..., :3] * weights).sum(axis=1)
    normal = (level.normals[corners] * weights).sum(axis=1)
    bitangent = tangents[corners[:, 0], 3:] * np.cross(normal, tangent)
    read = local[:, :1] * tangent + local[:, 1:2] * bitangent + local[:, 2:] * normal
    read /= np.linalg.norm(read, axis=1, keepdims=True)
    cosine = (read * pixels.normals.numpy()).sum(axis=1)
    plain = (normal / np.linalg.norm(normal, axis=1, keepdims=True) * pixels.normals.numpy()).sum(axis=1)
    # 8 bits leave half a degree; a few pixels are steeper than a map can say.
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean() < 0.6
    assert np.degrees(np.arccos(np.clip(plain, -1, 1))).mean() > 2


def test_pixels_lie_on_the_fine_surface():
    _, charts = _level(COARSE)
    bvh = Bvh(FINE.vertices, FINE.faces)
    fine = FineSurface(bvh, torch.from_numpy(smooth_normals(FINE)))
    own = surface_pixels(COARSE, smooth_normals(COARSE), charts, texture_px=PX)
    snapped = surface_pixels(COARSE, smooth_normals(COARSE), charts, texture_px=PX, fine=fine)
    assert bvh.closest(own.points).distance.mean() > 5e-4
    assert (bvh.closest(snapped.points).distance < 1e-5).float().mean() > 0.99


def test_files_name_the_map_and_the_tangents():
    data = encode_glb(
        TexturedMesh(**{name: getattr(square(), name) for name in ("vertices", "faces", "normals", "uv")},
                     texture=BLANK, normal_map=BLANK + 128),
        extras={},
    )  # fmt: skip
    length = struct.unpack_from("<I", data, 12)[0]
    tree = json.loads(data[20 : 20 + length])
    assert tree["materials"][0]["normalTexture"] == {"index": 1}
    tangents = tree["accessors"][tree["meshes"][0]["primitives"][0]["attributes"]["TANGENT"]]
    assert (tangents["type"], tangents["count"]) == ("VEC4", 4)
