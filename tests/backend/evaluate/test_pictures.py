"""Cameras and scores of pictures."""

import math

import pytest
import torch

from backend.evaluate.pictures import input_camera, other_cameras, over, picture_scores, side_cameras
from backend.geometry.cameras import RIGS


def disc(left: int, value: float) -> torch.Tensor:
    """One picture of 8 x 8 with an opaque 4 x 4 square that starts at column `left`."""
    picture = torch.zeros(1, 4, 8, 8)
    picture[:, :3] = value
    picture[:, 3, 2:6, left : left + 4] = 1
    return picture


def test_over_grey_hides_colour_outside_the_mask():
    flat = over(disc(2, 0.9))
    assert flat[0, 0, 3, 3] == pytest.approx(0.9)
    assert flat[0, 0, 0, 0] == 0.5


def test_even_colour_error_scores_its_closed_form_in_the_mask():
    scores = picture_scores(disc(2, 0.6), disc(2, 0.7))
    assert scores["mask_iou"] == 1
    assert scores["psnr_mask"] == pytest.approx(20, abs=1e-4)
    assert scores["psnr_grey"] == pytest.approx(20 - 10 * math.log10(16 / 64), abs=1e-4)


def test_shifted_mask_scores_its_overlap():
    scores = picture_scores(disc(3, 0.7), disc(2, 0.7))
    assert scores["mask_iou"] == pytest.approx(12 / 20)
    assert scores["psnr_mask"] == pytest.approx(-10 * math.log10(0.04 * 4 / 16), abs=1e-4)


def test_empty_true_mask_has_no_mask_scores():
    scores = picture_scores(disc(2, 0.7), torch.zeros(1, 4, 8, 8))
    assert scores["psnr_mask"] is None
    assert scores["mask_iou"] is None


def test_input_camera_stands_in_front_and_slightly_above():
    for seed in range(5):
        camera = input_camera(seed)
        x, y, z = camera.position[0].tolist()
        assert x == pytest.approx(0, abs=1e-6)
        assert 10 <= math.degrees(math.atan2(z, -y)) <= 20
        assert 30 <= math.degrees(float(camera.fov[0])) <= 40
    assert torch.equal(input_camera(3).position, input_camera(3).position)


def test_other_cameras_are_far_from_every_rig():
    others = torch.nn.functional.normalize(other_cameras().position, dim=-1)
    assert others.shape == (12, 3)
    for rig in RIGS.values():
        six = torch.nn.functional.normalize(rig.cameras().position, dim=-1)
        nearest = torch.rad2deg(torch.acos((others @ six.T).clamp(-1, 1))).min()
        assert nearest > 12


def test_side_cameras_show_front_right_back_left():
    toward = side_cameras().position[:, :2].sign().int()
    assert toward[0].tolist()[1] == -1
    assert toward[1].tolist()[0] == 1
    assert toward[2].tolist()[1] == 1
    assert toward[3].tolist()[0] == -1
