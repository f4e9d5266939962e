"""Cameras of the six views and of the input picture; the one place where conventions meet.

World: right-handed, +Z up, an object's front faces -Y. Camera: +X right, +Y up, looks along -Z.
Pictures are square; picture coordinates `uv` run from (0, 0) at the top left corner to (1, 1) at the
bottom right one, so the centre of pixel (i, j) of n is at ((i + 0.5) / n, (j + 0.5) / n).
"""

import math
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from backend.errors import ConfigError

NUM_VIEWS = 6
SHEET_ROWS, SHEET_COLUMNS = 3, 2
UNIT_RADIUS = 0.5
"""Radius of the sphere that an object fits in generation space."""


@dataclass(frozen=True, slots=True)
class Cameras:
    """A batch of pinhole cameras with square pictures.

    Attributes:
        world_from_cam: Rigid transforms from camera to world space.
        fov: Field of view across the whole picture, in radians.
    """

    world_from_cam: Float[Tensor, "*b 4 4"]
    fov: Float[Tensor, "*b"]

    @property
    def position(self) -> Float[Tensor, "*b 3"]:
        """Camera centres in world space."""
        return self.world_from_cam[..., :3, 3]

    def to(self, device: torch.device | str) -> "Cameras":
        """The same cameras on another device."""
        return Cameras(self.world_from_cam.to(device), self.fov.to(device))

    def __getitem__(self, index: int | slice | Tensor) -> "Cameras":
        """Select along the first batch axis."""
        return Cameras(self.world_from_cam[index], self.fov[index])

    def project(
        self, points: Float[Tensor, "*b n 3"]
    ) -> tuple[Float[Tensor, "*b n 2"], Float[Tensor, "*b n"]]:
        """Project world points into each camera's picture.

        `points` either carry the cameras' batch axes or broadcast to them (leading axes of size one).

        Returns:
            Picture coordinates uv (x right, y down, [0, 1] inside the frame) and the depth along
            the view axis in metres. A point at or behind the camera has depth <= 0 and meaningless
            coordinates; callers mask on depth.
        """
        rotation = self.world_from_cam[..., :3, :3]
        local = (points - self.position[..., None, :]) @ rotation
        depth = -local[..., 2]
        scale = 0.5 / torch.tan(self.fov / 2)[..., None, None]
        safe = torch.where(depth > 0, depth, torch.ones_like(depth))[..., None]
        offset = local[..., :2] / safe * scale
        uv = torch.stack([0.5 + offset[..., 0], 0.5 - offset[..., 1]], dim=-1)
        return uv, depth

    def rays(self, size: int) -> tuple[Float[Tensor, "*b h w 3"], Float[Tensor, "*b h w 3"]]:
        """World-space origins and unit directions through the pixel centres of `size` x `size` pictures."""
        axis = (torch.arange(size, device=self.fov.device, dtype=self.fov.dtype) + 0.5) / size - 0.5
        down, right = torch.meshgrid(axis, axis, indexing="ij")
        plane = torch.stack([right, -down], dim=-1)
        reach = 2 * torch.tan(self.fov / 2)[..., None, None, None]
        toward = plane.expand(*self.fov.shape, size, size, 2) * reach
        local = torch.cat([toward, -torch.ones_like(toward[..., :1])], dim=-1)
        local = torch.nn.functional.normalize(local, dim=-1)
        directions = torch.einsum("...ij,...hwj->...hwi", self.world_from_cam[..., :3, :3], local)
        origins = self.position[..., None, None, :].expand_as(directions)
        return origins, directions


def look_at(eye: Float[Tensor, "*b 3"], target: Float[Tensor, "*b 3"], fov: Float[Tensor, "*b"]) -> Cameras:
    """Cameras at `eye` that look at `target` with world +Z up.

    Looking straight up or down has no up direction; the result there is not finite.
    """
    back = torch.nn.functional.normalize(eye - target, dim=-1)
    up = torch.zeros_like(back)
    up[..., 2] = 1
    right = torch.nn.functional.normalize(torch.linalg.cross(up, back), dim=-1)
    true_up = torch.linalg.cross(back, right)
    world_from_cam = torch.zeros(*eye.shape[:-1], 4, 4, dtype=eye.dtype, device=eye.device)
    world_from_cam[..., :3, :] = torch.stack([right, true_up, back, eye], dim=-1)
    world_from_cam[..., 3, 3] = 1
    return Cameras(world_from_cam, fov)


