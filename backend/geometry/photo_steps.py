"""Steps of the search for the picture's camera, for many cameras at once on the device of the rays.

A graphics card takes for one camera as long as for all, so that nothing here has a loop over them. While a
camera changes, the rim of a mesh moves along the outline only, so that the distance of today's rim from it
is right to first order.

Legend: `k` cameras, `t` dampings, `p` parameters, `n` points, `h w` rows and columns.
"""

import math
from dataclasses import dataclass, fields

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.geometry.photo_camera import picture_rays, project
from backend.geometry.photo_cost import COLOUR_SHARE, DOUBT, EXPECTED, GAINS, PRIOR_SHARE, Costs, costs
from backend.geometry.photo_target import Target, detail, eroded, sampled
from backend.geometry.raycast import Bvh

LONGEST_STEP = np.array([0.15, 0.1, 0.2, 0.15, 0.06, 0.06])
"""Steps within which the rim of a mesh stays about the same."""

OUTLINE_UNIT, COLOUR_UNIT = 0.006, 0.1
"""Distance of outlines, as a share of the picture, and difference in colour that weigh alike in a step."""

ROBUST = 3.0
"""Residuals, in these units, from which on they count less."""

MAX_COLOUR_POINTS = 1500
FEW_PIXELS = 16
TINY = 1e-3
"""Change of a parameter for a slope."""


@dataclass(frozen=True, slots=True)
class Looks:
    """What cameras see, and what a step of each is made from.

    Attributes:
        costs: How well they agree; infinite where so little does that no step can be made.
        points: Where the pixels' rays meet the mesh.
        rim: The mesh's outermost pixels.
        inner: Pixels inside both outlines.
        detail: The details that the mesh shows, as strong as the picture's.
    """

    costs: Costs
    points: Float[Tensor, "k n 3"]
    rim: Bool[Tensor, "k n"]
    inner: Bool[Tensor, "k n"]
    detail: Float[Tensor, "k n 3"]

    def of(self, rows: Int[np.ndarray, " m"]) -> "Looks":
        """Some of the cameras'."""
        index = torch.from_numpy(rows).to(self.points.device)
        return Looks(self.costs.of(rows), *(values[index] for values in self._tensors()))

    def where(self, chosen: Bool[np.ndarray, " k"], other: "Looks") -> "Looks":
        """These where `chosen`, elsewhere the other ones."""
        mask = torch.from_numpy(chosen).to(self.points.device)[:, None]
        pairs = zip(self._tensors(), other._tensors(), strict=True)
        merged = (torch.where(mask if mine.ndim == 2 else mask[..., None], mine, its) for mine, its in pairs)
        return Looks(self.costs.where(chosen, other.costs), *merged)

    def _tensors(self) -> list[Tensor]:
        return [getattr(self, column.name) for column in fields(Looks)[1:]]


def looks(bvh: Bvh, colours: Float[Tensor, "v 3"], target: Target, params: Float[np.ndarray, "k p"]) -> Looks:
    """How well cameras agree with the picture."""
    size, count = target.size, len(params)
    hits = bvh.cast(*picture_rays(torch.from_numpy(params).to(bvh.device), size))
    seen = rearrange(hits.is_hit, "(k h w) -> k h w", k=count, h=size)
    ours = rearrange(bvh.interpolate(colours, hits), "(k h w) c -> k c h w", k=count, h=size)
    both = seen & target.solid
    inner = eroded(eroded(both))
    shown = detail(ours, seen)
    products, squares = (
        (shown * other * inner[:, None]).sum(dim=(1, 2, 3)) for other in (target.detail, shown)
    )
    gain = (products / squares.clamp_min(1e-6)).clamp(*GAINS)
    return Looks(
        costs(ours, seen, both, target, params, least=FEW_PIXELS),
        rearrange(bvh.positions(hits), "(k n) c -> k n c", k=count),
        (seen & ~eroded(seen, beyond=True)).flatten(1),
        inner.flatten(1),
        rearrange(shown * gain[:, None, None, None], "k c h w -> k (h w) c"),
    )


