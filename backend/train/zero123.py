"""Train the small view-conditioned diffusion: `python -m backend.train zero123`.

The six-view network's image encoder and volume are used as they are, so what they say of a picture is
computed once a sample, and only a small UNet is trained.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor, nn

from backend.diffusion.timesteps import spread_timesteps
from backend.diffusion.views import add_noise, at_timesteps, velocity_weight
from backend.errors import ConfigError
from backend.models.autoencoder import AutoencoderConfig, ViewAutoencoder
from backend.models.image_encoder import ImageEncoder, ImageEncoderConfig
from backend.models.multiview import MultiviewConfig, MultiviewNet
from backend.models.precision import half_precision
from backend.models.weights import load_network
from backend.models.zero123 import Zero123Config, Zero123Net
from backend.stages.novel_starter import NovelViewNetworks
from backend.stages.novel_views import NovelSampling, sample_views
from backend.stages.views import resized
from backend.train.compiling import add_compile_argument, compile_norms
from backend.train.loop import add_train_arguments, train_from_arguments
from backend.train.novel_samples import NovelBatch, NovelSample, collate, novel_samples
from backend.train.objects import ObjectSource
from backend.train.orbit import OrbitShots, OrbitStudio
from backend.train.pictures import (
    Batches,
    add_pool_arguments,
    channels_last,
    mean_scores,
    picture_sheet,
    pool_from_arguments,
)
from backend.train.views import VALIDATION_SEED, VALIDATION_TIMESTEPS

Shoot = Callable[[int, int], OrbitShots]
"""Takes pictures of `count` objects drawn from `seed`; the same for the same arguments."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Zero123Loss:
    """How the view-conditioned diffusion is trained.

    Attributes:
        gamma, floor: As in `velocity_weight`.
        dropout: Share of views without a condition, which guidance needs.
    """

    gamma: float = 5.0
    floor: float = 1.0
    dropout: float = 0.1


