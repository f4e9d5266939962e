"""Unlit pictures of meshes by ray casting: colour as it is, alpha from several rays a pixel."""

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from backend.geometry.cameras import Cameras
from backend.geometry.meshes import Mesh, TexturedMesh
from backend.geometry.raycast import Bvh, Hits

SUPERSAMPLES = 3
"""Rays along each side of a pixel."""

BARE = 0.7
"""Grey, in sRGB, of a mesh without colours."""


def render(
    mesh: Mesh | TexturedMesh,
    cameras: Cameras,
    *,
    size: int,
    device: torch.device | str = "cpu",
    supersamples: int = SUPERSAMPLES,
) -> Float[Tensor, "v 4 h w"]:
    """Pictures of `size` x `size` pixels, RGBA with straight alpha, sRGB-encoded, where the rays are.

    Rays are averaged as encoded and weighted by their coverage, as image editors do. Both sides of a
    face show.
    """
    surface = Surface(mesh, device=device)
    return torch.stack(
        [
            surface.picture(cameras.to(surface.bvh.device)[view], size, supersamples)
            for view in range(len(cameras.fov))
        ]
    )


class Surface:
    """A mesh on a device, ready to be looked at."""

    def __init__(self, mesh: Mesh | TexturedMesh, *, device: torch.device | str = "cpu") -> None:
        self.bvh = Bvh(mesh.vertices, mesh.faces, device=device)
        self._texture = None
        if isinstance(mesh, TexturedMesh):
            picture = torch.from_numpy(np.array(mesh.texture)).to(self.bvh.device).float() / 255
            self._texture = rearrange(picture, "h w c -> 1 c h w")
            self._values = torch.from_numpy(np.array(mesh.uv)).to(self.bvh.device)
        elif mesh.colours is not None:
            self._values = torch.from_numpy(np.array(mesh.colours)).to(self.bvh.device)
        else:
            self._values = torch.full((len(mesh.vertices), 3), BARE, device=self.bvh.device)

    def colours(self, hits: Hits) -> Float[Tensor, "n 3"]:
        """sRGB colours where rays meet the surface; meaningless for misses."""
        values = self.bvh.interpolate(self._values, hits)
        return values if self._texture is None else sample_picture(self._texture, values)

    def picture(self, camera: Cameras, size: int, supersamples: int) -> Float[Tensor, "4 h w"]:
        """What one camera (without batch axes) sees."""
        origins, directions = camera.rays(size * supersamples)
        hits = self.bvh.cast(origins.reshape(-1, 3), directions.reshape(-1, 3))
        solid = hits.is_hit.float()[:, None]
        rays = torch.cat([self.colours(hits) * solid, solid], dim=1)
        pixels = rearrange(
            rays, "(h a w b) c -> c h w (a b)", h=size, w=size, a=supersamples, b=supersamples
        ).mean(dim=-1)
        alpha = pixels[3:]
        return torch.cat([(pixels[:3] / alpha.clamp_min(1e-6)).clamp(0, 1), alpha])


def sample_picture(picture: Float[Tensor, "1 c h w"], uv: Float[Tensor, "n 2"]) -> Float[Tensor, "n c"]:
    """Bilinear values at picture coordinates; the edge pixels go on beyond the frame."""
    grid = rearrange(uv * 2 - 1, "n k -> 1 1 n k")
    sampled = F.grid_sample(picture, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return rearrange(sampled, "1 c 1 n -> n c")
