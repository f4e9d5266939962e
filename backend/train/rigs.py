"""Random cameras for training: of the input picture and of rigs like those that weights may have."""

import torch
from jaxtyping import Float
from torch import Tensor

from backend.geometry.cameras import STARTER_RIG, UNIT_RADIUS, Cameras, orbit_cameras

INPUT_ELEVATION_DEG = (-10.0, 45.0)
INPUT_FOV_DEG = (20.0, 60.0)
RIG_SHARE = 0.4
"""Share of rigs that stay exactly the starter rig."""


def _between(low: float, high: float, count: int, generator: torch.Generator) -> Float[Tensor, " count"]:
    return low + (high - low) * torch.rand(count, generator=generator)


def input_cameras(
    count: int, generator: torch.Generator, device: torch.device | str
) -> tuple[Cameras, Float[Tensor, " count"]]:
    """Cameras (count, 1) at azimuth 0 that just see the unit sphere, and their elevations in radians.

    `generator` is a CPU one.
    """
    elevation = torch.deg2rad(_between(*INPUT_ELEVATION_DEG, count, generator))
    fov = torch.deg2rad(_between(*INPUT_FOV_DEG, count, generator))
    distance = UNIT_RADIUS / torch.sin(fov / 2)
    cameras = orbit_cameras(torch.zeros(count), elevation, distance, fov)
    return Cameras(cameras.world_from_cam[:, None], cameras.fov[:, None]).to(device), elevation.to(device)


def random_rigs(count: int, generator: torch.Generator, device: torch.device | str) -> Cameras:
    """Rigs (count, 6) for stage 2: ours, and others between those of the known weights.

    Elevations of the two rings, field of view and distance vary; azimuths stay. `generator` is a CPU one.
    """
    rig = STARTER_RIG
    exact = torch.rand(count, generator=generator) < RIG_SHARE
    high = _between(15.0, 35.0, count, generator)
    low = _between(-25.0, -5.0, count, generator)
    fov_deg = _between(25.0, 52.0, count, generator)
    zoom = _between(0.96, 1.08, count, generator)
    high = torch.where(exact, rig.elevations_deg[0], high)
    low = torch.where(exact, rig.elevations_deg[1], low)
    fov = torch.deg2rad(torch.where(exact, rig.fov_deg, fov_deg))
    distance = torch.where(exact, rig.distance, zoom * UNIT_RADIUS / torch.sin(fov / 2))
    azimuth = torch.deg2rad(torch.tensor(rig.azimuths_deg)).expand(count, -1)
    is_high = torch.tensor(rig.elevations_deg) > 0
    elevation = torch.deg2rad(torch.where(is_high, high[:, None], low[:, None]))
    views = azimuth.shape[1]
    cameras = orbit_cameras(
        azimuth, elevation, distance[:, None].expand(-1, views), fov[:, None].expand(-1, views)
    )
    return cameras.to(device)


def starter_rigs(count: int, device: torch.device | str) -> Cameras:
    """The starter rig (count, 6) for every object."""
    cameras = STARTER_RIG.cameras()
    return Cameras(
        cameras.world_from_cam.expand(count, -1, -1, -1).contiguous(),
        cameras.fov.expand(count, -1).contiguous(),
    ).to(device)
