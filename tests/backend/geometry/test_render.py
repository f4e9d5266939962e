"""Pictures agree with the cameras: place, side, coverage, colour."""

import math

import numpy as np
import torch
from torch.testing import assert_close

from backend.geometry.cameras import STARTER_RIG, look_at
from backend.geometry.meshes import Mesh, TexturedMesh
from backend.geometry.render import render
from tests.backend.geometry.bodies import cube

FRONT = look_at(torch.tensor([[0.0, -4.0, 0.0]]), torch.zeros(1, 3), torch.tensor([math.pi / 2]))
"""The golden camera of test_cameras.py: at a depth of 4 the frame is 8 metres wide."""


def square(centre, size, colour):
    """A square that faces -Y."""
    x, y, z = centre
    corners = np.array(
        [[x - size, y, z - size], [x + size, y, z - size], [x + size, y, z + size], [x - size, y, z + size]]
    )
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    return Mesh(corners.astype(np.float32), faces, np.tile(np.array(colour, np.float32), (4, 1)))


def test_golden_camera_shows_a_square_where_it_projects():
    """(1, 0, 1) projects to uv (0.625, 0.375); half a metre there covers 1/16 of the frame's side."""
    picture = render(square((1.0, 0.0, 1.0), 0.25, (1, 0, 0)), FRONT, size=64)[0]
    solid = picture[3] == 1
    rows, columns = solid.nonzero(as_tuple=True)
    assert [rows.min(), rows.max(), columns.min(), columns.max()] == [22, 25, 38, 41]
    assert_close(picture[:3, solid], torch.tensor([1.0, 0, 0])[:, None].expand(3, 16))


def test_centres_of_projected_squares_are_found_from_all_sides():
    cameras = STARTER_RIG.cameras()
    centre = torch.tensor([0.2, -0.1, 0.15])
    ball = cube()
    mesh = Mesh(ball.vertices * 0.2 + centre.numpy(), ball.faces)
    alpha = render(mesh, cameras, size=128)[:, 3]
    axis = (torch.arange(128) + 0.5) / 128
    mass = alpha.sum(dim=(1, 2))
    found = torch.stack([(alpha.sum(1) @ axis) / mass, (alpha.sum(2) @ axis) / mass], dim=1)
    uv, _ = cameras.project(centre.expand(6, 1, 3))
    assert_close(found, uv[:, 0], atol=2e-3, rtol=0)


def test_alpha_is_the_share_of_a_pixel_that_is_covered():
    """The square's edges run through the middle of columns of pixels, which are half a metre wide."""
    picture = render(square((0.25, 0.0, 0.0), 0.5, (0, 1, 0)), FRONT, size=16, supersamples=8)[0]
    assert_close(picture[3, 8], torch.tensor([0.0] * 7 + [0.5, 1, 0.5] + [0.0] * 6))
    assert_close(picture[:3, 8, 7], torch.tensor([0.0, 1, 0]))


def test_texture_is_seen_upright():
    """uv (0, 0) is the top left corner of the picture."""
    mesh = square((0.0, 0.0, 0.0), 4.0, (0, 0, 0))
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    textured = TexturedMesh(mesh.vertices, mesh.faces, np.zeros_like(mesh.vertices), uv, pixels)
    seen = render(textured, FRONT, size=4, supersamples=1)[0, :3]
    assert_close(seen, torch.from_numpy(pixels).permute(2, 0, 1) / 255, atol=2e-3, rtol=0)


def test_nearer_surfaces_hide_farther_ones():
    near, far = square((0.0, -0.5, 0.0), 0.5, (1, 0, 0)), square((0.0, 0.5, 0.0), 0.5, (0, 0, 1))
    both = Mesh(
        np.concatenate([far.vertices, near.vertices]),
        np.concatenate([far.faces, near.faces + 4]),
        np.array([[0, 0, 1]] * 4 + [[1, 0, 0]] * 4, np.float32),
    )
    assert_close(render(both, FRONT, size=32)[0, :3, 16, 16], torch.tensor([1.0, 0, 0]))
