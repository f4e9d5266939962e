"""Stage 2's networks: samples do not mix, missing views do not count, weights travel with their size."""

from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from backend.errors import ConfigError
from backend.geometry.cameras import STARTER_RIG, ZERO123PLUS_V12_RIG, Cameras
from backend.geometry.grids import children
from backend.models.blocks3d import UNetShape
from backend.models.occupancy import PAPER_OCCUPANCY, OccupancyConfig, OccupancyNet
from backend.models.shape import PAPER_SHAPE, ShapeConfig, ShapeNet
from backend.models.view_features import ViewEncoder, ViewFeaturesConfig, premultiplied
from backend.models.weights import load_network, save_weights

CELLS = 8
VIEWS = ViewFeaturesConfig(
    image_px=16, patch_px=8, hidden=8, layers=1, heads=2, stem=8, map_channels=8, detail_channels=4
)
UNET = UNetShape(channels=(8, 8), blocks=(1, 1), condition=(8, 8), embedding=8)
OCCUPANCY = OccupancyConfig(views=VIEWS, unet=UNET, resolution=CELLS, lift=8)
SHAPE = ShapeConfig(views=VIEWS, unet=UNET, resolution=2 * CELLS, lift=8, detail=8, blend=4)


pytestmark = pytest.mark.usefixtures("one_thread")


def awake(net: torch.nn.Module) -> torch.nn.Module:
    """Random parameters everywhere: layers that start at zero would hide what they do."""
    generator = torch.Generator().manual_seed(1)
    for parameter in net.parameters():
        parameter.data = 0.2 * torch.randn(parameter.shape, generator=generator)
    return net.eval()


def rig(count: int) -> Cameras:
    rigs = [STARTER_RIG.cameras(), ZERO123PLUS_V12_RIG.cameras()][:count]
    return Cameras(torch.stack([r.world_from_cam for r in rigs]), torch.stack([r.fov for r in rigs]))


def pictures(count: int) -> torch.Tensor:
    return torch.rand(count, 6, 4, 20, 20, generator=torch.Generator().manual_seed(2))


def occupancy_out(
    views: torch.Tensor, cameras: Cameras, noisy: torch.Tensor, times: list[int]
) -> torch.Tensor:
    net = awake(OccupancyNet(OCCUPANCY))
    assert isinstance(net, OccupancyNet)
    with torch.inference_mode():
        return net(noisy, torch.tensor(times), net.condition(views, cameras))


