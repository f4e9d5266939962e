"""The parts of a surface that no view shows well, and the colours they are to take."""

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Float32
from scipy.spatial import KDTree
from torch import Tensor

from backend.geometry.meshes import Mesh, interpolate, sample_surface
from backend.geometry.render import BARE
from backend.geometry.sightings import Observer, Sightings

WELL_SEEN_COSINE = 0.35
"""A point seen at least this squarely needs no help from the mesh's own colours."""

NUM_SURFACE_POINTS = 40_000
"""Points drawn from the whole surface, of which the unseen ones are kept."""

GRID = 96
"""Cells along a side of the grid of unseen colours: a few points fall into each cell of the surface."""

LEAST_WEIGHT = 1e-4
"""Spread weight below which a place has no unseen points around it."""

NUM_NEIGHBOURS = 8
NEIGHBOUR_REACH, NORMAL_REACH = 0.04, 0.02
"""Metres over which seen colours fade into the mesh's own, and metres that a right angle of normals adds."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """Points all over the surface with the mesh's own colours; `weights`: how little of each is seen."""

    points: Float[Tensor, "n 3"]
    normals: Float[Tensor, "n 3"]
    colours: Float[Tensor, "n 3"]
    weights: Float[Tensor, " n"]


class UnseenColours:
    """The colours of unseen points as a smooth grid, for places between them."""

    def __init__(self, unseen: Unseen) -> None:
        """Spread the points' colours over the cells around them."""
        cells = ((unseen.points + 0.5) * GRID).long().clamp(0, GRID - 1)
        index = (cells[:, 2] * GRID + cells[:, 1]) * GRID + cells[:, 0]
        weights = unseen.weights[:, None]
        grid = torch.zeros(GRID**3, 5, device=unseen.points.device)
        rows = torch.cat([unseen.colours * weights, weights, torch.ones_like(weights)], dim=1)
        grid.index_add_(0, index, rows)
        layers = rearrange(grid, "(z y x) c -> 1 c z y x", z=GRID, y=GRID)
        for _ in range(2):
            layers = F.avg_pool3d(layers, 3, 1, 1)
        self._layers = layers

    def at(self, points: Float[Tensor, "n 3"]) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 1"]]:
        """Colours at places, and in [0, 1] how little of the unseen points around is seen; 0 without any."""
        place = rearrange(points * 2, "n k -> 1 1 1 n k")
        found = F.grid_sample(self._layers, place, mode="bilinear", align_corners=False)[0, :, 0, 0].T
        weight, count = found[:, 3:4], found[:, 4:5]
        return found[:, :3] / weight.clamp_min(LEAST_WEIGHT), weight / count.clamp_min(LEAST_WEIGHT)


def unseen_points(
    mesh: Mesh, normals: Float32[np.ndarray, "v 3"], observer: Observer, *, seed: int
) -> Unseen:
    """Points of a mesh that no view looks at squarely, with its own colours."""
    face, barycentric = sample_surface(mesh, NUM_SURFACE_POINTS, np.random.default_rng(seed))
    corners = mesh.faces[face]
    colours = mesh.colours if mesh.colours is not None else np.full_like(mesh.vertices, BARE)
    points, facing, own = (
        torch.from_numpy(interpolate(values, corners, barycentric)).float().to(observer.bvh.device)
        for values in (mesh.vertices, normals, colours)
    )
    facing = F.normalize(facing, dim=1)
    weights = (1 - observer.best_cosine(points, facing) / WELL_SEEN_COSINE).clamp_min(0)
    keep = weights > 0
    return Unseen(points[keep], facing[keep], own[keep], weights[keep])


def with_neighbours(unseen: Unseen, seen: Sightings) -> Unseen:
    """Unseen points, the mesh's own colours fading into those of seen points nearby.

    The own ones come from a coarse grid, and show as blots in small pits and creases that no view reaches.
    """
    if not len(unseen.points) or len(seen.points) < NUM_NEIGHBOURS:
        return unseen

    def places(positions: Tensor, directions: Tensor) -> np.ndarray:
        # Normals count a little, so that a thin wall does not take the colours of its other side.
        return torch.cat([positions, directions * NORMAL_REACH], dim=1).cpu().numpy()

    # Made in half the time of a balanced one, and asked as fast.
    tree = KDTree(places(seen.points, seen.normals), balanced_tree=False)
    distance, found = tree.query(places(unseen.points, unseen.normals), k=NUM_NEIGHBOURS, workers=-1)
    near = seen.weights.cpu().numpy()[found] / (distance + NEIGHBOUR_REACH / 20)
    near /= np.maximum(near.sum(axis=1, keepdims=True), 1e-12)
    theirs = np.einsum("nk,nkc->nc", near, seen.colours.cpu().numpy()[found])
    share = np.exp(-np.square(distance[:, :1] / NEIGHBOUR_REACH))
    own = unseen.colours
    colours = torch.lerp(own, torch.from_numpy(theirs).to(own), torch.from_numpy(share).to(own))
    return replace(unseen, colours=colours)
