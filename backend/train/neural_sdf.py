"""Train the neural distance field of the engine One-2-3-45: `python -m backend.train neural-sdf`.

Losses as in One-2-3-45 (colour, mask, eikonal, sparsity, on rays of views that the network does not see), and
one more: our objects have true signed distances near the surface, which teach more in a minute than rays do.
`--distance 0` trains without it. Legend: `n` rays or points of a sample.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor, nn

from backend.artifacts import FINE, SDF_TRUNCATION
from backend.geometry.cameras import Cameras
from backend.geometry.grids import voxel_centres
from backend.models.neural_sdf import Field, NeuralSdf, NeuralSdfConfig
from backend.models.precision import half_precision
from backend.models.sparse import SparseKernel
from backend.train.imperfect import Faults, imperfect
from backend.train.loop import add_train_arguments, train_from_arguments
from backend.train.ray_rendering import Rays, RaySampling, Rendered, render_rays
from backend.train.support import SupportFaults, rough_support
from backend.train.view_sets import (
    SetBatch,
    SetBatches,
    SetSample,
    add_set_arguments,
    collate_sets,
    training_sets,
    validation_sets,
)
from backend.train.volumes import VolumeBatch, dilated, full_precision, sheet_of

VALIDATION_BATCH = 4
SHEET_OBJECTS = 8
SHEET_VIEWS = (0, 4, 8, 12)
"""Source views on the sheet: one of each anchor at the picture's elevation."""
RAY_CHUNK = 2048
AIMLESS = 0.05
"""Weight of a pixel far from the object in the choice of rays, against one on or beside it."""
OUTLINE_PX = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class LossWeights:
    """Weights of the losses; colour counts 1.

    Attributes:
        distance: Of the error of true distances near the surface, in truncations; 0 for none.
        decay: Of the sparsity loss, a metre: how near to a surface free space may say it is.
        near: Of the coarse volume's guess where the surface is.
    """

    distance: float = 1.0
    mask: float = 0.2
    eikonal: float = 0.05
    sparsity: float = 0.02
    decay: float = 100.0
    near: float = 0.3


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Some rays of the targets and what they should show: premultiplied colour and alpha."""

    rays: Rays
    rgb: Float[Tensor, "b n 3"]
    alpha: Float[Tensor, "b n"]


@dataclass(slots=True)
class NeuralSdfTask:
    """Predict further views, and the shell's distances, from imperfect source views.

    Attributes:
        rays: Rays of each object a step.
        points: Points of each object a step whose true distance is known.
    """

    net: NeuralSdf
    samples: SetBatches
    validation: Sequence[SetSample]
    batch_size: int
    seed: int = 0
    faults: Faults = field(default_factory=Faults)
    support: SupportFaults = field(default_factory=SupportFaults)
    weights: LossWeights = field(default_factory=LossWeights)
    sampling: RaySampling = field(default_factory=RaySampling)
    rays: int = 512
    points: int = 4096
    kernel: SparseKernel = SparseKernel.GATHER
    networks: dict[str, nn.Module] = field(init=False)

    def __post_init__(self) -> None:
        self.networks = {"neural_sdf": self.net}

    @property
    def device(self) -> torch.device:
        """Where the network lives."""
        return self.net.device

    def loss(self, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Draw the batch of `step` and return its loss and metrics."""
        generator = torch.Generator(self.device).manual_seed(self.seed * 1_000_003 + step)
        with full_precision(self.device):
            batch = collate_sets(self.samples.batch(step, self.batch_size))
            views = imperfect(batch.volume.views, self.faults, generator)
            shell = near_surface(batch.volume.occupancy, self.net.config.coarse)
            support = rough_support(shell, self.support, generator)
            chosen = choose_rays(batch, self.rays, generator)
        source, coarse = self.net.look(views, batch.volume.cameras)
        found = self.net.refine(source, batch.volume.cameras, coarse, support, kernel=self.kernel)
        shown = render_rays(self.net, found, chosen.rays, config=self.sampling, generator=generator)
        parts = _picture_losses(shown, chosen)
        with full_precision(self.device):
            parts["near"] = F.binary_cross_entropy_with_logits(coarse.near, shell.float())
            parts |= self._field_losses(found, shown, batch.volume, generator)
        weights = self.weights
        total = (
            parts["colour"]
            + weights.mask * parts["mask"]
            + weights.eikonal * parts["eikonal"]
            + weights.sparsity * parts["sparsity"]
            + weights.near * parts["near"]
            + weights.distance * parts["distance"]
        )
        metrics = {name: value.detach() for name, value in parts.items()}
        return total, metrics | {"sharpness": self.net.log_sharpness.detach().exp()}

    def _field_losses(
        self, found: Field, shown: Rendered, volume: VolumeBatch, generator: torch.Generator
    ) -> dict[str, Tensor]:
        count = len(volume.views)
        points, true = known_points(volume, self.points, generator)
        error = self.net.distance(found, points).clamp(-SDF_TRUNCATION, SDF_TRUNCATION) - true
        hit = shown.opacity.detach() > 0.5
        slope = self.net.gradient(found, shown.surface.detach()).norm(dim=2)
        free = torch.rand(count, self.rays, 3, generator=generator, device=self.device) - 0.5
        closeness = torch.exp(-self.weights.decay * self.net.distance(found, free).abs())
        return {
            "distance": error.abs().mean() / SDF_TRUNCATION,
            "eikonal": ((slope - 1).square() * hit).sum() / hit.sum().clamp_min(1),
            "sparsity": closeness.mean(),
        }

    @torch.no_grad()
    def validate(self, networks: dict[str, nn.Module]) -> dict[str, float]:
        """Distances near the surface, the cells found, and PSNR of views that were not shown."""
        net = self._inference(networks)
        rows: dict[str, list[Tensor]] = {}
        for start in range(0, len(self.validation), VALIDATION_BATCH):
            batch = collate_sets(self.validation[start : start + VALIDATION_BATCH])
            found, support = self._reconstructed(net, batch)
            scores = _distance_scores(net, found, batch.volume)
            shell = near_surface(batch.volume.occupancy, net.config.coarse)
            scores["found"] = (support & shell).sum() / shell.sum()
            scores["right"] = (support & dilated(shell)).sum() / support.sum().clamp_min(1)
            shown = self._pictures(net, found, batch.first, batch.targets.shape[-1])
            scores |= _picture_scores(shown, batch.targets[:, 0])
            for name, value in scores.items():
                rows.setdefault(name, []).append(value.float())
        return {name: round(float(torch.stack(values).mean()), 4) for name, values in rows.items()}

    @torch.no_grad()
    def sheet(self, networks: dict[str, nn.Module]) -> Image.Image:
        """A row an object: some of its views, a view that was not shown, what we make of it."""
        net, rows = self._inference(networks), []
        for sample in self.validation[:SHEET_OBJECTS]:
            batch = collate_sets([sample])
            found, _ = self._reconstructed(net, batch)
            shown = self._pictures(net, found, batch.first, batch.targets.shape[-1])
            sources = [batch.volume.views[0, view] for view in SHEET_VIEWS]
            rows.append(
                [*sources, batch.targets[0, 0], _straight(shown[0]), self._normals(net, found, batch)]
            )
        return sheet_of(rows)

    def _normals(self, net: NeuralSdf, found: Field, batch: SetBatch) -> Float[Tensor, "4 h w"]:
        size = batch.targets.shape[-1]
        rays, parts = all_rays(batch.first, size), []
        for start in range(0, size * size, RAY_CHUNK):
            shown = self._rendered(net, found, rays[start : start + RAY_CHUNK])
            normal = F.normalize(net.gradient(found, shown.surface), dim=2)
            parts.append(torch.cat([normal / 2 + 0.5, shown.opacity[..., None]], dim=2))
        return torch.cat(parts, dim=1)[0].T.unflatten(1, (size, size))

    def _pictures(
        self, net: NeuralSdf, found: Field, cameras: Cameras, size: int
    ) -> Float[Tensor, "b 4 h w"]:
        """Premultiplied pictures from one camera a sample."""
        rays, parts = all_rays(cameras, size), []
        for start in range(0, size * size, RAY_CHUNK):
            shown = self._rendered(net, found, rays[start : start + RAY_CHUNK])
            parts.append(torch.cat([shown.rgb, shown.opacity[..., None]], dim=2))
        return torch.cat(parts, dim=1).transpose(1, 2).unflatten(2, (size, size))

    def _rendered(self, net: NeuralSdf, found: Field, rays: Rays) -> Rendered:
        generator = torch.Generator(self.device).manual_seed(0)
        with half_precision(self.device):
            return render_rays(net, found, rays, config=self.sampling, generator=generator)

    def _reconstructed(self, net: NeuralSdf, batch: SetBatch) -> tuple[Field, Bool[Tensor, "b x y z"]]:
        with half_precision(self.device):
            return net.reconstruct(batch.volume.views, batch.volume.cameras)

    def _inference(self, networks: dict[str, nn.Module]) -> NeuralSdf:
        net = networks["neural_sdf"]
        if not isinstance(net, NeuralSdf):
            raise TypeError(f"the network neural_sdf is a {type(net).__name__}")
        return net


