"""Faults of views: each changes what its name says and nothing else."""

import pytest
import torch
from torch.testing import assert_close

from backend.evaluate.faults import Fault, with_fault

SIDE = 64


def views() -> torch.Tensor:
    """Six squares of other colours, none in the middle."""
    made = torch.zeros(6, 4, SIDE, SIDE)
    made[:, 3, 12:40, 8:30] = 1
    made[:, :3] = torch.linspace(0.2, 0.7, 18).view(6, 3, 1, 1)
    return made


@pytest.mark.parametrize("fault", list(Fault))
def test_faults_depend_on_the_seed_alone(fault: Fault):
    assert_close(with_fault(views(), fault, seed=3), with_fault(views(), fault, seed=3), atol=0, rtol=0)


def test_one_view_is_missing_and_the_others_are_whole():
    made = with_fault(views(), Fault.MISSING, seed=1)
    is_gone = made[:, 3].flatten(1).amax(dim=1) == 0
    assert int(is_gone.sum()) == 1
    assert_close(made[~is_gone], views()[~is_gone])


def test_shifted_views_keep_their_size_and_colours():
    made = with_fault(views(), Fault.SHIFTED, seed=1)
    assert_close(made[:, 3].sum((1, 2)), views()[:, 3].sum((1, 2)), rtol=0.02, atol=0)
    centre = (made[:, 3] * torch.arange(SIDE)).sum((1, 2)) / made[:, 3].sum((1, 2))
    assert float((centre - 18.5).abs().max()) < 1.0
    inside = made[:, :3, 20:32, 14:24]
    assert_close(inside, views()[:, :3, 20:32, 14:24], atol=1e-3, rtol=0)


def test_blurred_views_lose_their_sharp_edge_but_no_colour_bleeds_in():
    made = with_fault(views(), Fault.BLURRED, seed=1)
    assert bool(((made[:, 3] > 0.2) & (made[:, 3] < 0.8)).any())
    solid = made[:, 3] > 0.2
    for view in range(6):
        assert_close(
            made[view, :, solid[view]][:3],
            views()[view, :3, :1, 0].expand(3, int(solid[view].sum())),
            atol=1e-3,
            rtol=0,
        )


def test_recoloured_views_keep_their_outline():
    made = with_fault(views(), Fault.RECOLOURED, seed=1)
    assert_close(made[:, 3], views()[:, 3])
    assert float((made[:, :3] - views()[:, :3]).abs().max()) > 0.01
