"""From a predicted shell to a closed solid: which side of it every other voxel lies on.

A network's shell has holes, and a plain flood fill would run through the first of them and take
the inside for outside. Here the voxels that nothing is known about take the harmonic function
between the known ones (the chance that a random walk ends on each): without holes its signs are
those of the flood fill, and a hole is spanned by a smooth membrane.

The function is solved for exactly on the grid of half the resolution, whose cells are known or
unknown as a whole, and then smoothed on the full one.
"""

import itertools
import math
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from einops import repeat
from jaxtyping import Bool, Float, Float32
from scipy import ndimage
from torch import Tensor

from backend.artifacts import SparseShape
from backend.errors import ArtifactError
from backend.geometry.grids import box_around

OUTSIDE = 1.0
"""Value of the open space around the grid, in truncations."""

NEAREST_TO_ZERO = 0.01
"""Smallest absolute value, in truncations: exact zeros make triangles without area."""

MAX_ITERATIONS = 400
TOLERANCE = 1e-4
"""Of the conjugate gradients: length of the residual as a share of the right-hand side's."""

NECKS = (4, 5, 6, 7)
"""Half widths, in voxels, of openings that may count as holes in a wall: what lies behind is inside."""

FILL_DEPTH = 0.3
"""Least distance, in voxels, inside of what is filled."""

ASIDE = 1e-3
"""Weight of a cell's known voxels on the far side, for where there are none on the near one."""

SWEEPS = 16
"""Jacobi sweeps on the full grid: they round off the steps of the coarse membrane."""


def close_shell(shape: SparseShape, *, neck: int = NECKS[0]) -> Float[Tensor, "x y z"]:
    """`spanned_shell` and `with_cavities_filled` in one."""
    return with_cavities_filled(spanned_shell(shape), shape, neck=neck)


def spanned_shell(shape: SparseShape) -> Float[Tensor, "x y z"]:
    """Dense signed distances in truncations: those of the shape, and a membrane over the holes of its walls.

    Voxels of the shape keep their values, but for the outermost layer of the grid, which is open space.
    Elsewhere only the sign counts.
    """
    known, values = _scatter(shape)
    field = _sweep(known, values, _harmonic(known, values))
    sign = torch.where(field < 0, -1.0, 1.0)
    return _with_open_border(torch.where(field.abs() < NEAREST_TO_ZERO, sign * NEAREST_TO_ZERO, field))


def with_cavities_filled(
    field: Float[Tensor, "x y z"], shape: SparseShape, *, neck: int
) -> Float[Tensor, "x y z"]:
    """Dense signed distances in metres, whose zero level is closed and lies inside the grid.

    Cavities, which nobody can see, are filled, and what lies behind openings of twice `neck` voxels.

    Args:
        field: What `spanned_shell` says of the shape.

    Raises:
        ArtifactError: when the shape encloses nothing.
    """
    filled = _with_open_border(torch.where(_cavities(field, neck), -field, field))
    if not bool((filled < 0).any()):
        raise ArtifactError("The shape encloses no volume; generate it again with another seed or picture")
    return filled * shape.truncation


def with_tunnels_filled(field: Float[Tensor, "x y z"], *, reach: int) -> Float[Tensor, "x y z"]:
    """Fill tunnels, slits and pits narrower than twice `reach` voxels; walls stay as thin as they are."""
    inside = (field < 0).numpy()
    width = reach + 1
    middle = (slice(width, -width),) * 3
    closed = ~_dilated(~_dilated(np.pad(inside, width), reach), reach)[middle]
    filled = -field.abs().clamp_min(FILL_DEPTH / field.shape[0])
    return _with_open_border(torch.where(torch.from_numpy(closed & ~inside), filled, field))


def _scatter(shape: SparseShape) -> tuple[Bool[Tensor, "x y z"], Float[Tensor, "x y z"]]:
    """Which voxels are known, and their distances in truncations."""
    side = (shape.resolution,) * 3
    known = torch.zeros(side, dtype=torch.bool)
    values = torch.zeros(side)
    x, y, z = shape.coords.cpu().long().unbind(1)
    known[x, y, z] = True
    values[x, y, z] = (shape.sdf.detach().cpu().float() / shape.truncation).clamp(-1, 1)
    return known, values


