"""A flat underside, so that a body stands on its own."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from backend.geometry.grids import cell_centres
from backend.geometry.meshes import Mesh

LOOK_SHARE = 0.15
"""Share of a body's height, from below, whose sections are compared."""

STAND_SHARE = 0.5
"""The section that a body stands on has at least this share of the area of the widest one down there."""

MAX_CUT_SHARE = 0.1
"""Largest share of the height that is cut off."""

NUM_SIDES, MARGIN = 16, 0.02
"""The section reaches this many metres beyond the centre of mass towards so many sides."""

ON_BASE = 2e-4
"""Metres from the plane within which a vertex of marching cubes lies on it."""

NEAR_BASE = 1e-3
"""Metres from the plane within which a vertex of the simplified mesh is put onto it."""


def base_height(field: Float[Tensor, "x y z"]) -> float:
    """Height, in metres, of the lowest plane on which a body in a field of signed distances stands firmly.

    Where there is none in reach it is the highest one that is allowed.
    """
    inside = (field < 0).numpy()
    areas = inside.sum(axis=(0, 1))
    filled = np.flatnonzero(areas)
    low, height = int(filled[0]), int(filled[-1] - filled[0]) + 1
    widest = areas[low : low + max(1, round(LOOK_SHARE * height))].max()
    middle, last = np.argwhere(inside)[:, :2].mean(axis=0), low + int(MAX_CUT_SHARE * height)
    level = next(
        (
            level
            for level in range(low, last)
            if areas[level] >= STAND_SHARE * widest and _carries(inside[:, :, level], middle)
        ),
        last,
    )
    # Between the centres of two layers, away from both: neither becomes zero.
    return (level + 0.25) / field.shape[2] - 0.5


def _carries(section: Bool[np.ndarray, "x y"], middle: Float[np.ndarray, " 2"]) -> bool:
    """Whether a section reaches beyond the centre of mass on every side."""
    angle = np.arange(NUM_SIDES) * 2 * np.pi / NUM_SIDES
    sides = np.stack([np.cos(angle), np.sin(angle)])
    reach = ((np.argwhere(section) - middle) @ sides).max(axis=0)
    return bool((reach > MARGIN * section.shape[0]).all())


def cut_below(field: Float[Tensor, "x y z"], height: float) -> Float[Tensor, "x y z"]:
    """The part of a body above a plane."""
    depth = height - cell_centres(field.shape[2])[..., 2]
    return torch.maximum(field, depth.to(field))


def is_on_base(mesh: Mesh, height: float) -> np.ndarray:
    """Which vertices of a cut body, as marching cubes leave it, lie on the plane."""
    return np.abs(mesh.vertices[:, 2] - height) < ON_BASE


def flattened(mesh: Mesh, height: float, on_base: np.ndarray | None = None) -> Mesh:
    """The mesh with `on_base`, or else the vertices near the plane, on it, and nothing below."""
    vertices = mesh.vertices.copy()
    if on_base is None:
        on_base = np.abs(vertices[:, 2] - height) < NEAR_BASE
    vertices[:, 2] = np.maximum(vertices[:, 2], np.float32(height))
    vertices[on_base, 2] = height
    return replace(mesh, vertices=vertices)
