"""How far away a rig's cameras are when its views are as large as the input picture shows the object."""

import math
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from backend.geometry.cameras import UNIT_RADIUS, ViewRig
from backend.geometry.framing import MIN_ALPHA

MARGIN = 1.04
"""The farthest point of an object is rarely seen from exactly the side: the mean over the sample objects."""


def fitted(rig: ViewRig, views: Float[Tensor, "v 4 h w"]) -> ViewRig:
    """The rig itself, or at the distance from which the object of its views just fits the unit sphere.

    Scale and distance cannot be told apart in pictures, so where a rig follows the picture the distance may
    be chosen: a point seen at angle a from the view axis is at least `distance * sin(a)` from the centre.
    """
    if not rig.follows_picture:
        return rig
    reach = _reach(views) * math.tan(math.radians(rig.fov_deg) / 2)
    if reach == 0:
        return rig
    sine = min(1.0, MARGIN * reach / math.hypot(1, reach))
    return replace(rig, distance=max(UNIT_RADIUS / sine, 1.01 * UNIT_RADIUS))


def _reach(views: Float[Tensor, "v 4 h w"]) -> float:
    """Largest distance of an opaque pixel from the centre of its view, in halves of the view's side."""
    size = views.shape[-1]
    axis = (torch.arange(size) + 0.5) / size * 2 - 1
    distance = torch.hypot(axis[:, None], axis[None, :])
    return float((distance * (views[:, 3] >= MIN_ALPHA)).amax())