def orbit_cameras(
    azimuth: Float[Tensor, "*b"],
    elevation: Float[Tensor, "*b"],
    distance: Float[Tensor, "*b"],
    fov: Float[Tensor, "*b"],
) -> Cameras:
    """Cameras on spheres around the origin, looking at it; all angles in radians.

    Azimuth 0 is on the -Y side (the object's front) and grows counter-clockwise seen from above.
    """
    eye = distance[..., None] * torch.stack(
        [
            torch.cos(elevation) * torch.sin(azimuth),
            -torch.cos(elevation) * torch.cos(azimuth),
            torch.sin(elevation),
        ],
        dim=-1,
    )
    return look_at(eye, torch.zeros_like(eye), fov)


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewRig:
    """The six cameras that a set of weights draws (Zero123++, arXiv 2310.15110, section 2).

    Azimuths are relative to the input picture, elevations absolute.

    Attributes:
        follows_picture: Objects are as large in the views as in the input picture, instead of filling the
            unit sphere: then `distance` is a first guess, and `backend/geometry/rig_size.py` fits it.
    """

    azimuths_deg: tuple[float, ...] = (30.0, 90.0, 150.0, 210.0, 270.0, 330.0)
    elevations_deg: tuple[float, ...] = (30.0, -20.0, 30.0, -20.0, 30.0, -20.0)
    fov_deg: float = 30.0
    distance: float = UNIT_RADIUS / math.sin(math.radians(15))
    tile_px: int = 256
    follows_picture: bool = False

    def __post_init__(self) -> None:
        if len(self.azimuths_deg) != NUM_VIEWS or len(self.elevations_deg) != NUM_VIEWS:
            raise ConfigError(f"a view rig has {NUM_VIEWS} cameras, got {self}")
        if not 0 < self.fov_deg < 180 or self.distance <= UNIT_RADIUS or self.tile_px < 8:
            raise ConfigError(f"a view rig needs 0 < fov < 180, distance > {UNIT_RADIUS}, got {self}")

    def cameras(self) -> Cameras:
        """The six cameras in the order of the sheet's tiles (row-major)."""
        azimuth = torch.deg2rad(torch.tensor(self.azimuths_deg, dtype=torch.float32))
        elevation = torch.deg2rad(torch.tensor(self.elevations_deg, dtype=torch.float32))
        distance = torch.full_like(azimuth, self.distance)
        return orbit_cameras(
            azimuth, elevation, distance, torch.full_like(azimuth, math.radians(self.fov_deg))
        )


STARTER_RIG = ViewRig()
ZERO123PLUS_V11_RIG = ViewRig(
    fov_deg=math.degrees(2 * math.atan(16 / 35)),
    distance=UNIT_RADIUS / math.sin(math.atan(16 / 35)),
    tile_px=320,
    follows_picture=True,
)
"""Field of view from zero123plus issue 68; the distance is not published, this one frames the unit sphere."""
ZERO123PLUS_V12_RIG = ViewRig(
    elevations_deg=(20.0, -10.0, 20.0, -10.0, 20.0, -10.0),
    distance=UNIT_RADIUS / math.tan(math.radians(15)),
    tile_px=320,
)
"""Zero123++ v1.2 (zero123plus README, issue 73): the sphere's outline is 3.8 % wider than the tile."""

RIGS = {
    "starter": STARTER_RIG,
    "zero123plus-v1.1": ZERO123PLUS_V11_RIG,
    "zero123plus-v1.2": ZERO123PLUS_V12_RIG,
}


def sheet_from_views(views: Float[Tensor, "*b v c h w"]) -> Float[Tensor, "*b c hh ww"]:
    """Tile six views into one picture of 3 rows x 2 columns, row-major."""
    return rearrange(views, "... (r k) c h w -> ... c (r h) (k w)", r=SHEET_ROWS, k=SHEET_COLUMNS)


def views_from_sheet(sheet: Float[Tensor, "*b c hh ww"]) -> Float[Tensor, "*b v c h w"]:
    """Cut a picture of 3 x 2 tiles into its six views; the inverse of `sheet_from_views`."""
    return rearrange(sheet, "... c (r h) (k w) -> ... (r k) c h w", r=SHEET_ROWS, k=SHEET_COLUMNS)
