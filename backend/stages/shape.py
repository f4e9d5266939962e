"""Stage 2b: signed distance and colour on the children of the occupied cells, from six views."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from backend.artifacts import SDF_TRUNCATION, SparseShape
from backend.diffusion.volume import VolumeSampler, sample_volume
from backend.errors import ArtifactError, ConfigError, OnStep, ignore_steps
from backend.geometry.cameras import Cameras
from backend.geometry.grids import children
from backend.models.precision import half_precision
from backend.models.shape import SHAPE_CHANNELS, ShapeCondition, ShapeNet
from backend.stages.occupancy import batched


@dataclass(frozen=True, kw_only=True, slots=True)
class ShapeSampling:
    """How signed distance and colour are sampled."""

    steps: int = 1
    sampler: VolumeSampler = "ddim"

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ConfigError(f"need steps >= 1, got {self}")


def generate_shape(
    views: Float[Tensor, "v 4 h w"],
    cameras: Cameras,
    occupancy: Bool[Tensor, "x y z"],
    net: ShapeNet,
    *,
    seed: int,
    config: ShapeSampling,
    on_step: OnStep = ignore_steps,
) -> SparseShape:
    """Find the surface inside the occupied cells, on the CPU.

    Raises:
        ArtifactError: when no cell is occupied, or the grid is not the network's.
    """
    if 2 * len(occupancy) != net.config.resolution or not occupancy.any():
        raise ArtifactError(
            f"The occupancy must be a grid of {net.config.resolution // 2} cells a side with some of them "
            f"occupied, got {tuple(occupancy.shape)} with {int(occupancy.sum())}; make it again"
        )
    generator = torch.Generator().manual_seed(seed)
    device = net.leave.weight.device
    with torch.inference_mode(), half_precision(device):
        coords = children(occupancy[None].to(device))
        voxels = net.voxels(coords, num_samples=1)
        condition = net.condition(views[None].to(device), batched(cameras).to(device), voxels)
        values = sample_shape(condition, net, generators=[generator], config=config, on_step=on_step).cpu()
    return SparseShape(
        coords[:, 1:].cpu(),
        values[:, 0] * SDF_TRUNCATION,
        (values[:, 1:] + 1) / 2,
        resolution=net.config.resolution,
    )


def sample_shape(
    condition: ShapeCondition,
    net: ShapeNet,
    *,
    generators: Sequence[torch.Generator],
    config: ShapeSampling,
    on_step: OnStep = ignore_steps,
) -> Float[Tensor, "n 4"]:
    """Sample the values of all voxels in [-1, 1], with noise from each sample's own (CPU) generator."""
    device = condition.summary.device
    counts = condition.counts
    parts = [
        torch.randn(count, SHAPE_CHANNELS, generator=generator)
        for count, generator in zip(counts, generators, strict=True)
    ]

    def denoise(noisy: Tensor, timestep: int) -> Tensor:
        return net(noisy, torch.full((len(counts),), timestep, device=device), condition)

    return sample_volume(
        denoise,
        torch.cat(parts).to(device),
        schedule=net.config.schedule,
        sampler=config.sampler,
        steps=config.steps,
        on_step=on_step,
    )
