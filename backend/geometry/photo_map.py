"""The input picture laid over a mesh: the colours it gives to points of the surface, and how much they count.

Weights fade to nothing towards outlines, steps in depth and grazing angles, so that no seam shows where the
picture ends. Maps are in the frame of the picture as its camera sees the mesh.

Legend: `n` points, `m` rows and columns of maps, `h w` those of the picture, `v` vertices.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from scipy import ndimage
from torch import Tensor

from backend.geometry.photo_camera import PhotoCamera
from backend.geometry.photo_target import Solid, blur_matrix, detail, sampled, shrunk
from backend.geometry.photo_warp import least_stretch, outline_shift
from backend.geometry.raycast import Bvh, Hits
from backend.geometry.sightings import MAX_DEPTH_STEP, MIN_ALPHA, SLACK

MAP_PX = 256

EDGE_FADE = 0.015
"""Share of the picture over which weights grow from outlines and steps in depth inwards."""

FADE_COSINES = 0.1, 0.4
"""Cosines between normal and direction to the camera from which on the picture counts, and counts fully."""

TRUSTING_COSINES = 0.4, 0.9
"""The same where the views agree with the picture in detail, and show best what it does not see squarely."""

NORMAL_REACH = 0.008
"""Deviation, as a share of the picture, over which these cosines are averaged: surfaces are uneven."""

MIN_STRETCH = 0.35
"""Least scale to which the picture may be squeezed; where it folds it shows nothing."""

GAINS = 0.6, 1.6
"""Bounds of the factor that turns a channel of the picture into that of the views."""

LIGHT_REACH_PX, LIGHT_RANGE = 3, 2.5
"""Deviation, in pixels of the views, over which the light is averaged, and how much it may differ."""

TRUSTED, TRUST_REACH = (0.5, 0.85), 0.08
"""Correlation of details from which on differences of light are believed, and believed fully; deviation, as a
share of the picture, over which it is taken."""

PLAIN = 0.2
"""Weight of the whole picture's correlation beside that around a pixel."""

DARKEST = 0.02
"""Added to both sides of a quotient of colours."""

Map = Float[np.ndarray, "m m"]

ColoursOf = Callable[[Float[Tensor, "n 3"]], Float[Tensor, "n 3"]]
"""sRGB colours of points."""


@dataclass(frozen=True, slots=True)
class PhotoMap:
    """The picture over a mesh, on the device of its rays.

    Attributes:
        picture: Colours, continued beyond the object's outline.
        shift: From a pixel of the mesh to that of the picture which shows it.
        weight: How much the picture counts, in [0, 1].
        gain: What its colours are multiplied with.
    """

    camera: PhotoCamera
    bvh: Bvh
    picture: Float[Tensor, "3 h w"]
    shift: Float[Tensor, "2 m m"]
    weight: Float[Tensor, "1 m m"]
    gain: Float[Tensor, "3 m m"]

    def look(self, points: Float[Tensor, "n 3"]) -> tuple[Float[Tensor, "n 3"], Float[Tensor, " n"]]:
        """sRGB colours and weights of points of the surface; 0 where the picture does not show them."""
        uv, depth = self.camera.project(points)
        weights = sampled(self.weight, uv)[:, 0]
        weights = weights * ((depth > 0) & ((uv > 0) & (uv < 1)).all(dim=1))
        index = weights.nonzero()[:, 0]
        eyes = self.camera.position.expand(len(index), 3)
        weights[index] *= self.bvh.is_visible(points[index], eyes, slack=SLACK)
        at = uv[index] + sampled(self.shift, uv[index])
        colours = torch.zeros(len(points), 3, device=points.device)
        colours[index] = (sampled(self.picture, at) * sampled(self.gain, uv[index])).clamp(0, 1)
        return colours, weights


def lay_over(
    picture: Float[Tensor, "4 h w"],
    camera: PhotoCamera,
    bvh: Bvh,
    *,
    beyond: Float[Tensor, "3 h w"],
    normals: Float[Tensor, "v 3"],
    colours_of: ColoursOf,
    view_px: int,
) -> PhotoMap:
    """Lay the picture over a mesh as `camera` sees it.

    Args:
        picture: Straight-alpha sRGB cut-out.
        beyond: What `continued` says of it.
        normals: Smooth unit normals of the mesh.
        colours_of: What the views give to points of the surface; the picture's light is matched to it.
        view_px: Side of the views, which know no finer light.
    """
    origins, directions = camera.rays(MAP_PX)
    hits = bvh.cast(origins, directions)
    ours = rearrange(hits.is_hit.cpu(), "(h w) -> h w", h=MAP_PX).numpy()
    small = shrunk(picture, MAP_PX)
    shift = outline_shift(ours, (small[3] > 0.5).numpy(), device=bvh.device)
    moving = torch.from_numpy(shift).float()
    shown = _moved(small[3:], moving)[0].numpy() > 0.5
    usable = ours & shown & ~_depth_steps(hits, ours) & (least_stretch(shift) > MIN_STRETCH)
    facing = F.normalize(bvh.interpolate(normals.to(bvh.device), hits), dim=1).cpu()
    cosines = -(facing * directions).sum(dim=1)
    slant = rearrange(cosines, "(h w) -> h w", h=MAP_PX).numpy()
    loose, strict = torch.from_numpy(_weights(usable, slant)).float().to(bvh.device)
    theirs = _moved(F.interpolate(beyond[None], (MAP_PX,) * 2, mode="bilinear", antialias=True)[0], moving)
    theirs, beyond, moving = (values.to(bvh.device) for values in (theirs, beyond, moving))
    shown_at = hits.is_hit.nonzero()[:, 0]
    views = torch.zeros(MAP_PX**2, 3, device=bvh.device)
    views[shown_at] = colours_of(bvh.positions(hits)[shown_at])
    views = rearrange(views, "(h w) c -> c h w", h=MAP_PX)
    trust = _trust(theirs, views, loose)
    gain = _gain(theirs, views, loose, trust, reach=LIGHT_REACH_PX / view_px)
    return PhotoMap(camera, bvh, beyond, moving, torch.lerp(loose[None], strict[None], trust), gain)


