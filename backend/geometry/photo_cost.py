"""How well a mesh seen by a camera agrees with the picture.

Legend: `k` cameras, `p` their parameters, `n` points, `h w` rows and columns.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.geometry.photo_target import Target

EXPECTED = np.array([math.radians(15), 0.0, math.radians(36), 0.0, 0.0, 0.0])
DOUBT = np.array([math.radians(30), math.radians(8), math.radians(20), math.inf, math.inf, math.inf])
"""Where the parameters lie before the picture is looked at, and how far off they may well be."""

COLOUR_SHARE, PRIOR_SHARE = 0.7, 0.015
"""Weights of colours and expectations beside outlines."""

GAINS = 0.3, 2.0
"""Bounds of the factor between the mesh's colours and the picture's."""

NUM_QUANTILES = 17
PALETTE_GAINS = 0.6, 1.6
"""Bounds of the factor between the brightness of two palettes."""


@dataclass(frozen=True, slots=True)
class Costs:
    """How cameras agree with the picture.

    Attributes:
        iou: Intersection over union of the outlines.
        error: What `colour_error` says.
        cost: What a search makes small.
    """

    iou: Float[np.ndarray, " k"]
    error: Float[np.ndarray, " k"]
    cost: Float[np.ndarray, " k"]

    def of(self, rows: Int[np.ndarray, " m"]) -> "Costs":
        """Some of the cameras'."""
        return Costs(self.iou[rows], self.error[rows], self.cost[rows])

    def where(self, chosen: Bool[np.ndarray, " k"], other: "Costs") -> "Costs":
        """These where `chosen`, elsewhere the other ones."""
        pairs = (self.iou, other.iou), (self.error, other.error), (self.cost, other.cost)
        return Costs(*(np.where(chosen, mine, its) for mine, its in pairs))


def costs(
    ours: Float[Tensor, "k 3 h w"],
    seen: Bool[Tensor, "k h w"],
    both: Bool[Tensor, "k h w"],
    target: Target,
    params: Float[np.ndarray, "k p"],
    *,
    least: int,
) -> Costs:
    """Costs of cameras whose pictures lie pixel over pixel on the target's.

    Args:
        least: Common pixels below which a cost is infinite.
    """
    shared = both.sum(dim=(1, 2))
    iou = shared / (seen | target.solid).sum(dim=(1, 2)).clamp_min(1)
    mine, its = (rearrange(values, "... c h w -> ... (h w) c") for values in (ours, target.rgb))
    error = colour_error(mine, its.expand_as(mine), both.flatten(1).float())
    table = torch.stack([shared.double(), iou.double(), error.double()]).cpu().numpy()
    is_enough = table[0] >= least
    found = cost_of(table[1], table[2], params)
    return Costs(table[1], np.where(is_enough, table[2], 1.0), np.where(is_enough, found, np.inf))


def cost_of(
    iou: Float[np.ndarray, " k"], error: Float[np.ndarray, " k"], params: Float[np.ndarray, "k p"]
) -> Float[np.ndarray, " k"]:
    """What a search makes small."""
    prior = PRIOR_SHARE * np.square((params - EXPECTED) / DOUBT).sum(axis=1)
    return 1 - iou + COLOUR_SHARE * error + prior


def colour_error(
    ours: Float[Tensor, "*k n 3"], theirs: Float[Tensor, "*k n 3"], weights: Float[Tensor, "*k n"]
) -> Float[Tensor, "*k"]:
    """Root mean squared difference after the best gain and offset of each channel."""
    share = weights[..., None] / weights.sum(dim=-1).clamp_min(1e-6)[..., None, None]
    ours, theirs = (values - (share * values).sum(dim=-2, keepdim=True) for values in (ours, theirs))
    gain = (share * ours * theirs).sum(dim=-2) / (share * ours.square()).sum(dim=-2).clamp_min(1e-5)
    left = theirs - gain.clamp(*GAINS)[..., None, :] * ours
    return (share * left.square()).sum(dim=-2).mean(dim=-1).sqrt()


def palette_error(ours: Float[Tensor, "n 3"], theirs: Float[Tensor, "m 3"]) -> float:
    """Mean difference of the quantiles of each channel after one gain: no matter of shape or light."""
    if not len(ours) or not len(theirs):
        return 1.0
    gain = (theirs.mean() / ours.mean().clamp_min(1e-3)).clamp(*PALETTE_GAINS)
    shares = torch.linspace(0, 1, NUM_QUANTILES + 2)[1:-1]
    first, second = (torch.quantile(values, shares, dim=0) for values in (ours * gain, theirs))
    return float((first - second).abs().mean())
