"""Training of stage 1: the tasks learn, resume exactly and judge what they should."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from backend.geometry.cameras import ViewRig, sheet_from_views
from backend.models.autoencoder import AutoencoderConfig, ViewAutoencoder
from backend.models.image_encoder import ImageEncoder, ImageEncoderConfig
from backend.models.multiview import MultiviewConfig, MultiviewNet
from backend.models.picture_volume import VolumeConfig
from backend.models.weights import load_network
from backend.stages.views import ViewSampling
from backend.train.loop import TrainConfig, train
from backend.train.pictures import Shots
from backend.train.spoil import compressed, spoil
from backend.train.vae import VaeLoss, VaeTask, tile_samples
from backend.train.views import ViewsLoss, ViewsTask, collate, view_samples

SIZE = 32


def discs(count: int, seed: int) -> Shots:
    """Coloured discs; each view is a little larger than the one before."""
    generator = torch.Generator().manual_seed(seed)
    colour = torch.rand(count, 1, 3, 1, 1, generator=generator)
    axis = (torch.arange(SIZE) + 0.5) / SIZE - 0.5
    radius = torch.linspace(0.2, 0.45, 7)[None, :, None, None]
    distance = (axis[:, None].square() + axis.square()).sqrt()
    alpha = ((radius - distance) * SIZE).clamp(0, 1).expand(count, -1, -1, -1)[:, :, None]
    pictures = torch.cat([colour.expand(-1, 7, -1, SIZE, SIZE) * (alpha > 0), alpha], dim=2)
    return Shots(pictures[:, :6], pictures[:, 6], torch.zeros(count, 5))


class Fixed:
    """Batches cut from a fixed list."""

    def __init__(self, samples: list) -> None:
        self.samples = samples

    def batch(self, step: int, size: int) -> list:
        return [self.samples[(step * size + i) % len(self.samples)] for i in range(size)]


def tiny_vae() -> ViewAutoencoder:
    torch.manual_seed(0)
    return ViewAutoencoder(
        AutoencoderConfig(fold=2, encoder_channels=(16, 16, 16), decoder_channels=(16, 16, 16), norm_groups=4)
    )


def vae_task() -> VaeTask:
    samples = Fixed(tile_samples(discs, count=2, seed=0))
    # Tiny networks sit long in the median of both discs' colours; squares pull them out.
    config = VaeLoss(squares=10.0, edges=0.1, coarse=0.0)
    return VaeTask(tiny_vae(), samples, discs, batch_size=14, validation_objects=2, config=config)


def views_task() -> ViewsTask:
    vae = tiny_vae().eval().requires_grad_(False)
    torch.manual_seed(1)
    encoder = ImageEncoder(ImageEncoderConfig(image_px=16, trunk_px=32, hidden_width=16, embedding=16))
    net = MultiviewNet(
        MultiviewConfig(
            rig=ViewRig(tile_px=SIZE),
            latent_px=4,
            channels=(32, 32),
            layers=(1, 1),
            attention=(False, True),
            heads=(1, 2),
            num_tokens=4,
            token_channels=16,
            norm_groups=8,
            position_channels=2,
            volume=VolumeConfig(
                picture_channels=8,
                channels=(8, 8),
                features=2,
                depths=8,
                stride=1,
                norm_groups=4,
                map_channels=encoder.config.map_channels,
            ),
        )
    )
    samples = Fixed(view_samples(discs(1, 0), vae, image_px=16))
    return ViewsTask(
        vae,
        encoder,
        net,
        samples,
        discs,
        batch_size=4,
        sampling=ViewSampling(steps=2),
        validation_objects=2,
    )


def _train(task: VaeTask | ViewsTask, out: Path, steps: int) -> dict[str, float]:
    config = TrainConfig(steps=steps, learning_rate=3e-3, warmup_steps=5, ema_decay=0.9, cooldown=0.0)
    return train(task, config=config, out=out, device=torch.device("cpu"))


def _first_and_last(out: Path, name: str) -> tuple[float, float]:
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    values = [line[name] for line in lines if name in line]
    return values[0], values[-1]


def test_autoencoder_learns_its_tiles_and_measures_its_code(tmp_path: Path):
    task = vae_task()
    scores = _train(task, tmp_path, 250)
    assert scores["psnr_grey"] > 24
    assert scores["mask_iou"] > 0.9
    assert abs(scores["latent_mean"]) < 0.2
    assert scores["latent_deviation"] == pytest.approx(1, abs=0.2)
    loaded = load_network(ViewAutoencoder, AutoencoderConfig, tmp_path, "vae")
    assert float(loaded.raw_scale.sub(1).abs().max()) > 0.1


def test_six_view_diffusion_overfits_one_object(tmp_path: Path):
    task = views_task()
    _train(task, tmp_path, 150)
    first, last = _first_and_last(tmp_path, "velocity_high")
    assert last < 0.25 * first


def test_resumed_training_equals_uninterrupted(tmp_path: Path):
    for folder, parts in (("whole", (4,)), ("halves", (2, 4))):
        for steps in parts:
            _train(views_task(), tmp_path / folder, steps)
    whole, halves = ((tmp_path / f / "checkpoint.safetensors").read_bytes() for f in ("whole", "halves"))
    assert whole == halves


def test_samples_hold_the_latents_of_their_own_object():
    vae = tiny_vae().eval().requires_grad_(False)
    shots = discs(3, 0)
    batch = collate(view_samples(shots, vae, image_px=16))
    expected = sheet_from_views(torch.stack([vae.encode(views) for views in shots.views]))
    assert_close(batch.canvas, expected, atol=5e-3, rtol=5e-3)
    assert_close(batch.latents, vae.encode(shots.pictures), atol=5e-3, rtol=5e-3)


def test_dropped_condition_is_an_empty_picture_without_embedding(monkeypatch: pytest.MonkeyPatch):
    task = views_task()
    seen = []
    monkeypatch.setattr(task.views, "forward", lambda noisy, *rest: (seen.append(rest), noisy)[1])
    task.config = ViewsLoss(dropout=1.0)
    task.loss(0)
    condition = seen[0][2]
    assert not condition.features.embedding.any()
    assert not condition.features.map.any()
    assert_close(condition.picture, task.vae.empty(SIZE).expand(4, -1, -1, -1))


def test_volume_learns_alone(tmp_path: Path):
    task = views_task()
    start = {key: value.clone() for key, value in task.views.state_dict().items()}
    alone = replace(task, config=ViewsLoss(only_volume=True))
    _train(alone, tmp_path, 150)
    first, last = _first_and_last(tmp_path, "hint")
    assert last < 0.8 * first
    changed = {
        key.split(".")[0] for key, value in task.views.state_dict().items() if not value.equal(start[key])
    }
    assert changed == {"volume"}


def test_sheets_show_every_object(tmp_path: Path):
    task = views_task()
    assert task.sheet(task.networks).size == (13 * SIZE, 2 * SIZE)
    vae = vae_task()
    assert vae.sheet(vae.networks).size == (8 * SIZE, 2 * SIZE)


def test_spoiled_pictures_are_the_same_for_the_same_generator_and_stay_in_range():
    pictures = discs(4, 1).pictures
    one, two = (spoil(pictures, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, two)
    assert 0 <= float(one.min()) <= float(one.max()) <= 1
    assert not torch.equal(one, pictures)


def test_faults_leave_the_object_where_it_is():
    pictures = discs(32, 1).pictures
    spoiled = spoil(pictures, torch.Generator().manual_seed(3))
    overlap = (spoiled[:, 3] > 0.5) & (pictures[:, 3] > 0.5)
    union = (spoiled[:, 3] > 0.5) | (pictures[:, 3] > 0.5)
    assert float(overlap.sum() / union.sum()) > 0.8


def test_fine_rounding_of_cosines_changes_nothing():
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert_close(compressed(image, torch.zeros(1, 1, 1, 1)), image, atol=1e-4, rtol=0)


def test_coarse_rounding_keeps_the_mean_of_blocks_and_loses_fine_waves():
    ramp = torch.linspace(0.2, 0.8, 16).expand(1, 3, 16, 16)
    checks = 0.02 * (-1.0) ** torch.arange(16) * ((-1.0) ** torch.arange(16))[:, None]
    rough = compressed(ramp + checks, torch.full((1, 1, 1, 1), 0.15))
    assert float((rough - ramp).abs().mean()) < 0.02
    assert math.isclose(float(rough.mean()), float(ramp.mean()), abs_tol=0.02)
