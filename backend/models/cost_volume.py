"""Features of many views, and how far the views agree on each point of space (SparseNeuS, section 3.1).

A small pyramid of convolutions that all views share makes one map a view. A point's cost is the mean and the
variance over the views of what the maps hold at its projections: on a surface the views agree.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from backend.errors import ConfigError
from backend.models.blocks3d import GroupNorm
from backend.models.lifting import Projections, sample_maps
from backend.models.view_features import MIN_SEEN_ALPHA, mean_over_views, premultiplied

NORM_GROUPS = 8
IN_FRAME = -1
"""Place of the flag in `Projections.geometry`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewPyramidConfig:
    """Size of a `ViewPyramid`.

    Attributes:
        image_px: Side of the pictures that it sees.
        channels: Widths at the pictures' own side, half and a quarter of it.
        map_channels: Width of the maps, whose side is half the pictures'; alpha is the last channel.
    """

    image_px: int = 128
    channels: tuple[int, int, int] = (16, 32, 48)
    map_channels: int = 16

    def __post_init__(self) -> None:
        if self.image_px % 4 or any(width % NORM_GROUPS for width in self.channels):
            raise ConfigError(
                f"need pictures of whole quarters and widths divisible by {NORM_GROUPS}, got {self}"
            )

    @property
    def cost_channels(self) -> int:
        """Width of a point's cost."""
        return 2 * self.map_channels + 1


@dataclass(frozen=True, slots=True)
class SourceViews:
    """What is known of the views that an object is reconstructed from.

    Attributes:
        pixels: RGB premultiplied with alpha, and alpha.
        present: Which views show anything.
        maps: Feature maps, alpha last.
        summary: One vector for all views.
    """

    pixels: Float[Tensor, "b v s s 4"]
    present: Bool[Tensor, "b v"]
    maps: Float[Tensor, "b v h w c"]
    summary: Float[Tensor, "b e"]

    def is_seen(self, projections: Projections) -> Bool[Tensor, "n v"]:
        """Which views that are there have a point in their frame."""
        return (projections.geometry[..., IN_FRAME] > 0) & self.present[projections.sample]


class ViewPyramid(nn.Module):
    """Convolutions at three scales, merged from the coarsest to the middle one (Lin et al. 2017)."""

    def __init__(self, config: ViewPyramidConfig, embedding: int) -> None:
        super().__init__()
        self.config = config
        fine, middle, coarse = config.channels
        self.fine = nn.Sequential(_block(4, fine), _block(fine, fine))
        self.middle = nn.Sequential(_block(fine, middle, stride=2), _block(middle, middle))
        self.coarse = nn.Sequential(_block(middle, coarse, stride=2), _block(coarse, coarse))
        self.across = nn.Conv2d(middle, coarse, 1)
        self.shrunk = nn.Conv2d(fine, coarse, 2, stride=2)
        self.out = nn.Conv2d(coarse, config.map_channels - 1, 3, padding=1)
        self.summary = nn.Linear(coarse, embedding)

    def forward(self, views: Float[Tensor, "b v 4 h w"]) -> SourceViews:
        """Features of straight-alpha views of any size."""
        pixels = premultiplied(views, self.config.image_px)
        present = (views[:, :, 3] > MIN_SEEN_ALPHA).flatten(2).any(dim=2)
        fine = self.fine(2 * pixels.flatten(0, 1) - 1)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        grown = F.interpolate(coarse, middle.shape[-2:], mode="bilinear", align_corners=False)
        maps = self.out(F.silu(grown + self.across(middle) + self.shrunk(fine)))
        alpha = F.avg_pool2d(pixels[:, :, 3:].flatten(0, 1), 2).to(maps.dtype)
        maps = torch.cat([maps, alpha], dim=1)
        count = len(views)
        whole = coarse.mean(dim=(-2, -1)).unflatten(0, (count, -1))
        return SourceViews(
            rearrange(pixels, "b v c h w -> b v h w c"),
            present,
            rearrange(maps, "(b v) c h w -> b v h w c", b=count),
            self.summary(mean_over_views(whole, present)),
        )


def _block(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1),
        GroupNorm(NORM_GROUPS, out_channels),
        nn.SiLU(),
    )


def cost_of(source: SourceViews, projections: Projections) -> Float[Tensor, "n d"]:
    """Mean and variance of the maps over the views that have a point in their frame, and the least alpha.

    A point that one view looks past is outside the object.
    """
    is_seen = source.is_seen(projections)
    seen = sample_maps(source.maps, projections)
    mean = mean_over_views(seen, is_seen)
    variance = mean_over_views((seen - mean[:, None]).square(), is_seen)
    hull = seen[..., -1].masked_fill(~is_seen, 1.0).amin(dim=1, keepdim=True)
    return torch.cat([mean, variance, hull], dim=1)
