"""Single views and the set of 32: determinism, which cameras, what is drawn from what."""

import math
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from backend.errors import Cancelled, ConfigError
from backend.geometry.anchors import Directions
from backend.geometry.cameras import UNIT_RADIUS
from backend.geometry.elevation import ElevationEstimate
from backend.models.input_camera import InputFrame
from backend.stages import novel_views
from backend.stages.novel_starter import NovelViewNetworks, encode_sources, framed_tiles
from backend.stages.novel_views import NovelSampling, ViewSetSampling, generate_view_set, sample_views
from tests.backend.stages.novel import tiny_novel_networks

ONCE = NovelSampling(steps=2, share=1.0, guidance=1.5, batch=16)
QUICK = ViewSetSampling(anchors=ONCE, neighbours=replace(ONCE, guidance=1.0))


@pytest.fixture(scope="module")
def networks() -> NovelViewNetworks:
    return tiny_novel_networks()


@pytest.fixture(scope="module")
def picture() -> torch.Tensor:
    return torch.rand(4, 48, 48, generator=torch.Generator().manual_seed(1))


def _condition(networks: NovelViewNetworks, picture: torch.Tensor, views: int = 5):
    toward = Directions(torch.linspace(0, 3, views)[None], torch.zeros(1, views))
    return networks.condition(picture[None], toward, elevation=torch.zeros(1), are_tiles=False)


