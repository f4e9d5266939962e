"""Steps of many cameras at once: the same as of one after the other."""

import math

import numpy as np
import pytest
import torch

from backend.geometry.photo_fit import find_camera
from backend.geometry.photo_steps import looks, ways
from backend.geometry.photo_target import Target, detail, eroded
from backend.geometry.raycast import Bvh
from tests.backend.geometry.photographed import camera, coloured_body, photo

BODY = coloured_body(resolution=48)
COLOURS = torch.from_numpy(np.array(BODY.colours)).float()


def test_cameras_side_by_side_take_the_steps_of_each_alone():
    bvh, target = Bvh(BODY.vertices, BODY.faces), Target(photo(BODY, camera()), 64)
    params = np.stack(
        [camera(azimuth=4.0).params(), camera(elevation=30.0).params(), camera(fov=30.0).params()]
    )
    damping = np.array([[1e-2, 1e-1], [1e-1, 1.0], [1.0, 1e-2]])
    found = looks(bvh, COLOURS, target, params)
    together = ways(found, target, params, damping)
    for row in range(len(params)):
        one = slice(row, row + 1)
        alone = looks(bvh, COLOURS, target, params[one])
        assert alone.costs.cost == pytest.approx(found.costs.cost[one], abs=1e-6)
        for number in range(2):
            way = ways(alone, target, params[one], damping[one, number : number + 1])
            assert way[0, 0] == pytest.approx(together[row, number], abs=1e-5)


def test_a_step_halves_what_the_azimuth_is_off():
    bvh, target = Bvh(BODY.vertices, BODY.faces), Target(photo(BODY, camera()), 96)
    params = camera(azimuth=3.0).params()[None]
    there = params + ways(looks(bvh, COLOURS, target, params), target, params, np.array([[1e-2]]))[:, 0]
    assert abs(there[0, 1] - camera().params()[1]) < 0.5 * math.radians(3.0)


def test_what_is_chosen_of_two_looks_is_that_of_the_cameras():
    bvh, target = Bvh(BODY.vertices, BODY.faces), Target(photo(BODY, camera()), 32)
    first, second = (
        looks(bvh, COLOURS, target, camera(azimuth=a).params()[None].repeat(2, 0)) for a in (0.0, 9.0)
    )
    mixed = first.where(np.array([True, False]), second)
    assert torch.equal(mixed.points[0], first.points[0])
    assert torch.equal(mixed.points[1], second.points[1])
    assert mixed.costs.cost.tolist() == [first.costs.cost[0], second.costs.cost[1]]


def test_details_of_a_plain_colour_are_none_and_erosion_takes_a_pixel_off():
    solid = torch.zeros(40, 40, dtype=torch.bool)
    solid[:, 9:30] = True
    assert detail(torch.full((3, 40, 40), 0.4), solid).abs().max() < 1e-6
    assert eroded(solid).sum() == 38 * 19
    assert eroded(solid, beyond=True).sum() == 40 * 19


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_gpu_finds_the_same_camera():
    picture = photo(BODY, camera(azimuth=5.0))
    fits = [
        find_camera(Bvh(BODY.vertices, BODY.faces, device=device), COLOURS.to(device), picture)
        for device in ("cpu", "cuda")
    ]
    assert np.abs(fits[0].camera.params() - fits[1].camera.params()).max() < 5e-3
