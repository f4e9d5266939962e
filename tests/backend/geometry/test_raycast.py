"""Rays and nearest points against closed forms."""

import torch
from torch.testing import assert_close

from backend.geometry.raycast import MISS, Bvh
from tests.backend.geometry.bodies import cube

BVH = Bvh(cube().vertices, cube().faces)


def test_ray_hits_the_near_side_at_its_distance():
    hits = BVH.cast(torch.tensor([[0.1, -2.0, 0.05]]), torch.tensor([[0.0, 1.0, 0.0]]))
    assert_close(hits.distance, torch.tensor([1.75]))
    assert_close(BVH.positions(hits), torch.tensor([[0.1, -0.25, 0.05]]))


def test_ray_that_misses_says_so():
    hits = BVH.cast(torch.tensor([[0.3, -2.0, 0.0]]), torch.tensor([[0.0, 1.0, 0.0]]))
    assert hits.face.tolist() == [MISS]
    assert torch.isinf(hits.distance).all()


def test_ray_goes_no_farther_than_its_reach():
    ray = torch.tensor([[0.1, -2.0, 0.05]]), torch.tensor([[0.0, 1.0, 0.0]])
    assert not BVH.cast(*ray, reach=torch.tensor([1.7])).is_hit.any()
    assert BVH.cast(*ray, reach=torch.tensor([1.8])).is_hit.all()


def test_nearest_point_of_a_cube():
    hits = BVH.closest(torch.tensor([[0.1, 0.0, 1.0], [0.75, 0.0, 0.75]]))
    assert_close(BVH.positions(hits), torch.tensor([[0.1, 0.0, 0.25], [0.25, 0.0, 0.25]]))
    assert_close(hits.distance, torch.tensor([0.75, 0.5 * 2**0.5]))


def test_a_point_is_seen_from_its_own_side_only():
    point = torch.tensor([[0.0, -0.25, 0.0]]).expand(2, 3)
    eyes = torch.tensor([[0.3, -2.0, 0.5], [0.3, 2.0, 0.5]])
    assert BVH.is_visible(point, eyes).tolist() == [True, False]


def test_no_rays_give_no_hits():
    empty = torch.zeros(0, 3)
    assert len(BVH.cast(empty, empty).face) == len(BVH.closest(empty).face) == 0
