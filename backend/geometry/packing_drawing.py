"""Charts drawn as cells of a sheet, all at once: their outlines, their faces, and their quarter turns.

Legend: `c` charts, `t` charts in each of their turns, `w` words of 64 cells, `m` rows of cells, `k` cells.
"""

# Warp reads kernel arguments from annotations that are values, not types; `int(...)` declares a variable that
# changes in a loop.
# pyright: reportInvalidTypeForm=false
# ruff: noqa: RUF046, UP018

from typing import no_type_check

import numpy as np
import warp as wp
from jaxtyping import Float, Int, UInt8

NUM_TURNS = 4
"""Quarter turns in which a chart is tried on the sheet."""

PARTS = 64
"""Parts of a cell that corners of faces are rounded to, so that every device draws the same."""


@wp.func
@no_type_check
def _side(corner: wp.array2d(dtype=int), at: int, x: int, y: int) -> wp.int64:
    """On which side of an edge, from a corner of a face to the next one, a point lies."""
    to = at - at % 3 + (at + 1) % 3
    along_x = wp.int64(corner[to, 0] - corner[at, 0])
    along_y = wp.int64(corner[to, 1] - corner[at, 1])
    return along_x * wp.int64(y - corner[at, 1]) - along_y * wp.int64(x - corner[at, 0])


@wp.kernel
@no_type_check
def _cover(
    corner: wp.array2d(dtype=int),
    start: wp.array(dtype=int),
    width: wp.array(dtype=int),
    cells: wp.array(dtype=wp.uint8),
) -> None:
    """Mark the cells whose centre lies in a face; `corner` has three rows a face, in parts of a cell."""
    face = wp.tid()
    at = 3 * face
    low_x = wp.min(wp.min(corner[at, 0], corner[at + 1, 0]), corner[at + 2, 0]) // PARTS
    low_y = wp.min(wp.min(corner[at, 1], corner[at + 1, 1]), corner[at + 2, 1]) // PARTS
    high_x = wp.max(wp.max(corner[at, 0], corner[at + 1, 0]), corner[at + 2, 0]) // PARTS
    high_y = wp.max(wp.max(corner[at, 1], corner[at + 1, 1]), corner[at + 2, 1]) // PARTS
    for row in range(low_y, high_y + 1):
        for column in range(low_x, high_x + 1):
            x = column * PARTS + PARTS // 2
            y = row * PARTS + PARTS // 2
            first = _side(corner, at, x, y)
            second = _side(corner, at + 1, x, y)
            third = _side(corner, at + 2, x, y)
            zero = wp.int64(0)
            if (first >= zero and second >= zero and third >= zero) or (
                first <= zero and second <= zero and third <= zero
            ):
                cells[start[face] + row * width[face] + column] = wp.uint8(1)


@wp.func
@no_type_check
def _turned(turn: int, rows: int, columns: int, i: int, j: int) -> int:
    """Which cell of a chart lies in row i and column j after a turn."""
    row = int(i)
    column = int(j)
    if turn == 1:
        row = j
        column = columns - 1 - i
    if turn == 2:
        row = rows - 1 - i
        column = columns - 1 - j
    if turn == 3:
        row = rows - 1 - j
        column = i
    return row * columns + column


@wp.func
@no_type_check
def _grown(bits: wp.array(dtype=wp.uint64), line: int, wide: int, k: int, gap: int) -> wp.uint64:
    """A word of cells and of those at most `gap` beside one of them."""
    value = bits[line + k]
    before = wp.uint64(0)
    after = wp.uint64(0)
    if k > 0:
        before = bits[line + k - 1]
    if k + 1 < wide:
        after = bits[line + k + 1]
    grown = value
    for s in range(1, gap + 1):
        near = wp.uint64(s)
        far = wp.uint64(64 - s)
        grown = grown | (value << near) | (value >> near) | (before >> far) | (after << far)
    return grown


