"""Sparse convolutions agree with dense ones, forwards and backwards."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.testing import assert_close

from backend.errors import ConfigError
from backend.models.sparse import (
    DownConv,
    SparseKernel,
    SparsePyramid,
    SubmanifoldConv,
    UpConv,
    build_pyramid,
)
from backend.models.sparse_spconv import is_installed, pairs_of

RESOLUTION, SAMPLES = 8, 2


def pyramid_of(share: float, *, levels: int = 2) -> SparsePyramid:
    generator = torch.Generator().manual_seed(3)
    filled = torch.rand(SAMPLES, RESOLUTION, RESOLUTION, RESOLUTION, generator=generator) < share
    return build_pyramid(filled.nonzero(), resolution=RESOLUTION, num_levels=levels, num_samples=SAMPLES)


def dense(feats: Tensor, coords: Tensor, resolution: int) -> Tensor:
    """The features in a dense grid "b c x y z", zero where no voxel is."""
    grid = feats.new_zeros(SAMPLES, resolution, resolution, resolution, feats.shape[1])
    grid = grid.index_put(tuple(coords.unbind(1)), feats)
    return grid.movedim(-1, 1)


def at(grid: Tensor, coords: Tensor) -> Tensor:
    return grid.movedim(1, -1)[tuple(coords.unbind(1))]


def as_conv3d(layer: nn.Module) -> Tensor:
    """spconv's (out, x, y, z, in) as torch's (out, in, x, y, z)."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight.movedim(-1, 1)


@pytest.mark.parametrize("share", [1.0, 0.3])
def test_submanifold_convolution_is_a_masked_dense_one(share: float):
    pyramid = pyramid_of(share)
    level = pyramid.levels[0]
    layer = SubmanifoldConv(3, 5).double()
    feats = torch.randn(len(level.coords), 3, dtype=torch.float64)
    wanted = F.conv3d(dense(feats, level.coords, RESOLUTION), as_conv3d(layer), layer.bias, padding=1)
    assert_close(layer(feats, level), at(wanted, level.coords))


@pytest.mark.parametrize("share", [1.0, 0.1])
def test_strided_convolution_is_a_dense_one_on_the_parents(share: float):
    pyramid = pyramid_of(share)
    fine, coarse = pyramid.levels
    layer = DownConv(3, 5).double()
    feats = torch.randn(len(fine.coords), 3, dtype=torch.float64)
    wanted = F.conv3d(dense(feats, fine.coords, RESOLUTION), as_conv3d(layer), layer.bias, stride=2)
    assert_close(layer(feats, pyramid.steps[0]), at(wanted, coarse.coords))


