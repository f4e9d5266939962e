"""The coarse shape of a running job as a surface of cubes, in plain arrays."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .errors import MeshFileError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The two triangles of a cell's side, as corners (first, second) of the plane's two other axes.
_CORNERS = np.array([(0, 0), (1, 0), (1, 1), (0, 0), (1, 1), (0, 1)], dtype=np.int32)
_SHADE = np.array([[0.62, 0.74], [0.86, 0.58], [0.5, 1.0]], dtype=np.float32)
"""Brightness of sides that look along -x, +x; -y, +y; -z, +z."""


@dataclass(frozen=True, slots=True)
class Shell:
    """Triangles of the outside of a coarse shape, its longest side one, its bottom centre the origin."""

    corners: "NDArray[np.float32]"
    """Three rows for each triangle, n x 3."""
    shades: "NDArray[np.float32]"
    """Brightness of each row."""


def read_shell(path: Path) -> Shell:
    """Read an occupancy grid, axes x, y, z with +Z up and the front towards -Y.

    Raises:
        MeshFileError: the file is missing or damaged, or the grid is empty.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            occupied = archive["occupied"].astype(bool)
    except (OSError, KeyError, ValueError, EOFError) as error:
        raise MeshFileError(f"Cannot read the coarse shape {path}.") from error
    if occupied.ndim != 3 or not occupied.any():
        raise MeshFileError(f"The coarse shape {path} is empty.")
    return shell_of(occupied)


def shell_of(occupied: "NDArray[np.bool_]") -> Shell:
    """The sides of occupied cells that no other occupied cell covers."""
    padded = np.pad(occupied, 1).astype(np.int8)
    corners, shades = [], []
    for axis in range(3):
        steps = np.diff(padded, axis=axis)
        for direction, index in ((1, 0), (-1, 1)):
            cells = np.argwhere(steps == direction).astype(np.int32)
            corners.append(_sides(cells, axis))
            shades.append(np.full(len(cells) * len(_CORNERS), _SHADE[axis, index], dtype=np.float32))
    points = np.concatenate(corners).astype(np.float32)
    low, high = points.min(axis=0), points.max(axis=0)
    base = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]], dtype=np.float32)
    return Shell((points - base) / float((high - low).max()), np.concatenate(shades))


def _sides(cells: "NDArray[np.int32]", axis: int) -> "NDArray[np.int32]":
    """Corners of the sides that bound cells across an axis, in cells of the padded grid."""
    first, second = (other for other in range(3) if other != axis)
    sides = np.repeat(cells[:, None], len(_CORNERS), axis=1)
    # The step before a cell lies at its own index less one; the padding adds that one on the other axes.
    sides[:, :, axis] += 1
    sides[:, :, first] += _CORNERS[:, 0]
    sides[:, :, second] += _CORNERS[:, 1]
    return sides.reshape(-1, 3)