def near_surface(occupancy: Bool[Tensor, "b x y z"], side: int) -> Bool[Tensor, "b i j k"]:
    """The shell on a grid of another resolution: cells that overlap one of its cells."""
    return F.adaptive_max_pool3d(occupancy[:, None].float(), side)[:, 0] > 0


def all_rays(cameras: Cameras, size: int) -> Rays:
    """Rays through all pixels of the pictures of cameras (b, k), picture after picture."""
    origin, toward = cameras.rays(size)
    return Rays(origin.flatten(1, 3), toward.flatten(1, 3))


def choose_rays(batch: SetBatch, count: int, generator: torch.Generator) -> _Chosen:
    """Random rays of each object's targets, most of them on or just beside it."""
    alpha = batch.targets[:, :, 3]
    grown = F.max_pool2d(alpha, 2 * OUTLINE_PX + 1, stride=1, padding=OUTLINE_PX)
    chosen = torch.multinomial(grown.flatten(1) + AIMLESS, count, generator=generator)
    rays = all_rays(batch.cameras, alpha.shape[-1])
    three = chosen[..., None].expand(-1, -1, 3)
    colour = (batch.targets[:, :, :3] * alpha[:, :, None]).movedim(2, -1).flatten(1, 3)
    return _Chosen(
        Rays(rays.origin.gather(1, three), rays.toward.gather(1, three)),
        colour.gather(1, three),
        alpha.flatten(1).gather(1, chosen),
    )


