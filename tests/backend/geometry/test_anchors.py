"""The 32 cameras of One-2-3-45."""

import math

import pytest
import torch
from torch.testing import assert_close

from backend.errors import ConfigError
from backend.geometry.anchors import STARTER_LAYOUT, ZERO123_LAYOUT, AnchorLayout


def _degrees(values: torch.Tensor) -> list[float]:
    return [round(float(value), 3) for value in values.rad2deg()]


@pytest.mark.parametrize(("elevation_deg", "other_deg"), [(20.0, -10.0), (14.0, 44.0), (15.0, -15.0)])
def test_other_ring_stands_below_a_high_input_and_above_a_low_one(elevation_deg: float, other_deg: float):
    anchors = STARTER_LAYOUT.anchors(torch.tensor(elevation_deg, dtype=torch.float64).deg2rad())
    assert _degrees(anchors.azimuth) == [0, 90, 180, 270, 30, 120, 210, 300]
    assert _degrees(anchors.elevation) == [elevation_deg] * 4 + [other_deg] * 4


def test_neighbours_of_each_anchor_follow_it_in_order():
    views = STARTER_LAYOUT.views(torch.tensor(0.0))
    assert _degrees(views.azimuth[4:8]) == [90, 90, 100, 80]
    assert _degrees(views.elevation[4:8]) == [10, -10, 0, 0]
    assert _degrees(views.azimuth[16:20]) == [30, 30, 40, 20]
    assert _degrees(views.elevation[16:20]) == [40, 20, 30, 30]


def test_golden_camera_of_the_view_right_of_the_second_anchor():
    """Azimuth 100 at elevation 0: at +X and a little behind the object, looking at the origin."""
    cameras = STARTER_LAYOUT.cameras(torch.zeros(2))
    assert cameras.fov.shape == (2, 32)
    eye = cameras.position[1, 6]
    turn = math.radians(100)
    assert_close(eye, STARTER_LAYOUT.distance * torch.tensor([math.sin(turn), -math.cos(turn), 0.0]))
    uv, depth = cameras[1][6].project(torch.tensor([[0.0, 0, 0], [0, 0, 0.5]]))
    assert_close(uv[0], torch.tensor([0.5, 0.5]))
    assert float(uv[1, 1]) < 0.5
    assert_close(depth[0], torch.tensor(STARTER_LAYOUT.distance))


@pytest.mark.parametrize("layout", [STARTER_LAYOUT, ZERO123_LAYOUT])
def test_the_object_sphere_fits_the_tile(layout: AnchorLayout):
    """Its outline meets the border; One-2-3-45's rounded distance leaves it within 0.3 %."""
    reach = math.tan(math.asin(0.5 / layout.distance)) / math.tan(math.radians(layout.fov_deg) / 2)
    assert reach == pytest.approx(1, abs=3e-3)


def test_a_layout_needs_eight_anchors():
    with pytest.raises(ConfigError, match="8 anchors"):
        AnchorLayout(ring_deg=(0.0,))
