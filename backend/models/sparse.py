"""Sparse convolutions with spconv's semantics and weight layout, in plain torch.

A convolution gathers the neighbours of every voxel into one row and multiplies by one matrix. Weights
have spconv's layout (out, x, y, z, in), and an offset of the kernel means what it means in `conv3d`.

Left to autograd, the gradient of a gather is a scatter in which all missing neighbours hit one row (420 ms
for 100k voxels of 64 channels on an H100); since neighbourhood is mutual, it is a gather as well (4 ms).
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from backend.errors import ConfigError
from backend.models.sparse_spconv import ImplicitGemmConv, is_installed, pairs_of

CPU_CHUNK_BYTES, GPU_CHUNK_BYTES = 8 * 2**20, 2**30
"""Largest table of gathered neighbours: what stays in a processor's cache, or a small part of a GPU."""


class SparseKernel(StrEnum):
    """How submanifold convolutions are computed; the results agree to rounding."""

    GATHER = "gather"
    SPCONV = "spconv"

    @classmethod
    def fastest(cls, device: torch.device) -> "SparseKernel":
        """What trains fastest on a device."""
        return cls.SPCONV if device.type == "cuda" and is_installed() else cls.GATHER


@dataclass(frozen=True, slots=True)
class SparseLevel:
    """The voxels of one resolution and their neighbours.

    Attributes:
        coords: Rows (batch, x, y, z) in C order.
        neighbours: Row of the voxel at each offset of a 3^3 kernel, in C order; n where there is none.
        members: One-hot rows: the sample that a voxel belongs to.
        resolution: Voxels along a side of the whole grid.
        pairs: The neighbours as spconv keeps them, where its kernels are to be used.
    """

    coords: Int[Tensor, "n 4"]
    neighbours: Int[Tensor, "n 27"]
    members: Float[Tensor, "n b"]
    resolution: int
    pairs: Int[Tensor, "27 n"] | None = None

    def per_sample(self, values: Float[Tensor, "b c"]) -> Float[Tensor, "n c"]:
        """Each voxel's row of its sample's values."""
        # A product, because the gradient of indexing adds many thousand rows to a few, one by one.
        return self.members.to(values.dtype) @ values


@dataclass(frozen=True, slots=True)
class SparseStep:
    """Who descends from whom between a fine level and the one of half its resolution.

    Attributes:
        children: Rows of the eight fine voxels of a coarse one, in C order; n where there is none.
        slots: For each fine voxel its place in the flattened `children`.
    """

    children: Int[Tensor, "m 8"]
    slots: Int[Tensor, " n"]


@dataclass(frozen=True, slots=True)
class SparsePyramid:
    """Levels from fine to coarse and the steps between them."""

    levels: tuple[SparseLevel, ...]
    steps: tuple[SparseStep, ...]


