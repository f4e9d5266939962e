"""The coarse shape as a solid to edit: from cells to a surface of quads, and from an edited surface to cells.

Everything is in generation space: the grid spans [-0.5, 0.5]^3, axes x, y, z. A shape is a shell of occupied
cells; what they enclose is inside. An edited surface is looked at on a grid twice as fine as the cells, that
of the fine shape: a voxel is inside where the surface winds around it. Winding is counted along the three
axes and the majority decides, so that bodies may overlap, turn inside out or have a hole.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .errors import MeshFileError
from .texts import tr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Cells = NDArray[np.bool_]
    Points = NDArray[np.float32] | NDArray[np.float64]
    Corners = NDArray[np.int32]

FINER = 2
"""Voxels along a side of a cell."""

NECKS = (1, 2)
"""Half the width, in cells, of holes that are shut, the narrow ones first; only wider room is inside."""

_SQUARE = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], dtype=np.int32)
"""Corners of a cell's side in the plane of the two axes that follow its own, counter-clockwise from above."""

_OFF_CENTRE = (1.37e-4, 2.11e-4)
"""Where rays pass voxel centres, in voxels: meshes made on the grid have edges that lead through centres."""

_MAX_PAIRS = 4_000_000
"""Pairs of a triangle and a column that are looked at together; bounds the memory."""


def read_cells(path: Path) -> "Cells":
    """Read the occupied cells of a job.

    Raises:
        MeshFileError: the file is missing, damaged or empty.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            occupied = archive["occupied"].astype(bool)
    except (OSError, KeyError, ValueError, EOFError) as error:
        raise MeshFileError(tr("Cannot read the coarse shape {path}.", path=path)) from error
    if occupied.ndim != 3 or len(set(occupied.shape)) != 1 or not occupied.any():
        raise MeshFileError(tr("The coarse shape {path} is empty or no cube of cells.", path=path))
    return occupied


def write_cells(occupied: "Cells", path: Path) -> None:
    """Write cells as the backend reads them."""
    np.savez_compressed(path, occupied=occupied.astype(np.uint8))


def solid_of(occupied: "Cells") -> "Cells":
    """The occupied cells and the room inside, for which small holes in the shell count as shut."""
    solid = ~_outside(occupied)
    for neck in NECKS:
        wide = solid
        for _ in range(neck):
            wide = _grown(wide)
        room = ~wide & ~_outside(wide)
        for _ in range(neck):
            room = _grown(room) & ~solid
        solid = ~_outside(solid | room)  # and what the room shuts off
    return _without_pinches(solid)


def surface_of(solid: "Cells") -> tuple["Points", "Corners"]:
    """Vertices (n, 3) and quads (f, 4), outwards, of the sides between a solid's cells and the others."""
    quads = []
    for axis in range(3):
        steps = np.diff(np.pad(solid, 1).astype(np.int8), axis=axis)
        for step, square in ((-1, _SQUARE), (1, _SQUARE[::-1])):
            sides = np.repeat(np.argwhere(steps == step)[:, None], 4, axis=1)
            for number, other in enumerate(((axis + 1) % 3, (axis + 2) % 3)):
                sides[:, :, other] += square[:, number] - 1  # less the padding
            quads.append(sides)
    corners, index = np.unique(np.concatenate(quads).reshape(-1, 3), axis=0, return_inverse=True)
    return (corners / len(solid) - 0.5).astype(np.float32), index.reshape(-1, 4).astype(np.int32)


def inside_of(points: "Points", triangles: "Corners", *, resolution: int, otherwise: "Cells") -> "Cells":
    """The voxels inside a surface of triangles; `otherwise` decides where holes leave it open."""
    votes = np.zeros((resolution,) * 3, dtype=np.int8)
    for axis in range(3):
        order = [(axis + 1) % 3, (axis + 2) % 3, axis]
        winding, is_closed = _windings(points[:, order], triangles, resolution)
        vote = np.where(is_closed[..., None], np.where(winding != 0, 1, -1), 0).astype(np.int8)
        votes += np.moveaxis(vote, (0, 1, 2), order)
    return np.where(votes == 0, otherwise, votes > 0)


def edited_cells(occupied: "Cells", before: "Cells", after: "Cells") -> "Cells":
    """The shell of an edited solid, equal to `occupied` wherever the solid is as it was.

    Args:
        occupied: Cells of the shell before the edit.
        before: Voxels inside the solid of these cells.
        after: Voxels inside the edited solid.
    """
    walls_before, walls_after = _walls(before), _walls(after)
    pairs = list(zip(walls_before, walls_after, strict=True))
    is_new = _cells(_beside([new & ~old for old, new in pairs]))
    is_gone = _cells(_beside([old & ~new for old, new in pairs]))
    is_wall = _cells(_beside(walls_after))
    is_outside = ~_cells(after)
    zone = _grown(is_new | is_gone | _cells(before ^ after))
    # The shell is up to two cells thick: inside the solid a second one next to a wall is part of it.
    is_idle = ~is_wall & (is_outside | ~_grown(is_wall))
    return (occupied | is_new) & ~(zone & is_idle)


