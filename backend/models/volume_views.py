"""A trained `PictureVolume` drawn from any camera: a guess of views that its own rig does not have."""

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from backend.geometry.cameras import Cameras
from backend.models.picture_volume import PictureVolume, ray_points


def draw_from(
    net: PictureVolume, volume: Float[Tensor, "b k d i j"], cameras: Cameras, size: int
) -> Float[Tensor, "b v o h w"]:
    """Latents, opacity and features of a volume (`PictureVolume.build`) as cameras (b, v) see them."""
    num_samples, num_views = cameras.fov.shape
    depths = net.config.depths
    with torch.autocast(volume.device.type, enabled=False):
        points = ray_points(cameras, size, depths)
        grid = rearrange(points, "d b v h w k -> b (d v) h w k")
        sampled = F.grid_sample(volume.float(), grid, padding_mode="zeros", align_corners=False)
        sampled = rearrange(sampled, "b k (d v) h w -> d b v h w k", d=depths, v=num_views)
        drawn = net.rendered(sampled, points.norm(dim=-1) <= 1)
    return rearrange(drawn, "b v h w o -> b v o h w", b=num_samples)
