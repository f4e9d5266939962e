"""Colours of points as a weighted mean of what the views show of them (IBRNet, section 3.2)."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from backend.models.cost_volume import SourceViews
from backend.models.lifting import Projections, sample_maps
from backend.models.view_features import mean_over_views

DIRECTION_CHANNELS = 4
MIN_ALPHA = 0.02
HIDDEN_LOGIT = -30.0
"""Of views that have a point outside their frame or see past the object there."""


class ColourBlend(nn.Module):
    """Weighs the views' colours; what a view shows of another place is found by its disagreement."""

    def __init__(self, map_channels: int, point_channels: int, width: int) -> None:
        super().__init__()
        self.from_view = nn.Linear(map_channels + 4 + DIRECTION_CHANNELS, width)
        self.from_point = nn.Linear(2 * (map_channels + 4) + point_channels, width)
        self.hidden = nn.Linear(width, width)
        self.weight = nn.Linear(width, 1)

    def forward(
        self,
        source: SourceViews,
        projections: Projections,
        features: Float[Tensor, "m c"],
        toward: Float[Tensor, "m 3"],
    ) -> Float[Tensor, "m 3"]:
        """Straight sRGB colours.

        Args:
            features: What the volumes say at the points.
            toward: Unit directions that the points are looked at along.
        """
        pixels = sample_maps(source.pixels, projections)
        is_seen = source.is_seen(projections) & (pixels[..., 3] > MIN_ALPHA)
        seen = torch.cat([sample_maps(source.maps, projections), pixels], dim=2)
        mean = mean_over_views(seen, is_seen)
        variance = mean_over_views((seen - mean[:, None]).square(), is_seen)
        of_view = self.from_view(torch.cat([seen, _turn(projections, toward).to(seen.dtype)], dim=2))
        of_point = self.from_point(torch.cat([mean, variance, features.to(seen.dtype)], dim=1))
        hidden = F.silu(self.hidden(F.silu(of_view + of_point[:, None])))
        logits = self.weight(hidden)[..., 0].float().masked_fill(~is_seen, HIDDEN_LOGIT)
        straight = (pixels[..., :3] / pixels[..., 3:].clamp_min(MIN_ALPHA)).clamp(0, 1)
        return (logits.softmax(dim=1)[..., None] * straight).sum(dim=1)


def _turn(projections: Projections, toward: Float[Tensor, "m 3"]) -> Float[Tensor, "m v 4"]:
    """How each view's ray through a point differs from the asked one: the difference and the cosine."""
    rays = projections.geometry[..., :3]
    cosine = (rays * toward[:, None]).sum(dim=-1, keepdim=True)
    return torch.cat([rays - toward[:, None], cosine], dim=-1)
