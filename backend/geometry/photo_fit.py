"""Finding the camera of the input picture by laying a finished mesh over it.

Candidates on a grid of elevation, azimuth and field of view are laid over the picture by area and centroid
of their outline. The best of them are refined by Gauss-Newton steps with robust weights, on the distance
between outlines and the difference of details. While the camera changes, the rim of a mesh moves along the
outline only, so that the distance of today's rim from it is right to first order.

Legend: `n` points, `r` residuals, `v` vertices, `h w` rows and columns.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from scipy import ndimage
from scipy.spatial import KDTree
from torch import Tensor

from backend.geometry.photo_camera import Params, PhotoCamera, framing_rays
from backend.geometry.photo_target import Target, detail, rim, sampled
from backend.geometry.raycast import Bvh, Hits

ELEVATIONS_DEG = tuple(range(-20, 61, 8))
AZIMUTHS_DEG = (-14, -7, 0, 7, 14)
FOVS_DEG = (20, 36, 56)
"""Cameras of the coarse search."""

LOWEST = np.array([math.radians(-25), math.radians(-20), math.radians(15), math.log(0.3), -1.0, -1.0])
HIGHEST = np.array([math.radians(65), math.radians(20), math.radians(70), math.log(5.0), 1.0, 1.0])
"""Bounds of the parameters."""

EXPECTED = np.array([math.radians(15), 0.0, math.radians(36), 0.0, 0.0, 0.0])
DOUBT = np.array([math.radians(30), math.radians(8), math.radians(20), math.inf, math.inf, math.inf])
"""Where the parameters lie before the picture is looked at, and how far off they may well be."""

LONGEST_STEP = np.array([0.15, 0.1, 0.2, 0.15, 0.06, 0.06])
"""Steps within which the rim of a mesh stays about the same."""

COARSE_PX, FINE_PX, FINEST_PX = 48, 128, 256
NUM_STARTS, NUM_KEPT, NUM_LAST_STEPS = 6, (6, 6, 4, 4, 2, 2, 2, 2), 10
"""Candidates that are refined, how many of them take each step, and the best one's on a finer picture."""

NEAR_DEG = 12.0, 30.0
"""Angles of the camera, and of the field of view, within which two starts lead to the same end."""

DAMPING, MOST_DAMPING = 1e-2, 10.0
"""Of the first step, as a share of the curvature (Levenberg and Marquardt), and where a search ends."""

OUTLINE_UNIT, COLOUR_UNIT = 0.006, 0.1
"""Distance of outlines, as a share of the picture, and difference in colour that weigh alike in a step."""
ROBUST = 3.0
"""Residuals, in these units, from which on they count less."""
COLOUR_SHARE, PRIOR_SHARE = 0.7, 0.015
"""Weights of colours and expectations beside outlines."""
MAX_COLOUR_POINTS = 1500
FEW_PIXELS = 16
GAINS = 0.3, 2.0
"""Bounds of the factor between the mesh's colours and the picture's."""

NUM_QUANTILES = 17
PALETTE_GAINS = 0.6, 1.6
"""Bounds of the factor between the brightness of two palettes."""

ColoursAt = Callable[[Hits], Float[Tensor, "n 3"]]
"""The mesh's sRGB colours where rays meet it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoFit:
    """A camera and how well the mesh agrees with the picture from there.

    Attributes:
        iou: Intersection over union of the outlines.
        colour_error: Root mean squared difference of sRGB colours where both are, after the best gain and
            offset of each channel.
        palette_error: Mean difference of the quantiles of each channel over both outlines, whatever lies
            where, after one gain.
        cost: What the search makes small.
    """

    camera: PhotoCamera
    iou: float
    colour_error: float
    palette_error: float
    cost: float


@dataclass(frozen=True, slots=True)
class _Look:
    """What a step is made from: the mesh's rim, and points inside it with the details they should show."""

    rim: Float[Tensor, "n 3"]
    inner: Float[Tensor, "m 3"]
    detail: Float[Tensor, "m 3"]