def _moved(values: Float[Tensor, "c m m"], shift: Float[Tensor, "2 m m"]) -> Float[Tensor, "c m m"]:
    """A picture seen through a shift."""
    axis = (torch.arange(MAP_PX) + 0.5) / MAP_PX
    down, right = torch.meshgrid(axis, axis, indexing="ij")
    uv = rearrange(torch.stack([right, down]) + shift, "k h w -> (h w) k")
    return rearrange(sampled(values, uv), "(h w) c -> c h w", h=MAP_PX)


def _depth_steps(hits: Hits, ours: Solid) -> Solid:
    """Pixels beside a step from one surface to another behind it."""
    depth = rearrange(hits.distance.cpu(), "(h w) -> h w", h=len(ours)).numpy()
    farthest = ndimage.maximum_filter(np.where(ours, depth, -np.inf), 3)
    nearest = ndimage.minimum_filter(np.where(ours, depth, np.inf), 3)
    return ours & (farthest - nearest > MAX_DEPTH_STEP)


def _weights(usable: Solid, cosines: Map) -> Float[np.ndarray, "2 m m"]:
    """How much pixels count at most, and how much where the views agree with the picture in detail."""

    def averaged(values: Map) -> Map:
        return ndimage.gaussian_filter(values * usable, NORMAL_REACH * MAP_PX)

    smooth = averaged(cosines) / np.maximum(averaged(np.ones_like(cosines)), 1e-6)
    # The picture's own edge ends what is usable as well.
    inwards = np.asarray(ndimage.distance_transform_edt(np.pad(usable, 1)))[1:-1, 1:-1]
    whole = _rising((inwards - 1) / (EDGE_FADE * MAP_PX)) * usable
    fades = FADE_COSINES, TRUSTING_COSINES
    return np.stack([_rising((smooth - least) / (full - least)) * whole for least, full in fades])


def _rising(x: Map) -> Map:
    """From 0 at 0 to 1 at 1, without a bend."""
    inside = x.clip(0, 1)
    return inside * inside * (3 - 2 * inside)


def continued(picture: Float[Tensor, "4 h w"]) -> Float[Tensor, "3 h w"]:
    """The picture's colours; beyond the object's outline those of its nearest solid pixel."""
    solid = picture[3].numpy() >= MIN_ALPHA
    inner = ndimage.binary_erosion(solid)
    clear = np.logical_not(inner if inner.any() else solid)
    nearest = ndimage.distance_transform_edt(clear, return_distances=False, return_indices=True)
    rows, columns = np.asarray(nearest)
    return picture[:3, rows, columns]


def _gain(
    theirs: Float[Tensor, "3 m m"],
    views: Float[Tensor, "3 m m"],
    weight: Float[Tensor, "m m"],
    trust: Float[Tensor, "1 m m"],
    *,
    reach: float,
) -> Float[Tensor, "3 m m"]:
    """Factors that give the picture the light of the views.

    One a channel; where the two agree in detail, so that a difference is one of light and not of what is
    shown, the factor follows the light across the picture.
    """
    total = weight.sum().clamp_min(1e-6)
    means = [(values * weight).sum(dim=(1, 2)) / total + DARKEST for values in (views, theirs)]
    whole = (means[0] / means[1]).clamp(*GAINS)[:, None, None]
    share = _averaged(weight[None], reach) * DARKEST + 1e-6
    shaded, lit = (_averaged(values * weight, reach) + share for values in (views, theirs * whole))
    local = (shaded / lit).clamp(1 / LIGHT_RANGE, LIGHT_RANGE)
    return whole * local**trust


def _trust(
    theirs: Float[Tensor, "3 m m"], views: Float[Tensor, "3 m m"], weight: Float[Tensor, "m m"]
) -> Float[Tensor, "1 m m"]:
    """How far differences are believed to be of light, from 0 to 1, by the correlation of details around.

    Where there is no detail, that of the whole picture decides.
    """
    first, second = (detail(values, weight > 0.5) for values in (theirs, views))
    products = torch.stack([(a * b * weight).sum(dim=0) for a, b in _pairs(first, second)])
    whole = products.sum(dim=(1, 2)) / weight.sum().clamp_min(1e-6) + 1e-9
    both, ours, others = _averaged(products, TRUST_REACH) + whole[:, None, None] * PLAIN
    low, high = TRUSTED
    return (((both / (ours * others).sqrt() - low) / (high - low)).clamp(0, 1))[None]


def _pairs(first: Tensor, second: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
    """What a correlation multiplies."""
    return (first, second), (first, first), (second, second)


def _averaged(values: Float[Tensor, "c m m"], reach: float) -> Float[Tensor, "c m m"]:
    """Means around each pixel; `reach` is their deviation as a share of the picture."""
    blur = torch.from_numpy(blur_matrix(MAP_PX, reach * MAP_PX, reaches=4.0)).to(values.device)
    return (blur @ values.double() @ blur.T).to(values.dtype)
