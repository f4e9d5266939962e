"""Submanifold convolutions by the kernels of spconv-triton, an implicit GEMM that writes no gathered rows.

Faster than gathering where many voxels meet the same few layers for a long time, as in training; each new
pair of widths costs seconds of compiling, so a single generation does better without. CUDA and ROCm only.
"""

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import ModuleType

import torch
from jaxtyping import Float, Int
from torch import Tensor

PACKAGE = "spconv_triton"

PRODUCT_TILES = (
    {"BLOCK_M": 128, "BLOCK_N": 32, "BLOCK_R": 32, "GROUP_SIZE_M": 8},
    {"BLOCK_M": 128, "BLOCK_N": 64, "BLOCK_R": 32, "GROUP_SIZE_M": 8},
)
GRADIENT_TILES = (
    {"BLOCK_P": 128, "BLOCK_K": 32, "BLOCK_C": 32},
    {"BLOCK_P": 128, "BLOCK_K": 64, "BLOCK_C": 64},
)
"""For narrow and for wide layers; the package searches dozens, which takes half a minute a pair of widths."""


def is_installed() -> bool:
    """Whether the package can be imported."""
    return importlib.util.find_spec(PACKAGE) is not None


def pairs_of(neighbours: Int[Tensor, "n k"]) -> Int[Tensor, "k n"]:
    """A neighbour map as spconv keeps it: a row an offset, -1 where there is no voxel."""
    count = len(neighbours)
    return torch.where(neighbours < count, neighbours, -1).int().T.contiguous()


class ImplicitGemmConv(torch.autograd.Function):
    """A submanifold convolution; weights (out, x, y, z, in), neighbours as `pairs_of` gives them."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        feats: Float[Tensor, "n c"],
        weight: Float[Tensor, "d x y z c"],
        pairs: Int[Tensor, "k n"],
    ) -> Float[Tensor, "n d"]:
        """Convolve features on a GPU, with the package at hand (`build_pyramid` sees to it)."""
        ctx.save_for_backward(feats, weight, pairs)
        return _kernels().conv_forward(feats.contiguous(), weight.flatten(1, 3), pairs, len(feats))

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] - torch types it as taking anything
        ctx: torch.autograd.function.BackwardCFunction, grad: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None]:
        feats, weight, pairs = ctx.saved_tensors  # pyright: ignore[reportAssignmentType] - as saved
        kernels, matrices, grad = _kernels(), weight.flatten(1, 3), grad.contiguous()
        grad_feats = grad_weight = None
        needs_feats, needs_weight, _ = ctx.needs_input_grad  # pyright: ignore[reportAssignmentType] - as many as inputs
        if needs_feats:
            # Neighbourhood is mutual: the way back is the same map with the offsets mirrored.
            grad_feats = kernels.conv_backward_input(grad, matrices, pairs.flip(0), len(feats))
        if needs_weight:
            grad_weight = kernels.conv_backward_weight(feats, grad, pairs, matrices.shape).view_as(weight)
        return grad_feats, grad_weight, None


@lru_cache(maxsize=1)
def _kernels() -> ModuleType:
    """The package's matrix products, set to few tiles."""
    # Imported here because the package needs a GPU's compiler, which most machines do not have.
    found = importlib.import_module(f"{PACKAGE}.pytorch._impl.gemm")
    _keep(found._gather_gemm_kernel, PRODUCT_TILES)
    _keep(found._dweight_masked_kernel, GRADIENT_TILES)
    return found


def _keep(kernel: object, tiles: Sequence[Mapping[str, int]]) -> None:
    """Leave a few configurations in a kernel's list, so that little is searched."""
    configs: list[object] = getattr(kernel, "configs")  # noqa: B009 - triton's decorator has no type for it
    kept = [next((c for c in configs if getattr(c, "kwargs", None) == tile), None) for tile in tiles]
    configs[:] = [config for config in kept if config is not None] or configs[:2]
