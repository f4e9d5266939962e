"""Train the fine shape's diffusion: `python -m backend.train shape`."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from backend.artifacts import FINE, SDF_TRUNCATION
from backend.diffusion.timesteps import spread_timesteps
from backend.diffusion.volume import add_volume_noise
from backend.models.precision import half_precision
from backend.models.shape import PAPER_SHAPE, ShapeConfig, ShapeNet
from backend.models.sparse import SparseKernel
from backend.stages.shape import ShapeSampling, sample_shape
from backend.train.encoders import PAPER, add_encoder_arguments, features_from, load_encoder
from backend.train.imperfect import Faults, imperfect
from backend.train.loop import add_train_arguments, train_from_arguments
from backend.train.support import SupportFaults, known_values, rough_support, spread_values
from backend.train.volumes import (
    FROM_NOISE,
    VolumeBatch,
    VolumeBatches,
    VolumeSample,
    add_volume_arguments,
    collate,
    full_precision,
    look_at_colours,
    sheet_of,
    training_pool,
    validation_samples,
)

VALIDATION_BATCH = 8
SHEET_OBJECTS = 8
NEAR_SURFACE = 1 / FINE / SDF_TRUNCATION
"""Voxels within the width of one voxel of the surface, in units of the truncation."""


@dataclass(slots=True)
class ShapeTask:
    """Predict clean signed distance and colour from noisy ones, imperfect views and a rough support.

    Attributes:
        colour: Weight of the squared error of colour against that of distance.
        max_voxels: Voxels a step; samples of a batch that would exceed them are left out.
        kernel: How the convolutions of a training step are computed.
        from_noise: Share of the samples that start from noise alone; the presets sample in one step.
    """

    net: ShapeNet
    samples: VolumeBatches
    validation: Sequence[VolumeSample]
    batch_size: int
    seed: int = 0
    faults: Faults = field(default_factory=Faults)
    support: SupportFaults = field(default_factory=SupportFaults)
    colour: float = 0.5
    max_voxels: int = 600_000
    kernel: SparseKernel = SparseKernel.GATHER
    sampling: ShapeSampling = field(default_factory=ShapeSampling)
    from_noise: float = FROM_NOISE
    networks: dict[str, nn.Module] = field(init=False)
    _alpha_bar: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.networks = {"shape": self.net}
        self._alpha_bar = self.net.config.schedule.alpha_bar().to(self.device)

    @property
    def device(self) -> torch.device:
        """Where the network lives."""
        return self.net.leave.weight.device

    def loss(self, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Draw the batch of `step` and return its loss and metrics."""
        generator = torch.Generator(self.device).manual_seed(self.seed * 1_000_003 + step)
        with full_precision(self.device):
            batch = collate(within(self.samples.batch(step, self.batch_size), self.max_voxels))
            count = len(batch.views)
            views = imperfect(batch.views, self.faults, generator)
            support = rough_support(batch.occupancy, self.support, generator)
            coords, values, is_known = known_values(batch.occupancy, batch.values, support)
            voxels = self.net.voxels(coords, num_samples=count, kernel=self.kernel)
            clean = spread_values(voxels.levels[0], values, is_known)
        timesteps = spread_timesteps(count, len(self._alpha_bar), generator, from_noise=self.from_noise)
        noise = torch.randn(clean.shape, generator=generator, device=self.device)
        noisy = add_volume_noise(clean, noise, self._alpha_bar[timesteps][coords[:, 0]][:, None])
        condition = self.net.condition(views, batch.cameras, voxels)
        error = (self.net(noisy, timesteps, condition).float() - clean).square()
        distance, colour = error[:, 0].mean(), error[:, 1:].mean()
        metrics = {
            "distance": distance.detach(),
            "colour": colour.detach(),
            "samples_used": torch.tensor(float(count)),
        }
        return distance + self.colour * colour, metrics

    def validate(self, networks: dict[str, nn.Module]) -> dict[str, float]:
        """How well sampled distances and colours of unseen objects agree with the true ones."""
        net = self._inference(networks)
        rows: dict[str, list[Tensor]] = {}
        for start in range(0, len(self.validation), VALIDATION_BATCH):
            batch = collate(self.validation[start : start + VALIDATION_BATCH])
            ours = self._sampled(net, batch, first_seed=start)
            for name, value in shape_scores(ours, batch).items():
                rows.setdefault(name, []).append(value)
        return {name: round(float(torch.stack(values).mean()), 4) for name, values in rows.items()}

    def sheet(self, networks: dict[str, nn.Module]) -> Image.Image:
        """A row an object: its views, the true surface from front and left, ours."""
        batch = collate(self.validation[:SHEET_OBJECTS])
        ours = self._sampled(self._inference(networks), batch, first_seed=0)
        rows = []
        for index, views in enumerate(batch.views):
            mine = batch.coords[:, 0] == index
            coords = batch.coords[mine, 1:]
            rows.append(
                [*views]
                + [
                    look_at_colours(coords, values[mine], resolution=self.net.config.resolution, side=side)
                    for side in (False, True)
                    for values in (batch.values, ours)
                ]
            )
        return sheet_of(rows)

    def _inference(self, networks: dict[str, nn.Module]) -> ShapeNet:
        net = networks["shape"]
        if not isinstance(net, ShapeNet):
            raise TypeError(f"the network shape is a {type(net).__name__}")
        return net

    @torch.no_grad()
    def _sampled(self, net: ShapeNet, batch: VolumeBatch, *, first_seed: int) -> Float[Tensor, "n 4"]:
        generators = [torch.Generator().manual_seed(first_seed + i) for i in range(len(batch.views))]
        with half_precision(self.device):
            voxels = net.voxels(batch.coords, num_samples=len(batch.views))
            condition = net.condition(batch.views, batch.cameras, voxels)
            return sample_shape(condition, net, generators=generators, config=self.sampling)