def known_points(
    volume: VolumeBatch, count: int, generator: torch.Generator
) -> tuple[Float[Tensor, "b n 3"], Float[Tensor, "b n"]]:
    """Random voxels near each object's surface, and their true distances in metres."""
    sample = volume.coords[:, 0].long()
    counts = torch.bincount(sample, minlength=len(volume.views))
    first = counts.cumsum(0) - counts
    draws = torch.rand(len(counts), count, generator=generator, device=sample.device)
    row = (first[:, None] + (draws * counts[:, None]).long()).clamp_max(len(sample) - 1)
    points = voxel_centres(volume.coords[:, 1:][row.flatten()], FINE)
    return points.unflatten(0, row.shape), volume.values[:, 0][row] * SDF_TRUNCATION


def _picture_losses(shown: Rendered, chosen: _Chosen) -> dict[str, Tensor]:
    colour = (shown.rgb - chosen.rgb).abs().sum(dim=2).mean()
    opacity = shown.opacity.float().clamp(1e-3, 1 - 1e-3)
    mask = -(chosen.alpha * opacity.log() + (1 - chosen.alpha) * (1 - opacity).log()).mean()
    return {"colour": colour, "mask": mask}


def _distance_scores(net: NeuralSdf, found: Field, volume: VolumeBatch) -> dict[str, Tensor]:
    """Within a voxel of the true surface: mean error in voxels of 128^3, and share of right signs."""
    errors, signs = [], []
    for index in range(len(volume.views)):
        mine = volume.coords[:, 0] == index
        true = volume.values[mine, 0] * SDF_TRUNCATION
        near = true.abs() < 1 / FINE
        points = voxel_centres(volume.coords[mine, 1:][near], FINE)
        every = points.expand(len(volume.views), -1, -1)
        ours, true = net.distance(found, every)[index], true[near]
        errors.append((ours - true).abs().clamp_max(SDF_TRUNCATION).mean() * FINE)
        clear = true.abs() > 0.25 / FINE
        signs.append(((ours < 0) == (true < 0))[clear].float().mean())
    return {"distance_voxels": torch.stack(errors).mean(), "sign": torch.stack(signs).mean()}


