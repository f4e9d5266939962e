"""The input picture as the search for its camera looks at it: small, with distances and detail.

Legend: `h w` rows and columns, `n` points. Picture coordinates run from (0, 0), top left, to (1, 1).
"""

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float
from scipy import ndimage
from torch import Tensor

LOCAL_REACH = 0.06
"""Deviation, as a share of the picture, of the local mean that is taken off colours; it holds the light."""

BLUR_REACHES = 2.5
"""Deviations at which the local mean ends."""

Solid = Bool[np.ndarray, "h w"]


def shrunk(picture: Float[Tensor, "4 h w"], size: int) -> Float[Tensor, "4 size size"]:
    """The picture at another size, filtered premultiplied; straight alpha in and out."""
    premultiplied = torch.cat([picture[:3] * picture[3:], picture[3:]])
    small = F.interpolate(premultiplied[None], (size, size), mode="bilinear", antialias=True)[0]
    return torch.cat([(small[:3] / small[3:].clamp_min(1e-3)).clamp(0, 1), small[3:]])


def sampled(values: Float[Tensor, "c h w"], uv: Float[Tensor, "n 2"]) -> Float[Tensor, "n c"]:
    """Bilinear values at picture coordinates; beyond the frame its edge goes on."""
    grid = rearrange(uv * 2 - 1, "n k -> 1 1 n k").to(values.dtype)
    found = F.grid_sample(values[None], grid, mode="bilinear", padding_mode="border", align_corners=False)
    return rearrange(found, "1 c 1 n -> n c")


def outline_distance(solid: Solid) -> Float[np.ndarray, "h w"]:
    """Signed distance from the outline in shares of the picture's side; negative inside."""
    outside = np.asarray(ndimage.distance_transform_edt(np.logical_not(solid)))
    inside = np.asarray(ndimage.distance_transform_edt(solid))
    return np.where(solid, 0.5 - inside, outside - 0.5) / len(solid)


def rim(solid: Solid) -> Solid:
    """The pixels of an object that touch what lies around it; the picture's edge does not count."""
    return solid & np.logical_not(ndimage.binary_erosion(solid, border_value=1))


def slopes(distance: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "2 h w"]:
    """Unit gradient, right and down, of a distance."""
    down, right = np.gradient(ndimage.gaussian_filter(distance, 1.0))
    return np.stack([right, down]) / np.maximum(np.hypot(right, down), 1e-9)


def detail(rgb: Float[Tensor, "*k 3 h w"], solid: Bool[Tensor, "*k h w"]) -> Float[Tensor, "*k 3 h w"]:
    """Colours less their local mean inside the outline: what light changes least."""
    weight = solid[..., None, :, :].to(rgb.dtype)
    size = weight.shape[-1]
    blur = torch.from_numpy(blur_matrix(size, LOCAL_REACH * size, reaches=BLUR_REACHES)).to(rgb)
    means, total = (blur @ torch.cat([rgb * weight, weight], dim=-3) @ blur.T).split([3, 1], dim=-3)
    return (rgb - means / total.clamp_min(1e-3)) * weight


@lru_cache(maxsize=16)
def blur_matrix(size: int, deviation: float, *, reaches: float) -> Float[np.ndarray, "size size"]:
    """A Gaussian blur along an axis as a matrix; nothing lies beyond the frame.

    Args:
        reaches: Deviations at which it ends.
    """
    radius = int(reaches * deviation + 0.5)
    kernel = np.exp(-0.5 * np.square(np.arange(-radius, radius + 1) / deviation))
    offset = np.arange(size)[:, None] - np.arange(size)
    inside = np.abs(offset) <= radius
    return np.where(inside, kernel[np.where(inside, offset + radius, 0)], 0.0) / kernel.sum()


def eroded(solid: Bool[Tensor, "*k h w"], *, beyond: bool = False) -> Bool[Tensor, "*k h w"]:
    """Pixels whose four neighbours are solid too; `beyond`: whether the picture's surroundings are."""
    padded = F.pad(solid, (1, 1, 1, 1), value=beyond)
    left, right = padded[..., 1:-1, :-2], padded[..., 1:-1, 2:]
    return solid & left & right & padded[..., :-2, 1:-1] & padded[..., 2:, 1:-1]


class Target:
    """The picture at one size.

    Attributes:
        size: Side in pixels.
        rgb: Colours.
        alpha: Coverage.
        solid: Where the object is.
        detail: Colours less their local mean.
        distance: Signed distance from the outline, negative inside.
        outline: Centres of the object's pixels along its outline, and the directions out of it.
        area: Share of the picture that the object takes.
        centre: Its centroid.
    """

    def __init__(
        self, picture: Float[Tensor, "4 h w"], size: int, *, device: torch.device | str = "cpu"
    ) -> None:
        small = shrunk(picture.cpu(), size)
        self.size = size
        self.rgb, self.alpha = small[:3].to(device), small[3].to(device)
        self.solid = self.alpha > 0.5
        self.detail = detail(self.rgb, self.solid)
        solid = (small[3] > 0.5).numpy()
        distance = outline_distance(solid)
        self.distance = torch.from_numpy(distance).float().to(device)
        rows, columns = np.nonzero(rim(solid))
        directions = slopes(distance)[:, rows, columns].T
        self.outline = (
            torch.from_numpy((np.stack([columns, rows], axis=1) + 0.5) / size).float().to(device),
            torch.from_numpy(directions).float().to(device),
        )
        self.area = float(solid.mean())
        rows, columns = np.nonzero(solid)
        self.centre = (
            np.array([columns.mean() + 0.5, rows.mean() + 0.5]) / size if len(rows) else np.full(2, 0.5)
        )
