"""A flat underside, so that a body stands on its own."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from backend.geometry.grids import cell_centres
from backend.geometry.meshes import Mesh

LOOK_SHARE = 0.15
"""Share of a body's height, from below, whose sections are compared."""

STAND_SHARE = 0.5
"""The cut is where the section reaches this share of the widest one down there."""

MAX_CUT_SHARE = 0.06
"""Largest share of the height that is cut off."""

ON_BASE = 2e-4
"""Metres from the plane within which a vertex of marching cubes lies on it."""

NEAR_BASE = 1e-3
"""Metres from the plane within which a vertex of the simplified mesh is put onto it."""


def base_height(field: Float[Tensor, "x y z"]) -> float:
    """Height, in metres, of the plane that a body in a field of signed distances is to stand on."""
    sections = (field < 0).sum(dim=(0, 1)).double()
    filled = sections.nonzero()[:, 0]
    low, high = int(filled[0]), int(filled[-1])
    height = high - low + 1
    widest = sections[low : low + max(1, round(LOOK_SHARE * height))].max()
    last = low + int(MAX_CUT_SHARE * height)
    wide = (sections[low : last + 1] >= STAND_SHARE * widest).nonzero()[:, 0]
    level = low + int(wide[0]) if len(wide) else last
    # Between the centres of two layers, away from both: neither becomes zero.
    return (level + 0.25) / field.shape[2] - 0.5


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