@dataclass(slots=True)
class Zero123Task:
    """Predict the velocity of noisy views; only `NovelViewNetworks.net` is trained."""

    nets: NovelViewNetworks
    samples: Batches[NovelSample]
    validation: Shoot
    batch_size: int
    seed: int = 0
    config: Zero123Loss = field(default_factory=Zero123Loss)
    sampling: NovelSampling = field(default_factory=lambda: NovelSampling(batch=64))
    validation_objects: int = 16
    networks: dict[str, nn.Module] = field(init=False)
    _alpha_bar: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.networks = {"zero123": self.nets.net}
        self._alpha_bar = self.nets.net.config.schedule.alpha_bar().to(self.nets.device)

    def loss(self, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Draw the batch of `step` and return its loss and metrics."""
        device = self.nets.device
        generator = torch.Generator(device).manual_seed(self.seed * 1_000_003 + step)
        batch = collate(self.samples.batch(step, self.batch_size))
        count = batch.views.shape[0] * batch.views.shape[1]
        timesteps = spread_timesteps(count, len(self._alpha_bar), generator)
        errors = self._errors(self.nets.net, batch, timesteps, self.config.dropout, generator)
        share = self._alpha_bar[timesteps]
        weight = velocity_weight(share, gamma=self.config.gamma, floor=self.config.floor)
        # The timesteps rise along the batch, so its thirds are those of the schedule.
        thirds = zip(("low", "middle", "high"), errors.detach().tensor_split(3), strict=True)
        return (weight * errors).mean(), {f"velocity_{name}": part.mean() for name, part in thirds}

    def validate(self, networks: dict[str, nn.Module]) -> dict[str, float]:
        """Velocity errors at fixed timesteps and scores of sampled views, on unseen objects.

        `near` views are neighbours of users' pictures, `far` ones anchors, `next` ones neighbours of anchors.
        """
        nets = self._inference(networks)
        shots = self.validation(self.validation_objects, VALIDATION_SEED)
        batch = collate(novel_samples(shots, nets))
        count = batch.views.shape[0] * batch.views.shape[1]
        channels = batch.views.shape[2]
        scores = {"hint": float((batch.hints[:, :, :channels] - batch.views).square().mean())}
        for timestep in VALIDATION_TIMESTEPS:
            generator = torch.Generator(nets.device).manual_seed(timestep)
            timesteps = torch.full((count,), timestep, device=nets.device)
            with half_precision(nets.device):
                errors = self._errors(nets.net, batch, timesteps, 0.0, generator)
            scores[f"velocity_{timestep}"] = float(errors.mean())
        for prefix, views in (("", self._sampled(nets, batch)), ("hint_", self._hinted(nets, batch))):
            for name, ours, true in _kinds(views, shots):
                found = mean_scores(ours, true)
                scores |= {f"{prefix}{name}_{key}": value for key, value in found.items()}
        return scores

    def sheet(self, networks: dict[str, nn.Module]) -> Image.Image:
        """Two rows an object: a user's picture, then an anchor; each with our views and the true ones."""
        nets = self._inference(networks)
        shots = self.validation(min(8, self.validation_objects), VALIDATION_SEED)
        batch = collate(novel_samples(shots, nets))
        ours = self._sampled(nets, batch).to(shots.views.device)
        rows = []
        for index in range(len(shots.pictures)):
            for kind in range(2):
                own = ours[kind * len(shots.pictures) + index]
                rows.append(torch.cat([shots.pictures[index, kind][None], own, shots.views[index, kind]]))
        return picture_sheet([resized(row, min(128, row.shape[-1])) for row in rows])

    def _inference(self, networks: dict[str, nn.Module]) -> NovelViewNetworks:
        net = networks["zero123"]
        if not isinstance(net, Zero123Net):
            raise TypeError(f"cannot judge a {type(net).__name__}")
        return replace(self.nets, net=net)

    def _sampled(self, nets: NovelViewNetworks, batch: NovelBatch) -> Float[Tensor, "b t 4 h w"]:
        with half_precision(nets.device):
            condition = batch.condition(nets.net, nets.vae)
            seeds = range(len(condition.token))
            latents = sample_views(condition, nets.net, seeds=seeds, config=self.sampling)
            return nets.decode(latents).unflatten(0, batch.views.shape[:2])

    def _hinted(self, nets: NovelViewNetworks, batch: NovelBatch) -> Float[Tensor, "b t 4 h w"]:
        latents = batch.hints[:, :, : batch.views.shape[2]]
        with half_precision(nets.device):
            return nets.decode(latents.flatten(0, 1)).unflatten(0, latents.shape[:2])

    def _errors(
        self,
        net: Zero123Net,
        batch: NovelBatch,
        timesteps: Int[Tensor, " n"],
        dropout: float,
        generator: torch.Generator,
    ) -> Float[Tensor, " n"]:
        clean = batch.views.flatten(0, 1)
        keep = torch.rand(len(clean), generator=generator, device=clean.device) >= dropout
        condition = batch.condition(net, self.nets.vae).kept(keep)
        share = at_timesteps(self._alpha_bar, timesteps)
        noise = torch.randn(clean.shape, generator=generator, device=clean.device)
        noisy = add_noise(clean, noise, share).contiguous(memory_format=torch.channels_last)
        predicted = net(noisy, timesteps, condition).float()
        wanted = net.config.schedule.target(clean, noise, share)
        return (predicted - wanted).square().mean(dim=(1, 2, 3))


def _kinds(
    ours: Float[Tensor, "n t 4 h w"], shots: OrbitShots
) -> list[tuple[str, Float[Tensor, "b k 4 h w"], Float[Tensor, "b k 4 h w"]]]:
    """Our views and the true ones: beside users' pictures, of the anchors, beside the anchors."""
    first, second = ours.to(shots.views.device).unflatten(0, (2, -1))
    true = shots.views
    return [
        ("near", first[:, :1], true[:, 0, :1]),
        ("far", first[:, 1:], true[:, 0, 1:]),
        ("next", second, true[:, 1]),
    ]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_train_arguments(parser, learning_rate=6e-4, batch_size=64)
    add_pool_arguments(parser, groups=48, steps_per_group=6)
    add_compile_argument(parser)
    loss = Zero123Loss()
    parser.add_argument("--vae", type=Path, required=True, help="folder of the autoencoder's weights")
    parser.add_argument("--views", type=Path, required=True, help="folder of the six-view network's weights")
    parser.add_argument("--gamma", type=float, default=loss.gamma, help="limit of min-SNR weighting")
    parser.add_argument("--floor", type=float, default=loss.floor, help="weight where there is only noise")
    parser.add_argument("--dropout", type=float, default=loss.dropout, help="share without a condition")


def load_neighbours(net: Zero123Net, vae: Path, views: Path, device: torch.device | str) -> NovelViewNetworks:
    """The trained networks that `net` works with.

    Raises:
        ConfigError: when the six-view network has no volume.
    """
    multiview = load_network(MultiviewNet, MultiviewConfig, views, "views", device=device)
    if multiview.volume is None:
        raise ConfigError(f"the six-view network in {views} has no volume; train it with one")
    return NovelViewNetworks(
        load_network(ViewAutoencoder, AutoencoderConfig, vae, "vae", device=device),
        load_network(ImageEncoder, ImageEncoderConfig, views, "image_encoder", device=device),
        multiview.volume,
        net,
    )


def run(args: argparse.Namespace) -> int:
    """Train as the options say; returns the exit code."""
    torch.manual_seed(args.seed)
    net = channels_last(Zero123Net(Zero123Config()).to(args.device))
    nets = load_neighbours(net, args.vae, args.views, args.device)
    if args.size != net.config.latent_px * nets.vae.config.downscale:
        raise ConfigError(f"the tiles of these weights are not of {args.size} pixels; leave out --size")
    channels_last(nets.vae)
    if args.compile:
        compile_norms(net)
    train = ObjectSource(args.pack, split="train", device=args.device)
    held_out = ObjectSource(args.pack, split="val", device=args.device)
    shoot = OrbitStudio(train, net.config.layout, args.size, faults=True)
    validation = OrbitStudio(held_out, net.config.layout, args.size, faults=False)

    def make(seed: int) -> list[NovelSample]:
        generator = torch.Generator().manual_seed(seed)
        return novel_samples(shoot(args.group, seed), nets, generator=generator)

    task = Zero123Task(
        nets,
        pool_from_arguments(args, make),
        validation,
        batch_size=args.batch,
        seed=args.seed,
        config=Zero123Loss(gamma=args.gamma, floor=args.floor, dropout=args.dropout),
    )
    return train_from_arguments(task, args)
