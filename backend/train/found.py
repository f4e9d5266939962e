"""Supports of stage 2b as stage 2a really finds them, for stage 2b to learn to correct."""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from backend.diffusion.volume import sample_volume
from backend.geometry.cameras import Cameras
from backend.models.occupancy import OccupancyConfig, OccupancyNet
from backend.models.precision import half_precision
from backend.models.weights import load_network
from backend.stages.occupancy import REACH_THRESHOLD

THRESHOLDS = (-0.9, -0.2)
"""Training draws each sample's own from between these; sampling takes `REACH_THRESHOLD`."""


@dataclass(frozen=True, slots=True)
class FoundShells:
    """Finds the cells that may hold a surface, in one step, from the views that stage 2b sees."""

    net: OccupancyNet

    @torch.no_grad()
    def __call__(
        self,
        views: Float[Tensor, "b v 4 h w"],
        cameras: Cameras,
        generator: torch.Generator,
        threshold: Float[Tensor, " b"] | None = None,
    ) -> Bool[Tensor, "b x y z"]:
        """Cells above a threshold, by default that of sampling; `generator` is on the views' device."""
        count, side = len(views), self.net.config.resolution
        noise = torch.randn(count, 1, side, side, side, generator=generator, device=views.device)
        with half_precision(views.device):
            condition = self.net.condition(views, cameras)

            def denoise(noisy: Tensor, timestep: int) -> Tensor:
                return self.net(noisy, torch.full((count,), timestep, device=views.device), condition)

            schedule = self.net.config.schedule
            volume = sample_volume(denoise, noise, schedule=schedule, sampler="ddim", steps=1)[:, 0]
        level = REACH_THRESHOLD if threshold is None else threshold[:, None, None, None]
        return volume > level


def found_shells(folder: Path, *, device: torch.device | str) -> FoundShells:
    """With the occupancy network of a folder."""
    return FoundShells(load_network(OccupancyNet, OccupancyConfig, folder, "occupancy", device=device))