def build_pyramid(
    coords: Int[Tensor, "n 4"],
    *,
    resolution: int,
    num_levels: int,
    num_samples: int,
    kernel: SparseKernel = SparseKernel.GATHER,
) -> SparsePyramid:
    """Neighbour maps of `coords` (in C order, no doubles) and of their ancestors.

    Raises:
        ConfigError: spconv's kernels are asked for where they cannot run.
    """
    if kernel is SparseKernel.SPCONV and SparseKernel.fastest(coords.device) is not kernel:
        raise ConfigError("the kernel 'spconv' needs a GPU and the package spconv-triton; use 'gather'")
    levels, steps = [], []
    for depth in range(num_levels):
        volume = _index_volume(coords, resolution, num_samples)
        levels.append(_level(coords, volume, resolution, num_samples, kernel))
        if depth == num_levels - 1:
            break
        parents = _parents(coords, resolution // 2, num_samples)
        steps.append(_step(coords, parents, volume))
        coords, resolution = parents, resolution // 2
    return SparsePyramid(tuple(levels), tuple(steps))


def _index_volume(coords: Int[Tensor, "n 4"], resolution: int, num_samples: int) -> Int[Tensor, "b x y z"]:
    """Row of each voxel in a dense grid with a border of one cell; n where there is none."""
    side = resolution + 2
    volume = torch.full((num_samples, side, side, side), len(coords), dtype=torch.int32, device=coords.device)
    volume.view(-1)[_flat(coords, side)] = torch.arange(len(coords), dtype=torch.int32, device=coords.device)
    return volume


def _flat(coords: Int[Tensor, "n 4"], side: int) -> Int[Tensor, " n"]:
    batch, x, y, z = coords.long().unbind(dim=1)
    return ((batch * side + x + 1) * side + y + 1) * side + z + 1


def _offsets(start: int, stop: int, side: int, device: torch.device) -> Int[Tensor, " k"]:
    """Flat offsets of a cubic kernel in C order."""
    axis = torch.arange(start, stop, device=device)
    return (axis[:, None, None] * side * side + axis[:, None] * side + axis).flatten()


def _level(
    coords: Int[Tensor, "n 4"],
    volume: Int[Tensor, "b x y z"],
    resolution: int,
    num_samples: int,
    kernel: SparseKernel,
) -> SparseLevel:
    side = volume.shape[-1]
    around = _flat(coords, side)[:, None] + _offsets(-1, 2, side, coords.device)
    members = nn.functional.one_hot(coords[:, 0].long(), num_samples).float()
    neighbours = volume.view(-1)[around]
    pairs = pairs_of(neighbours) if kernel is SparseKernel.SPCONV else None
    return SparseLevel(coords, neighbours, members, resolution, pairs)


def _parents(coords: Int[Tensor, "n 4"], resolution: int, num_samples: int) -> Int[Tensor, "m 4"]:
    filled = torch.zeros(
        num_samples, resolution, resolution, resolution, dtype=torch.bool, device=coords.device
    )
    batch, x, y, z = coords.long().unbind(dim=1)
    filled[batch, x // 2, y // 2, z // 2] = True
    return filled.nonzero()


def _step(fine: Int[Tensor, "n 4"], coarse: Int[Tensor, "m 4"], volume: Int[Tensor, "b x y z"]) -> SparseStep:
    side = volume.shape[-1]
    scale = torch.tensor([1, 2, 2, 2], device=coarse.device)
    children = volume.view(-1)[_flat(coarse * scale, side)[:, None] + _offsets(0, 2, side, coarse.device)]
    slots = torch.empty(len(fine) + 1, dtype=torch.int32, device=fine.device)
    slots[children.flatten().long()] = torch.arange(children.numel(), dtype=torch.int32, device=fine.device)
    return SparseStep(children, slots[:-1])


class SubmanifoldConv(nn.Module):
    """3^3 convolution on the voxels that are there (spconv's `SubMConv3d`)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.weight, self.bias = _parameters(out_channels, 3, in_channels)

    def forward(self, feats: Float[Tensor, "n c"], level: SparseLevel) -> Float[Tensor, "n d"]:
        """Convolve the features of `level`."""
        feats, weight = _autocast(feats, self.weight)
        if level.pairs is not None:
            return ImplicitGemmConv.apply(feats, weight, level.pairs) + self.bias.to(feats.dtype)
        return _SubmanifoldConv.apply(feats, weight, level.neighbours) + self.bias.to(feats.dtype)


class DownConv(nn.Module):
    """2^3 convolution with stride 2, from a level to its parents (spconv's `SparseConv3d`)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.weight, self.bias = _parameters(out_channels, 2, in_channels)

    def forward(self, feats: Float[Tensor, "n c"], step: SparseStep) -> Float[Tensor, "m d"]:
        """Features of the coarse voxels."""
        feats, weight = _autocast(feats, self.weight)
        rows = _Rows.apply(feats, step.children.flatten(), step.slots)
        return rows.view(len(step.children), 8 * feats.shape[1]) @ weight.flatten(1).T + self.bias.to(
            feats.dtype
        )


class UpConv(nn.Module):
    """The way back of a `DownConv`, onto the voxels it came from (spconv's `SparseInverseConv3d`)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.weight, self.bias = _parameters(out_channels, 2, in_channels)

    def forward(self, feats: Float[Tensor, "m c"], step: SparseStep) -> Float[Tensor, "n d"]:
        """Features of the fine voxels."""
        feats, weight = _autocast(feats, self.weight)
        by_child = weight.flatten(1, 3).permute(1, 0, 2).flatten(0, 1)
        rows = (feats @ by_child.T).view(8 * len(feats), len(weight))
        return _Rows.apply(rows, step.slots, step.children.flatten()) + self.bias.to(feats.dtype)


def _parameters(out_channels: int, size: int, in_channels: int) -> tuple[nn.Parameter, nn.Parameter]:
    weight = torch.empty(out_channels, size, size, size, in_channels)
    bound = 1 / math.sqrt(in_channels * size**3)
    nn.init.uniform_(weight, -bound, bound)
    return nn.Parameter(weight), nn.Parameter(torch.zeros(out_channels))


def _autocast(feats: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Both in the precision of the surrounding autocast, as torch's own layers do it."""
    kind = feats.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype
    return feats.to(dtype), weight.to(dtype)


def _padded(feats: Float[Tensor, "n c"]) -> Float[Tensor, "n1 c"]:
    """With a last row of zeros, for the voxels that are not there."""
    return torch.cat([feats, feats.new_zeros(1, feats.shape[1])])


def _chunks(index: Int[Tensor, "n k"], feats: Tensor) -> list[Int[Tensor, "_ k"]]:
    row_bytes = index.shape[1] * feats.shape[1] * feats.element_size()
    budget = CPU_CHUNK_BYTES if feats.device.type == "cpu" else GPU_CHUNK_BYTES
    return list(index.split(max(1, budget // row_bytes)))


def _gathered(padded: Float[Tensor, "n1 c"], index: Int[Tensor, "m k"]) -> Float[Tensor, "m kc"]:
    return padded.index_select(0, index.flatten()).view(len(index), index.shape[1] * padded.shape[1])


def _gather_matmul(
    feats: Float[Tensor, "n c"], index: Int[Tensor, "m k"], matrix: Float[Tensor, "d kc"]
) -> Float[Tensor, "m d"]:
    padded = _padded(feats)
    out = feats.new_empty(len(index), len(matrix))
    start = 0
    for chunk in _chunks(index, feats):
        torch.mm(_gathered(padded, chunk), matrix.T, out=out[start : start + len(chunk)])
        start += len(chunk)
    return out


class _SubmanifoldConv(torch.autograd.Function):
    """Gather and multiply; the gradient gathers through the same map with a mirrored kernel."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx, feats: Tensor, weight: Tensor, neighbours: Tensor
    ) -> Tensor:
        ctx.save_for_backward(feats, weight, neighbours)
        return _gather_matmul(feats, neighbours, weight.flatten(1))

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] - torch types it as taking anything
        ctx: torch.autograd.function.BackwardCFunction, grad: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None]:
        feats, weight, neighbours = ctx.saved_tensors  # pyright: ignore[reportAssignmentType] - as saved
        grad = grad.contiguous()
        grad_feats = grad_weight = None
        needs_feats, needs_weight, _ = ctx.needs_input_grad  # pyright: ignore[reportAssignmentType] - as many as inputs
        if needs_feats:
            mirrored = weight.flatten(1, 3).flip(1).permute(2, 1, 0).flatten(1)
            grad_feats = _gather_matmul(grad, neighbours, mirrored)
        if needs_weight:
            grad_weight = _weight_gradient(feats, neighbours, grad).view_as(weight).to(weight.dtype)
        return grad_feats, grad_weight, None


def _weight_gradient(
    feats: Float[Tensor, "n c"], index: Int[Tensor, "n k"], grad: Float[Tensor, "n d"]
) -> Float[Tensor, "d kc"]:
    padded = _padded(feats)
    wide = torch.float32 if feats.dtype in (torch.float16, torch.bfloat16) else feats.dtype
    total = torch.zeros(grad.shape[1], index.shape[1] * feats.shape[1], dtype=wide, device=feats.device)
    chunks = _chunks(index, feats)
    for chunk, part in zip(chunks, grad.split([len(chunk) for chunk in chunks]), strict=True):
        total += part.T @ _gathered(padded, chunk)
    return total


class _Rows(torch.autograd.Function):
    """Rows by index, zero where the index is past the end; `inverse` is the index of the way back."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx, feats: Tensor, index: Tensor, inverse: Tensor
    ) -> Tensor:
        ctx.save_for_backward(inverse)
        return _padded(feats).index_select(0, index)

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] - torch types it as taking anything
        ctx: torch.autograd.function.BackwardCFunction, grad: Tensor
    ) -> tuple[Tensor, None, None]:
        (inverse,) = ctx.saved_tensors
        return _padded(grad).index_select(0, inverse), None, None