@torch.inference_mode()
def test_a_view_does_not_depend_on_those_drawn_beside_it(networks: NovelViewNetworks, picture: torch.Tensor):
    condition = _condition(networks, picture)
    whole, parts = (
        sample_views(condition, networks.net, seeds=range(5), config=replace(ONCE, batch=batch, eta=1.0))
        for batch in (5, 2)
    )
    assert_close(whole, parts, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_guidance_of_one_leaves_the_condition_alone(networks: NovelViewNetworks, picture: torch.Tensor):
    """Far from it the result differs, close to it hardly: negative first, positive second."""
    condition = _condition(networks, picture)
    plain, near, far = (
        sample_views(condition, networks.net, seeds=range(5), config=replace(ONCE, guidance=guidance))
        for guidance in (1.0, 1.0001, 4.0)
    )
    assert_close(near, plain, atol=1e-3, rtol=0)
    assert float((far - plain).abs().max()) > 1e-2


@torch.inference_mode()
def test_part_of_the_schedule_starts_from_the_hint(networks: NovelViewNetworks, picture: torch.Tensor):
    """The last of a thousand steps leaves what it starts from as it is."""
    condition = _condition(networks, picture)
    made = sample_views(
        condition, networks.net, seeds=range(5), config=NovelSampling(steps=1000, share=0.001)
    )
    assert_close(made, condition.hint[:, :4], atol=0.15, rtol=0)


def test_same_seed_gives_identical_sets_and_another_seed_another(
    networks: NovelViewNetworks, picture: torch.Tensor
):
    one, two, other = (
        generate_view_set(picture, networks, seed=seed, config=QUICK).views for seed in (1, 1, 2)
    )
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_set_stands_at_the_estimated_elevation(
    networks: NovelViewNetworks, picture: torch.Tensor, monkeypatch: pytest.MonkeyPatch
):
    """At 30 degrees the second ring is level: its first view, above an anchor, stands at 10."""
    found = ElevationEstimate(math.radians(30), 0.0, 40)
    monkeypatch.setattr(novel_views, "estimate_elevation", lambda *args, **rest: found)
    made = generate_view_set(picture, networks, seed=1, config=QUICK)
    assert made.views.shape == (32, 4, 32, 32)
    assert (made.num_matches, made.anchors.shape) == (40, (8, 4, 32, 32))
    height = (made.cameras.position[:, 2] / made.cameras.position.norm(dim=1)).asin().rad2deg()
    assert_close(height[[0, 1, 2, 16, 18]], torch.tensor([40.0, 20, 30, 10, 0]), atol=1e-3, rtol=0)


def test_neighbours_are_drawn_from_their_own_anchor(
    networks: NovelViewNetworks, picture: torch.Tensor, monkeypatch: pytest.MonkeyPatch
):
    seen = []
    real = NovelViewNetworks.condition

    def spy(self, pictures, toward, *, elevation, are_tiles):
        seen.append((pictures, toward, elevation, are_tiles))
        return real(self, pictures, toward, elevation=elevation, are_tiles=are_tiles)

    monkeypatch.setattr(NovelViewNetworks, "condition", spy)
    made = generate_view_set(picture, networks, seed=1, config=QUICK)
    near, anchors, neighbours = seen
    assert bool(near[2].isnan().all())
    assert torch.equal(neighbours[0], made.anchors)
    assert neighbours[3]
    assert neighbours[1].azimuth.shape == (8, 4)
    assert float(anchors[2]) == pytest.approx(made.elevation)
    assert_close(neighbours[2][:4], torch.full((4,), made.elevation))


def test_progress_rises_to_the_work_of_all_views(networks: NovelViewNetworks, picture: torch.Tensor):
    steps = []
    generate_view_set(picture, networks, seed=1, config=QUICK, on_step=lambda *step: steps.append(step))
    done = [step for step, _ in steps]
    assert done == sorted(done)
    assert steps[-1] == (QUICK.total, QUICK.total) == (88, 88)


def test_a_step_may_cancel(networks: NovelViewNetworks, picture: torch.Tensor):
    def stop(step: int, total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        generate_view_set(picture, networks, seed=1, config=QUICK, on_step=stop)


def test_frames_of_tiles_project_points_to_where_the_cut_shows_them(networks: NovelViewNetworks):
    """A bright pixel of a tile, and the point behind it on the plane through the origin."""
    layout = networks.layout
    elevation = torch.tensor([0.3])
    tile = torch.zeros(1, 4, 64, 64)
    tile[:, 3, 20:50, 10:40] = 1
    tile[:, 0, 28:32, 30:34] = 1
    pictures, frame = framed_tiles(tile, elevation, fov=layout.fov)
    camera = layout.place(Directions(torch.zeros(1), elevation))
    origins, directions = camera.rays(64)
    toward = directions[0, 29:31, 31:33].mean(dim=(0, 1))
    eye = origins[0, 0, 0]
    point = eye + toward * (-(eye @ eye) / (toward @ eye))
    uv, depth = frame.project(point[None])
    red = pictures[0, 0] / pictures[0, 0].sum()
    grid = (torch.arange(64) + 0.5) / 64
    seen = torch.stack([(red.sum(0) * grid).sum(), (red.sum(1) * grid).sum()])
    assert_close(uv[0, 0], seen, atol=5e-3, rtol=0)
    assert abs(float(depth)) < 1e-4 / UNIT_RADIUS


@torch.inference_mode()
def test_elevation_is_told_where_it_is_known(networks: NovelViewNetworks):
    pictures = torch.rand(2, 4, 32, 32)
    guessed = encode_sources(pictures, networks).frame
    told = encode_sources(pictures, networks, elevation=torch.tensor([0.7, torch.nan])).frame
    assert_close(told.elevation, torch.stack([torch.tensor(0.7), guessed.elevation[1]]))
    assert_close(told.fov, guessed.fov)


@torch.inference_mode()
def test_a_known_frame_replaces_the_guess(networks: NovelViewNetworks):
    pictures = torch.rand(1, 4, 32, 32)
    frame = InputFrame(
        torch.tensor([0.1]), torch.tensor([0.5]), torch.tensor([[0.5, 0.5]]), torch.tensor([0.9])
    )
    one, two = encode_sources(pictures, networks, frame=frame), encode_sources(pictures, networks)
    assert not torch.equal(one.volume, two.volume)
    assert torch.equal(one.latents, two.latents)


def test_sampling_needs_steps():
    with pytest.raises(ConfigError, match=">= 1"):
        NovelSampling(steps=0)
    with pytest.raises(ConfigError, match="share of the schedule"):
        NovelSampling(share=0.0)
