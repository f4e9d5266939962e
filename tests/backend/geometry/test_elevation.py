"""The elevation of a picture from four views beside it."""

import math

import numpy as np
import pytest
import torch

from backend.errors import ConfigError
from backend.geometry.anchors import STARTER_LAYOUT, ZERO123_LAYOUT, AnchorLayout, Directions
from backend.geometry.elevation import ElevationSearch, Matches, elevation_errors, estimate_elevation
from backend.train.bank import mesh_bank
from backend.train.gltf import ObjectMesh
from backend.train.objects import scenes_of
from tests.backend.train.shapes import ball, joined, shifted

SIZE = 128


def _neighbours(elevation: float, layout: AnchorLayout = STARTER_LAYOUT):
    own = Directions(torch.zeros(1), torch.tensor([elevation]))
    return layout.place(layout.neighbours(own))


def _pictures(mesh: ObjectMesh, elevation: float) -> torch.Tensor:
    scenes = scenes_of(*mesh_bank([mesh], "cpu"), torch.zeros(1).long())
    return scenes.render(_neighbours(elevation), SIZE)[0]


def _spots() -> np.ndarray:
    """A texture full of features."""
    coarse = np.random.default_rng(0).integers(0, 255, (24, 48, 3), dtype=np.uint8)
    return coarse.repeat(4, axis=0).repeat(4, axis=1)


@pytest.mark.parametrize("elevation_deg", [-8.0, 33.0])
def test_elevation_of_a_textured_body_is_found_from_its_pictures(elevation_deg: float):
    body = joined(ball(0.3, texture=_spots()), shifted(ball(0.2, texture=_spots()), (0.3, -0.1, 0.1)))
    found = estimate_elevation(_pictures(body, math.radians(elevation_deg)), STARTER_LAYOUT)
    assert math.degrees(found.elevation) == pytest.approx(elevation_deg, abs=2)
    assert found.num_matches >= 12


def test_many_matches_outweigh_what_was_expected():
    body = joined(ball(0.3, texture=_spots()), shifted(ball(0.2, texture=_spots()), (0.3, -0.1, 0.1)))
    found = estimate_elevation(_pictures(body, 0.3), STARTER_LAYOUT, expected=-0.3)
    assert found.elevation == pytest.approx(0.3, abs=0.04)


def test_empty_pictures_leave_what_was_expected():
    found = estimate_elevation(torch.zeros(4, 4, 32, 32), STARTER_LAYOUT, expected=0.25)
    assert (found.elevation, found.num_matches) == (0.25, 0)


@pytest.mark.parametrize("layout", [STARTER_LAYOUT, ZERO123_LAYOUT])
def test_errors_vanish_at_the_true_elevation_alone(layout: AnchorLayout):
    generator = torch.Generator().manual_seed(0)
    points = 0.6 * torch.rand(30, 3, generator=generator, dtype=torch.float64) - 0.3
    own = Directions(torch.zeros(1, dtype=torch.float64), torch.tensor([0.35], dtype=torch.float64))
    uv, _ = layout.place(layout.neighbours(own)).project(points.expand(1, 4, -1, -1))
    first, second = torch.tensor([0, 1, 2] * 10), torch.tensor([2, 3, 3] * 10)
    index = torch.arange(30)
    matches = Matches(first, second, uv[0, first, index], uv[0, second, index])
    candidates = torch.tensor([0.0, 0.2, 0.35, 0.5], dtype=torch.float64)
    errors = elevation_errors(matches, layout, candidates, limit=1.0)
    assert float(errors[2]) < 1e-9
    assert float(errors[[0, 1, 3]].min()) > 1e-3


def test_one_wrong_match_costs_no_more_than_the_limit():
    matches = Matches(
        torch.tensor([0]), torch.tensor([1]), torch.tensor([[0.1, 0.1]]), torch.tensor([[0.9, 0.9]])
    )
    errors = elevation_errors(matches, STARTER_LAYOUT, torch.tensor([0.0, 0.4]), limit=0.01)
    assert errors.tolist() == pytest.approx([0.01, 0.01])


def test_a_search_needs_a_limit():
    with pytest.raises(ConfigError, match="limit > 0"):
        ElevationSearch(limit_px=0.0)
