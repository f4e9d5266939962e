"""From posed views to a shape: the surface of a known field comes out where it is."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from backend.errors import ArtifactError, ConfigError
from backend.geometry.anchors import STARTER_LAYOUT
from backend.geometry.grids import voxel_centres
from backend.models.neural_sdf import NeuralSdf
from backend.stages.mesh import extract_mesh
from backend.stages.neural_sdf import NeuralSdfSampling, reconstruct_shape
from tests.backend.models.test_neural_sdf import TINY

CENTRE, RADIUS = torch.tensor([0.05, -0.1, 0.0]), 0.27


pytestmark = pytest.mark.usefixtures("one_thread")


def views() -> Tensor:
    pictures = torch.ones(32, 4, 16, 16)
    pictures[:, :3] = torch.tensor([0.8, 0.4, 0.2])[:, None, None]
    return pictures


def ball_network(monkeypatch: pytest.MonkeyPatch) -> NeuralSdf:
    """A network that says a ball."""
    torch.manual_seed(0)
    net = NeuralSdf(TINY).eval().requires_grad_(False)
    monkeypatch.setattr(net, "distance", lambda _, points: (points - CENTRE).norm(dim=2) - RADIUS)
    monkeypatch.setattr(net, "support", lambda coarse: torch.ones_like(coarse.near) > 0)
    return net


@pytest.mark.parametrize("resolution", [32, 64])
def test_shape_holds_the_fields_distances_around_its_surface(
    monkeypatch: pytest.MonkeyPatch, resolution: int
):
    cameras = STARTER_LAYOUT.cameras(torch.tensor(0.2))
    config = NeuralSdfSampling(resolution=resolution)
    steps: list[tuple[int, int]] = []
    shape = reconstruct_shape(
        views(),
        cameras,
        ball_network(monkeypatch),
        config=config,
        on_step=lambda step, total: steps.append((step, total)),
    )
    true = (voxel_centres(shape.coords, resolution) - CENTRE).norm(dim=1) - RADIUS
    assert_close(shape.sdf, true.clamp(-3 / resolution, 3 / resolution), atol=1e-5, rtol=0)
    everywhere = torch.cartesian_prod(*[torch.arange(resolution)] * 3)
    distance = (voxel_centres(everywhere, resolution) - CENTRE).norm(dim=1) - RADIUS
    wanted = everywhere[distance.abs() < 1.5 / resolution]
    have = {tuple(row) for row in shape.coords.tolist()}
    assert all(tuple(row) in have for row in wanted.tolist())
    flat = (shape.coords * torch.tensor([resolution**2, resolution, 1])).sum(dim=1)
    assert (flat.diff() > 0).all()
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert_close(shape.rgb, torch.tensor([0.8, 0.4, 0.2]).expand_as(shape.rgb), atol=1e-4, rtol=0)


def test_mesh_stage_takes_the_shape_at_its_own_resolution(monkeypatch: pytest.MonkeyPatch):
    cameras = STARTER_LAYOUT.cameras(torch.tensor(0.2))
    config = NeuralSdfSampling(resolution=48)
    shape = reconstruct_shape(views(), cameras, ball_network(monkeypatch), config=config)
    mesh = extract_mesh(shape, faces=1000)
    radius = (torch.from_numpy(mesh.vertices) - CENTRE).norm(dim=1)
    assert (radius - RADIUS).abs().max() < 0.6 / 48
    assert mesh.colours is not None


def test_no_surface_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch):
    cameras = STARTER_LAYOUT.cameras(torch.tensor(0.2))
    net = ball_network(monkeypatch)
    monkeypatch.setattr(net, "distance", lambda _, points: torch.full(points.shape[:2], 0.05))
    with pytest.raises(ArtifactError, match="no closed surface"):
        reconstruct_shape(views(), cameras, net, config=NeuralSdfSampling(resolution=32))
    monkeypatch.setattr(net, "support", lambda coarse: torch.zeros_like(coarse.near) > 0)
    with pytest.raises(ArtifactError, match="no closed surface"):
        reconstruct_shape(views(), cameras, net, config=NeuralSdfSampling(resolution=32))


@pytest.mark.parametrize("resolution", [33, 512, 4])
def test_resolutions_that_a_shapes_file_cannot_hold_are_refused(resolution: int):
    with pytest.raises(ConfigError, match="resolution"):
        NeuralSdfSampling(resolution=resolution)
