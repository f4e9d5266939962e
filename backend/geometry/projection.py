"""What pictures hold, laid back onto the surface that they show."""

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from backend.geometry.sightings import MIN_COSINE, Observer

FEATHER_PX = 4
"""Pixels over which a picture fades in beside an outline or a step in depth."""

MAX_GAP = 0.012
"""Metres by which a point may lie before or behind what the picture shows at its place."""

FAINT = 0.02
"""Summed weight of all pictures below which they count less and less."""


def project_back(
    observer: Observer,
    pictures: Float[Tensor, "v c h w"],
    points: Float[Tensor, "n 3"],
    normals: Float[Tensor, "n 3"],
    *,
    sharpness: float,
) -> tuple[Float[Tensor, "n c"], Float[Tensor, "n 1"]]:
    """Mean of the pictures' values at points of the surface, fading to zero where none shows them well.

    Args:
        observer: Knows the cameras and which pixels count.
        pictures: Values from the observer's cameras, of the size of its views.
        normals: Unit normals at the points.
        sharpness: Power of the cosine between normal and direction to the camera.

    Returns:
        The values, and in [0, 1] how well each point is seen: what the mean was faded by.
    """
    total = torch.zeros(len(points), pictures.shape[1], device=points.device)
    weight = torch.zeros(len(points), 1, device=points.device)
    for view, picture in enumerate(pictures):
        values, share = _look(observer, view, picture, points, normals, sharpness)
        total += share * values
        weight += share
    return total / weight.clamp_min(FAINT), (weight / FAINT).clamp_max(1)


def _look(
    observer: Observer,
    view: int,
    picture: Float[Tensor, "c h w"],
    points: Float[Tensor, "n 3"],
    normals: Float[Tensor, "n 3"],
    sharpness: float,
) -> tuple[Float[Tensor, "n c"], Float[Tensor, "n 1"]]:
    """One picture's values at the points, and how much they count."""
    camera, usable = observer.cameras[view], observer.usable[view].float()[None]
    to_eye = camera.position - points
    distance = to_eye.norm(dim=1)
    cosine = (normals * to_eye).sum(dim=1) / distance.clamp_min(1e-9)
    uv, depth = camera.project(points)
    shown = observer.hits[view].distance.reshape(usable.shape)
    shown = torch.where(torch.isfinite(shown), shown, 0.0)
    layers = torch.cat([picture * usable, shown * usable, usable, _feathered(usable)])
    place = rearrange(uv * 2 - 1, "n k -> 1 1 n k")
    found = F.grid_sample(layers[None], place, mode="bilinear", align_corners=False)[0, :, 0].T
    covered = found[:, -2].clamp_min(1e-4)
    values = found[:, :-3] / covered[:, None]
    gap = (found[:, -3] / covered - distance).abs()
    is_shown = (depth > 0) & (cosine > MIN_COSINE) & (gap < MAX_GAP)
    share = found[:, -1] * cosine.clamp_min(0) ** sharpness * is_shown
    return values, share[:, None]


def _feathered(usable: Float[Tensor, "1 h w"]) -> Float[Tensor, "1 h w"]:
    """1 where all pixels within `FEATHER_PX` are usable, less the nearer one is that is not."""
    total, inner = usable, usable
    for _ in range(FEATHER_PX - 1):
        inner = -F.max_pool2d(-inner[None], 3, 1, 1)[0]
        total = total + inner
    return total / FEATHER_PX