def _harmonic(known: Bool[Tensor, "x y z"], values: Float[Tensor, "x y z"]) -> Float[Tensor, "x y z"]:
    """The harmonic function on the unknown cells of the grid of half the resolution, at the full one.

    A cell with any known voxel is known; towards each neighbour it has the mean of its known voxels on
    that side, so that the two sides of a thin shell stay apart.
    """
    counts, sums = known.numpy().view(np.uint8), values.numpy()
    total, whole = (_paired(_paired(_paired(grid, 0), 1), 2) for grid in (counts, sums))
    source = np.zeros(total.shape, np.float32)
    for axis in range(3):
        sides = (
            _sides(_paired(_paired(grid, (axis + 1) % 3), (axis + 2) % 3), axis) for grid in (counts, sums)
        )
        for (count, value), side in zip(zip(*sides, strict=True), (1, -1), strict=True):
            weight = np.maximum(count + np.float32(ASIDE) * total, np.float32(1e-6))
            source += _shifted((value + ASIDE * whole) / weight, axis, side, OUTSIDE)
    free = total == 0
    solution = torch.from_numpy(_conjugate_gradients(free, source * free))
    return repeat(solution, "x y z -> (x a) (y b) (z c)", a=2, b=2, c=2)


def _sides(grid: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """The first of every two layers along an axis, and the second."""
    layers = np.moveaxis(grid, axis, 0)
    return np.moveaxis(layers[0::2], 0, axis), np.moveaxis(layers[1::2], 0, axis)


def _paired(grid: np.ndarray, axis: int) -> np.ndarray:
    """The sum of every two layers along an axis."""
    first, second = _sides(grid, axis)
    return first + second


def _shifted(grid: np.ndarray, axis: int, side: int, fill: float) -> np.ndarray:
    """At every cell the value of its neighbour on `side` of `axis`; `fill` beyond the grid."""
    moved = np.full_like(grid, fill)
    into, out_of = (slice(None, -1), slice(1, None)) if side > 0 else (slice(1, None), slice(None, -1))
    np.moveaxis(moved, axis, 0)[into] = np.moveaxis(grid, axis, 0)[out_of]
    return moved


def _conjugate_gradients(
    free: Bool[np.ndarray, "x y z"], right: Float32[np.ndarray, "x y z"]
) -> Float32[np.ndarray, "x y z"]:
    """Solve 6 u - (sum of the free neighbours' u) = `right` on the free cells; zero elsewhere.

    On flat arrays with a rim of zeros, in place, and without BLAS: its threads, like torch's, cost more than
    they gain on arrays this small.
    """
    padded = tuple(count + 2 for count in free.shape)
    steps = 1, padded[2], padded[1] * padded[2]
    inner = slice(sum(steps), -sum(steps))
    mask, residual = (np.pad(grid.astype(np.float32), 1).reshape(-1) for grid in (free, right))
    solution, image, spare = (np.zeros_like(residual) for _ in range(3))
    way, left = residual.copy(), _dot(residual, residual)
    enough = TOLERANCE**2 * left
    for _ in range(MAX_ITERATIONS):
        if left <= enough:
            break
        total = np.multiply(way[inner], 6, out=image[inner])
        for step in steps:
            total -= way[inner.start - step : inner.stop - step]
            total -= way[inner.start + step : inner.stop + step or None]
        image *= mask
        length = left / _dot(way, image)
        solution += np.multiply(way, length, out=spare)
        residual -= np.multiply(image, length, out=spare)
        before, left = left, _dot(residual, residual)
        way *= left / before
        way += residual
    return np.ascontiguousarray(solution.reshape(padded)[1:-1, 1:-1, 1:-1])


def _dot(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.einsum("i,i->", first, second))


def _sweep(
    known: Bool[Tensor, "x y z"], values: Float[Tensor, "x y z"], start: Float[Tensor, "x y z"]
) -> Float[Tensor, "x y z"]:
    """A few Jacobi sweeps over the unknown voxels, in place: new memory takes longer than the sums."""
    padded = F.pad(torch.where(known, values, start), (1,) * 6, value=OUTSIDE)
    inner, mean = padded[1:-1, 1:-1, 1:-1], torch.empty_like(values)
    neighbours = [
        padded[tuple(side if axis == along else slice(1, -1) for axis in range(3))]
        for along in range(3)
        for side in (slice(2, None), slice(None, -2))
    ]
    for _ in range(SWEEPS):
        torch.add(*neighbours[:2], out=mean)
        for neighbour in neighbours[2:]:
            mean += neighbour
        inner.copy_(torch.where(known, values, mean.div_(6), out=mean))
    return mean


def _with_open_border(field: Float[Tensor, "x y z"]) -> Float[Tensor, "x y z"]:
    """The outermost layer becomes open space, so that no surface is cut off by the grid."""
    return F.pad(field[1:-1, 1:-1, 1:-1], (1,) * 6, value=OUTSIDE)


def _cavities(field: Float[Tensor, "x y z"], neck: int) -> Bool[Tensor, "x y z"]:
    """Open voxels inside: pockets that are reached through necks only, and what has no way out at all.

    A pocket is open space farther than `neck` from all walls that no equally wide way joins to the border;
    the crevices beside it go with it. Gaps between bars have no such place and stay open.
    """
    found = np.zeros(field.shape, dtype=bool)
    # Farther from the walls all is open, and one.
    box = box_around(field.numpy() < 0, margin=neck + 1)
    is_open = field.numpy()[box] >= 0
    wide = is_open & ~_dilated(~is_open, neck)
    is_shut = _enclosed(wide)
    pockets = _dilated(is_shut, neck) & is_open
    is_reached = _dilated(wide & ~is_shut, neck)
    inside = pockets | (is_open & ~is_reached & _dilated(pockets, 2 * neck))
    found[box] = inside | _enclosed(is_open & ~inside)
    return torch.from_numpy(found)


def _enclosed(is_open: Bool[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    """Open voxels with no way to the corner of the grid through faces of open voxels."""
    label = np.empty(is_open.shape, dtype=np.int32)
    ndimage.label(is_open, output=label)
    return is_open & (label != (label[0, 0, 0] if label.size else 0))


def _dilated(cells: Bool[np.ndarray, "x y z"], reach: int) -> Bool[np.ndarray, "x y z"]:
    """Cells no farther than `reach` from one of `cells`; round, since what is filled shows the shape.

    A ball is put together from runs along z, eight cells of which are one byte: ten times as fast as
    distances.
    """
    if not cells.any():
        return cells
    runs = [np.packbits(row, axis=2) for row in _stretched(cells, reach)]
    total = np.zeros_like(runs[0])
    for x, y in itertools.product(range(-reach, reach + 1), repeat=2):
        if (left := reach**2 - x**2 - y**2) >= 0:
            (to_x, from_x), (to_y, from_y) = _overlap(x), _overlap(y)
            total[to_x, to_y] |= runs[math.isqrt(left)][from_x, from_y]
    return np.unpackbits(total, axis=2, count=cells.shape[2]).view(bool)


def _stretched(cells: Bool[np.ndarray, "x y z"], reach: int) -> Iterator[Bool[np.ndarray, "x y z"]]:
    """Cells with those no farther than 0, 1, 2, ... `reach` along z."""
    grown = cells.copy()
    yield grown
    for step in range(1, reach + 1):
        grown[:, :, step:] |= cells[:, :, :-step]
        grown[:, :, :-step] |= cells[:, :, step:]
        yield grown


def _overlap(shift: int) -> tuple[slice, slice]:
    """Where along an axis a shifted grid covers the grid itself, and the part of it that does."""
    ahead, behind = slice(max(shift, 0), min(shift, 0) or None), slice(max(-shift, 0), min(-shift, 0) or None)
    return ahead, behind
