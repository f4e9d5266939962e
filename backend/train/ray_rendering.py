"""Pictures of a neural signed distance field by volume rendering (NeuS, arXiv 2106.10689, section 3).

Opacity comes from the distances at both ends of each section of a ray (eq. 13), so no gradients of the field
are needed. Legend: `n` rays of a sample, `k` sections of a ray.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from backend.geometry.cameras import UNIT_RADIUS
from backend.models.neural_sdf import Field, NeuralSdf

SEARCH_SHARPNESS = 160.0
"""Of the opacity that the second samples are placed by: wider than a trained field's own."""


@dataclass(frozen=True, slots=True)
class Rays:
    """Rays of a batch, from outside the unit sphere."""

    origin: Float[Tensor, "b n 3"]
    toward: Float[Tensor, "b n 3"]

    def at(self, depth: Float[Tensor, "b n k"]) -> Float[Tensor, "b n k 3"]:
        """Points on the rays."""
        return self.origin[:, :, None] + depth[..., None] * self.toward[:, :, None]

    def __getitem__(self, part: slice) -> "Rays":
        """Some rays of every sample."""
        return Rays(self.origin[:, part], self.toward[:, part])


@dataclass(frozen=True, kw_only=True, slots=True)
class RaySampling:
    """Where along a ray a field is looked at.

    Attributes:
        search: Samples that find the surface.
        kept: Of these every so many-th stays.
        close: Samples near the surface.
        coloured: Sections, the heaviest, whose colours are asked for.
    """

    search: int = 48
    kept: int = 4
    close: int = 16
    coloured: int = 10


@dataclass(frozen=True, slots=True)
class Rendered:
    """What rays show.

    Attributes:
        rgb: sRGB, premultiplied with the opacity.
        surface: Where a ray meets the surface on average; meaningless where it is clear.
    """

    rgb: Float[Tensor, "b n 3"]
    opacity: Float[Tensor, "b n"]
    surface: Float[Tensor, "b n 3"]


def render_rays(
    net: NeuralSdf, found: Field, rays: Rays, *, config: RaySampling, generator: torch.Generator
) -> Rendered:
    """Colours and opacities of rays; samples are drawn with `generator`, which is on their device."""
    depth = _depths(net, found, rays, config, generator)
    distance = _distance(net, found, rays.at(depth))
    weight = section_weights(distance, net.log_sharpness.exp())
    middle = rays.at((depth[..., 1:] + depth[..., :-1]) / 2)
    opacity = weight.sum(dim=2)
    surface = (weight[..., None] * middle).sum(dim=2) / opacity[..., None].clamp_min(1e-4)
    count = min(config.coloured, weight.shape[2])
    heavy, place = weight.topk(count, dim=2)
    points = middle.gather(2, place[..., None].expand(-1, -1, -1, 3))
    toward = rays.toward[:, :, None].expand_as(points)
    colour = net.colour(found, points.flatten(1, 2), toward.flatten(1, 2)).unflatten(1, points.shape[1:3])
    return Rendered((heavy[..., None] * colour).sum(dim=2), opacity, surface)


def section_weights(
    distance: Float[Tensor, "b n k1"], sharpness: Float[Tensor, ""] | float
) -> Float[Tensor, "b n k"]:
    """What each section adds to a ray's colour (NeuS, eq. 11 and 13)."""
    cover = torch.sigmoid(distance * sharpness)
    before, after = cover[..., :-1], cover[..., 1:]
    alpha = ((before - after) / before.clamp_min(1e-5)).clamp(0, 1)
    clear = torch.cumprod(torch.cat([torch.ones_like(alpha[..., :1]), 1 - alpha + 1e-7], dim=2), dim=2)
    return alpha * clear[..., :-1]


@torch.no_grad()
def _depths(
    net: NeuralSdf, found: Field, rays: Rays, config: RaySampling, generator: torch.Generator
) -> Float[Tensor, "b n k"]:
    """Rising depths within the unit sphere: even ones, and close ones around the surface."""
    nearest = -(rays.origin * rays.toward).sum(dim=2)
    miss = (rays.origin + nearest[..., None] * rays.toward).square().sum(dim=2)
    half = (UNIT_RADIUS**2 - miss).clamp_min(1e-4).sqrt()
    shape = (*nearest.shape, config.search)
    jitter = torch.rand(shape, generator=generator, device=nearest.device)
    share = (torch.arange(config.search, device=nearest.device) + jitter) / config.search
    depth = nearest[..., None] + half[..., None] * (2 * share - 1)
    weight = section_weights(_distance(net, found, rays.at(depth)), SEARCH_SHARPNESS) + 1e-4
    draws = torch.rand((*nearest.shape, config.close), generator=generator, device=nearest.device)
    close = _drawn(depth, weight, draws)
    return torch.cat([depth[..., :: config.kept], close], dim=2).sort(dim=2).values


def _drawn(
    depth: Float[Tensor, "b n k1"], weight: Float[Tensor, "b n k"], draws: Float[Tensor, "b n j"]
) -> Float[Tensor, "b n j"]:
    """Depths drawn from sections in proportion to their weights."""
    total = weight.cumsum(dim=2)
    target = draws * total[..., -1:]
    section = torch.searchsorted(total.contiguous(), target.contiguous()).clamp_max(weight.shape[2] - 1)
    before = (total - weight).gather(2, section)
    share = ((target - before) / weight.gather(2, section)).clamp(0, 1)
    low, high = depth.gather(2, section), depth.gather(2, section + 1)
    return torch.lerp(low, high, share)


def _distance(net: NeuralSdf, found: Field, points: Float[Tensor, "b n k 3"]) -> Float[Tensor, "b n k"]:
    values = net.distance(found, rearrange(points, "b n k c -> b (n k) c"))
    return rearrange(values, "b (n k) -> b n k", k=points.shape[2])
