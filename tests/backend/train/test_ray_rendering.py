"""Volume rendering of a known field shows its surface; the training task learns a ball from its views."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from backend.geometry.anchors import STARTER_LAYOUT
from backend.geometry.cameras import orbit_cameras
from backend.models.blocks3d import UNetShape
from backend.models.cost_volume import ViewPyramidConfig
from backend.models.neural_sdf import Field, NeuralSdf, NeuralSdfConfig
from backend.train.imperfect import Faults
from backend.train.neural_sdf import LossWeights, NeuralSdfTask, choose_rays, known_points, near_surface
from backend.train.objects import ObjectSource
from backend.train.ray_rendering import Rays, RaySampling, render_rays, section_weights
from backend.train.support import SupportFaults
from backend.train.view_sets import PoseFaults, SetSample, collate_sets, fixed_sets, random_sets, set_samples

UNET = UNetShape(channels=(8, 8), blocks=(1, 1), condition=(8, 8), embedding=8)
TINY = NeuralSdfConfig(
    views=ViewPyramidConfig(image_px=32, channels=(8, 8, 8), map_channels=6),
    dense=UNET,
    sparse=UNET,
    coarse=12,
    features=6,
    hidden=32,
    layers=2,
    waves=2,
    blend=8,
)
RADIUS = 0.3


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def samples(tiny_pack) -> list[SetSample]:
    source = ObjectSource(tiny_pack, split="val", device="cpu")
    return set_samples(source.scenes(2, seed=0), fixed_sets(2, 2), 32)


@dataclass(frozen=True, slots=True)
class Always:
    """The same samples at every step."""

    samples: Sequence[SetSample]

    def batch(self, step: int, size: int) -> list[SetSample]:
        return [self.samples[i % len(self.samples)] for i in range(size)]


def make_task(samples: Sequence[SetSample], *, weights: LossWeights | None = None) -> NeuralSdfTask:
    torch.manual_seed(0)
    return NeuralSdfTask(
        NeuralSdf(TINY),
        Always(samples),
        samples[:1],
        2,
        faults=Faults(clean=1.0),
        support=SupportFaults(clean=1.0),
        sampling=RaySampling(search=16, kept=4, close=8, coloured=4),
        rays=48,
        points=256,
        weights=weights or LossWeights(),
    )


def ball_field(monkeypatch: pytest.MonkeyPatch) -> tuple[NeuralSdf, Field]:
    """A network that says a white ball."""
    torch.manual_seed(0)
    net = NeuralSdf(TINY).eval().requires_grad_(False)
    cameras = STARTER_LAYOUT.cameras(torch.tensor([0.2]))
    found, _ = net.reconstruct(torch.ones(1, 32, 4, 32, 32), cameras)
    monkeypatch.setattr(net, "distance", lambda _, points: points.norm(dim=2) - RADIUS)
    net.log_sharpness.data.fill_(float(torch.tensor(400.0).log()))
    return net, found


def rays_past(*heights: float) -> Rays:
    origin = torch.tensor([[[0.0, -2.0, height] for height in heights]])
    return Rays(origin, torch.tensor([0.0, 1.0, 0.0]).expand_as(origin))


def test_rays_stop_on_the_surface_of_a_ball_and_pass_beside_it(monkeypatch: pytest.MonkeyPatch):
    net, found = ball_field(monkeypatch)
    generator = torch.Generator().manual_seed(0)
    shown = render_rays(net, found, rays_past(0.0, 0.2, 0.42), config=RaySampling(), generator=generator)
    assert_close(shown.opacity[0], torch.tensor([1.0, 1.0, 0.0]), atol=0.02, rtol=0)
    assert_close(shown.rgb[0], torch.tensor([1.0, 1.0, 0.0])[:, None].expand(3, 3), atol=0.03, rtol=0)
    where = torch.tensor([[0, -RADIUS, 0], [0, -((RADIUS**2 - 0.04) ** 0.5), 0.2]])
    assert_close(shown.surface[0, :2], where, atol=0.01, rtol=0)


def test_weights_of_a_ray_never_exceed_one_and_fall_on_the_crossing():
    distance = torch.randn(1, 50, 20, generator=torch.Generator().manual_seed(0))
    weight = section_weights(distance, 200.0)
    assert (weight.sum(dim=2) <= 1 + 1e-5).all()
    assert (weight >= 0).all()
    falling = torch.linspace(0.1, -0.1, 21).expand(1, 1, -1)
    assert section_weights(falling, 400.0)[0, 0].argmax() in (9, 10)


def test_the_task_learns_where_objects_are_and_what_they_look_like(samples: list[SetSample]):
    task = make_task(samples)
    (net,) = task.networks.values()
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3)
    for step in range(45):
        loss, _ = task.loss(step)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    scores = task.validate(task.networks)
    assert scores["distance_voxels"] < 2  # Open space everywhere scores 3.
    assert scores["mask_iou"] > 0.7
    assert scores["found"] > 0.8
    assert task.sheet(task.networks).size == (7 * 128, 128)


def test_loss_depends_on_the_step_alone_and_the_distance_term_can_be_switched_off(samples: list[SetSample]):
    first, metrics = make_task(samples).loss(3)
    again, _ = make_task(samples).loss(3)
    assert_close(first, again, rtol=0, atol=0)
    without = make_task(samples, weights=LossWeights(distance=0.0)).loss(3)[0]
    assert_close(first - without, metrics["distance"])


def test_loss_in_half_precision_is_near_that_in_full(samples: list[SetSample]):
    full = make_task(samples).loss(3)[0]
    with torch.autocast("cpu", torch.bfloat16):
        half = make_task(samples).loss(3)[0]
    assert_close(half.float(), full, rtol=0.05, atol=0)


def test_known_points_carry_their_own_samples_distance(samples: list[SetSample]):
    volume = collate_sets(samples).volume
    points, distance = known_points(volume, 300, torch.Generator().manual_seed(0))
    for index in range(2):
        mine = volume.coords[:, 0] == index
        places = (volume.coords[mine, 1:].float() + 0.5) / 128 - 0.5
        gap, which = torch.cdist(points[index], places).min(dim=1)
        assert_close(gap, torch.zeros_like(gap), atol=1e-4, rtol=0)
        assert_close(distance[index], volume.values[mine, 0][which] * 3 / 128)


def test_chosen_rays_show_what_their_pixels_hold(samples: list[SetSample]):
    batch = collate_sets(samples)
    chosen = choose_rays(batch, 40, torch.Generator().manual_seed(0))
    flat = batch.targets.movedim(2, -1).flatten(1, 3)
    origin, toward = batch.cameras.rays(32)
    for index in range(2):
        same = (chosen.rays.toward[index][:, None] == toward[index].flatten(0, 2)).all(dim=2)
        pixel = same.float().argmax(dim=1)
        assert_close(chosen.alpha[index], flat[index, pixel, 3])
        assert_close(chosen.rgb[index], flat[index, pixel, :3] * flat[index, pixel, 3:])
        assert_close(chosen.rays.origin[index], origin[index].flatten(0, 2)[pixel])


def test_near_surface_marks_every_cell_that_overlaps_the_shell():
    shell = torch.zeros(1, 64, 64, 64, dtype=torch.bool)
    shell[0, 21, 0, 63] = True
    near = near_surface(shell, 48)
    assert near.nonzero().tolist() == [[0, 15, 0, 47], [0, 16, 0, 47]]


def test_sets_are_off_their_cameras_only_by_the_faults_asked_for():
    def drawn(faults: PoseFaults) -> tuple[Tensor, Tensor]:
        sets = random_sets(16, 3, faults, torch.Generator().manual_seed(0))
        return sets.said.position, sets.true.position

    said, true = drawn(PoseFaults(clean=1.0))
    assert_close(said, true)
    said, true = drawn(PoseFaults(clean=0.0, each=1.0, tilt=0.0))
    angle = torch.nn.functional.cosine_similarity(said, true, dim=2).clamp(-1, 1).acos().rad2deg()
    assert 0.8 < angle.mean() < 1.8  # The mean length of a plane's normal vector of deviation 1 is 1.25.
    assert_close(said.norm(dim=2), true.norm(dim=2))


def test_fixed_sets_are_the_starter_layouts():
    sets = fixed_sets(5, 4)
    wanted = STARTER_LAYOUT.cameras(torch.deg2rad(torch.tensor([20.0])))
    assert_close(sets.said.world_from_cam[4], wanted.world_from_cam[0])
    aside = orbit_cameras(*(torch.tensor([v]) for v in (0.785398, 0.261799, 1.9318517, 0.5235988)))
    assert_close(sets.targets.position[0, 0], aside.position[0], atol=1e-4, rtol=0)


def test_distances_can_be_trained_alone(samples: list[SetSample]):
    task = make_task(samples)
    task.net.requires_grad_(False)
    task.net.distances.requires_grad_(True)
    task.loss(0)[0].backward()
    moved = {name for name, value in task.net.named_parameters() if value.grad is not None}
    assert moved == {name for name, _ in task.net.named_parameters() if name.startswith("distances.")}
