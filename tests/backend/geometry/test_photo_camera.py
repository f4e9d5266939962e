"""The camera of the input picture: checked by hand, against the orbit camera, and against its own rays."""

import math

import numpy as np
import torch
from torch.testing import assert_close

from backend.geometry.cameras import UNIT_RADIUS, orbit_cameras
from backend.geometry.photo_camera import PhotoCamera
from tests.backend.geometry.photographed import camera


def test_golden_camera_projects_known_points():
    """90 degrees from the front at distance 0.5 / sin 45; half a frame is as wide as the distance."""
    front = PhotoCamera(elevation=0.0, azimuth=0.0, fov=math.pi / 2, scale=2.0, shift=(0.1, -0.2))
    distance = 0.5 / math.sin(math.pi / 4)
    points = torch.tensor([[0.0, 0, 0], [distance / 4, 0, 0], [0, 0, distance / 4], [0, -1, 0]])
    uv, depth = front.project(points)
    assert_close(depth, torch.tensor([distance, distance, distance, distance - 1]))
    assert_close(uv[:3], torch.tensor([[0.6, 0.3], [0.85, 0.3], [0.6, 0.05]]))


def test_the_whole_frame_is_what_the_orbit_camera_sees():
    angles = torch.tensor([0.3, -0.2, 0.7])
    ours = PhotoCamera(elevation=0.3, azimuth=-0.2, fov=0.7, scale=1.0, shift=(0.0, 0.0))
    orbit = orbit_cameras(angles[1], angles[0], UNIT_RADIUS / torch.sin(angles[2] / 2), angles[2])
    for mine, theirs in zip(ours.rays(8), orbit.rays(8), strict=True):
        assert_close(mine, theirs.reshape(-1, 3))


def test_rays_pass_through_the_points_of_their_pixels():
    seen_from = camera(azimuth=9.0)
    origins, directions = seen_from.rays(5)
    uv, depth = seen_from.project(origins + 1.3 * directions)
    axis = (torch.arange(5) + 0.5) / 5
    down, right = torch.meshgrid(axis, axis, indexing="ij")
    assert_close(uv, torch.stack([right, down], dim=-1).reshape(-1, 2), atol=1e-5, rtol=0)
    assert depth.min() > 0


def test_parameters_give_the_camera_back():
    seen_from = camera(azimuth=-7.0)
    again = PhotoCamera.of(seen_from.params())
    assert np.allclose(again.params(), seen_from.params())