def find_camera(bvh: Bvh, colours_at: ColoursAt, picture: Float[Tensor, "4 h w"]) -> PhotoFit:
    """The camera from which a mesh in generation space looks most like the picture.

    Args:
        picture: Straight-alpha sRGB cut-out with an object in it.
    """
    coarse, fine = Target(picture, COARSE_PX), Target(picture, FINE_PX)
    costs, placed = _laid_over(bvh, colours_at, coarse, _angles())
    starts = _apart(placed[np.argsort(costs, kind="stable")])
    searches = [_Search(bvh, colours_at, fine, params) for params in starts]
    for count in NUM_KEPT:
        searches = sorted(searches, key=lambda search: search.fit.cost)[:count]
        for search in searches:
            search.step()
    best, finest = (
        min((search.fit for search in searches), key=lambda fit: fit.cost),
        Target(picture, FINEST_PX),
    )
    last = _Search(bvh, colours_at, finest, best.camera.params())
    for _ in range(NUM_LAST_STEPS):
        last.step()
    hits = bvh.cast(*last.fit.camera.rays(FINEST_PX))
    ours = colours_at(hits).cpu()[hits.is_hit.cpu()]
    return replace(last.fit, palette_error=palette_error(ours, finest.rgb[:, finest.solid].T))


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


def _cost(iou: float, error: float, params: Params) -> float:
    return 1 - iou + COLOUR_SHARE * error + PRIOR_SHARE * float(np.square((params - EXPECTED) / DOUBT).sum())


def _angles() -> Float[np.ndarray, "k 3"]:
    """Elevation, azimuth and field of view of the coarse search's cameras."""
    grid = np.meshgrid(ELEVATIONS_DEG, AZIMUTHS_DEG, FOVS_DEG, indexing="ij")
    return np.radians(np.stack(grid, axis=-1).reshape(-1, 3).astype(np.float64))


