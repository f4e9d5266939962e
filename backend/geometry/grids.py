"""Cells of generation space: indices, centres and the step from coarse cells to fine voxels.

Grids span [-0.5, 0.5]^3; axis order is x, y, z; cell i of n has its centre at (i + 0.5) / n - 0.5.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def cell_centres(resolution: int, *, device: torch.device | str = "cpu") -> Float[Tensor, "x y z 3"]:
    """Centres of all cells of a dense grid, in metres."""
    axis = (torch.arange(resolution, device=device, dtype=torch.float32) + 0.5) / resolution - 0.5
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1)


def voxel_centres(coords: Int[Tensor, "n 3"], resolution: int) -> Float[Tensor, "n 3"]:
    """Centres of listed voxels, in metres."""
    return (coords.float() + 0.5) / resolution - 0.5


def children(occupancy: Bool[Tensor, "b x y z"]) -> Int[Tensor, "n 4"]:
    """The eight fine voxels of every occupied cell (One-2-3-45++, section 3.2).

    Returns:
        Rows (batch, x, y, z) on the grid of twice the resolution, in C order.
    """
    fine = occupancy
    for axis in (1, 2, 3):
        fine = fine.repeat_interleave(2, dim=axis)
    return fine.nonzero()


def box_around(cells: Bool[np.ndarray, "x y z"], *, margin: int = 0) -> tuple[slice, ...]:
    """Where a grid's set cells are, with `margin` more on all sides as far as the grid reaches."""
    spans = []
    for axes in ((1, 2), (0, 2), (0, 1)):
        used = np.flatnonzero(cells.any(axis=axes))
        spans.append(
            slice(max(int(used[0]) - margin, 0), int(used[-1]) + margin + 1) if len(used) else slice(0)
        )
    return tuple(spans)
