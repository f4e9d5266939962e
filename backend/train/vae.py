"""Train the autoencoder of view tiles: `python -m backend.train vae`."""

import argparse
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor, nn

from backend.models.autoencoder import AutoencoderConfig, ViewAutoencoder
from backend.train.loop import add_train_arguments, train_from_arguments
from backend.train.objects import ObjectSource
from backend.train.pictures import (
    Batches,
    Shoot,
    Studio,
    add_pool_arguments,
    channels_last,
    mean_scores,
    picture_sheet,
    pool_from_arguments,
)

VALIDATION_SEED = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class VaeLoss:
    """Weights of the parts of the loss, beside the mean absolute error's one.

    Attributes:
        squares: Of the mean squared error; it pulls colours out of the median, which is the background's.
        edges: Of the mean absolute error of differences between neighbours; sharpens what would be a blur.
        coarse: Of the mean absolute error of pictures shrunk four times; holds the colours of areas.
        divergence: Of the mean Kullback-Leibler divergence of a latent from a standard Gaussian.
        momentum: Of the running mean and deviation of the latents.
    """

    squares: float = 2.0
    edges: float = 0.5
    coarse: float = 0.5
    divergence: float = 1e-4
    momentum: float = 0.01


@dataclass(frozen=True, slots=True)
class TileSample:
    """One picture, in 8 bits so that many fit the memory of a GPU."""

    image: UInt8[Tensor, "4 h w"]


def tile_samples(shoot: Shoot, *, count: int, seed: int) -> list[TileSample]:
    """Views and input pictures of `count` objects, one sample each."""
    shots = shoot(count, seed)
    images = torch.cat([shots.views.flatten(0, 1), shots.pictures])
    return [TileSample(image) for image in (images * 255).round().byte()]


def reconstruction_loss(
    painted: Float[Tensor, "b c h w"], target: Float[Tensor, "b c h w"], config: VaeLoss
) -> Float[Tensor, ""]:
    """Errors of pixels, of differences between neighbours and of areas."""
    error = painted.float() - target
    across, down = error.diff(dim=3), error.diff(dim=2)
    coarse = F.avg_pool2d(error, 4)
    edges = across.abs().mean() + down.abs().mean()
    areas = config.coarse * coarse.abs().mean() + config.squares * error.square().mean()
    return error.abs().mean() + config.edges * edges + areas


@dataclass(slots=True)
class VaeTask:
    """Reconstruct tiles and pictures through a code that is almost a Gaussian's."""

    vae: ViewAutoencoder
    samples: Batches[TileSample]
    validation: Shoot
    batch_size: int
    seed: int = 0
    config: VaeLoss = field(default_factory=VaeLoss)
    validation_objects: int = 9
    networks: dict[str, nn.Module] = field(init=False)

    def __post_init__(self) -> None:
        self.networks = {"vae": self.vae}

    def loss(self, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Draw the batch of `step` and return its loss and metrics."""
        device = self.vae.raw_mean.device
        generator = torch.Generator(device).manual_seed(self.seed * 1_000_003 + step)
        images = torch.stack([sample.image for sample in self.samples.batch(step, self.batch_size)])
        target = self.vae.painted(images.to(device).float() / 255)
        mean, log_variance = self.vae.posterior(target.contiguous(memory_format=torch.channels_last))
        mean, log_variance = mean.float(), log_variance.float()
        # The first steps count fully, so that the constants do not start from nothing.
        self.vae.measure(mean, momentum=max(self.config.momentum, 1 / (step + 1)))
        noise = torch.randn(mean.shape, generator=generator, device=device)
        painted = self.vae.paint(mean + torch.exp(0.5 * log_variance) * noise)
        error = reconstruction_loss(painted, target, self.config)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        metrics = {
            "error": error.detach(),
            "divergence": divergence.detach(),
            "code_noise": (0.5 * log_variance.detach()).exp().mean(),
        }
        return error + self.config.divergence * divergence, metrics

    def validate(self, networks: dict[str, nn.Module]) -> dict[str, float]:
        """How alike unseen pictures come back."""
        true, ours, latents = self._reconstructions(networks)
        scores = mean_scores(ours[None], true[None])
        deviation, mean = torch.std_mean(latents)
        return scores | {"latent_mean": float(mean), "latent_deviation": float(deviation)}

    def sheet(self, networks: dict[str, nn.Module]) -> Image.Image:
        """Originals above their reconstructions."""
        true, ours, _ = self._reconstructions(networks)
        pairs = zip(true[:32].split(8), ours[:32].split(8), strict=True)
        return picture_sheet([row for pair in pairs for row in pair if len(row) == 8])

    def _reconstructions(
        self, networks: dict[str, nn.Module]
    ) -> tuple[Float[Tensor, "n 4 h w"], Float[Tensor, "n 4 h w"], Float[Tensor, "n c i j"]]:
        vae = networks["vae"]
        if not isinstance(vae, ViewAutoencoder):
            raise TypeError(f"the network vae is a {type(vae).__name__}")
        shots = self.validation(self.validation_objects, VALIDATION_SEED)
        true = torch.cat([shots.views.flatten(0, 1), shots.pictures]).to(vae.raw_mean.device)
        latents = [vae.encode(part) for part in true.split(16)]
        ours = [vae.decode(part) for part in latents]
        return true, torch.cat(ours), torch.cat(latents)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_train_arguments(parser, learning_rate=1e-3, batch_size=64)
    add_pool_arguments(parser, groups=48, steps_per_group=4)
    parser.add_argument("--divergence", type=float, default=VaeLoss().divergence, help="weight in the loss")


def run(args: argparse.Namespace) -> int:
    """Train as the options say; returns the exit code."""
    torch.manual_seed(args.seed)
    vae = channels_last(ViewAutoencoder(AutoencoderConfig()).to(args.device))
    shoot = Studio(ObjectSource(args.pack, split="train", device=args.device), args.size, faults=True)
    validation = Studio(ObjectSource(args.pack, split="val", device=args.device), args.size, faults=False)
    task = VaeTask(
        vae,
        pool_from_arguments(args, lambda seed: tile_samples(shoot, count=args.group, seed=seed)),
        validation,
        batch_size=args.batch,
        seed=args.seed,
        config=VaeLoss(divergence=args.divergence),
    )
    return train_from_arguments(task, args)
