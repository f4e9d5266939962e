"""Finding the camera of the input picture by laying a finished mesh over it.

Candidates on a grid of elevation, azimuth and field of view are laid over the picture by area and centroid
of their outline. The best of them are refined side by side by Gauss-Newton steps with robust weights, on the
distance between outlines and the difference of details (`photo_steps.py`).

Legend: `k` cameras, `n` points, `v` vertices, `h w` rows and columns.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from backend.geometry.photo_camera import Params, PhotoCamera, framing_rays
from backend.geometry.photo_cost import colour_error, cost_of, palette_error
from backend.geometry.photo_steps import FEW_PIXELS, Looks, looks, ways
from backend.geometry.photo_target import Target, sampled
from backend.geometry.raycast import Bvh

ELEVATIONS_DEG = tuple(range(-20, 61, 8))
AZIMUTHS_DEG = (-14, -7, 0, 7, 14)
FOVS_DEG = (20, 36, 56)
"""Cameras of the coarse search."""

LOWEST = np.array([math.radians(-25), math.radians(-20), math.radians(15), math.log(0.3), -1.0, -1.0])
HIGHEST = np.array([math.radians(65), math.radians(20), math.radians(70), math.log(5.0), 1.0, 1.0])
"""Bounds of the parameters."""

COARSE_PX, FINE_PX, FINEST_PX = 48, 128, 256
NUM_STARTS = 6
"""Candidates that are refined."""

STEPS, LAST_STEPS = ((6, 1), (6, 1), (4, 1), (4, 1), (2, 2), (2, 2), (2, 2)), (3, 3, 3, 3)
"""How many candidates take each step, and with how many dampings each; and with how many the best one takes
each of its own, on a finer picture. Tries side by side take a graphics card no more time than one."""

NEAR_DEG = 12.0, 30.0
"""Angles of the camera, and of the field of view, within which two starts lead to the same end."""

ASIDE_DEG, NUM_ASIDE_STEPS = (3.0, 6.0), 4
"""Azimuths and fields of view beside the best ones from which they are looked for again: valleys of costs are
flat along them."""

DAMPING, MOST_DAMPING = 1e-2, 10.0
"""Of the first step, as a share of the curvature (Levenberg and Marquardt), and where a search ends."""

LESS, MORE = 0.25, 6.0
"""What a step's damping is multiplied with for the next step, and for the next try."""


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


def find_camera(bvh: Bvh, colours: Float[Tensor, "v 3"], picture: Float[Tensor, "4 h w"]) -> PhotoFit:
    """The camera from which a mesh in generation space looks most like the picture.

    Args:
        colours: sRGB at the mesh's vertices, on the device of its rays.
        picture: Straight-alpha sRGB cut-out with an object in it.
    """
    coarse, fine, finest = (
        Target(picture, size, device=bvh.device) for size in (COARSE_PX, FINE_PX, FINEST_PX)
    )
    laid, placed = _laid_over(bvh, colours, coarse, _angles())
    search = _Search(bvh, colours, fine, _apart(placed[np.argsort(laid, kind="stable")]))
    for count, tries in STEPS:
        search.keep(count)
        search.step(tries)
    search.keep(1)
    search = _Search(bvh, colours, fine, _beside(search.params[0]))
    for _ in range(NUM_ASIDE_STEPS):
        search.step()
    search.keep(1)
    last = _Search(bvh, colours, finest, search.params)
    for tries in LAST_STEPS:
        last.step(tries)
    camera, found = PhotoCamera.of(last.params[0]), last.found.costs
    hits = bvh.cast(*camera.rays(FINEST_PX))
    ours = bvh.interpolate(colours, hits)[hits.is_hit].cpu()
    return PhotoFit(
        camera=camera,
        iou=float(found.iou[0]),
        colour_error=float(found.error[0]),
        palette_error=palette_error(ours, finest.rgb[:, finest.solid].T.cpu()),
        cost=float(found.cost[0]),
    )


def _angles() -> Float[np.ndarray, "k 3"]:
    """Elevation, azimuth and field of view of the coarse search's cameras."""
    grid = np.meshgrid(ELEVATIONS_DEG, AZIMUTHS_DEG, FOVS_DEG, indexing="ij")
    return np.radians(np.stack(grid, axis=-1).reshape(-1, 3).astype(np.float64))