def within(samples: list[VolumeSample], max_voxels: int) -> list[VolumeSample]:
    """The first samples that together have at most `max_voxels`, at least one."""
    kept, total = [], 0
    for sample in samples:
        total += len(sample.sdf)
        if kept and total > max_voxels:
            break
        kept.append(sample)
    return kept


def shape_scores(ours: Float[Tensor, "n 4"], batch: VolumeBatch) -> dict[str, Float[Tensor, ""]]:
    """Scores near the surface: mean error of distance in voxels, share of right signs, PSNR of colour."""
    true = batch.values
    near = true[:, 0].abs() < NEAR_SURFACE
    distance = (ours[near, 0] - true[near, 0]).abs().mean() * SDF_TRUNCATION * FINE
    clear = near & (true[:, 0].abs() > NEAR_SURFACE / 4)
    sign = ((ours[clear, 0] < 0) == (true[clear, 0] < 0)).float().mean()
    squared = ((ours[near, 1:] - true[near, 1:]) / 2).square().mean()
    return {"distance_voxels": distance, "sign": sign, "psnr": -10 * squared.log10()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_train_arguments(parser, learning_rate=6e-4, batch_size=12)
    add_volume_arguments(parser)
    add_encoder_arguments(parser)
    parser.add_argument("--max-voxels", type=int, default=600_000, help="voxels a step")
    parser.add_argument(
        "--kernel", type=SparseKernel, choices=list(SparseKernel), help="convolutions; else the fastest"
    )
    parser.add_argument("--colour", type=float, default=0.5, help="weight of the error of colour")


def run(args: argparse.Namespace) -> int:
    """Train as the options say; returns the exit code."""
    torch.manual_seed(args.seed)
    size = PAPER_SHAPE if args.size == PAPER else ShapeConfig()
    config = replace(size, views=features_from(args, size.views))
    net = ShapeNet(config).to(args.device)
    load_encoder(net.encoder, args)
    tile_px = args.tile or config.views.image_px
    task = ShapeTask(
        net,
        training_pool(args, tile_px),
        validation_samples(args, tile_px),
        args.batch,
        seed=args.seed,
        faults=Faults(clean=args.clean),
        from_noise=args.from_noise,
        colour=args.colour,
        max_voxels=args.max_voxels,
        kernel=args.kernel or SparseKernel.fastest(torch.device(args.device)),
    )
    return train_from_arguments(task, args)
