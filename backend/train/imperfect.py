"""Views as stage 1 draws them: not quite in place, soft, uneven in colour, sometimes missing.

Stage 2 learns from rendered views, and learns with these faults to bear drawn ones (design of
One-2-3-45++, section 3.2: random perturbation of the camera poses).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """How imperfect views are. Sizes are standard deviations of each view's own fault.

    Attributes:
        clean: Share of samples without any fault.
        shift: Of the place in the tile, as a share of its side.
        scale: Of the logarithm of the size.
        soft: Largest share of a blurred version in the picture.
        gain: Of each colour channel's factor.
        gamma: Of the logarithm of the exponent.
        noise: Of each pixel.
        erode: Of the shift of the outline, in units of alpha.
        missing: Chance that a view is not there at all.
    """

    clean: float = 0.4
    shift: float = 0.006
    scale: float = 0.012
    soft: float = 0.9
    gain: float = 0.05
    gamma: float = 0.1
    noise: float = 0.02
    erode: float = 0.15
    missing: float = 0.04


def imperfect(
    views: Float[Tensor, "b v 4 h w"], faults: Faults, generator: torch.Generator
) -> Float[Tensor, "b v 4 h w"]:
    """Views with faults drawn for each from `generator`, which is on their device."""
    num_samples, num_views = views.shape[:2]
    device = views.device

    def normal(*shape: int) -> Tensor:
        return torch.randn(num_samples, num_views, *shape, generator=generator, device=device)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(num_samples, num_views, *shape, generator=generator, device=device)

    premultiplied = torch.cat([views[:, :, :3] * views[:, :, 3:], views[:, :, 3:]], dim=2)
    moved = _moved(premultiplied, faults.shift * normal(2), torch.exp(faults.scale * normal()))
    moved = torch.lerp(moved, _blurred(moved), faults.soft * uniform(1, 1, 1))
    alpha = moved[:, :, 3:]
    rgb = moved[:, :, :3] / alpha.clamp_min(1e-3)
    exponent = torch.exp(faults.gamma * normal(1, 1, 1))
    rgb = (rgb * (1 + faults.gain * normal(3, 1, 1))).clamp(1e-4, 1) ** exponent
    rgb = rgb + faults.noise * normal(*rgb.shape[2:])
    # Only the soft edge moves: what is fully inside or outside stays.
    edge = alpha * (1 - alpha) * 4
    alpha = alpha + edge * faults.erode * normal(1, 1, 1)
    spoilt = torch.cat([rgb, alpha], dim=2).clamp(0, 1)
    is_missing = uniform(1, 1, 1) < faults.missing
    is_missing &= ~is_missing.all(dim=1, keepdim=True)
    spoilt = torch.where(is_missing, torch.zeros_like(spoilt), spoilt)
    is_clean = torch.rand(num_samples, 1, 1, 1, 1, generator=generator, device=device) < faults.clean
    return torch.where(is_clean, views, spoilt)


def _moved(
    pictures: Float[Tensor, "b v c h w"], shift: Float[Tensor, "b v 2"], scale: Float[Tensor, "b v"]
) -> Float[Tensor, "b v c h w"]:
    transform = torch.zeros(*scale.shape, 2, 3, device=pictures.device)
    transform[..., 0, 0] = transform[..., 1, 1] = scale
    transform[..., 2] = 2 * shift
    flat = pictures.flatten(0, 1)
    # In half precision a grid misses by a good part of a pixel.
    with torch.autocast(pictures.device.type, enabled=False):
        grid = F.affine_grid(transform.flatten(0, 1), list(flat.shape), align_corners=False)
    moved = F.grid_sample(flat, grid.to(flat.dtype), padding_mode="zeros", align_corners=False)
    return moved.view_as(pictures)


def _blurred(pictures: Float[Tensor, "b v c h w"]) -> Float[Tensor, "b v c h w"]:
    flat = F.avg_pool2d(pictures.flatten(0, 1), 3, stride=1, padding=1)
    return F.avg_pool2d(flat, 3, stride=1, padding=1).view_as(pictures)