def shape_out(views: torch.Tensor, cameras: Cameras, cells: torch.Tensor, times: list[int]) -> torch.Tensor:
    net = awake(ShapeNet(SHAPE))
    assert isinstance(net, ShapeNet)
    coords = children(cells)
    noisy = torch.sin(coords[:, 1:].float() @ torch.tensor([[1.0, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]))
    with torch.inference_mode():
        voxels = net.voxels(coords, num_samples=len(cells))
        return net(noisy, torch.tensor(times), net.condition(views, cameras, voxels))


def some_cells() -> torch.Tensor:
    return torch.rand(2, CELLS, CELLS, CELLS, generator=torch.Generator().manual_seed(3)) < 0.2


def test_occupancy_of_a_batch_is_that_of_each_sample():
    noisy = torch.randn(2, 1, CELLS, CELLS, CELLS)
    both = occupancy_out(pictures(2), rig(2), noisy, [10, 700])
    for i in range(2):
        alone = occupancy_out(pictures(2)[i : i + 1], rig(2)[i : i + 1], noisy[i : i + 1], [[10, 700][i]])
        assert_close(both[i : i + 1], alone, atol=1e-4, rtol=1e-4)


def test_shape_of_a_batch_is_that_of_each_sample():
    cells = some_cells()
    both = shape_out(pictures(2), rig(2), cells, [10, 700])
    parts = [
        shape_out(pictures(2)[i : i + 1], rig(2)[i : i + 1], cells[i : i + 1], [[10, 700][i]])
        for i in range(2)
    ]
    assert_close(both, torch.cat(parts), atol=1e-4, rtol=1e-4)


def test_shape_of_no_voxels_is_empty():
    assert shape_out(pictures(1), rig(1), torch.zeros(1, CELLS, CELLS, CELLS).bool(), [5]).shape == (0, 4)


def test_lifting_in_chunks_changes_nothing(monkeypatch: pytest.MonkeyPatch):
    noisy = torch.randn(1, 1, CELLS, CELLS, CELLS)
    whole = (
        occupancy_out(pictures(1), rig(1), noisy, [10]),
        shape_out(pictures(1), rig(1), some_cells()[:1], [9]),
    )
    monkeypatch.setattr("backend.models.occupancy.LIFT_CHUNK", 10)
    monkeypatch.setattr("backend.models.shape.LIFT_CHUNK", 100)
    cut = (
        occupancy_out(pictures(1), rig(1), noisy, [10]),
        shape_out(pictures(1), rig(1), some_cells()[:1], [9]),
    )
    assert_close(whole, cut)


def test_the_rig_is_an_input():
    noisy = torch.randn(1, 1, CELLS, CELLS, CELLS)
    ours = occupancy_out(pictures(1), rig(2)[:1], noisy, [10])
    other = occupancy_out(pictures(1), rig(2)[1:], noisy, [10])
    assert not torch.allclose(ours, other, atol=1e-3)


def test_the_order_of_the_views_does_not_matter():
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    cameras, views = rig(1), pictures(1)
    turned = Cameras(cameras.world_from_cam[:, order], cameras.fov[:, order])
    noisy = torch.randn(1, 1, CELLS, CELLS, CELLS)
    assert_close(
        occupancy_out(views, cameras, noisy, [10]), occupancy_out(views[:, order], turned, noisy, [10])
    )
    cells = some_cells()[:1]
    assert_close(shape_out(views, cameras, cells, [10]), shape_out(views[:, order], turned, cells, [10]))


def test_a_missing_view_counts_as_if_it_were_not_there():
    views = pictures(1)
    views[:, 4] = 0
    cameras = rig(1)
    fewer = torch.tensor([0, 1, 2, 3, 5])
    five = Cameras(cameras.world_from_cam[:, fewer], cameras.fov[:, fewer])
    noisy = torch.randn(1, 1, CELLS, CELLS, CELLS)
    assert_close(
        occupancy_out(views, cameras, noisy, [10]), occupancy_out(views[:, fewer], five, noisy, [10])
    )
    cells = some_cells()[:1]
    assert_close(shape_out(views, cameras, cells, [10]), shape_out(views[:, fewer], five, cells, [10]))


def test_hidden_colours_of_transparent_pixels_do_not_matter():
    views = pictures(1)
    views[:, :, 3, :10] = 0
    changed = views.clone()
    changed[:, :, :3, :10] = 0.7
    assert_close(premultiplied(views, 8), premultiplied(changed, 8))


@pytest.mark.parametrize(("kind", "config"), [(OccupancyNet, OCCUPANCY), (ShapeNet, SHAPE)])
def test_weights_bring_their_configuration(tmp_path: Path, kind, config):
    net = kind(config)
    save_weights(net, tmp_path, "net", config=config)
    loaded = load_network(kind, type(config), tmp_path, "net")
    assert loaded.config == config
    assert_close(loaded.leave.weight, net.leave.weight, atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize(("kind", "config", "low", "high"), [
    (OccupancyNet, OccupancyConfig(), 9e6, 12e6),
    (ShapeNet, ShapeConfig(), 5e6, 7e6),
    (OccupancyNet, PAPER_OCCUPANCY, 150e6, 230e6),
    (ShapeNet, PAPER_SHAPE, 95e6, 130e6),
])  # fmt: skip
def test_sizes_with_the_encoder_are_as_planned(kind, config, low: float, high: float):
    with torch.device("meta"):
        net = kind(config)
    assert low < sum(p.numel() for p in net.parameters()) < high


def test_encoder_without_a_stem_has_the_layout_of_dinov2():
    config = ViewFeaturesConfig(
        image_px=16, patch_px=8, channels=3, hidden=8, layers=1, heads=2, stem=0, map_channels=8
    )
    encoded = ViewEncoder(config)(pictures(1))
    assert encoded.maps.shape == (1, 6, 2, 2, 8)
    assert encoded.details.shape[-1] == 0


def test_grids_that_cannot_be_halved_are_refused():
    with pytest.raises(ConfigError, match="halved"):
        OccupancyConfig(resolution=12)
    with pytest.raises(ConfigError, match="halved"):
        ShapeConfig(resolution=12)
