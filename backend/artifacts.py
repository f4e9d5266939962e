"""What stages hand to each other, and the constants of generation space that they share."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

COARSE, FINE = 64, 128
"""Cells along a side of the dense occupancy grid and of the sparse shape grid (One-2-3-45++, 3.2)."""

SHELL_THRESHOLD = 1 / FINE
"""A fine voxel belongs to the shell when its centre is nearer to the surface than this, in metres."""

SDF_TRUNCATION = 3 / FINE
"""Signed distances are clipped to this, in metres."""


@dataclass(frozen=True, slots=True)
class SparseShape:
    """A coloured signed distance field on the children of the occupied coarse cells.

    Attributes:
        coords: Voxel indices (x, y, z) on a `resolution`^3 grid over [-0.5, 0.5]^3, in C order.
        sdf: Signed distance at the voxel centres, negative inside, in metres, clipped to +-`truncation`.
        rgb: sRGB colour of the nearest surface point, in [0, 1].
    """

    coords: Int[Tensor, "n 3"]
    sdf: Float[Tensor, " n"]
    rgb: Float[Tensor, "n 3"]
    resolution: int = FINE
    truncation: float = SDF_TRUNCATION