def _laid_over(
    bvh: Bvh, colours_at: ColoursAt, target: Target, angles: Float[np.ndarray, "k 3"]
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "k 6"]]:
    """Cameras with these angles laid over the picture by area and centroid, after their costs.

    All rays are cast at once: a graphics card takes for one camera as long as for all.
    """
    size, count = target.size, len(angles)
    hits = bvh.cast(*framing_rays(torch.from_numpy(angles), size))
    is_hit = rearrange(hits.is_hit.cpu(), "(k n) -> k n", k=count)
    ours = rearrange(colours_at(hits).cpu(), "(k n) c -> k n c", k=count)
    index = torch.arange(size**2)
    at = torch.stack([index % size, index // size], dim=1) / size + 0.5 / size
    covered = is_hit.sum(dim=1).clamp_min(1)
    centre = is_hit.float() @ at / covered[:, None]
    scale = (target.area * size**2 / covered).sqrt()[:, None]
    shift = torch.from_numpy(target.centre).float() - 0.5 - (centre - 0.5) * scale
    uv = (at - 0.5) * scale[:, None] + (0.5 + shift)[:, None]
    picture = torch.cat([target.rgb, target.alpha[None]])
    theirs = rearrange(sampled(picture, rearrange(uv, "k n c -> (k n) c")), "(k n) c -> k n c", k=count)
    inside = theirs[..., 3] * ((uv > 0) & (uv < 1)).all(dim=-1) * is_hit
    both = inside.sum(dim=1) * scale[:, 0] ** 2 / size**2
    iou, error = both / (2 * target.area - both), colour_error(ours, theirs[..., :3], inside)
    params = np.concatenate([angles, np.log(scale.double().numpy()), shift.double().numpy()], axis=1)
    rows = zip(iou.tolist(), error.tolist(), params, strict=True)
    costs = np.array([_cost(each, off, row) for each, off, row in rows])
    return np.where((is_hit.sum(dim=1) < FEW_PIXELS).numpy(), np.inf, costs), params


def _apart(ordered: Float[np.ndarray, "k 6"]) -> list[Params]:
    """The first cameras that are no neighbours of an earlier one."""
    chosen: list[Params] = []
    for params in ordered:
        steps = [np.degrees(np.abs(params - other)) for other in chosen]
        if all(max(step[:2]) > NEAR_DEG[0] or step[2] > NEAR_DEG[1] for step in steps):
            chosen.append(params)
    return chosen[:NUM_STARTS]


class _Search:
    """The search for a camera from one start.

    Attributes:
        fit: The best camera so far.
    """

    def __init__(self, bvh: Bvh, colours_at: ColoursAt, target: Target, start: Params) -> None:
        self._mesh, self._colours_at, self._target, self._params = bvh, colours_at, target, start
        self.fit, self._look = _looked_at(bvh, colours_at, target, start)
        self._damping = DAMPING

    def step(self) -> None:
        """Go one step on; one that makes things worse is tried again with more damping."""
        if self._look is None or self._damping > MOST_DAMPING:
            return
        way = _step(self._look, self._target, self._params, self._damping)
        tried = np.clip(self._params + way, LOWEST, HIGHEST)
        fit, seen = _looked_at(self._mesh, self._colours_at, self._target, tried)
        if fit.cost < self.fit.cost:
            self.fit, self._look, self._params = fit, seen, tried
            self._damping /= 4
        else:
            self._damping *= 6


def _looked_at(
    bvh: Bvh, colours_at: ColoursAt, target: Target, params: Params
) -> tuple[PhotoFit, _Look | None]:
    """How well a camera agrees; None where so little does that no step can be made."""
    camera, size = PhotoCamera.of(params), target.size
    hits = bvh.cast(*camera.rays(size))
    seen = hits.is_hit.cpu().reshape(size, size)
    both = seen & target.solid
    iou = float(both.sum()) / max(1.0, float((seen | target.solid).sum()))
    if int(both.sum()) < FEW_PIXELS:
        return PhotoFit(camera=camera, iou=iou, colour_error=1.0, palette_error=1.0, cost=math.inf), None
    ours = rearrange(colours_at(hits).cpu(), "(h w) c -> c h w", h=size)
    error = float(colour_error(ours[:, both].T, target.rgb[:, both].T, torch.ones(int(both.sum()))))
    points = rearrange(bvh.positions(hits).cpu(), "(h w) c -> h w c", h=size)
    inner = torch.from_numpy(ndimage.binary_erosion(both.numpy(), iterations=2))
    details = _matched(detail(ours, seen)[:, inner].T, target.detail[:, inner].T)
    look = _Look(points[torch.from_numpy(rim(seen.numpy()))], points[inner], details)
    cost = _cost(iou, error, params)
    return PhotoFit(camera=camera, iou=iou, colour_error=error, palette_error=1.0, cost=cost), look


def _matched(ours: Float[Tensor, "n 3"], theirs: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    """Our details, as strong as theirs."""
    gain = (ours * theirs).sum() / ours.square().sum().clamp_min(1e-6)
    return ours * gain.clamp(*GAINS)


def _step(look: _Look, target: Target, params: Params, damping: float) -> Params:
    """A damped Gauss-Newton step, no longer than the rim allows."""
    residuals, unit = _residuals(look, target, params)
    start = residuals(params)
    shift = 1e-3 * np.eye(len(params))
    slopes = np.stack([(residuals(params + row) - start) / 1e-3 for row in shift], axis=1)
    weights = np.minimum(1, ROBUST / np.maximum(np.abs(start), 1e-9)) * unit**2
    prior = PRIOR_SHARE / DOUBT**2
    matrix = (slopes * weights[:, None]).T @ slopes + np.diag(prior)
    towards = -(slopes * weights[:, None]).T @ start - prior * (params - EXPECTED)
    matrix += np.diag(damping * np.diag(matrix) + 1e-9)
    step = np.linalg.solve(matrix, towards)
    return step / max(1.0, float(np.abs(step / LONGEST_STEP).max()))


def _residuals(
    look: _Look, target: Target, params: Params
) -> tuple[Callable[[Params], Float[np.ndarray, " r"]], Float[np.ndarray, " r"]]:
    """Distances of the two outlines and differences of details, in their units, and how much each counts."""
    outline, outwards = target.outline
    uv, _ = PhotoCamera.of(params).project(look.rim)
    near = torch.from_numpy(KDTree(uv.numpy()).query(outline.numpy())[1])
    stride = 1 + len(look.inner) // MAX_COLOUR_POINTS
    inner, wanted = look.inner[::stride], look.detail[::stride]
    points = torch.cat([look.rim, inner])

    def residuals(values: Params) -> Float[np.ndarray, " r"]:
        uv, inside = PhotoCamera.of(values).project(points)[0].split([len(look.rim), len(inner)])
        # Both are centres of outermost pixels: half a pixel inside the outline.
        ours = sampled(target.distance[None], uv)[:, 0] + 0.5 / target.size
        theirs = ((uv[near] - outline) * outwards).sum(dim=1)
        colours = sampled(target.detail, inside) - wanted
        parts = [ours / OUTLINE_UNIT, theirs / OUTLINE_UNIT, colours.reshape(-1) / COLOUR_UNIT]
        return torch.cat(parts).double().numpy()

    counts = len(uv), len(outline), 3 * len(inner)
    shares = 0.5, 0.5, COLOUR_SHARE
    unit = [np.full(n, math.sqrt(share / max(1, n))) for n, share in zip(counts, shares, strict=True)]
    return residuals, np.concatenate(unit)
