"""Trilinear samples of volumes at points that never change, as the product with a fixed sparse matrix.

`grid_sample` finds the eight cells around every point again for every channel of every sample, and its
gradient adds them one by one. Here a row holds a cell of all volumes, so both ways read and write whole rows.
Legend: `m` cells, `n` points, `c` channels (of all samples together).
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


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
        self.num_cells = size**3
        self.register_buffer("index", index, persistent=False)
        self.register_buffer("weight", weight, persistent=False)
        self._transposed: Tensor | None = None

    def forward(self, cells: Float[Tensor, "m c"]) -> Float[Tensor, "n c"]:
        """Values at the points; float32."""
        if torch.is_grad_enabled() and cells.requires_grad:
            return _Sample.apply(cells.float(), self.index, self.weight, self._transpose())
        return _gathered(cells.float(), self.index, self.weight)

    def _transpose(self) -> Tensor:
        """The sparse matrix that takes gradients at the points to gradients of the cells."""
        if self._transposed is None or self._transposed.device != self.index.device:
            points = torch.arange(self.index.shape[1], device=self.index.device).expand(8, -1)
            where = torch.stack([self.index.flatten(), points.flatten()])
            size = (self.num_cells, self.index.shape[1])
            matrix = torch.sparse_coo_tensor(where, self.weight.flatten(), size, check_invariants=False)
            self._transposed = matrix.coalesce().to_sparse_csr()
        return self._transposed


def _gathered(
    cells: Float[Tensor, "m c"], index: Int[Tensor, "8 n"], weight: Float[Tensor, "8 n"]
) -> Float[Tensor, "n c"]:
    total = cells.new_zeros(index.shape[1], cells.shape[1])
    for taps, share in zip(index, weight, strict=True):
        total.addcmul_(cells.index_select(0, taps), share[:, None])
    return total


class _Sample(torch.autograd.Function):
    """Gather forward, sparse product backward."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        cells: Tensor,
        index: Tensor,
        weight: Tensor,
        transposed: Tensor,
    ) -> Tensor:
        ctx.transposed = transposed  # pyright: ignore[reportAttributeAccessIssue] - fixed, needs no version check
        return _gathered(cells, index, weight)

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] - torch types it as taking anything
        ctx: torch.autograd.function.BackwardCFunction, grad: Tensor
    ) -> tuple[Tensor, None, None, None]:
        transposed = ctx.transposed  # pyright: ignore[reportAttributeAccessIssue]
        return transposed @ grad.contiguous(), None, None, None
