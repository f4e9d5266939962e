"""Trilinear samples of volumes at points that never change, row by row.

`grid_sample` finds the eight cells around every point again for every channel of every sample, and its
gradient adds them one by one. Here a row holds a cell of all volumes, so both ways read and write whole rows.
Legend: `m` cells, `n` points, `c` channels (of all samples together).
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from backend.models.lifting import weighted_rows


def trilinear_taps(
    points: Float[Tensor, "n 3"], size: int
) -> tuple[Int[Tensor, "8 n"], Float[Tensor, "8 n"]]:
    """Cells around points and their weights, as `grid_sample` has them (corners not aligned, zeros outside).

    Args:
        points: Positions along the last, the middle and the first axis of the volume, in [-1, 1].
        size: Cells along a side.

    Returns:
        Flat indices in C order, and weights; a cell outside the volume has weight zero.
    """
    place = (points.double() + 1) / 2 * size - 0.5
    low = place.floor()
    fraction = place - low
    index, weight = [], []
    for corner in range(8):
        offset = torch.tensor([corner & 1, corner >> 1 & 1, corner >> 2], device=points.device)
        cell = low.long() + offset
        share = torch.where(offset.bool(), fraction, 1 - fraction).prod(dim=1)
        is_inside = ((cell >= 0) & (cell < size)).all(dim=1)
        x, y, z = cell.clamp(0, size - 1).unbind(dim=1)
        index.append((z * size + y) * size + x)
        weight.append(torch.where(is_inside, share, 0.0))
    return torch.stack(index), torch.stack(weight).float()


class FixedSampling(nn.Module):
    """Samples volumes of `size`^3 cells at fixed points."""

    index: Tensor
    weight: Tensor

    def __init__(self, points: Float[Tensor, "n 3"], size: int) -> None:
        super().__init__()
        index, weight = trilinear_taps(points, size)
        self.register_buffer("index", index, persistent=False)
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, cells: Float[Tensor, "m c"]) -> Float[Tensor, "n c"]:
        """Values at the points, in the precision of the cells."""
        return weighted_rows(cells, self.index, self.weight)
