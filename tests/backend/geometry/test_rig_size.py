"""Cameras that follow the input picture's size are put where the views say they are."""

import math
from dataclasses import replace

import pytest
import torch

from backend.geometry.cameras import STARTER_RIG, ZERO123PLUS_V11_RIG
from backend.geometry.rig_size import MARGIN, fitted


def ball_seen(rig, *, size=256):
    """Silhouettes of the unit sphere."""
    origins, directions = rig.cameras().rays(size)
    distance = torch.linalg.cross(origins, directions).norm(dim=-1)
    views = torch.ones(6, 4, size, size)
    views[:, 3] = (distance < 0.5).float()
    return views


@pytest.mark.parametrize("factor", [1.1, 1.5, 2.5])
def test_the_distance_of_a_ball_is_found(factor):
    true = replace(ZERO123PLUS_V11_RIG, distance=ZERO123PLUS_V11_RIG.distance * factor)
    found = fitted(ZERO123PLUS_V11_RIG, ball_seen(true))
    assert found.distance * MARGIN == pytest.approx(true.distance, rel=0.02)
    assert replace(found, distance=0.6) == replace(ZERO123PLUS_V11_RIG, distance=0.6)


def test_rigs_of_one_size_stay():
    assert fitted(STARTER_RIG, torch.ones(6, 4, 8, 8)) is STARTER_RIG


def test_empty_views_leave_the_first_guess():
    assert fitted(ZERO123PLUS_V11_RIG, torch.zeros(6, 4, 8, 8)) is ZERO123PLUS_V11_RIG


def test_views_that_are_full_keep_the_cameras_outside():
    assert fitted(ZERO123PLUS_V11_RIG, torch.ones(6, 4, 8, 8)).distance > 0.5


def test_the_lens_of_v11_is_that_of_zero123():
    assert math.radians(ZERO123PLUS_V11_RIG.fov_deg) == pytest.approx(2 * math.atan(16 / 35))
