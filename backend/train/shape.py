"""Train the fine shape's diffusion: `python -m backend.train shape`."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from PIL import Image
from torch import Tensor, nn

from backend.artifacts import FINE, SDF_TRUNCATION
from backend.diffusion.timesteps import spread_timesteps
from backend.diffusion.volume import add_volume_noise
from backend.geometry.grids import children
from backend.models.precision import half_precision
from backend.models.shape import PAPER_SHAPE, ShapeConfig, ShapeNet
from backend.models.sparse import SparseKernel, SparsePyramid
from backend.stages.shape import ShapeSampling, sample_shape
from backend.train.encoders import PAPER, add_encoder_arguments, features_from, load_encoder
from backend.train.found import THRESHOLDS, FoundShells, found_shells
from backend.train.imperfect import Faults, imperfect
from backend.train.loop import add_train_arguments, train_from_arguments
from backend.train.support import SupportFaults, enclosed, known_values, rough_support, spread_values
from backend.train.volumes import (
    FROM_NOISE,
    VolumeBatch,
    VolumeBatches,
    VolumeSample,
    add_volume_arguments,
    collate,
    first_of,
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
        near: Added weight of the error of distance within a voxel of the surface.
        shells: What finds the support of most samples, and of validation; else true cells are spoilt.
        found: Share of the samples with such a support.
        validation: Samples by what the names of their scores begin with; those of "" are shown.
    """

    net: ShapeNet
    samples: VolumeBatches
    validation: Mapping[str, Sequence[VolumeSample]]
    batch_size: int
    seed: int = 0
    faults: Faults = field(default_factory=Faults)
    support: SupportFaults = field(default_factory=SupportFaults)
    colour: float = 0.5
    max_voxels: int = 600_000
    kernel: SparseKernel = SparseKernel.GATHER
    sampling: ShapeSampling = field(default_factory=ShapeSampling)
    from_noise: float = FROM_NOISE
    near: float = 0.0
    shells: FoundShells | None = None
    found: float = 0.75
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
            batch = collate(self.samples.batch(step, self.batch_size))
            views = imperfect(batch.views, self.faults, generator)
            support = self._support(views, batch, generator)
            count = within(support, self.max_voxels)
            batch, views, support = first_of(batch, count), views[:count], support[:count]
            coords, clean, voxels = self._targets(batch, support)
        timesteps = spread_timesteps(count, len(self._alpha_bar), generator, from_noise=self.from_noise)
        noise = torch.randn(clean.shape, generator=generator, device=self.device)
        noisy = add_volume_noise(clean, noise, self._alpha_bar[timesteps][coords[:, 0]][:, None])
        condition = self.net.condition(views, batch.cameras, voxels)
        error = (self.net(noisy, timesteps, condition).float() - clean).square()
        weight = 1 + self.near * (clean[:, 0].abs() < NEAR_SURFACE).float()
        distance, colour = (weight * error[:, 0]).sum() / weight.sum(), error[:, 1:].mean()
        metrics = {
            "distance": distance.detach(),
            "colour": colour.detach(),
            "samples_used": torch.tensor(float(count)),
        }
        return distance + self.colour * colour, metrics

    def _support(
        self, views: Float[Tensor, "b v 4 h w"], batch: VolumeBatch, generator: torch.Generator
    ) -> Bool[Tensor, "b x y z"]:
        rough = rough_support(batch.occupancy, self.support, generator)
        if self.shells is None:
            return rough
        low, high = THRESHOLDS
        drawn = torch.rand(2, len(views), generator=generator, device=self.device)
        found = self.shells(views, batch.cameras, generator, low + (high - low) * drawn[0])
        is_found = (drawn[1] < self.found) & found.flatten(1).any(dim=1)
        return torch.where(is_found[:, None, None, None], found, rough)

    def _targets(
        self, batch: VolumeBatch, support: Bool[Tensor, "b x y z"]
    ) -> tuple[Int[Tensor, "n 4"], Float[Tensor, "n 4"], SparsePyramid]:
        """The voxels of a support, their true values and their neighbours."""
        coords, values, is_known = known_values(batch.occupancy, batch.values, support)
        voxels = self.net.voxels(coords, num_samples=len(support), kernel=self.kernel)
        parents = torch.cat([coords[:, :1], coords[:, 1:] // 2], dim=1)
        is_inside = enclosed(batch.occupancy)[tuple(parents.unbind(1))]
        return coords, spread_values(voxels.levels[0], values, is_known, is_inside), voxels

    def validate(self, networks: dict[str, nn.Module]) -> dict[str, float]:
        """How well sampled distances and colours of unseen objects agree with the true ones."""
        net = self._inference(networks)
        rows: dict[str, list[Tensor]] = {}
        for prefix, samples in self.validation.items():
            for start in range(0, len(samples), VALIDATION_BATCH):
                batch = collate(samples[start : start + VALIDATION_BATCH])
                ours = self._sampled(net, batch, self._validation_support(batch), first_seed=start)
                for name, value in shape_scores(ours, batch).items():
                    rows.setdefault(prefix + name, []).append(value)
        return {name: round(float(torch.stack(values).mean()), 4) for name, values in rows.items()}

    def _validation_support(self, batch: VolumeBatch) -> Bool[Tensor, "b x y z"]:
        if self.shells is None:
            return batch.occupancy
        with full_precision(self.device):
            found = self.shells(batch.views, batch.cameras, torch.Generator(self.device).manual_seed(0))
        is_found = found.flatten(1).any(dim=1)[:, None, None, None]
        return torch.where(is_found, found, batch.occupancy)

    def sheet(self, networks: dict[str, nn.Module]) -> Image.Image:
        """A row an object: its views, the true surface from front and left, ours."""
        batch = collate(self.validation[""][:SHEET_OBJECTS])
        ours = self._sampled(self._inference(networks), batch, self._validation_support(batch), first_seed=0)
        rows = []
        for index, views in enumerate(batch.views):
            pictures = [
                look_at_colours(
                    coords[mine, 1:], values[mine], resolution=self.net.config.resolution, side=side
                )
                for side in (False, True)
                for coords, values in ((batch.coords, batch.values), (ours.coords, ours.values))
                for mine in (coords[:, 0] == index,)
            ]
            rows.append([*views, *pictures])
        return sheet_of(rows)

    def _inference(self, networks: dict[str, nn.Module]) -> ShapeNet:
        net = networks["shape"]
        if not isinstance(net, ShapeNet):
            raise TypeError(f"the network shape is a {type(net).__name__}")
        return net

    @torch.no_grad()
    def _sampled(
        self, net: ShapeNet, batch: VolumeBatch, support: Bool[Tensor, "b x y z"], *, first_seed: int
    ) -> "_Sampled":
        generators = [torch.Generator().manual_seed(first_seed + i) for i in range(len(batch.views))]
        coords = children(support)
        with half_precision(self.device):
            voxels = net.voxels(coords, num_samples=len(batch.views))
            condition = net.condition(batch.views, batch.cameras, voxels)
            values = sample_shape(condition, net, generators=generators, config=self.sampling)
        return _Sampled(coords, values)


@dataclass(frozen=True, slots=True)
class _Sampled:
    """Voxels of a batch and what the network says of them."""

    coords: Int[Tensor, "n 4"]
    values: Float[Tensor, "n 4"]


def within(support: Bool[Tensor, "b x y z"], max_voxels: int) -> int:
    """How many of the first samples have at most `max_voxels` together, at least one."""
    totals = 8 * support.flatten(1).sum(dim=1).cumsum(0)
    return max(1, int((totals <= max_voxels).sum()))


def shape_scores(ours: _Sampled, batch: VolumeBatch) -> dict[str, Float[Tensor, ""]]:
    """Scores near the true surface: mean error of distance in voxels, share of right signs, PSNR of colour.

    Also the share of its voxels that we have at all; the rest of the scores is over these.
    """
    near = batch.values[:, 0].abs() < NEAR_SURFACE
    where, true = batch.coords[near], batch.values[near]
    side = 1 + int(torch.maximum(ours.coords.amax(), where.amax()))
    row = torch.full((len(batch.views), side, side, side), -1, device=where.device)
    row[tuple(ours.coords.unbind(1))] = torch.arange(len(ours.coords), device=where.device)
    row = row[tuple(where.unbind(1))]
    is_ours = row >= 0
    true, found = true[is_ours], ours.values[row[is_ours]]
    distance = (found[:, 0] - true[:, 0]).abs().mean() * SDF_TRUNCATION * FINE
    clear = true[:, 0].abs() > NEAR_SURFACE / 4
    sign = ((found[clear, 0] < 0) == (true[clear, 0] < 0)).float().mean()
    squared = ((found[:, 1:] - true[:, 1:]) / 2).square().mean()
    return {
        "distance_voxels": distance,
        "sign": sign,
        "psnr": -10 * squared.log10(),
        "covered": is_ours.float().mean(),
    }


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
    parser.add_argument("--near", type=float, default=0.0, help="added weight of distances at the surface")
    parser.add_argument(
        "--shells",
        type=Path,
        metavar="FOLDER",
        help="occupancy weights, to learn on the cells that they find",
    )


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
        near=args.near,
        shells=None if args.shells is None else found_shells(args.shells, device=args.device),
        kernel=args.kernel or SparseKernel.fastest(torch.device(args.device)),
    )
    return train_from_arguments(task, args)
