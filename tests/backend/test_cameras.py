"""The golden camera and the invariants that every loader and renderer must agree with."""

import math

import pytest
import torch
from torch.testing import assert_close

from backend.errors import ConfigError
from backend.geometry.cameras import (
    RIGS,
    ViewRig,
    look_at,
    orbit_cameras,
    sheet_from_views,
    views_from_sheet,
)

FRONT = look_at(torch.tensor([0.0, -4.0, 0.0]), torch.zeros(3), torch.tensor(math.pi / 2))


def test_golden_camera_projects_known_points():
    """A camera on the -Y side sees +X to the right and +Z up; a 90 degree lens has half-width = depth."""
    points = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 0, 1], [0, -5, 0]])
    uv, depth = FRONT.project(points)
    assert_close(depth, torch.tensor([4.0, 4, 4, -1]))
    assert_close(uv[:3], torch.tensor([[0.5, 0.5], [0.625, 0.5], [0.5, 0.375]]))


def test_rays_pass_through_the_pixels_that_their_points_project_to():
    rig = RIGS["zero123plus-v1.1"].cameras()
    origins, directions = rig.rays(8)
    points = (origins + 1.3 * directions).reshape(6, 64, 3)
    uv, _ = rig.project(points)
    axis = (torch.arange(8) + 0.5) / 8
    expected = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).reshape(64, 2)
    assert_close(uv, expected.expand(6, 64, 2), atol=1e-5, rtol=0)


def test_azimuth_grows_counter_clockwise_from_the_front():
    quarter, none = torch.tensor(math.pi / 2), torch.tensor(0.0)
    one = torch.tensor(1.0)
    assert_close(orbit_cameras(none, none, one, one).position, torch.tensor([0.0, -1, 0]))
    assert_close(
        orbit_cameras(quarter, none, one, one).position, torch.tensor([1.0, 0, 0]), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("name", sorted(RIGS))
def test_rig_cameras_are_rigid_and_see_the_unit_sphere(name: str):
    cameras = RIGS[name].cameras()
    rotation = cameras.world_from_cam[:, :3, :3]
    assert_close(rotation @ rotation.mT, torch.eye(3).expand(6, 3, 3), atol=1e-5, rtol=0)
    assert_close(torch.linalg.det(rotation), torch.ones(6))
    half_angle = torch.asin(0.5 / cameras.position.norm(dim=-1))
    overflow = 1.04 if name == "zero123plus-v1.2" else 1.0
    assert (half_angle <= cameras.fov / 2 * overflow + 1e-6).all()


def test_sheet_is_three_rows_of_two_tiles_in_row_major_order():
    views = torch.arange(6.0)[:, None, None, None].expand(6, 1, 2, 2)
    sheet = sheet_from_views(views)
    assert sheet.shape == (1, 6, 4)
    assert sheet[0, ::2, ::2].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert_close(views_from_sheet(sheet), views)


@pytest.mark.parametrize("bad", [{"azimuths_deg": (0.0,)}, {"fov_deg": 0.0}, {"distance": 0.4}])
def test_impossible_rig_is_refused(bad: dict):
    with pytest.raises(ConfigError):
        ViewRig(**bad)