@pytest.mark.parametrize("share", [1.0, 0.1])
def test_inverse_convolution_is_a_transposed_dense_one_on_the_children(share: float):
    pyramid = pyramid_of(share)
    fine, coarse = pyramid.levels
    layer = UpConv(3, 5).double()
    feats = torch.randn(len(coarse.coords), 3, dtype=torch.float64)
    weight = as_conv3d(layer).transpose(0, 1)
    wanted = F.conv_transpose3d(dense(feats, coarse.coords, RESOLUTION // 2), weight, layer.bias, stride=2)
    assert_close(layer(feats, pyramid.steps[0]), at(wanted, fine.coords))


@pytest.mark.parametrize("kind", [SubmanifoldConv, DownConv, UpConv])
def test_gradients_agree_with_finite_differences(kind: type[nn.Module]):
    pyramid = pyramid_of(0.012)
    source = pyramid.levels[1 if kind is UpConv else 0]
    where = pyramid.levels[0] if kind is SubmanifoldConv else pyramid.steps[0]
    layer = kind(2, 3).double()
    feats = torch.randn(len(source.coords), 2, dtype=torch.float64, requires_grad=True)

    def run(feats: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (feats, where))

    parameters = [
        p.detach().requires_grad_() for p in (layer.get_parameter("weight"), layer.get_parameter("bias"))
    ]
    assert torch.autograd.gradcheck(run, (feats, *parameters))


@pytest.mark.parametrize("kind", [SubmanifoldConv, DownConv, UpConv])
def test_no_voxels_give_no_features_and_zero_gradients(kind: type[nn.Module]):
    pyramid = pyramid_of(0.0)
    where = pyramid.levels[0] if kind is SubmanifoldConv else pyramid.steps[0]
    layer = kind(2, 3)
    out = layer(torch.zeros(0, 2), where)
    out.sum().backward()
    assert out.shape == (0, 3)
    assert not layer.get_parameter("weight").grad.any()


def test_result_does_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch):
    level = pyramid_of(0.3).levels[0]
    layer = SubmanifoldConv(4, 4)
    feats = torch.randn(len(level.coords), 4, requires_grad=True)
    whole = layer(feats, level)
    (gradient,) = torch.autograd.grad(whole.square().sum(), layer.weight)
    monkeypatch.setattr("backend.models.sparse.CPU_CHUNK_BYTES", 27 * 4 * 4 * 5)
    cut = layer(feats, level)
    assert_close(cut, whole)
    assert_close(torch.autograd.grad(cut.square().sum(), layer.weight)[0], gradient)


def test_ancestors_of_children_are_the_cells_and_every_child_knows_its_place():
    pyramid = pyramid_of(0.1)
    fine, coarse = pyramid.levels
    step = pyramid.steps[0]
    parent = coarse.coords[(step.slots // 8).long()]
    assert_close(parent[:, 1:], fine.coords[:, 1:] // 2)
    assert_close(parent[:, 0], fine.coords[:, 0])
    assert_close(step.children.flatten()[step.slots.long()].long(), torch.arange(len(fine.coords)))


def test_values_of_a_sample_reach_all_its_voxels():
    level = pyramid_of(0.2).levels[0]
    values = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert_close(level.per_sample(values), values[level.coords[:, 0]])


def test_pairs_name_the_neighbours_by_offset_and_nobody_by_minus_one():
    level = pyramid_of(0.3).levels[0]
    pairs = pairs_of(level.neighbours)
    count = len(level.coords)
    assert pairs.shape == (27, count)
    assert_close(pairs[13], torch.arange(count, dtype=torch.int32))
    assert_close(torch.where(pairs < 0, count, pairs).T, level.neighbours)


def test_mirrored_pairs_are_the_way_back():
    pairs = pairs_of(pyramid_of(0.3).levels[0].neighbours).long()
    offset, row = (pairs >= 0).nonzero().unbind(1)
    assert_close(pairs.flip(0)[offset, pairs[offset, row]], row)


def test_spconv_kernels_are_refused_on_the_cpu():
    coords = torch.zeros(1, 4, dtype=torch.long)
    with pytest.raises(ConfigError, match="gather"):
        build_pyramid(coords, resolution=8, num_levels=1, num_samples=1, kernel=SparseKernel.SPCONV)


@pytest.mark.gpu
@pytest.mark.skipif(
    not torch.cuda.is_available() or not is_installed(), reason="needs CUDA and spconv-triton"
)
@pytest.mark.parametrize("widths", [(32, 32), (48, 96)])
def test_spconv_kernels_agree_with_a_dense_convolution(widths: tuple[int, int]):
    generator = torch.Generator().manual_seed(3)
    filled = torch.rand(SAMPLES, RESOLUTION, RESOLUTION, RESOLUTION, generator=generator) < 0.3
    coords = filled.nonzero().cuda()
    level = build_pyramid(
        coords, resolution=RESOLUTION, num_levels=1, num_samples=SAMPLES, kernel=SparseKernel.SPCONV
    ).levels[0]
    layer = SubmanifoldConv(*widths).cuda()
    feats = torch.randn(len(coords), widths[0], device="cuda", requires_grad=True)
    ours = layer(feats, level)
    grad = torch.randn_like(ours)
    found = torch.autograd.grad(ours, (feats, layer.weight), grad)
    wide = [value.detach().double().requires_grad_() for value in (feats, layer.weight, layer.bias)]
    grid = dense(wide[0], coords, RESOLUTION)
    wanted = at(F.conv3d(grid, wide[1].movedim(-1, 1), wide[2], padding=1), coords)
    true = torch.autograd.grad(wanted, wide[:2], grad.double())
    # Single precision over 27 * 96 products.
    assert_close(ours.double(), wanted, atol=1e-4, rtol=1e-4)
    for mine, right in zip(found, true, strict=True):
        assert_close(mine.double(), right, atol=1e-3, rtol=1e-4)
