"""Training of single views: cameras, samples, learning."""

import json
import math
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from backend.geometry.anchors import STARTER_LAYOUT, Directions
from backend.models.input_camera import InputFrame
from backend.stages.novel_starter import NovelViewNetworks
from backend.stages.novel_views import NovelSampling
from backend.train.loop import TrainConfig, train
from backend.train.novel_samples import NovelSample, collate, novel_samples
from backend.train.objects import ObjectSource
from backend.train.orbit import VIEWS, OrbitShots, OrbitStudio, orbit_plan
from backend.train.zero123 import Zero123Task
from tests.backend.stages.novel import tiny_novel_networks

SIZE = 32


def discs(count: int, seed: int) -> OrbitShots:
    """Coloured discs, larger in every view."""
    generator = torch.Generator().manual_seed(seed)
    colour = torch.rand(count, 1, 3, 1, 1, generator=generator)
    axis = (torch.arange(SIZE) + 0.5) / SIZE - 0.5
    radius = torch.linspace(0.2, 0.45, 2 * VIEWS + 2)[None, :, None, None]
    distance = (axis[:, None].square() + axis.square()).sqrt()
    alpha = ((radius - distance) * SIZE).clamp(0, 1).expand(count, -1, -1, -1)[:, :, None]
    pictures = torch.cat([colour.expand(-1, alpha.shape[1], -1, SIZE, SIZE) * (alpha > 0), alpha], dim=2)
    frame = InputFrame(
        torch.full((count,), 0.2), torch.full((count,), 0.5), torch.full((count, 2), 0.5), torch.ones(count)
    )
    _, toward = orbit_plan(STARTER_LAYOUT, frame.elevation, generator)
    return OrbitShots(pictures[:, :2], (frame, frame), pictures[:, 2:].unflatten(1, (2, VIEWS)), toward)


class Fixed:
    """Batches cut from a fixed list."""

    def __init__(self, samples: list[NovelSample]) -> None:
        self.samples = samples

    def batch(self, step: int, size: int) -> list[NovelSample]:
        return [self.samples[(step * size + i) % len(self.samples)] for i in range(size)]


def _task() -> Zero123Task:
    nets = tiny_novel_networks()
    nets.net.train().requires_grad_(True)
    return Zero123Task(
        nets,
        Fixed(novel_samples(discs(1, 0), nets)),
        discs,
        batch_size=2,
        sampling=NovelSampling(steps=2),
        validation_objects=2,
    )


def _train(task: Zero123Task, out: Path, steps: int) -> dict[str, float]:
    config = TrainConfig(steps=steps, learning_rate=3e-3, warmup_steps=5, ema_decay=0.9, cooldown=0.0)
    return train(task, config=config, out=out, device=torch.device("cpu"))


@pytest.fixture(scope="module")
def networks() -> NovelViewNetworks:
    return tiny_novel_networks()


def test_views_of_one_object_are_learned(tmp_path: Path):
    scores = _train(_task(), tmp_path, 150)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    values = [line["velocity_high"] for line in lines if "velocity_high" in line]
    assert values[-1] < 0.4 * values[0]
    assert {"near_mask_iou", "far_psnr_grey", "next_psnr_grey", "hint_far_psnr_grey"} <= set(scores)


def test_resumed_training_equals_uninterrupted(tmp_path: Path):
    for folder, parts in (("whole", (4,)), ("halves", (2, 4))):
        for steps in parts:
            _train(_task(), tmp_path / folder, steps)
    whole, halves = ((tmp_path / f / "checkpoint.safetensors").read_bytes() for f in ("whole", "halves"))
    assert whole == halves


def test_only_the_new_network_is_trained():
    task = _task()
    loss, _ = task.loss(0)
    loss.backward()
    assert all(p.grad is None for p in task.nets.volume.parameters())
    assert all(p.grad is not None for p in task.nets.net.projection.parameters())


def test_plan_starts_beside_the_picture_and_goes_on_from_the_first_anchor():
    elevation = torch.tensor([0.1, 0.6])
    own, plan = orbit_plan(STARTER_LAYOUT, elevation, torch.Generator().manual_seed(0))
    step = math.radians(STARTER_LAYOUT.step_deg)
    assert_close(own.elevation[:, 0], elevation)
    assert_close(own.azimuth[:, 1], plan.azimuth[:, 0, 1])
    assert_close(own.elevation[:, 1], plan.elevation[:, 0, 1])
    near = (plan.azimuth[:, 0, 0]).abs() + (plan.elevation[:, 0, 0] - elevation).abs()
    assert_close(near, torch.full((2,), step))
    far = (plan.azimuth[:, 1] - own.azimuth[:, 1:]).abs() + (
        plan.elevation[:, 1] - own.elevation[:, 1:]
    ).abs()
    assert_close(far, torch.full((2, VIEWS), step))
    assert len(set(plan.azimuth[0, 0, 1:].tolist())) == VIEWS - 1


def test_shots_show_the_object_from_the_planned_cameras(tiny_pack: Path):
    """The second picture is the first anchor's view, cut to the object: as many pixels' worth of colour."""
    source = ObjectSource(tiny_pack, split="val", device="cpu")
    shots = OrbitStudio(source, STARTER_LAYOUT, SIZE, faults=False)(2, 0)
    assert shots.views.shape == (2, 2, VIEWS, 4, SIZE, SIZE)
    tile, picture = shots.views[:, 0, 1], shots.pictures[:, 1]
    assert_close(
        (tile[:, :3] * tile[:, 3:]).sum(dim=(2, 3)) / tile[:, 3:].sum(dim=(2, 3)),
        (picture[:, :3] * picture[:, 3:]).sum(dim=(2, 3)) / picture[:, 3:].sum(dim=(2, 3)),
        atol=0.02,
        rtol=0,
    )
    again = OrbitStudio(source, STARTER_LAYOUT, SIZE, faults=False)(2, 0)
    assert torch.equal(shots.views, again.views)


def test_samples_hold_what_the_networks_make_of_their_own_picture(networks: NovelViewNetworks):
    shots = discs(3, 0)
    batch = collate(novel_samples(shots, networks))
    assert_close(batch.latents[:3], networks.vae.encode(shots.pictures[:, 0]), atol=5e-3, rtol=5e-3)
    assert_close(batch.latents[3:], networks.vae.encode(shots.pictures[:, 1]), atol=5e-3, rtol=5e-3)
    assert_close(batch.elevation, torch.full((6,), 0.2))
    toward = Directions(shots.toward.azimuth[:, 1], shots.toward.elevation[:, 1])
    assert_close(batch.toward[3:, 0], toward.azimuth)


def test_elevation_is_told_with_an_error_or_not_at_all(networks: NovelViewNetworks):
    samples = novel_samples(discs(40, 0), networks, generator=torch.Generator().manual_seed(0))
    told = torch.stack([sample.elevation for sample in samples])
    guess = networks.guess_elevation(discs(40, 0).pictures[0, 0])
    is_guess = (told[:40] - guess).abs() < 0.02
    assert 0.2 < float(is_guess.float().mean()) < 0.6
    assert_close(told[40:], torch.full((40,), 0.2))
