"""The neural distance field: volumes are read in place, samples do not mix, colours are the views'."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from backend.errors import ConfigError
from backend.geometry.anchors import STARTER_LAYOUT
from backend.geometry.cameras import Cameras
from backend.geometry.grids import cell_centres
from backend.models.blocks3d import UNetShape
from backend.models.cost_volume import SourceViews, ViewPyramidConfig, cost_of
from backend.models.lifting import project_grid
from backend.models.neural_sdf import PAPER_NEURAL_SDF, NeuralSdf, NeuralSdfConfig
from backend.models.weights import load_network, save_weights

SIDE = 8
UNET = UNetShape(channels=(8, 8), blocks=(1, 1), condition=(8, 8), embedding=8)
TINY = NeuralSdfConfig(
    views=ViewPyramidConfig(image_px=16, channels=(8, 8, 8), map_channels=6),
    dense=UNET,
    sparse=UNET,
    coarse=SIDE,
    features=4,
    hidden=16,
    layers=2,
    waves=2,
    blend=8,
)
MAX_STARTER_PARAMETERS = 2_621_440
"""Five MiB in float16."""


pytestmark = pytest.mark.usefixtures("one_thread")


def network(config: NeuralSdfConfig = TINY) -> NeuralSdf:
    """Random parameters everywhere: layers that start at zero would hide what they do."""
    net = NeuralSdf(config)
    generator = torch.Generator().manual_seed(1)
    for parameter in net.parameters():
        parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)
    return net.eval().requires_grad_(False)


def cameras(*elevations: float) -> Cameras:
    return STARTER_LAYOUT.cameras(torch.tensor(elevations))


def pictures(count: int) -> Tensor:
    return torch.rand(count, 32, 4, 16, 16, generator=torch.Generator().manual_seed(2))


def shell(count: int, radius: float = 0.3) -> Tensor:
    distance = cell_centres(SIDE).norm(dim=-1)
    return ((distance - radius).abs() < 0.1).expand(count, -1, -1, -1)


def points(count: int, number: int = 40) -> Tensor:
    return 0.8 * (torch.rand(count, number, 3, generator=torch.Generator().manual_seed(3)) - 0.5)


def test_a_sample_does_not_depend_on_its_batch():
    net, views, both = network(), pictures(2), cameras(0.1, 0.5)
    source, coarse = net.look(views, both)
    together = net.refine(source, both, coarse, shell(2))
    toward = torch.nn.functional.normalize(points(2), dim=2)
    for index in range(2):
        own = both[index : index + 1]
        one_source, one_coarse = net.look(views[index : index + 1], own)
        alone = net.refine(one_source, own, one_coarse, shell(1))
        mine = points(2)[index : index + 1]
        assert_close(net.distance(alone, mine)[0], net.distance(together, points(2))[index])
        colour = net.colour(together, points(2), toward)[index]
        assert_close(net.colour(alone, mine, toward[index : index + 1])[0], colour)


def test_both_volumes_are_read_at_the_points_they_stand_for():
    """Features that are the coordinates themselves come back as coordinates."""
    net = network(replace(TINY, features=3))
    source, coarse = net.look(pictures(1), cameras(0.2))
    everywhere = torch.ones(1, SIDE, SIDE, SIDE, dtype=torch.bool)
    found = net.refine(source, cameras(0.2), coarse, everywhere)
    coarse_places = cell_centres(SIDE).permute(3, 0, 1, 2)[None].contiguous()
    fine_places = cell_centres(2 * SIDE).flatten(0, 2)
    rows = torch.cat([fine_places, torch.ones(len(fine_places), 1)], dim=1)
    planted = replace(
        found, coarse=replace(coarse, features=coarse_places), fine=replace(found.fine, rows=rows)
    )
    inner = 0.85 * points(1)
    assert_close(net.features(planted, inner), torch.cat([inner[0], inner[0], torch.ones(40, 1)], dim=1))


def test_far_from_the_looked_at_voxels_their_features_are_zero():
    net = network()
    source, coarse = net.look(pictures(1), cameras(0.2))
    support = torch.zeros(1, SIDE, SIDE, SIDE, dtype=torch.bool)
    support[0, 0, 0, 0] = True
    found = net.refine(source, cameras(0.2), coarse, support)
    features = net.features(found, torch.tensor([[[0.3, 0.3, 0.3], [-0.44, -0.44, -0.44]]]))
    fine = features[:, TINY.features :]
    assert_close(fine[0], torch.zeros_like(fine[0]))
    assert fine[1, -1] == pytest.approx(1, abs=1e-5)
    nothing = net.refine(source, cameras(0.2), coarse, torch.zeros_like(support))
    assert net.distance(nothing, points(1)).isfinite().all()


def test_where_all_views_agree_the_variance_is_zero_and_one_that_looks_past_shows_in_the_hull():
    maps = torch.full((1, 32, 8, 8, 3), 0.7)
    looking = SourceViews(
        torch.ones(1, 32, 16, 16, 4), torch.ones(1, 32, dtype=torch.bool), maps, torch.zeros(1, 2)
    )
    projections = project_grid(torch.zeros(1, 3), cameras(0.2))
    mean, variance, hull = cost_of(looking, projections).split([3, 3, 1], dim=1)
    assert_close(mean, torch.full_like(mean, 0.7))
    assert_close(variance, torch.zeros_like(variance))
    assert hull.item() == pytest.approx(0.7)
    maps[0, 5, :, :, -1] = 0
    assert cost_of(looking, projections)[0, -1] == 0
    without = replace(looking, present=torch.arange(32)[None] != 5)
    assert cost_of(without, projections)[0, -1] == pytest.approx(0.7)


def test_slope_of_a_plane_is_its_normal(monkeypatch: pytest.MonkeyPatch):
    net, normal = network(), torch.tensor([0.6, 0.0, -0.8])
    monkeypatch.setattr(net, "distance", lambda found, where: where @ normal - 0.1)
    source, coarse = net.look(pictures(1), cameras(0.2))
    found = net.refine(source, cameras(0.2), coarse, shell(1))
    slope = net.gradient(found, points(1))
    assert_close(slope, normal.expand_as(slope), atol=1e-4, rtol=0)


def test_a_point_has_the_colour_that_the_views_that_show_it_agree_on():
    net, views = network(), torch.ones(1, 32, 4, 16, 16)
    colour = torch.tensor([0.9, 0.3, 0.1])
    views[:, :, :3] = colour[:, None, None]
    views[0, ::2] = 0  # Missing views show nothing and must not darken it.
    source, coarse = net.look(views, cameras(0.2))
    found = net.refine(source, cameras(0.2), coarse, shell(1))
    near = 0.3 * points(1)
    seen = net.colour(found, near, torch.nn.functional.normalize(near, dim=2))
    assert_close(seen, colour.expand_as(seen), atol=1e-4, rtol=0)


def test_support_is_the_likeliest_cells_above_the_threshold_and_no_more_than_allowed():
    net = network(replace(TINY, most=20, near=0.0))
    _, coarse = net.look(pictures(1), cameras(0.2))
    logits = torch.linspace(-1, 1, SIDE**3).view(1, SIDE, SIDE, SIDE)
    assert torch.equal(
        net.support(replace(coarse, near=logits)).flatten().nonzero()[:, 0], torch.arange(492, 512)
    )
    few = torch.where(torch.arange(SIDE**3) < 7, 1.0, -1.0).view_as(logits)
    assert int(net.support(replace(coarse, near=few)).sum()) == 7


def test_an_untrained_network_says_open_space_everywhere():
    torch.manual_seed(0)
    net = NeuralSdf(TINY).eval().requires_grad_(False)
    found, _ = net.reconstruct(pictures(1), cameras(0.2))
    assert (net.distance(found, points(1)) > 0).all()


def test_weights_travel_with_their_size(tmp_path: Path):
    net = network()
    save_weights(net, tmp_path, "neural_sdf", config=TINY, quantized=False)
    loaded = load_network(NeuralSdf, NeuralSdfConfig, tmp_path, "neural_sdf")
    assert loaded.config == TINY
    found, _ = loaded.reconstruct(pictures(1), cameras(0.2))
    again, _ = network().reconstruct(pictures(1), cameras(0.2))
    assert_close(loaded.distance(found, points(1)), net.distance(again, points(1)), atol=2e-3, rtol=2e-2)


def test_starter_size_stays_within_its_share_of_the_bundle_and_paper_size_is_the_papers():
    with torch.device("meta"):
        starter = sum(p.numel() for p in NeuralSdf(NeuralSdfConfig()).parameters())
        paper = NeuralSdf(PAPER_NEURAL_SDF)
    assert starter < MAX_STARTER_PARAMETERS
    assert paper.config.coarse == 96
    assert paper.config.fine == 192


def test_grids_that_cannot_be_halved_are_refused():
    with pytest.raises(ConfigError, match="halve"):
        replace(TINY, coarse=9)