def _laid_over(
    bvh: Bvh, colours: Float[Tensor, "v 3"], target: Target, angles: Float[np.ndarray, "k 3"]
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "k 6"]]:
    """Cameras with these angles laid over the picture by area and centroid, after their costs.

    All rays are cast at once: a graphics card takes for one camera as long as for all.
    """
    size, count = target.size, len(angles)
    hits = bvh.cast(*framing_rays(torch.from_numpy(angles).to(bvh.device), size))
    is_hit = rearrange(hits.is_hit, "(k n) -> k n", k=count)
    ours = rearrange(bvh.interpolate(colours, hits), "(k n) c -> k n c", k=count)
    index = torch.arange(size**2, device=bvh.device)
    at = torch.stack([index % size, index // size], dim=1) / size + 0.5 / size
    covered = is_hit.sum(dim=1).clamp_min(1)
    centre = is_hit.float() @ at / covered[:, None]
    scale = (target.area * size**2 / covered).sqrt()[:, None]
    shift = torch.from_numpy(target.centre).float().to(bvh.device) - 0.5 - (centre - 0.5) * scale
    uv = (at - 0.5) * scale[:, None] + (0.5 + shift)[:, None]
    picture = torch.cat([target.rgb, target.alpha[None]])
    theirs = rearrange(sampled(picture, rearrange(uv, "k n c -> (k n) c")), "(k n) c -> k n c", k=count)
    inside = theirs[..., 3] * ((uv > 0) & (uv < 1)).all(dim=-1) * is_hit
    both = inside.sum(dim=1) * scale[:, 0] ** 2 / size**2
    iou, error = both / (2 * target.area - both), colour_error(ours, theirs[..., :3], inside)
    table = torch.cat([torch.stack([is_hit.sum(dim=1), iou, error, scale[:, 0].log()], dim=1), shift], dim=1)
    hit, overlap, off, *framing = table.double().cpu().numpy().T
    params = np.concatenate([angles, np.stack(framing, axis=1)], axis=1)
    return np.where(hit < FEW_PIXELS, np.inf, cost_of(overlap, off, params)), params


def _apart(ordered: Float[np.ndarray, "k 6"]) -> Float[np.ndarray, "m 6"]:
    """The first cameras that are no neighbours of an earlier one."""
    chosen: list[Params] = []
    for params in ordered:
        steps = [np.degrees(np.abs(params - other)) for other in chosen]
        if all(max(step[:2]) > NEAR_DEG[0] or step[2] > NEAR_DEG[1] for step in steps):
            chosen.append(params)
    return np.stack(chosen[:NUM_STARTS])


def _beside(params: Params) -> Float[np.ndarray, "5 6"]:
    """The camera, and the same from a little to either side, also through another lens."""
    aside = np.zeros((5, len(params)))
    aside[1:, 1] = np.radians(ASIDE_DEG[0]) * np.array([1, -1, 1, -1])
    aside[3:, 2] = np.radians(ASIDE_DEG[1]) * np.array([1, -1])
    return np.clip(params + aside, LOWEST, HIGHEST)


class _Search:
    """The search for a camera from several starts side by side.

    Attributes:
        params: The best cameras so far.
        found: What they see.
    """

    def __init__(
        self, bvh: Bvh, colours: Float[Tensor, "v 3"], target: Target, starts: Float[np.ndarray, "k 6"]
    ) -> None:
        self._bvh, self._colours, self._target = bvh, colours, target
        self.params = starts
        self.found: Looks = looks(bvh, colours, target, starts)
        self._damping = np.full(len(starts), DAMPING)

    def keep(self, count: int) -> None:
        """Give up all but the best."""
        rows = np.argsort(self.found.costs.cost, kind="stable")[:count]
        if len(rows) < len(self.params):
            self.params, self._damping, self.found = (
                self.params[rows],
                self._damping[rows],
                self.found.of(rows),
            )

    def step(self, tries: int = 1) -> None:
        """Go one step on; one that makes things worse is tried again with more damping.

        Args:
            tries: Dampings that are tried side by side.
        """
        is_over = (self._damping > MOST_DAMPING) | np.isinf(self.found.costs.cost)
        if is_over.all():
            return
        damping = self._damping[:, None] * MORE ** np.arange(tries)
        way = ways(self.found, self._target, self.params, damping)
        tried = np.clip(self.params[:, None] + way * ~is_over[:, None, None], LOWEST, HIGHEST)
        seen = looks(self._bvh, self._colours, self._target, tried.reshape(-1, tried.shape[2]))
        best = seen.costs.cost.reshape(damping.shape).argmin(axis=1)
        start = np.arange(len(best))
        seen, tried, damping = seen.of(start * tries + best), tried[start, best], damping[start, best]
        better = seen.costs.cost < self.found.costs.cost
        self.found = seen.where(better, self.found)
        self.params = np.where(better[:, None], tried, self.params)
        self._damping = np.where(better, LESS * damping, MORE**tries * self._damping)
