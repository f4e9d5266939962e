"""The 32 cameras that One-2-3-45 looks from: eight anchors around the object, four neighbours of each.

Azimuths are relative to the input picture, elevations absolute; the input picture's elevation must be
known. Legend: `a` anchors, `k` neighbours of each, `v` their product.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from backend.errors import ConfigError
from backend.geometry.cameras import STARTER_RIG, UNIT_RADIUS, Cameras, orbit_cameras

NUM_ANCHORS, NUM_NEIGHBOURS = 8, 4
NUM_ANCHOR_VIEWS = NUM_ANCHORS * NUM_NEIGHBOURS


@dataclass(frozen=True, slots=True)
class Directions:
    """Where cameras around the origin stand, in radians; azimuth 0 is the input picture's."""

    azimuth: Float[Tensor, "*b"]
    elevation: Float[Tensor, "*b"]

    def __getitem__(self, index: int | slice | Tensor) -> "Directions":
        """Select along the first batch axis."""
        return Directions(self.azimuth[index], self.elevation[index])


@dataclass(frozen=True, kw_only=True, slots=True)
class AnchorLayout:
    """Cameras of a set of view-conditioned weights (One-2-3-45: run.py).

    Attributes:
        ring_deg: Azimuths of the anchors at the input's elevation.
        other_ring_deg: Azimuths of the other anchors.
        rise_deg: How far the other anchors stand above the input, or below it.
        high_from_deg: Elevation of the input from which on the other anchors stand below it.
        step_deg: Angle between an anchor and its neighbours.
        distance: From the origin in generation space, where an object fits a sphere of radius 0.5.
    """

    ring_deg: tuple[float, ...] = (0.0, 90.0, 180.0, 270.0)
    other_ring_deg: tuple[float, ...] = (30.0, 120.0, 210.0, 300.0)
    rise_deg: float = 30.0
    high_from_deg: float = 15.0
    step_deg: float = 10.0
    fov_deg: float = STARTER_RIG.fov_deg
    distance: float = STARTER_RIG.distance
    tile_px: int = 256

    def __post_init__(self) -> None:
        if len(self.ring_deg) + len(self.other_ring_deg) != NUM_ANCHORS:
            raise ConfigError(f"an anchor layout has {NUM_ANCHORS} anchors, got {self}")
        if not 0 < self.fov_deg < 180 or self.distance <= UNIT_RADIUS or self.tile_px < 8:
            raise ConfigError(f"an anchor layout needs 0 < fov < 180, distance > {UNIT_RADIUS}, got {self}")

    @property
    def fov(self) -> float:
        """Field of view in radians."""
        return math.radians(self.fov_deg)

    def anchors(self, elevation: Float[Tensor, "*b"]) -> Directions:
        """The eight anchors (*b, a) of input pictures taken from `elevation` (radians)."""
        azimuth = torch.tensor(self.ring_deg + self.other_ring_deg, device=elevation.device).deg2rad()
        is_high = elevation >= math.radians(self.high_from_deg)
        rise = torch.where(is_high, -math.radians(self.rise_deg), math.radians(self.rise_deg))
        is_other = torch.arange(NUM_ANCHORS, device=elevation.device) >= len(self.ring_deg)
        height = elevation[..., None] + rise[..., None] * is_other
        return Directions(azimuth.to(height.dtype).expand_as(height), height)

    def neighbours(self, centre: Directions) -> Directions:
        """The four neighbours (*b, k) of directions (*b): above, below, ahead and behind in azimuth."""
        step = math.radians(self.step_deg)
        up = torch.tensor([step, -step, 0, 0], device=centre.azimuth.device)
        around = torch.tensor([0, 0, step, -step], device=centre.azimuth.device)
        return Directions(centre.azimuth[..., None] + around, centre.elevation[..., None] + up)

    def views(self, elevation: Float[Tensor, "*b"]) -> Directions:
        """The 32 views (*b, v) of input pictures: the neighbours of each anchor in turn."""
        found = self.neighbours(self.anchors(elevation))
        return Directions(found.azimuth.flatten(-2), found.elevation.flatten(-2))

    def place(self, directions: Directions) -> Cameras:
        """Cameras of this layout at directions."""
        azimuth = directions.azimuth
        distance = torch.full_like(azimuth, self.distance)
        fov = torch.full_like(azimuth, self.fov)
        return orbit_cameras(azimuth, directions.elevation, distance, fov)

    def cameras(self, elevation: Float[Tensor, "*b"]) -> Cameras:
        """The cameras (*b, v) of the 32 views of input pictures taken from `elevation` (radians)."""
        return self.place(self.views(elevation))


STARTER_LAYOUT = AnchorLayout()
"""The lens of the starter rig, in which the object's sphere exactly fits the tile."""
ZERO123_LAYOUT = AnchorLayout(fov_deg=math.degrees(2 * math.atan(16 / 35)), distance=1.2)
"""One-2-3-45's own cameras: focal length 280 at 256 pixels (Zero123's lens), at distance 1.2."""