def ways(
    found: Looks, target: Target, params: Float[np.ndarray, "k p"], damping: Float[np.ndarray, "k t"]
) -> Float[np.ndarray, "k t p"]:
    """Gauss-Newton steps for each camera with each of its dampings, no longer than the rim allows."""
    residuals, weights = _residuals(found, target, params)
    start = residuals[:, 0]
    slopes = (residuals[:, 1:] - start[:, None]) / TINY
    weights = weights * ROBUST / start.abs().clamp_min(ROBUST)
    system = torch.einsum("kpr,kr,kqr->kpq", slopes, weights, torch.cat([slopes, start[:, None]], dim=1))
    both = system.cpu().numpy()
    prior = PRIOR_SHARE / DOUBT**2
    matrix = both[:, :, :-1] + np.diag(prior)
    towards = -both[:, :, -1] - prior * (params - EXPECTED)
    diagonal = np.diagonal(matrix, axis1=1, axis2=2)
    damped = (damping[:, :, None] * diagonal[:, None] + 1e-9)[..., None] * np.eye(params.shape[1])
    step = np.linalg.solve(matrix[:, None] + damped, towards[:, None, :, None])[..., 0]
    return step / np.maximum(1.0, np.abs(step / LONGEST_STEP).max(axis=2, keepdims=True))


def _residuals(
    found: Looks, target: Target, params: Float[np.ndarray, "k p"]
) -> tuple[Float[Tensor, "k q r"], Float[Tensor, "k r"]]:
    """Distances of the two outlines and differences of details, in their units, and how much each counts.

    The first of `q` are those of `params`, the others of one parameter changed each.
    """
    shifts = np.concatenate([np.zeros((1, params.shape[1])), TINY * np.eye(params.shape[1])])
    cameras = torch.from_numpy(params[:, None] + shifts).to(found.points.device)
    outline, outwards = target.outline
    rim, has_rim = _chosen(found.rim, int(found.rim.sum(dim=1).max()))
    inner, has_inner = _chosen(found.inner, MAX_COLOUR_POINTS)
    points = _taken(found.points, torch.cat([rim, inner], dim=1))
    uv, _ = project(cameras, points[:, None])
    edge, inside = uv.split([rim.shape[1], inner.shape[1]], dim=2)
    ours = _sampled(target.distance[None], edge)[..., 0]
    # Both are centres of outermost pixels: half a pixel inside the outline.
    ours = ours + 0.5 / target.size
    near = _nearest(outline, edge[:, 0], has_rim)
    theirs = ((_taken(edge, near[:, None].expand(-1, edge.shape[1], -1)) - outline) * outwards).sum(dim=-1)
    colours = _sampled(target.detail, inside) - _taken(found.detail, inner)[:, None]
    parts = [ours / OUTLINE_UNIT, theirs / OUTLINE_UNIT, colours.flatten(2) / COLOUR_UNIT]
    kept = [has_rim.double(), torch.ones_like(theirs[:, 0]).double()]
    kept += [has_inner.double().repeat_interleave(3, dim=1)]
    shares = 0.5, 0.5, COLOUR_SHARE
    weights = [
        share * mask / mask.sum(dim=1, keepdim=True).clamp_min(1)
        for share, mask in zip(shares, kept, strict=True)
    ]
    return torch.cat(parts, dim=2).double(), torch.cat(weights, dim=1)


def _chosen(mask: Bool[Tensor, "k n"], most: int) -> tuple[Int[Tensor, "k m"], Bool[Tensor, "k m"]]:
    """At most `most` of the pixels in each mask, evenly, and which of the result are any."""
    count = mask.sum(dim=1, keepdim=True)
    place = torch.arange(most, device=mask.device) * (1 + (count - 1).clamp_min(0) // max(most, 1))
    first = torch.argsort(mask.to(torch.uint8), dim=1, descending=True, stable=True)
    return first.gather(1, place.clamp_max(mask.shape[1] - 1)), place < count


def _taken(values: Float[Tensor, "*k n c"], rows: Int[Tensor, "*k m"]) -> Float[Tensor, "*k m c"]:
    return values.gather(-2, rows[..., None].expand(*rows.shape, values.shape[-1]))


def _sampled(values: Float[Tensor, "c h w"], uv: Float[Tensor, "k q n 2"]) -> Float[Tensor, "k q n c"]:
    found = sampled(values, rearrange(uv, "k q n c -> (k q n) c"))
    return rearrange(found, "(k q n) c -> k q n c", k=uv.shape[0], q=uv.shape[1])


def _nearest(
    points: Float[Tensor, "m 2"], others: Float[Tensor, "k n 2"], is_any: Bool[Tensor, "k n"]
) -> Int[Tensor, "k m"]:
    """For each point the nearest of the others."""
    offset = points[None, :, None] - others[:, None]
    squared = offset[..., 0].square() + offset[..., 1].square()
    return torch.where(is_any[:, None], squared, math.inf).argmin(dim=2)