def _picture_scores(
    shown: Float[Tensor, "b 4 h w"], true: Float[Tensor, "b 4 h w"]
) -> dict[str, Float[Tensor, ""]]:
    """PSNR over grey and intersection over union of the outlines, means over the samples."""
    premultiplied = torch.cat([true[:, :3] * true[:, 3:], true[:, 3:]], dim=1)

    def over_grey(pictures: Tensor) -> Tensor:
        return pictures[:, :3] + 0.5 * (1 - pictures[:, 3:])

    squared = (over_grey(shown) - over_grey(premultiplied)).square().flatten(1).mean(dim=1)
    ours, theirs = shown[:, 3] > 0.5, true[:, 3] > 0.5
    both = (ours & theirs).flatten(1).sum(1) / (ours | theirs).flatten(1).sum(1).clamp_min(1)
    return {"psnr": (-10 * squared.clamp_min(1e-8).log10()).mean(), "mask_iou": both.mean()}


def _straight(picture: Float[Tensor, "4 h w"]) -> Float[Tensor, "4 h w"]:
    return torch.cat([picture[:3] / picture[3:].clamp_min(1e-3), picture[3:]]).clamp(0, 1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_train_arguments(parser, learning_rate=1e-3, batch_size=8)
    add_set_arguments(parser)
    weights = LossWeights()
    parser.add_argument(
        "--only-distances",
        action="store_true",
        help="with --from: train only the network that reads distances from the volumes",
    )
    parser.add_argument("--rays", type=int, default=512, help="rays of an object a step")
    parser.add_argument(
        "--points", type=int, default=4096, help="points of known distance of an object a step"
    )
    parser.add_argument(
        "--distance", type=float, default=weights.distance, help="weight of true distances; 0 for none"
    )
    parser.add_argument("--mask", type=float, default=weights.mask, help="weight of the outlines")
    parser.add_argument("--eikonal", type=float, default=weights.eikonal, help="weight of unit slopes")
    parser.add_argument("--sparsity", type=float, default=weights.sparsity, help="weight of free space")
    parser.add_argument(
        "--clean", type=float, default=Faults().clean, help="share of samples with perfect views"
    )
    parser.add_argument(
        "--kernel", type=SparseKernel, choices=list(SparseKernel), help="convolutions; else the fastest"
    )


def run(args: argparse.Namespace) -> int:
    """Train as the options say; returns the exit code."""
    torch.manual_seed(args.seed)
    config = NeuralSdfConfig()
    net = NeuralSdf(config).to(args.device)
    if args.only_distances:
        net.requires_grad_(False)
        net.distances.requires_grad_(True)
    task = NeuralSdfTask(
        net,
        training_sets(args, config.views.image_px),
        validation_sets(args, config.views.image_px),
        args.batch,
        seed=args.seed,
        faults=Faults(clean=args.clean),
        weights=LossWeights(
            distance=args.distance, mask=args.mask, eikonal=args.eikonal, sparsity=args.sparsity
        ),
        rays=args.rays,
        points=args.points,
        kernel=args.kernel or SparseKernel.fastest(torch.device(args.device)),
    )
    return train_from_arguments(task, args)
