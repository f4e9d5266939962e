"""The coarse shape of a running job as a surface of cubes, in plain arrays."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .shape_voxels import read_cells
from .steps import Steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CORNERS = np.array([(0, 0), (1, 0), (1, 1), (0, 0), (1, 1), (0, 1)], dtype=np.float32)
"""The two triangles of a cell's side, along the two axes that it spans."""
_SHADE = np.array([[0.62, 0.74], [0.86, 0.58], [0.5, 1.0]], dtype=np.float32)
"""Brightness of sides that look along -x, +x; -y, +y; -z, +z."""


@dataclass(frozen=True, slots=True)
class Shell:
    """Triangles of the outside of a coarse shape, its longest side one, its bottom centre the origin."""

    corners: "NDArray[np.float32]"
    """Three rows for each triangle, n x 3."""
    shades: "NDArray[np.float32]"
    """Brightness of each row."""


def read_shell(path: Path) -> Steps[Shell]:
    """Read an occupancy grid, axes x, y, z with +Z up and the front towards -Y.

    Raises:
        MeshFileError: the file is missing or damaged, or the grid is empty.
    """
    cells = read_cells(path)
    yield
    return (yield from shell_of(cells))


def shell_of(occupied: "NDArray[np.bool_]") -> Steps[Shell]:
    """The sides of occupied cells that no other occupied cell covers."""
    padded = np.pad(occupied, 1)
    low, high = _bounds(padded)
    scale = np.float32(1.0 / (high - low).max())
    base = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]], dtype=np.float32)
    corners, shades = [], []
    for axis in range(3):
        # Seen along the axis, which comes first here, so that the steps are slices in a row.
        cells = np.ascontiguousarray(np.moveaxis(padded, axis, 0))
        for index, is_side in enumerate((cells[1:] & ~cells[:-1], cells[:-1] & ~cells[1:])):
            sides = _sides(is_side, axis, base, scale)
            corners.append(sides)
            shades.append(np.full(len(sides), _SHADE[axis, index], dtype=np.float32))
            yield
    return Shell(np.concatenate(corners), np.concatenate(shades))


def _bounds(padded: "NDArray[np.bool_]") -> "tuple[NDArray[np.float32], NDArray[np.float32]]":
    """Lowest and highest corner of what is occupied, in cells."""
    axes = [np.flatnonzero(padded.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    low = np.array([cells[0] for cells in axes], dtype=np.float32)
    return low, np.array([cells[-1] + 1 for cells in axes], dtype=np.float32)


def _sides(
    is_side: "NDArray[np.bool_]", axis: int, base: "NDArray[np.float32]", scale: np.float32
) -> "NDArray[np.float32]":
    """Corners of the sides across an axis, which is the grid's first; their places are in cells, scaled."""
    order = [axis, *(other for other in range(3) if other != axis)]
    found = np.flatnonzero(is_side)
    cells = np.empty((len(found), 3), dtype=np.float32)
    cells[:, order] = np.stack(np.unravel_index(found, is_side.shape), axis=1)
    steps = np.zeros((len(_CORNERS), 3), dtype=np.float32)
    # The side lies above the cell below it; the padding adds the same one on the other axes.
    steps[:, order] = np.insert(_CORNERS, 0, 1.0, axis=1)
    return (((cells - base) * scale)[:, None] + steps * scale).reshape(-1, 3)