def finer(cells: "Cells") -> "Cells":
    """Cells as voxels."""
    for axis in range(3):
        cells = cells.repeat(FINER, axis=axis)
    return cells


def _outside(solid: "Cells") -> "Cells":
    """The cells that lead out of the grid without crossing a solid."""
    is_free = np.pad(~solid, 1, constant_values=True)
    outside = np.zeros_like(is_free)
    outside[0] = True
    count = 0
    while count != (count := int(outside.sum())):
        for axis in range(3):
            free, reached = np.moveaxis(is_free, axis, 0), np.moveaxis(outside, axis, 0)
            for order in (range(1, len(free)), range(len(free) - 2, -1, -1)):
                for index in order:
                    reached[index] |= reached[index - order.step] & free[index]
    return outside[1:-1, 1:-1, 1:-1]


def _without_pinches(solid: "Cells") -> "Cells":
    """Fill cells until no two hang together by an edge alone, which has four sides: solvers refuse that."""
    while True:
        gaps = np.zeros_like(solid)
        for axis in range(3):
            cells, gap = np.moveaxis(solid, axis, 0), np.moveaxis(gaps, axis, 0)
            low, high = cells[:, :-1, :-1], cells[:, 1:, 1:]
            left, right = cells[:, 1:, :-1], cells[:, :-1, 1:]
            gap[:, 1:, :-1] |= low & high & ~left & ~right
            gap[:, :-1, :-1] |= left & right & ~low & ~high
        if not gaps.any():
            return solid
        solid = solid | gaps


def _windings(points: "Points", triangles: "Corners", resolution: int) -> tuple["NDArray", "Cells"]:
    """How often the surface winds around each voxel, seen along z, and which columns it closes."""
    grid = (points.astype(np.float64) + 0.5) * resolution - 0.5
    grid[:, :2] -= _OFF_CENTRE
    corners = grid[triangles]
    low = np.ceil(corners[:, :, :2].min(axis=1)).clip(0, resolution).astype(np.int64)
    high = np.floor(corners[:, :, :2].max(axis=1)).clip(-1, resolution - 1).astype(np.int64)
    extent = (high - low + 1).clip(0)
    counts = extent.prod(axis=1)
    jumps = np.zeros(resolution * resolution * (resolution + 1))
    parts = np.cumsum(counts) // _MAX_PAIRS
    for part in np.unique(parts[counts > 0]):
        chosen = (parts == part) & (counts > 0)
        places, signs = _crossings(corners[chosen], low[chosen], extent[chosen], resolution)
        jumps += np.bincount(places, weights=signs, minlength=len(jumps))
    jumps = np.rint(jumps).astype(np.int32).reshape(resolution, resolution, resolution + 1)
    total = jumps.sum(axis=2)
    return total[..., None] - np.cumsum(jumps, axis=2)[..., :-1], total == 0


def _crossings(
    corners: "NDArray", low: "NDArray", extent: "NDArray", resolution: int
) -> tuple["NDArray", "NDArray"]:
    """Where columns meet triangles: the first voxel above, as an index into the jumps, and the side faced."""
    counts = extent.prod(axis=1)
    owner = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    column = low[owner] + np.stack(np.divmod(number, extent[owner, 1]), axis=1)
    x, y = np.moveaxis(corners[owner][:, :, :2] - column[:, None], 2, 0)
    # Twice the areas that the column's point spans with the sides opposite to each corner.
    areas = np.stack([x[:, i - 2] * y[:, i - 1] - x[:, i - 1] * y[:, i - 2] for i in range(3)], axis=1)
    is_met = (areas > 0).all(axis=1) | (areas < 0).all(axis=1)
    areas, owner, column = areas[is_met], owner[is_met], column[is_met]
    whole = areas.sum(axis=1)
    height = (areas * corners[owner, :, 2]).sum(axis=1) / whole
    above = np.ceil(height).clip(0, resolution).astype(np.int64)
    places = (column[:, 0] * resolution + column[:, 1]) * (resolution + 1) + above
    return places, np.sign(whole)


def _walls(inside: "Cells") -> list["Cells"]:
    """Across each axis, where neighbouring voxels differ; one more along it than there are voxels."""
    found = []
    for axis in range(3):
        padding = [(1, 1) if other == axis else (0, 0) for other in range(3)]
        found.append(np.diff(np.pad(inside, padding), axis=axis))
    return found


def _beside(walls: list["Cells"]) -> "Cells":
    """The voxels on both sides of walls."""
    x, y, z = walls
    return x[1:] | x[:-1] | y[:, 1:] | y[:, :-1] | z[:, :, 1:] | z[:, :, :-1]


def _cells(voxels: "Cells") -> "Cells":
    """The cells that hold any of the voxels."""
    side = len(voxels) // FINER
    return voxels.reshape(side, FINER, side, FINER, side, FINER).any(axis=(1, 3, 5))


def _grown(cells: "Cells") -> "Cells":
    """The cells and all that touch them."""
    for axis in range(3):
        padded = np.pad(cells, [(1, 1) if other == axis else (0, 0) for other in range(3)])
        low, high = (np.take(padded, range(start, start + len(cells)), axis=axis) for start in (0, 2))
        cells = cells | low | high
    return cells
