"""The camera of the input picture: an orbit camera, and where in its frame the cut-out picture lies."""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from backend.geometry.cameras import UNIT_RADIUS, Cameras, orbit_cameras

Params = Float[np.ndarray, " 6"]
"""Elevation, azimuth, field of view, logarithm of the scale, shift right and shift down."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoCamera:
    """A camera that looks at the origin, and where the picture lies in what it sees.

    The orbit camera frames the unit sphere, as in training; the picture is a square part of its frame, cut
    out around the object (`backend/geometry/framing.py`).

    Attributes:
        elevation: Above the horizon, in radians.
        azimuth: Counter-clockwise from the front, seen from above, in radians.
        fov: Angle that the unit sphere takes, in radians: how strong the perspective is.
        scale: Side of the camera's frame as a multiple of the picture's.
        shift: Centre of the camera's frame in the picture minus the picture's own centre, x right, y down, as
            shares of the picture.
    """

    elevation: float
    azimuth: float
    fov: float
    scale: float
    shift: tuple[float, float]

    @classmethod
    def of(cls, params: Params) -> "PhotoCamera":
        """The camera with these parameters."""
        elevation, azimuth, fov, scale, right, down = params.tolist()
        return cls(elevation=elevation, azimuth=azimuth, fov=fov, scale=math.exp(scale), shift=(right, down))

    def params(self) -> Params:
        """The camera as numbers that a search may change by small amounts."""
        return np.array([self.elevation, self.azimuth, self.fov, math.log(self.scale), *self.shift])

    @property
    def position(self) -> Float[Tensor, " 3"]:
        """Centre of the camera in world space."""
        return _orbit(self._row())[0].position.float()

    def project(self, points: Float[Tensor, "n 3"]) -> tuple[Float[Tensor, "n 2"], Float[Tensor, " n"]]:
        """Picture coordinates (x right, y down, in [0, 1] inside the picture) and depth of world points.

        As with `Cameras.project`, points at or behind the camera have depth <= 0 and meaningless coordinates.
        """
        uv, depth = project(self._row().to(points.device), points[None])
        return uv[0], depth[0]

    def rays(self, size: int) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3"]]:
        """Origins and unit directions through the pixels of the picture at `size` x `size`, row by row."""
        return picture_rays(self._row(), size)

    def _row(self) -> Float[Tensor, "1 6"]:
        return torch.from_numpy(self.params())[None]


def project(
    params: Float[Tensor, "*k 6"], points: Float[Tensor, "*#k n 3"]
) -> tuple[Float[Tensor, "*k n 2"], Float[Tensor, "*k n"]]:
    """`PhotoCamera.project` for many cameras, in double precision inside; batch axes may be of size one."""
    uv, depth = _orbit(params).project(points.double().expand(*params.shape[:-1], -1, -1))
    scale, shift = params[..., 3].exp()[..., None, None], params[..., None, 4:]
    return ((uv - 0.5) * scale + 0.5 + shift).to(points.dtype), depth.to(points.dtype)


def picture_rays(
    params: Float[Tensor, "k 6"], size: int
) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3"]]:
    """`PhotoCamera.rays` for many cameras, one after the other."""
    axis = (torch.arange(size, dtype=torch.float64, device=params.device) + 0.5) / size - 0.5
    down, right = torch.meshgrid(axis, axis, indexing="ij")
    plane = rearrange(torch.stack([right, down], dim=-1), "h w c -> (h w) c")
    reach = 2 * torch.tan(params[:, 2] / 2) * torch.exp(-params[:, 3])
    across = (plane - params[:, None, 4:]) * (reach[:, None] * reach.new_tensor([1.0, -1.0]))[:, None]
    local = F.normalize(torch.cat([across, -torch.ones_like(across[..., :1])], dim=-1), dim=-1)
    orbit = _orbit(params)
    directions = local @ orbit.world_from_cam[:, :3, :3].mT
    origins = orbit.position[:, None].expand_as(directions)
    return origins.reshape(-1, 3).float(), directions.reshape(-1, 3).float()


def _orbit(params: Float[Tensor, "*k 6"]) -> Cameras:
    """The cameras without their cut-outs."""
    elevation, azimuth, fov = params[..., :3].unbind(dim=-1)
    return orbit_cameras(azimuth, elevation, UNIT_RADIUS / torch.sin(fov / 2), fov)


def framing_rays(
    angles: Float[Tensor, "k 3"], size: int
) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3"]]:
    """Origins and unit directions of cameras whose whole frame is the picture, one camera after the other.

    Args:
        angles: Elevation, azimuth and field of view, in radians.
    """
    elevation, azimuth, fov = angles.unbind(dim=1)
    rays = orbit_cameras(azimuth, elevation, UNIT_RADIUS / torch.sin(fov / 2), fov).rays(size)
    origins, directions = (values.reshape(-1, 3).float() for values in rays)
    return origins, directions
