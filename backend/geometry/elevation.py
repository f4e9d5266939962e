"""The elevation of an input picture, from four views beside it whose cameras stand at known angles to it.

One-2-3-45's way (its elevation_estimate/): points seen in two views are triangulated for every candidate
elevation and projected again; at the true one they come back to where they were seen. A turn about the
vertical axis shows as a roll of the picture, the more of it the higher the camera stands.
Legend: `m` matches, `e` candidate elevations.
"""

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.ndimage import binary_erosion
from skimage.feature import SIFT, match_descriptors
from torch import Tensor

from backend.errors import ConfigError
from backend.geometry.anchors import AnchorLayout, Directions
from backend.geometry.cameras import UNIT_RADIUS, Cameras

GREY = 0.5
FLOOR_PX = 0.05
"""Smallest error that a match of features can have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ElevationSearch:
    """How an elevation is searched for.

    Attributes:
        coarse_deg: Candidates of the first round: lowest, highest, step.
        fine_deg: Around the best of these: reach and step.
        max_ratio: Distance of a match to its features, over that of the next best one, at most.
        margin_px: Features nearer than this to the outline are left out: an outline is not the same
            line of the surface in two views.
        limit_px: Reprojection error that a match counts with at most.
        evidence: What a match counts beside what was expected: less than one, for a feature is matched in
            several pairs.
        trust_deg: Standard deviation of what is expected, times the root of two.
    """

    coarse_deg: tuple[float, float, float] = (-60.0, 60.0, 5.0)
    fine_deg: tuple[float, float] = (5.0, 0.5)
    max_ratio: float = 0.8
    margin_px: int = 2
    limit_px: float = 4.0
    evidence: float = 0.5
    trust_deg: float = 10.0

    def __post_init__(self) -> None:
        if self.limit_px <= 0 or self.trust_deg <= 0 or not 0 < self.max_ratio <= 1:
            raise ConfigError(f"need limit > 0, trust > 0 and a ratio up to 1, got {self}")


@dataclass(frozen=True, slots=True)
class Matches:
    """The same points of an object in two views each, as shares of the picture (right, down)."""

    first: Int[Tensor, " m"]
    second: Int[Tensor, " m"]
    first_uv: Float[Tensor, "m 2"]
    second_uv: Float[Tensor, "m 2"]

    def __len__(self) -> int:
        return len(self.first)


@dataclass(frozen=True, slots=True)
class ElevationEstimate:
    """What was found.

    Attributes:
        elevation: In radians.
        error_px: Mean reprojection error there, each match's limited.
        num_matches: Of all pairs of views; with none, the elevation is the expected one.
    """

    elevation: float
    error_px: float
    num_matches: int


def estimate_elevation(
    views: Float[Tensor, "k 4 h w"],
    layout: AnchorLayout,
    *,
    expected: float = 0.0,
    search: ElevationSearch | None = None,
) -> ElevationEstimate:
    """The elevation of the camera whose four neighbours (`AnchorLayout.neighbours`) show these views.

    `expected`, in radians, is what decides where the views say little: on bodies without texture.
    """
    search = ElevationSearch() if search is None else search
    matches = find_matches(views, search)
    if not len(matches):
        return ElevationEstimate(expected, 0.0, 0)
    size = views.shape[-1]

    def errors_px(candidates: Float[Tensor, " e"]) -> Float[Tensor, " e"]:
        return size * elevation_errors(matches, layout, candidates, search.limit_px / size)

    def best(candidates: Float[Tensor, " e"]) -> Float[Tensor, ""]:
        # How precise the views are is not known, so only the ratio of errors tells: drawn views are soft, and
        # matched to some pixels at any elevation.
        unlikely = search.evidence * len(matches) * (errors_px(candidates) + FLOOR_PX).log()
        surprise = ((candidates.rad2deg() - math.degrees(expected)) / search.trust_deg).square()
        return candidates[(unlikely + surprise).argmin()]

    low, high, step = search.coarse_deg
    coarse = best(torch.arange(low, high + step / 2, step, dtype=torch.float64).deg2rad())
    reach, step = search.fine_deg
    chosen = best(coarse + torch.arange(-reach, reach + step / 2, step, dtype=torch.float64).deg2rad())
    return ElevationEstimate(float(chosen), float(errors_px(chosen[None])), len(matches))


def find_matches(views: Float[Tensor, "v 4 h w"], search: ElevationSearch) -> Matches:
    """Points that look alike in two views (SIFT, Lowe 2004), over all pairs of views."""
    found = [_features(view.cpu().numpy(), search.margin_px) for view in views]
    size = views.shape[-1]
    first, second, first_uv, second_uv = [], [], [], []
    for i, j in combinations(range(len(views)), 2):
        (places_i, texts_i), (places_j, texts_j) = found[i], found[j]
        if min(len(places_i), len(places_j)) < 2:
            continue
        pairs = match_descriptors(texts_i, texts_j, max_ratio=search.max_ratio, cross_check=True)
        first += [i] * len(pairs)
        second += [j] * len(pairs)
        first_uv.append((places_i[pairs[:, 0]] + 0.5) / size)
        second_uv.append((places_j[pairs[:, 1]] + 0.5) / size)
    uv = [torch.from_numpy(np.concatenate([np.zeros((0, 2)), *part])) for part in (first_uv, second_uv)]
    return Matches(torch.tensor(first, dtype=torch.long), torch.tensor(second, dtype=torch.long), *uv)


def _features(view: Float[np.ndarray, "4 h w"], margin: int) -> tuple[np.ndarray, np.ndarray]:
    """Places (right, down) in pixels, and descriptions, of features on the object."""
    alpha = view[3]
    grey = view[:3].mean(axis=0) * alpha + GREY * (1 - alpha)
    detector = SIFT()
    try:
        detector.detect_and_extract(grey.astype(np.float64))
    except RuntimeError:  # scikit-image says so where it finds none.
        return np.zeros((0, 2)), np.zeros((0, 128))
    places, texts = np.asarray(detector.positions), np.asarray(detector.descriptors)
    inside = binary_erosion(alpha > 0.5, iterations=margin)
    row, column = places.round().astype(int).clip(0, len(alpha) - 1).T
    kept = np.flatnonzero(np.asarray(inside)[row, column])
    return places[kept][:, ::-1], texts[kept]


def elevation_errors(
    matches: Matches, layout: AnchorLayout, elevation: Float[Tensor, " e"], limit: float
) -> Float[Tensor, " e"]:
    """Mean reprojection error of the matches for candidate elevations, as a share of the picture.

    A match counts with `limit` at most, and with `limit` where its point is not of the object.
    """
    own = Directions(torch.zeros_like(elevation), elevation)
    cameras = layout.place(layout.neighbours(own))
    first, second = _chosen(cameras, matches.first), _chosen(cameras, matches.second)
    point = _triangulated(first, second, matches)
    total = torch.zeros(point.shape[:-1], dtype=point.dtype)
    for view, seen in ((first, matches.first_uv), (second, matches.second_uv)):
        uv, _ = view.project(point[..., None, :])
        total = total + (uv[..., 0, :] - seen).norm(dim=-1) / 2
    is_outside = point.norm(dim=-1) > 1.1 * UNIT_RADIUS
    return total.clamp(max=limit).masked_fill(is_outside, limit).mean(dim=1)


def _chosen(cameras: Cameras, index: Int[Tensor, " m"]) -> Cameras:
    return Cameras(cameras.world_from_cam[:, index], cameras.fov[:, index])


def _triangulated(first: Cameras, second: Cameras, matches: Matches) -> Float[Tensor, "e m 3"]:
    """The middle of the shortest line between the two rays of each match."""
    (eye, along), (other, across) = _ray(first, matches.first_uv), _ray(second, matches.second_uv)
    between = other - eye
    cosine = (along * across).sum(-1)
    near, far = (between * along).sum(-1), (between * across).sum(-1)
    # Rays of neighbours are never parallel: they start apart and both meet the object.
    scale = (1 - cosine**2).clamp_min(1e-9)
    reach = (near - cosine * far) / scale
    other_reach = (cosine * near - far) / scale
    return (eye + reach[..., None] * along + other + other_reach[..., None] * across) / 2


def _ray(cameras: Cameras, uv: Float[Tensor, "m 2"]) -> tuple[Float[Tensor, "e m 3"], Float[Tensor, "e m 3"]]:
    """Origins and unit directions of rays through places of pictures."""
    reach = 2 * torch.tan(cameras.fov / 2)
    x, y = (uv[:, 0] - 0.5) * reach, (0.5 - uv[:, 1]) * reach
    local = torch.stack([x, y, -torch.ones_like(x)], dim=-1)
    world = torch.einsum("emij,emj->emi", cameras.world_from_cam[..., :3, :3], local)
    return cameras.position, torch.nn.functional.normalize(world, dim=-1)
