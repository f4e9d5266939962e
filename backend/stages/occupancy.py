"""Stage 2a: the shell of an object on a coarse grid, from six views."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import ndimage
from torch import Tensor

from backend.diffusion.volume import VolumeSampler, sample_volume
from backend.errors import ConfigError, NothingFound, OnStep, ignore_steps
from backend.geometry.cameras import Cameras
from backend.models.occupancy import OccupancyCondition, OccupancyNet
from backend.models.precision import half_precision
from backend.models.view_features import MIN_SEEN_ALPHA

SPECK_SHARE = 0.005
"""Pieces of the shell that hold less than this share of its cells are noise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OccupancySampling:
    """How the shell is sampled.

    Attributes:
        threshold: Cells above it are occupied; the network's range is -1 (empty) to 1.
    """

    steps: int = 1
    threshold: float = 0.0
    sampler: VolumeSampler = "ddim"

    def __post_init__(self) -> None:
        if self.steps < 1 or not -1 < self.threshold < 1:
            raise ConfigError(f"need steps >= 1 and a threshold between -1 and 1, got {self}")


def generate_occupancy(
    views: Float[Tensor, "v 4 h w"],
    cameras: Cameras,
    net: OccupancyNet,
    *,
    seed: int,
    config: OccupancySampling,
    on_step: OnStep = ignore_steps,
) -> Bool[Tensor, "x y z"]:
    """Find the occupied cells from views (straight alpha, sRGB) taken by `cameras`, on the CPU.

    Raises:
        NothingFound: when the views are empty, or no cell is found.
    """
    if not (views[:, 3] > MIN_SEEN_ALPHA).any():
        raise NothingFound("The six views are empty; give views that show an object")
    generator = torch.Generator().manual_seed(seed)
    device = net.leave.weight.device
    with torch.inference_mode(), half_precision(device):
        condition = net.condition(views[None].to(device), batched(cameras).to(device))
        volume = sample_occupancy(condition, net, generators=[generator], config=config, on_step=on_step)
    occupancy = without_specks((volume[0] > config.threshold).cpu())
    if not occupancy.any():
        raise NothingFound("No solid object was found in the six views; try another seed or picture")
    return occupancy


def batched(cameras: Cameras) -> Cameras:
    """A batch of one."""
    return Cameras(cameras.world_from_cam[None], cameras.fov[None])


def sample_occupancy(
    condition: OccupancyCondition,
    net: OccupancyNet,
    *,
    generators: Sequence[torch.Generator],
    config: OccupancySampling,
    on_step: OnStep = ignore_steps,
) -> Float[Tensor, "b x y z"]:
    """Sample a volume in [-1, 1] for each condition, with noise from its own (CPU) generator."""
    device = condition.summary.device
    side = net.config.resolution
    noise = torch.stack([torch.randn(1, side, side, side, generator=g) for g in generators]).to(device)

    def denoise(noisy: Tensor, timestep: int) -> Tensor:
        return net(noisy, torch.full((len(noisy),), timestep, device=device), condition)

    volume = sample_volume(
        denoise,
        noise,
        schedule=net.config.schedule,
        sampler=config.sampler,
        steps=config.steps,
        on_step=on_step,
    )
    return volume[:, 0]


def without_specks(occupancy: Bool[Tensor, "x y z"]) -> Bool[Tensor, "x y z"]:
    """Without pieces that are tiny beside the whole; cells touch by faces, edges or corners."""
    labels = np.zeros(occupancy.shape, dtype=np.int32)
    ndimage.label(occupancy.numpy(), structure=np.ones((3, 3, 3)), output=labels)
    pieces = torch.from_numpy(labels).long()
    sizes = torch.bincount(pieces.flatten())
    is_kept = sizes >= SPECK_SHARE * sizes[1:].sum()
    is_kept[0] = False
    return is_kept[pieces]