@wp.kernel
@no_type_check
def _turn(
    gap: int,
    box: wp.array2d(dtype=int),
    start: wp.array(dtype=int),
    cells: wp.array(dtype=wp.uint8),
    shape: wp.array2d(dtype=int),
    run: wp.array2d(dtype=int),
    bits: wp.array(dtype=wp.uint64),
    thick: wp.array(dtype=wp.uint64),
) -> None:
    """Draw a chart in one of its turns, as `place_charts` wants it; turns as by `np.rot90`."""
    entry = wp.tid()
    chart = entry // 4
    turn = entry - 4 * chart
    height = shape[entry, 0]
    width = shape[entry, 1]
    wide = shape[entry, 2]
    longest = int(0)
    for i in range(height):
        at = shape[entry, 4] + i
        line = shape[entry, 3] + i * wide
        begun = int(0)
        count = int(0)
        for j in range(width):
            cell = cells[start[chart] + _turned(turn, box[chart, 0], box[chart, 1], i, j)]
            if cell == wp.uint8(0):
                begun = j + 1
            else:
                word = line + (j >> 6)
                bits[word] = bits[word] | (wp.uint64(1) << wp.uint64(j & 63))
                if begun == j:
                    count = count + 1
                if j + 1 - begun > run[at, 1] - run[at, 0]:
                    run[at, 0] = begun
                    run[at, 1] = j + 1
        if count == 1:
            run[at, 2] = 1
        best = shape[entry, 4] + longest
        if run[at, 1] - run[at, 0] > run[best, 1] - run[best, 0]:
            longest = i
        for k in range(wide):
            grown = _grown(bits, line, wide, k, gap)
            for step in range(wp.max(-gap, -i), wp.min(gap + 1, height - i)):
                word = line + step * wide + k
                thick[word] = thick[word] | grown
    shape[entry, 5] = longest


def covered(
    cells: UInt8[np.ndarray, " k"],
    corners: Float[np.ndarray, "f 3 2"],
    chart: Int[np.ndarray, " f"],
    boxes: Int[np.ndarray, "c 2"],
    *,
    device: str,
) -> wp.array:
    """Cells of charts with those that their faces cover marked too; holes stay free.

    Args:
        cells: 1 on the outlines, chart after chart and row by row.
        corners: Column and row of each face's corners among the cells of its chart.
        chart: The chart of each face.
        boxes: Rows and columns of each chart.
    """
    canvas = wp.array(cells, dtype=wp.uint8, device=device)
    parts = np.round(corners.reshape(-1, 2) * PARTS)
    inputs = [
        wp.array(np.asarray(values, np.int32), dtype=int, device=device)
        for values in (parts, _before(boxes.prod(axis=1))[chart], boxes[chart, 1])
    ]
    wp.launch(_cover, len(corners), inputs=inputs, outputs=[canvas], device=device)
    return canvas


def drawn(
    canvas: wp.array,
    boxes: Int[np.ndarray, "c 2"],
    strides: Int[np.ndarray, "t"],
    *,
    gap: int,
    device: str,
) -> list[wp.array]:
    """The tables `shape`, `run`, `bits` and `thick` of `place_charts`.

    Args:
        canvas: Cells of the charts, with a gap around each.
        boxes: Rows and columns of each chart, the gaps included.
        strides: For each turn the step in which its rows are looked at.
    """
    sizes = np.stack([boxes, boxes[:, ::-1]], axis=1)
    sizes = np.concatenate([sizes, sizes], axis=1).reshape(-1, 2)
    wide = -(-sizes[:, 1] // 64)
    words, rows = sizes[:, 0] * wide, sizes[:, 0]
    columns = [sizes[:, 0], sizes[:, 1], wide, _before(words), _before(rows), np.zeros_like(rows), strides]
    where = [
        wp.array(np.asarray(values, np.int32), dtype=int, device=device)
        for values in (boxes, _before(boxes.prod(axis=1)))
    ]
    shape = wp.array(np.stack(columns, axis=1).astype(np.int32), dtype=int, device=device)
    run = wp.zeros((int(rows.sum()), 3), dtype=int, device=device)
    bits, thick = (wp.zeros(int(words.sum()), dtype=wp.uint64, device=device) for _ in range(2))
    tables = [shape, run, bits, thick]
    wp.launch(_turn, len(sizes), inputs=[gap, *where, canvas], outputs=tables, device=device)
    return tables


def _before(counts: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """The sum of all counts before each."""
    return np.cumsum(counts) - counts
