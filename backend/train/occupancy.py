"""Train the coarse shell's diffusion: `python -m backend.train occupancy`."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor, nn

from backend.diffusion.timesteps import spread_timesteps
from backend.diffusion.volume import add_volume_noise
from backend.models.blocks3d import ResBlock
from backend.models.occupancy import PAPER_OCCUPANCY, OccupancyConfig, OccupancyNet
from backend.models.precision import half_precision
from backend.stages.occupancy import OccupancySampling, sample_occupancy
from backend.train.compiling import add_compile_argument, compile_blocks
from backend.train.encoders import PAPER, add_encoder_arguments, features_from, load_encoder
from backend.train.imperfect import Faults, imperfect
from backend.train.loop import add_train_arguments, train_from_arguments
from backend.train.volumes import (
    FROM_NOISE,
    VolumeBatch,
    VolumeBatches,
    VolumeSample,
    add_volume_arguments,
    collate,
    full_precision,
    look_at_shell,
    sheet_of,
    shell_scores,
    training_pool,
    validation_samples,
)

VALIDATION_BATCH = 16
SHEET_OBJECTS = 8


@dataclass(slots=True)
class OccupancyTask:
    """Predict the clean shell, coded -1 and +1, from a noisy one and imperfect views.

    Attributes:
        occupied: Weight of the occupied cells, which are few, against the empty ones.
        from_noise: Share of the samples that start from noise alone; the presets sample in one step.
    """

    net: OccupancyNet
    samples: VolumeBatches
    validation: Sequence[VolumeSample]
    batch_size: int
    seed: int = 0
    faults: Faults = field(default_factory=Faults)
    occupied: float = 2.0
    sampling: OccupancySampling = field(default_factory=OccupancySampling)
    from_noise: float = FROM_NOISE
    networks: dict[str, nn.Module] = field(init=False)
    _alpha_bar: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.networks = {"occupancy": self.net}
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
        timesteps = spread_timesteps(
            len(batch.views), len(self._alpha_bar), generator, from_noise=self.from_noise
        )
        clean = coded(batch.occupancy)
        noise = torch.randn(clean.shape, generator=generator, device=self.device)
        noisy = add_volume_noise(clean, noise, self._alpha_bar[timesteps][:, None, None, None, None])
        predicted = self.net(noisy, timesteps, self.net.condition(views, batch.cameras)).float()
        error = self._error(predicted, clean)
        # The timesteps rise along the batch, so its halves are those of the schedule.
        low, high = error.detach().tensor_split(2)
        return error.mean(), {"error_low": low.mean(), "error_high": high.mean()}

    def _error(
        self, predicted: Float[Tensor, "b 1 x y z"], clean: Float[Tensor, "b 1 x y z"]
    ) -> Float[Tensor, " b"]:
        weight = torch.where(clean > 0, self.occupied, 1.0).flatten(1)
        return (weight * (predicted - clean).square().flatten(1)).sum(1) / weight.sum(1)

    def validate(self, networks: dict[str, nn.Module]) -> dict[str, float]:
        """How well sampled shells of unseen objects agree with the true ones."""
        net = self._inference(networks)
        rows: dict[str, list[Tensor]] = {}
        for start in range(0, len(self.validation), VALIDATION_BATCH):
            batch = collate(self.validation[start : start + VALIDATION_BATCH])
            volume = self._sampled(net, batch, first_seed=start)
            for threshold in (-0.4, 0.0, 0.4):
                mark = "" if threshold == 0 else f"_at_{threshold}"
                for name, values in shell_scores(volume > threshold, batch.occupancy).items():
                    rows.setdefault(name + mark, []).append(values)
        return {name: round(float(torch.cat(values).mean()), 4) for name, values in rows.items()}

    def sheet(self, networks: dict[str, nn.Module]) -> Image.Image:
        """A row an object: its views, the true shell, ours."""
        batch = collate(self.validation[:SHEET_OBJECTS])
        ours = self._sampled(self._inference(networks), batch, first_seed=0) > self.sampling.threshold
        rows = zip(batch.views, batch.occupancy, ours, strict=True)
        return sheet_of([[*views, look_at_shell(a), look_at_shell(b)] for views, a, b in rows])

    def _inference(self, networks: dict[str, nn.Module]) -> OccupancyNet:
        net = networks["occupancy"]
        if not isinstance(net, OccupancyNet):
            raise TypeError(f"the network occupancy is a {type(net).__name__}")
        return net

    @torch.no_grad()
    def _sampled(self, net: OccupancyNet, batch: VolumeBatch, *, first_seed: int) -> Float[Tensor, "b x y z"]:
        generators = [torch.Generator().manual_seed(first_seed + i) for i in range(len(batch.views))]
        with half_precision(self.device):
            condition = net.condition(batch.views, batch.cameras)
            return sample_occupancy(condition, net, generators=generators, config=self.sampling)


def coded(occupancy: Bool[Tensor, "b x y z"]) -> Float[Tensor, "b 1 x y z"]:
    """Empty as -1, occupied as +1."""
    return 2 * occupancy[:, None].float() - 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_train_arguments(parser, learning_rate=4e-4, batch_size=24)
    add_volume_arguments(parser)
    add_encoder_arguments(parser)
    add_compile_argument(parser)
    parser.add_argument("--occupied", type=float, default=2.0, help="weight of the occupied cells")


def run(args: argparse.Namespace) -> int:
    """Train as the options say; returns the exit code."""
    torch.manual_seed(args.seed)
    size = PAPER_OCCUPANCY if args.size == PAPER else OccupancyConfig()
    config = replace(size, views=features_from(args, size.views))
    net = OccupancyNet(config).to(args.device)
    load_encoder(net.encoder, args)
    tile_px = args.tile or config.views.image_px
    if args.compile:
        compile_blocks(net, (ResBlock,))
    task = OccupancyTask(
        net,
        training_pool(args, tile_px),
        validation_samples(args, tile_px),
        args.batch,
        seed=args.seed,
        faults=Faults(clean=args.clean),
        from_noise=args.from_noise,
        occupied=args.occupied,
    )
    return train_from_arguments(task, args)
