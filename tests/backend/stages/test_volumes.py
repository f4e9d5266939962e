"""Stage 2 from views to voxels: repeatable, cancellable, and clear about what it cannot use."""

import pytest
import torch
from torch.testing import assert_close

from backend.artifacts import SDF_TRUNCATION
from backend.diffusion.volume import VolumeSampler
from backend.errors import ArtifactError, Cancelled, ConfigError, NothingFound
from backend.geometry.cameras import STARTER_RIG
from backend.geometry.grids import children
from backend.models.blocks3d import UNetShape
from backend.models.occupancy import OccupancyConfig, OccupancyNet
from backend.models.shape import ShapeConfig, ShapeNet
from backend.models.view_features import ViewFeaturesConfig
from backend.stages.occupancy import OccupancySampling, generate_occupancy, without_specks
from backend.stages.shape import ShapeSampling, generate_shape

CELLS = 8
VIEWS = ViewFeaturesConfig(
    image_px=16, patch_px=8, hidden=8, layers=1, heads=2, stem=8, map_channels=8, detail_channels=4
)
UNET = UNetShape(channels=(8, 8), blocks=(1, 1), condition=(8, 8), embedding=8)
CAMERAS = STARTER_RIG.cameras()
PICTURES = torch.rand(6, 4, 20, 20, generator=torch.Generator().manual_seed(2))


pytestmark = pytest.mark.usefixtures("one_thread")


def occupancy_net(bias: float) -> OccupancyNet:
    """A network whose answer is the given value plus a little that depends on the noise."""
    torch.manual_seed(0)
    net = OccupancyNet(OccupancyConfig(views=VIEWS, unet=UNET, resolution=CELLS, lift=8)).eval()
    torch.nn.init.normal_(net.leave.weight, std=0.5)
    assert net.leave.bias is not None
    torch.nn.init.constant_(net.leave.bias, bias)
    return net


def shape_net() -> ShapeNet:
    torch.manual_seed(0)
    net = ShapeNet(ShapeConfig(views=VIEWS, unet=UNET, resolution=2 * CELLS, lift=8, detail=8)).eval()
    torch.nn.init.normal_(net.leave.weight, std=0.5)
    return net


def some_cells() -> torch.Tensor:
    return torch.rand(CELLS, CELLS, CELLS, generator=torch.Generator().manual_seed(3)) < 0.2


@pytest.mark.parametrize("sampler", ["ddim", "dpm_solver"])
def test_the_same_seed_gives_the_same_cells_and_another_seed_others(sampler: VolumeSampler):
    config = OccupancySampling(steps=3, sampler=sampler)
    net = occupancy_net(0.0)
    first = generate_occupancy(PICTURES, CAMERAS, net, seed=1, config=config)
    again = generate_occupancy(PICTURES, CAMERAS, net, seed=1, config=config)
    other = generate_occupancy(PICTURES, CAMERAS, net, seed=2, config=config)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("sampler", ["ddim", "dpm_solver"])
def test_shape_lies_on_the_children_within_its_ranges(sampler: VolumeSampler):
    config = ShapeSampling(steps=3, sampler=sampler)
    first = generate_shape(PICTURES, CAMERAS, some_cells(), shape_net(), seed=1, config=config)
    again = generate_shape(PICTURES, CAMERAS, some_cells(), shape_net(), seed=1, config=config)
    assert torch.equal(first.coords, children(some_cells()[None])[:, 1:])
    assert float(first.sdf.abs().max()) <= SDF_TRUNCATION
    assert 0 <= float(first.rgb.min()) <= float(first.rgb.max()) <= 1
    assert_close(first.sdf, again.sdf, rtol=0, atol=0)
    assert_close(first.rgb, again.rgb, rtol=0, atol=0)


def test_a_report_may_cancel():
    def stop(step: int, total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        generate_occupancy(
            PICTURES, CAMERAS, occupancy_net(0.0), seed=1, config=OccupancySampling(steps=3), on_step=stop
        )
    with pytest.raises(Cancelled):
        generate_shape(
            PICTURES, CAMERAS, some_cells(), shape_net(), seed=1, config=ShapeSampling(), on_step=stop
        )


def test_empty_views_and_empty_results_are_named():
    config = OccupancySampling(steps=2)
    with pytest.raises(NothingFound, match="views are empty"):
        generate_occupancy(torch.zeros(6, 4, 16, 16), CAMERAS, occupancy_net(0.0), seed=1, config=config)
    with pytest.raises(NothingFound, match="No solid object"):
        generate_occupancy(PICTURES, CAMERAS, occupancy_net(-9.0), seed=1, config=config)


@pytest.mark.parametrize("cells", [torch.zeros(CELLS, CELLS, CELLS).bool(), torch.ones(4, 4, 4).bool()])
def test_unusable_cells_are_refused(cells: torch.Tensor):
    with pytest.raises(ArtifactError, match="occupancy"):
        generate_shape(PICTURES, CAMERAS, cells, shape_net(), seed=1, config=ShapeSampling(steps=1))


def test_specks_go_and_large_pieces_stay():
    cells = torch.zeros(32, 32, 32, dtype=torch.bool)
    cells[:16, :16, :8] = True
    cells[20:24, 20:24, 20:24] = True
    cells[30, 30, 30] = True
    kept = without_specks(cells)
    assert not kept[30, 30, 30]
    assert int(kept.sum()) == int(cells.sum()) - 1
    assert not without_specks(torch.zeros(4, 4, 4, dtype=torch.bool)).any()


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError):
        OccupancySampling(steps=0)
    with pytest.raises(ConfigError):
        OccupancySampling(threshold=1.0)
    with pytest.raises(ConfigError):
        ShapeSampling(steps=0)
