"""Stage 2's training tasks learn one object, judge themselves and draw their sheets."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch
from torch.testing import assert_close

from backend.geometry.cameras import STARTER_RIG
from backend.geometry.grids import cell_centres, children, voxel_centres
from backend.models.blocks3d import UNetShape
from backend.models.occupancy import OccupancyConfig, OccupancyNet
from backend.models.shape import ShapeConfig, ShapeNet
from backend.models.sparse import build_pyramid
from backend.models.view_features import ViewFeaturesConfig
from backend.train.imperfect import Faults, imperfect
from backend.train.occupancy import OccupancyTask
from backend.train.shape import ShapeTask, within
from backend.train.support import SupportFaults, known_values, rough_support, spread_values
from backend.train.volumes import VolumeSample, collate, look_at_shell, shell_scores

CELLS = 12
TRUNCATION = 3 / (2 * CELLS)
VIEWS = ViewFeaturesConfig(
    image_px=32, patch_px=8, hidden=16, layers=1, heads=2, stem=8, map_channels=8, detail_channels=4
)
NO_FAULTS = Faults(clean=1.0)


def ball(
    centre: tuple[float, float, float], radius: float, colour: tuple[float, float, float]
) -> VolumeSample:
    """A ball of one colour: where it is in each view follows from its centre alone."""
    middle = torch.tensor(centre)
    coarse = cell_centres(2 * CELLS).sub(middle).norm(dim=-1) - radius
    near = coarse.abs() < 1 / (2 * CELLS)
    occupancy = torch.nn.functional.max_pool3d(near[None, None].float(), 2)[0, 0] > 0
    coords = children(occupancy[None])[:, 1:]
    sdf = (voxel_centres(coords, 2 * CELLS) - middle).norm(dim=-1) - radius
    cameras = STARTER_RIG.cameras()
    origins, directions = cameras.rays(32)
    across = torch.linalg.cross(middle - origins, directions).norm(dim=-1)
    alpha = (across < radius).float()[:, None]
    views = torch.cat([torch.tensor(colour)[:, None, None].expand(6, 3, 32, 32) * alpha, alpha], dim=1)
    return VolumeSample(
        (views * 255).byte(),
        cameras.world_from_cam,
        cameras.fov,
        occupancy,
        (sdf / TRUNCATION).clamp(-1, 1).half(),
        (torch.tensor(colour) * 255).byte().expand(len(coords), 3),
    )


SAMPLES = [ball((0.1, -0.05, 0.08), 0.3, (0.9, 0.2, 0.1)), ball((-0.15, 0.1, 0.0), 0.22, (0.1, 0.3, 0.8))]


@dataclass(frozen=True, slots=True)
class Always:
    """The same samples at every step."""

    samples: Sequence[VolumeSample]

    def batch(self, step: int, size: int) -> list[VolumeSample]:
        return [self.samples[i % len(self.samples)] for i in range(size)]


def occupancy_task() -> OccupancyTask:
    torch.manual_seed(0)
    unet = UNetShape(channels=(16, 16), blocks=(1, 1), condition=(8, 8), embedding=16)
    net = OccupancyNet(OccupancyConfig(views=VIEWS, unet=unet, resolution=CELLS, lift=16))
    return OccupancyTask(net, Always(SAMPLES), SAMPLES, 2, faults=NO_FAULTS)


def shape_task() -> ShapeTask:
    torch.manual_seed(0)
    unet = UNetShape(channels=(16, 16), blocks=(1, 1), condition=(8, 8), embedding=16)
    net = ShapeNet(ShapeConfig(views=VIEWS, unet=unet, resolution=2 * CELLS, lift=16, detail=16))
    return ShapeTask(net, Always(SAMPLES), SAMPLES, 2, faults=NO_FAULTS, support=SupportFaults(clean=1.0))


def learn(task: OccupancyTask | ShapeTask, steps: int) -> None:
    (net,) = task.networks.values()
    optimizer = torch.optim.AdamW(net.parameters(), lr=4e-3)
    for step in range(steps):
        loss, _ = task.loss(step)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    net.eval()


def test_occupancy_network_learns_the_shells_of_two_balls_from_their_views():
    task = occupancy_task()
    learn(task, 140)
    scores = task.validate(task.networks)
    assert scores["iou"] > 0.8
    assert task.sheet(task.networks).size == (8 * 128, 2 * 128)


def test_shape_network_learns_distances_and_colours_of_two_balls_from_their_views():
    task = shape_task()
    learn(task, 60)
    scores = task.validate(task.networks)
    assert scores["sign"] > 0.95
    assert scores["psnr"] > 20
    assert task.sheet(task.networks).size == (10 * 128, 2 * 128)


@pytest.mark.parametrize("make", [occupancy_task, shape_task])
def test_loss_depends_on_the_step_alone(make):
    first, again = make().loss(3)[0], make().loss(3)[0]
    assert_close(first, again, rtol=0, atol=0)


@pytest.mark.parametrize("make", [occupancy_task, shape_task])
def test_loss_in_half_precision_is_near_that_in_full(make):
    full = make().loss(3)[0]
    with torch.autocast("cpu", torch.bfloat16):
        half = make().loss(3)[0]
    half.backward()
    assert_close(half, full, rtol=0.02, atol=0)


def test_collated_values_lie_on_the_children_of_the_cells():
    batch = collate(SAMPLES)
    assert len(batch.coords) == len(batch.values)
    points = voxel_centres(batch.coords[:, 1:], 2 * CELLS)
    second = batch.coords[:, 0] == 1
    wanted = (points[second] - torch.tensor([-0.15, 0.1, 0.0])).norm(dim=1) - 0.22
    assert_close(batch.values[second, 0], (wanted / TRUNCATION).clamp(-1, 1), atol=2e-3, rtol=0)


def test_batch_is_cut_at_the_limit_of_voxels_but_never_empty():
    assert len(within(SAMPLES, 10**9)) == 2
    assert len(within(SAMPLES, 1)) == 1


def test_values_spread_to_added_cells_continue_the_distance():
    batch = collate(SAMPLES[:1])
    support = torch.nn.functional.max_pool3d(batch.occupancy[:, None].float(), 3, 1, 1)[:, 0] > 0
    coords, values, is_known = known_values(batch.occupancy, batch.values, support)
    level = build_pyramid(coords, resolution=2 * CELLS, num_levels=1, num_samples=1).levels[0]
    # The test's grid is coarser than the product's, and so are its steps in units of the truncation.
    spread = spread_values(level, values, is_known)
    points = voxel_centres(coords[:, 1:], 2 * CELLS)
    true = ((points - torch.tensor([0.1, -0.05, 0.08])).norm(dim=1) - 0.3) / TRUNCATION
    assert is_known.float().mean() < 0.8
    assert_close(spread[is_known], batch.values)
    assert_close(spread[:, 0], true.clamp(-1, 1), atol=0.25, rtol=0)


def test_rough_support_loses_and_adds_only_cells_at_the_shell():
    batch = collate(SAMPLES)
    faults = SupportFaults(clean=0.0, lost=0.5, added=0.5)
    rough = rough_support(batch.occupancy, faults, torch.Generator().manual_seed(1))
    scores = shell_scores(rough, batch.occupancy)
    assert (scores["iou"] < 1).all()
    assert_close(scores["right"], torch.ones(2))


def test_imperfect_views_stay_pictures_and_clean_ones_stay_untouched():
    views = collate(SAMPLES).views
    spoilt = imperfect(views, Faults(clean=0.0, missing=0.5), torch.Generator().manual_seed(0))
    is_missing = ~(spoilt[:, :, 3] > 0).flatten(2).any(2)
    assert 0 <= float(spoilt.min()) <= float(spoilt.max()) <= 1
    assert is_missing.any()
    assert not is_missing.all(dim=1).any()
    assert_close(imperfect(views, NO_FAULTS, torch.Generator().manual_seed(0)), views)


def test_shell_seen_from_the_front_has_its_top_up_and_its_right_on_the_right():
    cells = torch.zeros(CELLS, CELLS, CELLS, dtype=torch.bool)
    cells[9, 0, 10] = True
    picture = look_at_shell(cells)
    assert picture[3].nonzero().tolist() == [[CELLS - 1 - 10, 9]]
